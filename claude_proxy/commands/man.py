"""Print the manual page, made from the same texts as --help.

It is troff, for man(1).
"""
from __future__ import annotations

from typing import TYPE_CHECKING, Iterator, List

from .. import __version__, cli
from .words import Command, commands

if TYPE_CHECKING:
    import argparse

EXAMPLES = """\
examples:
  claude-proxy man | man -l -
  claude-proxy man > ~/.local/share/man/man1/claude-proxy.1
"""

FILES = (
    ("config.json beside the program", "the folder that holds the .pyz, or the package"),
    ("~/.config/claude-proxy/config.json", "the user's; %APPDATA%\\claude-proxy\\config.json on Windows"),
    ("/etc/claude-proxy/config.json", "the machine's"),
)
ENVIRONMENT = (
    ("CLAUDE_PROXY_CONFIG", "the configuration's file, where --config is not given"),
    ("DEEPSEEK_API_KEY, OPENAI_API_KEY, ...", "a known provider's key; `claude-proxy models --all` lists their names"),
    ("HTTPS_PROXY, NO_PROXY", "the HTTP proxy to providers, and who is asked without it"),
    ("SSL_CERT_FILE, SSL_CERT_DIR", "the certificate authorities that are trusted"),
    ("NO_COLOR, FORCE_COLOR", "log lines without, or always with, colour"),
)
SIGNALS = (
    ("SIGTERM, SIGINT", "take no new request, let those under way end; a second one ends at once"),
    ("SIGHUP", "read the configuration again; a broken one changes nothing"),
)


def arguments(parser: argparse.ArgumentParser) -> None:
    """`man` has none."""


def main(options: argparse.Namespace) -> int:
    """Print it -> exit code."""
    print("\n".join(troff(commands())))
    return 0


# -- troff: https://man7.org/linux/man-pages/man7/man.7.html

def troff(found: List[Command]) -> Iterator[str]:
    """The lines of the page."""
    yield '.TH CLAUDE-PROXY 1 "" "claude-proxy %s"' % __version__
    yield from (".SH NAME", "claude\\-proxy \\- " + escaped(" ".join(cli.DESCRIPTION.split())))
    yield from (".SH SYNOPSIS", ".B claude\\-proxy", "[\\fICOMMAND\\fR] [\\fIoptions\\fR]")
    yield ".SH COMMANDS"
    for command in found:
        yield from (".SS " + escaped(command.name),)
        yield from paragraphs(command.text)
        yield from options_of(command)
        yield from example(command.examples)
    for head, rows in (("FILES", FILES), ("ENVIRONMENT", ENVIRONMENT), ("SIGNALS", SIGNALS)):
        yield ".SH " + head
        for name, about in rows:
            yield from (".TP", ".B " + escaped(name), escaped(about))
    yield ".SH EXAMPLES AND EXIT CODES"
    yield from example(cli.EXAMPLES)


def paragraphs(words: str) -> Iterator[str]:
    """Text with blank lines between its paragraphs; lines that are indented stay as they are."""
    for paragraph in words.split("\n\n"):
        if any(line.startswith(" ") for line in paragraph.splitlines()):
            yield from example(paragraph)
        else:
            yield from (".PP", escaped(" ".join(paragraph.split())))


def options_of(command: Command) -> Iterator[str]:
    """Its options, a hanging paragraph each."""
    for option in command.options:
        names = ", ".join("\\fB%s\\fR" % escaped(name) for name in option.names)
        value = "\\fI%s\\fR" % escaped(option.value) if option.value else ""
        yield from (".TP", " ".join(part for part in (names, value) if part), escaped(option.help) or "\\&")


def example(words: str) -> Iterator[str]:
    """Lines that are not filled."""
    yield from (".PP", ".nf")
    yield from (escaped(line) or "\\&" for line in words.rstrip("\n").splitlines())
    yield ".fi"


def escaped(words: str) -> str:
    """Text that troff takes as it is: no request, no ligature of hyphens, no escape."""
    words = words.replace("\\", "\\e").replace("-", "\\-").replace("\u2026", "...").replace("'", "\\(aq")
    words = words.replace("`", "\\(ga").replace("^", "\\(ha").replace("~", "\\(ti")
    return "\\&" + words if words[:1] in (".", "'") else words
