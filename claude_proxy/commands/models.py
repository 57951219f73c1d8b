"""List the providers, their models, and which names they answer.

The names are those of clients, globs as in the configuration; "default" answers every other name.
"""
from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Dict, Iterator, List, Optional, Tuple

from ..config import Config, Provider, with_demo
from . import options as flags
from .settings import Settings
from .tables import table

if TYPE_CHECKING:
    import argparse

EXAMPLES = """\
examples:
  claude-proxy models
  claude-proxy models --all       known providers without a key, too
  claude-proxy models --json
"""


def arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `models`."""
    flags.configuration(parser)
    parser.add_argument("--all", action="store_true", help="known providers without a key, too")
    flags.as_json(parser)


def main(options: argparse.Namespace) -> int:
    """Print the list -> exit code."""
    config = with_demo(Settings(options).read(), "")
    providers = [listed(config, provider) for provider in config.providers
                 if options.all or options.json or provider.configured or provider.usable]
    if options.json:
        print(json.dumps({"default_provider": config.default_provider, "providers": providers}, indent=2,
                         ensure_ascii=False))
        return 0
    print(table(("PROVIDER", "NAME ASKED FOR", "MODEL", "WINDOW", "OUTPUT", "KEY"), lines(providers)))
    print("\n* the default: %s" % config.default_reason)
    return 0


def listed(config: Config, provider: Provider) -> dict:
    """A provider as data: {"name", "default", "base_url", "key", "models": [{"name", "model", ...}]}"""
    rows = list(provider.models) + ([("default", provider.default_model)] if provider.default_model else [])
    return {
        "name": provider.name,
        "default": provider.name == config.default_provider,
        "base_url": provider.base_url,
        "usable": provider.usable,
        "key": key_state(provider),
        "models": [{"name": pattern, "model": row.model, "context_window": row.context_window,
                    "max_output_tokens": row.max_output_tokens, "images": row.images} for pattern, row in rows],
    }


def key_state(provider: Provider) -> str:
    """Where the key comes from, or how to give one; never the key."""
    if provider.keys:
        return ", ".join(key.origin for key in provider.keys)
    return provider.key_hint if provider.key_needed else "none needed"


def lines(providers: List[Dict[str, Any]]) -> Iterator[Tuple[str, ...]]:
    """The table's lines: a provider's name and key stand on its first line alone."""
    for provider in providers:
        name, key = provider["name"] + (" *" if provider["default"] else ""), provider["key"]
        for model in provider["models"] or [{"name": "any", "model": "as asked for"}]:
            yield (name, model["name"], model["model"], tokens(model.get("context_window")),
                   tokens(model.get("max_output_tokens")), key)
            name = key = ""


def tokens(count: Optional[int]) -> str:
    """131072 -> "131k"; "" where it is not known."""
    if not count:
        return ""
    return "%gM" % (count / 1e6) if count >= 1000000 else "%dk" % (count // 1000)
