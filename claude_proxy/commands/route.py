"""Say where a request goes and why: provider, model, dialect; with --explain also what would be sent.

Nobody is asked. Keys are not shown; long texts and images are shortened, unless --full is given.
"""
from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Any, Dict, List, Mapping, Sequence

from .. import conversion, errors, explaining, relay, routing
from ..config import Config, secrets_of, with_demo
from ..conversion.clients import ANY_CLIENT
from ..errors import ProxyError
from ..providers.redaction import redacted
from ..upstream.call import address, header_fields
from ..upstream.keys import Key
from . import options as flags
from . import outcome
from .settings import Settings, read_text
from .tables import table

if TYPE_CHECKING:
    import argparse

EXAMPLES = """\
examples:
  claude-proxy route claude-haiku-4-5
  claude-proxy route --explain claude-sonnet-5
  claude-proxy route --explain --file request.json
  claude-proxy route --path /deepseek/v1/messages claude-opus-5
  claude-proxy route --json

A request that has the header `x-claude-proxy-explain: 1` gets the same in one
line of its answer: `x-claude-proxy-route`.
"""

LONGEST_TEXT = 200
NAMES = ("claude-opus-5-5", "claude-sonnet-5-5", "claude-haiku-4-5")     # without any: the tiers of Claude Code


def arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `route`."""
    parser.add_argument("names", metavar="MODEL", nargs="*", help="the name that a client asks for")
    parser.add_argument("--file", metavar="FILE", help="a Messages request as JSON; - reads it from stdin")
    parser.add_argument("--path", metavar="PATH", default="/v1/messages",
                        help="the path that is asked (/v1/messages), or a provider's: /deepseek/v1/messages")
    parser.add_argument("--explain", action="store_true", help="the dialect, the fallbacks, and what would be sent")
    parser.add_argument("--full", action="store_true", help="with --explain: texts and images in full")
    flags.configuration(parser)
    flags.as_json(parser)


def main(options: argparse.Namespace) -> int:
    """Print where it goes -> exit code."""
    config = with_demo(Settings(options).read(), "http://127.0.0.1")
    request = read_request(options.file) if options.file else None
    names = options.names or ([str(request.get("model", ""))] if request else list(NAMES))
    told = [explained(config, options, dict(request or asking(name), model=name)) for name in names]
    if options.json:
        print(json.dumps(told if len(told) > 1 else told[0], indent=2, ensure_ascii=False))
    elif options.explain or request:
        print("\n\n".join(in_words(one) for one in told))
    else:
        print_short(told)
    return outcome.FAILED if any("error" in one for one in told) else outcome.OK


def asking(name: str) -> Dict[str, Any]:
    """The smallest request for a model."""
    return {"model": name, "max_tokens": 1024, "stream": True, "messages": [{"role": "user", "content": "Hello."}]}


def read_request(path: str) -> Dict[str, Any]:
    """The request in a file; Failure where it is none."""
    import pathlib
    text = sys.stdin.read() if path == "-" else read_text(pathlib.Path(path))
    try:
        body = json.loads(text)
    except ValueError as problem:
        raise outcome.Failure("%s: is not JSON: %s" % (path, problem), outcome.FAILED) from None
    if not isinstance(body, dict):
        raise outcome.Failure("%s: is no request: an object is wanted" % path, outcome.FAILED)
    return body


def explained(config: Config, options: Any, request: Dict[str, Any]) -> Dict[str, Any]:
    """All that is known of a request's way; {"requested", "error"} where it has none."""
    try:
        prefix = prefix_of(options.path)
        targets = routing.targets(config, request["model"], prefix)
        told = explaining.explanation(config, targets[0], prefix)
        told["fallbacks"] = ["%s/%s" % (target.provider.name, target.model) for target in targets[1:]]
        if options.explain or options.file:
            told.update(sent(config, targets[0], request, options.full))
        return told
    except ProxyError as error:
        return {"requested": request["model"], "error": "%d %s: %s" % (error.status, error.type, error.message)}


