"""Check the configuration and the running proxy: what is set and from where, which routes answer, what to mend.

Without --live the default provider alone is asked, through the proxy (a few tokens). With it, every provider that has
a key is asked a dozen short questions: what it can do, what it refuses, and which lines of the configuration mend
that. Exit codes: 0 all is well (also where no proxy runs yet: the routes are then asked of one of its own), 1 something
to mend, 69 a provider, or the proxy of --url, cannot be reached, 78 mistakes in the configuration.
"""
from __future__ import annotations

import json
import os
import pathlib
import shutil
import sys
from typing import TYPE_CHECKING, Any, Dict, Iterator, List, Tuple

from ..config import DEMO, Config, Secret, with_demo
from . import launch, live, outcome
from . import options as flags
from .env import address, answers, not_running
from .init import write_private
from .models import key_state, listed
from .probe import Asker, Probe, Probes
from .settings import Settings
from .tables import table

if TYPE_CHECKING:
    import argparse

STATES = {True: "ok", False: "FAILED", None: "-"}
EXAMPLES = """\
examples:
  claude-proxy check
  claude-proxy check --live         what each provider can do
  claude-proxy check --live --report bug.json
  claude-proxy check --json
"""


def arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `check`."""
    flags.configuration(parser)
    parser.add_argument("--url", help="the running proxy's address (from the configuration)")
    parser.add_argument("--live", action="store_true", help="ask each provider that has a key what it can do")
    parser.add_argument("--offline", action="store_true", help="read the configuration, ask nobody")
    parser.add_argument("--report", metavar="FILE", help="write all of it to a file, without keys, for a bug report")
    flags.as_json(parser)


def main(options: argparse.Namespace) -> int:
    """Check, print, and say by the exit code how it went."""
    settings = Settings(options)
    config = settings.read()
    report: Dict[str, Any] = {"configuration": describe(config, settings), "checks": [], "providers": []}
    if not options.json:
        print_configuration(report["configuration"])
    probes = [] if options.offline else list(route_probes(config, options))
    if not options.json:
        print_probes("Routes", probes)
    examiners = live.examined(config) if options.live and not options.offline else []
    lonely = without_key(config) if options.live and not options.offline and not examiners else []
    report.update(checks=[probe._asdict() for probe in probes], suggestions=list(live.suggestions(examiners)),
                  providers=[probe._asdict() for probe in lonely] + live.as_data(examiners))
    report["exit_code"] = code = max(exit_code(probes + lonely), live.exit_code(examiners))
    if options.json:
        print(json.dumps(report, indent=2, ensure_ascii=False))
    else:
        print_probes("Providers", lonely)
        print("".join("\n" + line for line in live.lines(examiners, terminal_width())))
        print(("\n" if examiners else "") + verdict(code, options.offline))
    if options.report:
        written(options.report, live.bundle(report, config))
    return code


def terminal_width() -> int:
    """Columns of the terminal; 80 where there is none."""
    return shutil.get_terminal_size((80, 24)).columns


def written(path: str, text: str) -> None:
    """Write the report, for its owner to read before it goes anywhere."""
    write_private(pathlib.Path(os.path.abspath(os.path.expanduser(path))), text)
    print("written: %s; no key is in it, but read it before you send it" % path, file=sys.stderr)


# -- what is configured

def describe(config: Config, settings: Settings) -> Dict[str, Any]:
    """The configuration as it is in use: no key in it, only where each comes from."""
    shown = with_demo(config, "")
    return {
        "source": str(settings.path) if settings.path else None,
        "found": settings.why,
        "settings": [{"path": path, "value": value, "from": where} for path, value, where in values(config)],
        "default_provider": config.default_provider,
        "default_reason": config.default_reason,
        "providers": [listed(shown, provider) for provider in config.providers
                      if provider.configured or provider.usable],
        "warnings": list(config.warnings) + launch.warnings(os.environ, address(config)) + launch.unexempted(
            os.environ, address(config)),
    }


def values(config: Config) -> Iterator[Tuple[str, Any, str]]:
    """(path, value, where it comes from) of every setting of the server."""
    for path, where in config.origins.items():
        group, _, name = path.rpartition(".")
        if group == "server":
            value = config.server.tls_cert_file if name == "tls" else getattr(config.server, name)
            yield path, plain(value), where


def plain(value: Any) -> Any:
    """A setting as JSON has it; keys by their names alone."""
    if isinstance(value, tuple):
        return [getattr(item, "name", item) for item in value]
    return str(value) if isinstance(value, Secret) else value


def print_configuration(described: Dict[str, Any]) -> None:
    """The first part: file, settings, providers, warnings."""
    print("Configuration: %s\n" % (
        "%s (%s)" % (described["source"], described["found"]) if described["source"] else described["found"]))
    rows = [(row["path"], json.dumps(row["value"], ensure_ascii=False), row["from"])
            for row in described["settings"] if row["from"] != "default"]
    rows.append(("(every other setting)", "", "default"))
    print(table(("SETTING", "VALUE", "FROM"), rows))
    print()
    providers = [(("* " if row["default"] else "  ") + row["name"], row["base_url"],
                  "ready" if row["usable"] else "NO KEY", row["key"].partition(" (")[0])
                 for row in described["providers"]]
    if providers:
        print(table(("  PROVIDER", "ADDRESS", "STATE", "KEY"), providers))
    print("\n* default: %s, %s" % (described["default_provider"], described["default_reason"]))
    for warning in described["warnings"]:
        print("warning: %s" % warning)


# -- who answers

def route_probes(config: Config, options: Any) -> Iterator[Probe]:
    """The running proxy's routes; where none runs, those of a proxy of our own, and the fact.

    A proxy that does not run yet is no fault, unless --url says that there is one. With --live the providers are asked.
    """
    url = (options.url or address(config)).rstrip("/")
    if answers(url):
        asker = Asker(url, launch.client_key(config))
        yield Probe("listening", True, url)
        yield from asker.routes(config.default_provider)
        return
    if options.url:
        yield Probe("listening", False, not_running(url))
        return
    yield Probe("listening", None, not_running(url) + ("" if options.live else " (asked: a proxy of this check's own)"))
    if not options.live:
        with Probes(config) as probes:
            yield from probes.asker.routes(config.default_provider)


def without_key(config: Config) -> List[Probe]:
    """What there is to say where no provider can be asked."""
    return [Probe(provider.name, False, "no key: %s" % key_state(provider)) for provider in config.providers
            if provider.configured] or [Probe(DEMO, True, "no provider has a key; there is nobody to ask")]


def print_probes(title: str, probes: List[Probe]) -> None:
    """A table of questions and answers; nothing where none was asked."""
    if probes:
        rows = [(STATES[probe.passed], probe.name,
                 "%d ms" % probe.milliseconds if probe.milliseconds else "", probe.detail) for probe in probes]
        print("\n" + table(("", title.upper(), "TIME", ""), rows))
        sys.stdout.flush()


def exit_code(probes: List[Probe]) -> int:
    """0, or 69 where something could not be reached, or 1 where it answered and refused."""
    failed = [probe for probe in probes if probe.passed is False]
    if not failed:
        return outcome.OK
    unreachable = any(probe.name == "listening" or probe.detail[:3] in ("502", "503", "504", "529") for probe in failed)
    return outcome.UNAVAILABLE if unreachable else outcome.FAILED


def verdict(code: int, offline: bool) -> str:
    """The last line."""
    if code == outcome.OK:
        return "The configuration can be used." if offline else "All is well."
    return "Mend what is marked above."
