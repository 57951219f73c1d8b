"""Why a request goes where it goes: the provider, its model and its dialect, each with the reason in words.

`claude-proxy route` prints it, the header x-claude-proxy-route tells it in one line.
"""
from typing import Any, Dict, Optional

from .config import Config, split_name
from .config.matching import listed, row_called
from .providers.dialects import GENERIC, Dialect, row_name
from .providers.records import fields
from .routing import ALIAS, Target


def explanation(config: Config, target: Target, provider_in_path: Optional[str] = None) -> Dict[str, Any]:
    """{"provider", "model", "dialect"}, each with its "name" and "why", and what belongs to it."""
    provider, row = target.provider, target.row
    return {
        "requested": target.requested,
        "provider": {"name": provider.name, "why": why_provider(config, target, provider_in_path),
                     "base_url": provider.base_url,
                     "key": ", ".join(key.origin for key in provider.keys) or "none"},
        "model": {"name": target.model, "why": why_model(config, target),
                  "context_window": row.context_window, "max_output_tokens": row.max_output_tokens,
                  "images": row.images},
        "dialect": {"name": target.dialect.name, "why": why_dialect(target),
                    "differences": differences(target.dialect)},
        "warnings": list(target.warnings),
    }


def summary(config: Config, target: Target, provider_in_path: Optional[str] = None) -> str:
    """One line: "provider=deepseek (the path names it); model=... (...); dialect=... (...)"."""
    told = explanation(config, target, provider_in_path)
    parts = ["%s=%s (%s)" % (name, told[name]["name"], told[name]["why"]) for name in ("provider", "model", "dialect")]
    return "; ".join(parts + ["key=%s" % told["provider"]["key"]])


def why_provider(config: Config, target: Target, provider_in_path: Optional[str]) -> str:
    """The rule of routing.py that has chosen it."""
    if provider_in_path is not None:
        return "the path names it"
    default = config.provider(config.default_provider)
    if said_at(config, target) is not None:
        return "the model's name begins with it"
    if default is None or target.provider.name == default.name:
        return "default provider: %s" % config.default_reason if config.default_reason else "default provider"
    return "it has a row of this name"


def said_at(config: Config, target: Target) -> Optional[str]:
    """What stands behind the provider in the name that was asked for; None where it names none."""
    name = without_alias(target.requested)
    default = config.provider(config.default_provider)
    said, rest = split_name(name, (target.provider.name,))
    return None if said is None or default is not None and row_called(default, name) else rest


def without_alias(name: str) -> str:
    """The name without a leading anthropic/."""
    name = name.strip()
    return name[len(ALIAS):] if name.lower().startswith(ALIAS) else name


def why_model(config: Config, target: Target) -> str:
    """The rule of config/matching.py that has chosen it."""
    provider = target.provider
    rest = said_at(config, target)
    name = without_alias(target.requested) if rest is None else rest
    found = listed(provider, name)
    keys = [key for key, row in provider.models if row.model == target.model]
    if found is not None and found.row.model == target.model:
        key = next((key for key, row in provider.models if row is found.row), None)
        return "asked for by its name" if key is None or name.casefold() == target.model.casefold() else "row %s" % key
    near = next((code.partition(":")[2] for code in target.warnings if code.startswith("family:")), None)
    if near:
        return "no row for this family, the nearest is %s" % near
    if provider.default_model is not None and provider.default_model.model == target.model and not keys:
        return "row default"
    if keys:
        return "row %s: the same family" % keys[0]
    return "no row lists it, so it is taken as it is"


def why_dialect(target: Target) -> str:
    """What has chosen the row, and what is changed on it."""
    provider = target.provider
    if provider.dialect_name:
        why = "providers.%s.dialect" % provider.name
    else:
        found = row_name(provider.name, provider.base_url)
        why = "its address or name" if found != GENERIC.name else "nothing special is known of the address"
    changed = sorted(set(provider.quirks) | set(target.row.quirks))
    return why + ("; quirks: %s" % ", ".join(changed) if changed else "")


def differences(dialect: Dialect) -> Dict[str, Any]:
    """The fields that are otherwise than a careful unknown server's."""
    return {field.name: getattr(dialect, field.name) for field in fields(dialect)
            if field.name != "name" and getattr(dialect, field.name) != getattr(GENERIC, field.name)}