def prefix_of(path: str) -> Any:
    """The provider in a path, or None; NotFound for what is no path of a message."""
    from ..server import routes
    match = routes.find("POST", path)
    if match.route.path != "/v1/messages":
        raise errors.NotFound("%s takes no message" % path)
    return match.provider


def sent(config: Config, target: routing.Target, request: Dict[str, Any], full: bool) -> Dict[str, Any]:
    """What would go to the provider, without its key."""
    chat = conversion.to_chat_request(request, target, ANY_CLIENT, "msg_route", config.server.max_tokens)
    key = Key("[key]") if target.provider.keys else Key()
    headers = dict(header_fields(target.provider, target.dialect, key, bool(request.get("stream"))))
    secrets = secrets_of(config)
    shown = {"method": "POST", "url": redacted(address(target.provider, target.dialect, target.model), secrets),
             "headers": {name: value if value.endswith("[key]") else redacted(value, secrets)
                         for name, value in headers.items()},
             "body": readable(chat.body, secrets, 0 if full else LONGEST_TEXT)}
    return {"sent": shown, "bytes": len(relay.dumps(chat.body).encode("utf-8", "replace")),
            "warnings": list(target.warnings) + list(chat.warnings)}


def readable(value: Any, secrets: Sequence[str], longest: int) -> Any:
    """The same without secrets, and with texts of more than `longest` characters cut (0: none)."""
    if isinstance(value, str):
        text = redacted(value, secrets)
        return "%s... (%d characters)" % (text[:longest], len(text)) if 0 < longest < len(text) else text
    if isinstance(value, Mapping):
        return {name: readable(inner, secrets, longest) for name, inner in value.items()}
    return [readable(inner, secrets, longest) for inner in value] if isinstance(value, (list, tuple)) else value


# -- for people

def print_short(told: List[Dict[str, Any]]) -> None:
    """A line for each name."""
    good = [one for one in told if "error" not in one]
    if good:
        print(table(("ASKED FOR", "GOES TO", "WHY"), [
            (one["requested"], "%s/%s" % (one["provider"]["name"], one["model"]["name"]),
             "%s; %s" % (one["provider"]["why"], one["model"]["why"])) for one in good]))
    for one in told:
        if "error" in one:
            print("%s: %s" % (one["requested"], one["error"]))


def in_words(told: Dict[str, Any]) -> str:
    """The explanation of one request, a line for each thing."""
    if "error" in told:
        return "%s\n  %s" % (told["requested"], told["error"])
    provider, model, dialect = told["provider"], told["model"], told["dialect"]
    lines = [told["requested"],
             "  provider   %s (%s)" % (provider["name"], provider["why"]),
             "  key        %s" % provider["key"],
             "  model      %s (%s)" % (model["name"], model["why"]),
             "  limits     context_window %s, max_output_tokens %s, images %s" % (
                 model["context_window"] or "unknown", model["max_output_tokens"] or "unknown",
                 {True: "yes", False: "no", None: "unknown"}[model["images"]]),
             "  dialect    %s (%s)" % (dialect["name"], dialect["why"])]
    lines += ["             %s: %s" % (name, json.dumps(value, ensure_ascii=False))
              for name, value in dialect["differences"].items()]
    lines += ["  fallbacks  %s" % (", ".join(told["fallbacks"]) or "none"),
              "  warnings   %s" % (", ".join(told["warnings"]) or "none")]
    if "sent" in told:
        lines.append("  sent       %s %s (%d bytes)" % (told["sent"]["method"], told["sent"]["url"], told["bytes"]))
        lines += ["             %s: %s" % item for item in told["sent"]["headers"].items()]
        body = json.dumps(told["sent"]["body"], indent=2, ensure_ascii=False)
        lines += ["             " + line for line in body.splitlines()]
    return "\n".join(lines)
