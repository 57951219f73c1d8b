"""Show what a running proxy is doing: its providers, what is under way, what it answered last.

The same numbers as on its dashboard and at /api/status. Exit code 69 where no proxy answers.
"""
from __future__ import annotations

import http.client
import json
from typing import TYPE_CHECKING, Any, Dict, Iterator, List

from . import launch, outcome
from . import options as flags
from .env import address, not_running
from .probe import Asker, Refused
from .settings import Settings
from .tables import table

if TYPE_CHECKING:
    import argparse

EXAMPLES = """\
examples:
  claude-proxy status
  claude-proxy status --url http://127.0.0.1:8080
  claude-proxy status --json
"""

SHOWN = 10              # recent requests
LONGEST = 60            # characters of an error


def arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `status`."""
    flags.configuration(parser)
    parser.add_argument("--url", help="the running proxy's address (from the configuration)")
    flags.as_json(parser)


def main(options: argparse.Namespace) -> int:
    """Ask and print -> exit code."""
    config = Settings(options).read()
    url = (options.url or address(config)).rstrip("/")
    try:
        status = Asker(url, launch.client_key(config)).status()
    except ConnectionRefusedError:
        raise outcome.Failure(not_running(url), outcome.UNAVAILABLE) from None
    except (OSError, http.client.HTTPException) as problem:
        raise outcome.Failure("%s: %s" % (url, problem), outcome.UNAVAILABLE) from None
    except Refused as refusal:
        raise outcome.Failure("%s: %s" % (url, refusal), outcome.UNAVAILABLE) from None
    print(json.dumps(status, indent=2, ensure_ascii=False) if options.json else "\n".join(lines(url, status)))
    return outcome.OK


def lines(url: str, status: Dict[str, Any]) -> Iterator[str]:
    """The report for people."""
    sums = status["sums"]
    yield "claude-proxy %s at %s, up %s" % (status["version"], url, lasting(status["uptime_seconds"]))
    yield "%d requests, %d under way, %d errors, %d retries; tokens: %d in, %d cached, %d out%s" % (
        sums["requests"], status["in_progress"], sums["errors"], sums["retries"], sums["input_tokens"],
        sums["cached_tokens"], sums["output_tokens"], "" if sums["cost"] is None else "; $%.4f" % sums["cost"])
    yield ""
    yield table(("PROVIDER", "STATE", "REQUESTS", "ERRORS", "LAST ERROR"), [
        (row["name"] + (" *" if row["default"] else ""), row["health"], row["requests"], row["errors"],
         cut(row["last_error"])) for row in status["providers"]])
    shown = status["running"] + status["recent"][:SHOWN]
    if shown:
        yield ""
        yield table(("TIME", "MODEL", "GOES TO", "IN", "OUT", "FIRST", "TOTAL", "END"), [cells(row) for row in shown])
    for entry in status["learned"]:
        yield "\nlearned: %s/%s: %s" % (entry["provider"], entry["model"], entry["line"])
    for warning in status["config"]["warnings"] + status["learned_warnings"]:
        yield "\nwarning: %s" % warning


def cells(row: Dict[str, Any]) -> List[Any]:
    """A request's line."""
    end = cut(row["error"]) if row["error"] else row["stop_reason"] or row["status"] or "under way"
    end = "client left" if row["client_left"] else end
    about = "%d" if "time" in row else "~%d"        # under way: an estimate so far
    came, gone = row["input_tokens"] + row["cached_tokens"], row["output_tokens"]
    return [row.get("time", "")[11:19], row["requested_model"] or row["route"],
            "%s/%s" % (row["provider"], row["model"]) if row["provider"] else "",
            about % came if came else "", about % gone if gone else "",
            took(row["first_byte_ms"]), took(row["duration_ms"]), end]


def took(milliseconds: Any) -> str:
    """"412 ms"; "" where it did not happen."""
    return "" if milliseconds is None else "%d ms" % milliseconds


def cut(text: str) -> str:
    """At most LONGEST characters."""
    return text if len(text) <= LONGEST else text[:LONGEST - 3] + "..."


def lasting(seconds: float) -> str:
    """93784 -> "1 d 2 h"."""
    parts = [(int(seconds // 86400), "d"), (int(seconds % 86400 // 3600), "h"), (int(seconds % 3600 // 60), "min"),
             (int(seconds % 60), "s")]
    first = next((index for index, part in enumerate(parts) if part[0]), 3)
    return " ".join("%d %s" % part for part in parts[first:first + 2])
