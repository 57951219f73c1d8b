"""`check --live`: every provider that can be asked, examined side by side, and what comes of it.

A table with a column for each provider, what is not as it should be in words, and the lines that mend it, as they stand
in the configuration.
"""
import concurrent.futures
import json
import logging
import os
import platform
import shutil
import ssl
import sys
import threading
from typing import Any, Dict, Iterator, List, Sequence

from .. import __version__
from ..config import Config, secrets_of
from ..providers.redaction import redacted
from . import outcome
from .examine import OFF, OK, QUESTIONS, Examiner
from .tables import table

AT_ONCE = 8             # providers that are asked at the same time
LEAST_COLUMN = 12
WORDS = {"ok": "ok", "off": "off", "mended": "MENDED", "warning": "WARNING", "failed": "FAILED"}
SEEN = ("HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "no_proxy", "SSL_CERT_FILE",
        "SSL_CERT_DIR", "LANG", "LC_ALL", "PYTHONUTF8", "CLAUDE_PROXY_CONFIG")      # of the environment, in a report


def examined(config: Config, terminal: Any = None) -> List[Examiner]:
    """Examine all providers that can be asked, at the same time; progress goes to a terminal (stderr) alone."""
    logging.getLogger("claude_proxy").addHandler(logging.NullHandler())     # what went wrong is in the findings
    providers = [provider for provider in config.providers if provider.usable]
    progress = Progress(terminal or sys.stderr, [provider.name for provider in providers])
    if not providers:
        return []
    try:
        with concurrent.futures.ThreadPoolExecutor(AT_ONCE) as pool:
            return list(pool.map(lambda provider: Examiner(config, provider).run(progress.note), providers))
    finally:
        progress.clear()


class Progress:
    """One line that is written again and again, on a terminal alone."""

    def __init__(self, terminal: Any, names: Sequence[str]) -> None:
        self._terminal = terminal if terminal.isatty() else None
        self._asked = dict.fromkeys(names, 0)
        self._lock = threading.Lock()

    def note(self, name: str, asked: int) -> None:
        """So many questions were put to a provider."""
        with self._lock:
            self._asked[name] = asked
            said = ", ".join("%s %d/%d" % (name, asked, len(QUESTIONS)) for name, asked in self._asked.items())
            self._write("asking " + said)

    def clear(self) -> None:
        """Nothing of it stays."""
        self._write("")

    def _write(self, text: str) -> None:
        if self._terminal is not None:
            width = shutil.get_terminal_size().columns - 1
            self._terminal.write("\r\x1b[K" + text[:width])
            self._terminal.flush()


# -- on the screen

def lines(examiners: Sequence[Examiner], width: int = 80) -> Iterator[str]:
    """All that is printed of it."""
    for group in groups(examiners, width):
        yield table([""] + [examiner.provider.name for examiner in group], rows(group))
        yield ""
    for examiner in examiners:
        for finding in examiner.findings:
            if finding.state not in (OK, OFF):
                yield "%s: %s: %s: %s" % (WORDS[finding.state], examiner.provider.name, finding.name, finding.detail)
    suggested = list(suggestions(examiners))
    if suggested:
        yield ""
        yield "Lines that mend it, in the configuration:"
        for entry in suggested:
            yield "  in providers.%s:  %s" % (entry["provider"], entry["line"])


def groups(examiners: Sequence[Examiner], width: int) -> Iterator[List[Examiner]]:
    """As many columns as fit beside each other."""
    room = width - max(len(name) for name, _ in QUESTIONS)
    group: List[Examiner] = []
    taken = 0
    for examiner in examiners:
        column = max(LEAST_COLUMN, len(examiner.provider.name)) + 2
        if group and taken + column > room:
            yield group
            group, taken = [], 0
        group.append(examiner)
        taken += column
    if group:
        yield group


def rows(group: Sequence[Examiner]) -> Iterator[List[str]]:
    """A line for each question."""
    for index, (name, _) in enumerate(QUESTIONS):
        found = [examiner.findings[index] if index < len(examiner.findings) else None for examiner in group]
        yield [name] + [cell(finding) for finding in found]


def cell(finding: Any) -> str:
    """"ok 120 ms"; "-" for what was not asked."""
    if finding is None:
        return "-"
    return WORDS[finding.state] + (" %d ms" % finding.milliseconds if finding.milliseconds > 0 else "")


def suggestions(examiners: Sequence[Examiner]) -> Iterator[Dict[str, Any]]:
    """{"provider", "line", "config"}: a member of the provider's row, as text and as a configuration."""
    for examiner in examiners:
        for member, value in examiner.suggestions:
            name = examiner.provider.name
            yield {"provider": name, "line": "%s: %s," % (json.dumps(member), json.dumps(value, ensure_ascii=False)),
                   "config": {"providers": {name: {member: value}}}}


# -- for machines, and for a bug report

def as_data(examiners: Sequence[Examiner]) -> List[Dict[str, Any]]:
    """[{"name", "passed", "detail", "milliseconds", "base_url", "model", "findings", "learned"}]"""
    return [provider_data(examiner) for examiner in examiners]


def provider_data(examiner: Examiner) -> Dict[str, Any]:
    """One of them; `detail` is the first thing that is not as it should be, or how it answered."""
    wrong = [finding for finding in examiner.findings if finding.state not in (OK, OFF)]
    last = (wrong or [finding for finding in examiner.findings if finding.name == "answer"] or examiner.findings)[0]
    return {"name": examiner.provider.name, "passed": not wrong, "detail": last.detail,
            "milliseconds": sum(finding.milliseconds for finding in examiner.findings),
            "base_url": redacted(examiner.provider.base_url),
            "findings": [finding._asdict() for finding in examiner.findings],
            "learned": examiner.asker.learned.listing()}


def exit_code(examiners: Sequence[Examiner]) -> int:
    """0, or 69 where one could not be reached, or 1 where there is something to mend."""
    if any(examiner.unreachable for examiner in examiners):
        return outcome.UNAVAILABLE
    wrong = any(finding.state not in (OK, OFF) for examiner in examiners for finding in examiner.findings)
    return outcome.FAILED if wrong else outcome.OK


def bundle(report: Dict[str, Any], config: Config, environ: Any = os.environ) -> str:
    """A report that can be shown to strangers: JSON with the surroundings, without a key in it."""
    about = {"claude-proxy": __version__, "python": platform.python_version(), "platform": platform.platform(),
             "openssl": ssl.OPENSSL_VERSION, "frozen": not os.path.isfile(__file__),
             "environment": {name: environ[name] for name in SEEN if environ.get(name)},
             "keys_in_environment": sorted(name for name in environ if name.endswith(("_API_KEY", "_AUTH_TOKEN")))}
    return redacted(json.dumps(dict(about=about, **report), indent=2, ensure_ascii=False), secrets_of(config)) + "\n"
