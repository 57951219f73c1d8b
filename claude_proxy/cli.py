"""The command line: which command is asked for, its options, and how it ends.

Results go to stdout, everything else to stderr. Every failure is one sentence that says what is wrong
and what to do; there is no traceback for anything that a user can mend.
"""
from __future__ import annotations

import argparse
import gc
import importlib
import os
import sys
from typing import TYPE_CHECKING, List, Optional, Tuple

from . import __version__
from .commands import COMMANDS, outcome

if TYPE_CHECKING:
    from types import ModuleType

DEFAULT_COMMAND = "serve"
HELP_COLUMNS = 80

DESCRIPTION = """\
Claude Code, and every client of the Anthropic Messages API, on any
OpenAI-compatible provider.
"""

EXAMPLES = """\
examples:
  claude-proxy                          serve with the configuration found
  DEEPSEEK_API_KEY=sk-... claude-proxy  serve DeepSeek, without any file
  claude-proxy run -- claude            Claude Code, with a proxy of its own
  claude-proxy check                    what is configured, does it work

`claude-proxy COMMAND --help` has the options of a command. The configuration
is looked for at --config, $CLAUDE_PROXY_CONFIG, config.json beside the
program, the user's configuration folder, /etc/claude-proxy/config.json.

exit codes: 0 done, 1 something to mend, 2 wrong usage, 69 port taken or
provider not reachable, 73 a file is there already or cannot be written,
78 mistakes in the configuration, 130 Ctrl-C; `run` has its program's own.
"""


class HelpFormatter(argparse.RawDescriptionHelpFormatter):
    """argparse's, at most 80 columns wide, with its text as it is written."""

    def __init__(self, prog: str) -> None:
        super().__init__(prog, max_help_position=28, width=HELP_COLUMNS)


class CommandParser(argparse.ArgumentParser):
    """argparse's; its description is wrapped when somebody wants to read it."""

    def format_help(self) -> str:
        import textwrap             # as all that only some starts need, not before it is needed
        self.description = textwrap.fill(self.description or "", HELP_COLUMNS)
        return super().format_help()


def run() -> None:
    """Run the command line and exit with its code: the entry point of every way to start the program."""
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:                          # `2>&-`, pythonw: what is said is said to nobody
            setattr(sys, name, open(os.devnull, "w"))
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")       # a console of cp1252 shows what it cannot print
    sys.exit(main(sys.argv[1:]))


def main(arguments: List[str]) -> int:
    """Run the command that `arguments` name -> exit code."""
    name, rest = split_command(arguments)
    if name is None:
        return _top_level(rest)
    module = command_module(name)
    options = command_parser(name, module).parse_args(rest)
    try:
        return module.main(options)
    except outcome.Failure as failure:
        print("claude-proxy: %s" % failure.message, file=sys.stderr)
        return failure.code
    except KeyboardInterrupt:
        return outcome.INTERRUPTED
    except BrokenPipeError:
        # `claude-proxy models | head`: the reader has what it wants; nothing may be flushed into the pipe at exit
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return outcome.OK


def command_module(name: str) -> ModuleType:
    """The module of a command, loaded. Nothing of it is garbage: that is not looked for now, nor in it ever again."""
    gc.disable()
    try:
        return importlib.import_module("claude_proxy.commands." + name)
    finally:
        gc.enable()
        if hasattr(gc, "freeze"):               # CPython
            gc.freeze()


def split_command(arguments: List[str]) -> Tuple[Optional[str], List[str]]:
    """Which command is meant, and its arguments; None for the program's own --help and --version.

    >>> split_command(["check", "--json"])
    ('check', ['--json'])
    >>> split_command(["--port", "8001"])
    ('serve', ['--port', '8001'])
    """
    first = arguments[0] if arguments else ""
    if first in dict(COMMANDS):
        return first, arguments[1:]
    if first in ("-h", "--help", "-V", "--version") or (first and not first.startswith("-")):
        return None, arguments
    return DEFAULT_COMMAND, arguments


def command_parser(name: str, module: ModuleType) -> argparse.ArgumentParser:
    """The parser of one command, made from its module."""
    summary = (module.__doc__ or "").partition("\n\n")[0]
    parser = CommandParser(prog="claude-proxy %s" % name, description=summary, epilog=module.EXAMPLES,
                           formatter_class=HelpFormatter, allow_abbrev=False)
    module.arguments(parser)
    return parser


def top_parser() -> argparse.ArgumentParser:
    """The parser of the program itself: help, version, and the list of commands."""
    lines = ["  %-10s %s" % command for command in COMMANDS]
    parser = argparse.ArgumentParser(
        prog="claude-proxy", usage="claude-proxy [COMMAND] [options]", formatter_class=HelpFormatter,
        description=DESCRIPTION + "\ncommands:\n" + "\n".join(lines), epilog=EXAMPLES, allow_abbrev=False)
    parser.add_argument("-V", "--version", action="version", version="claude-proxy %s" % __version__)
    return parser


def _top_level(arguments: List[str]) -> int:
    parser = top_parser()
    if not arguments[0].startswith("-"):
        parser.error(unknown_command(arguments[0]))
    parser.parse_args(arguments)
    return outcome.OK


def unknown_command(word: str) -> str:
    """The sentence for a word that is no command, with the nearest one."""
    import difflib
    names = [name for name, _ in COMMANDS]
    near = difflib.get_close_matches(word, names, 1)
    return "no such command: %s; %s" % (
        word, "did you mean %s?" % near[0] if near else "there are %s" % ", ".join(names))
