"""The command line as data, read from its parsers: what `completion` and `man` are made from."""
import argparse
import importlib
from typing import List, NamedTuple, Tuple

from .. import cli
from . import COMMANDS


class Option(NamedTuple):
    """An option of a command, or an argument (without names)."""

    names: Tuple[str, ...]          # "--json"; the short one first
    value: str                      # "FILE"; "" where it takes none
    choices: Tuple[str, ...]
    help: str


class Command(NamedTuple):
    """A command: its name, its line in the help, its text, its examples, its options."""

    name: str
    summary: str
    text: str
    examples: str
    options: Tuple[Option, ...]


def commands() -> List[Command]:
    """All of them, in the order of the help."""
    return [command(name, summary) for name, summary in COMMANDS]


def command(name: str, summary: str) -> Command:
    """One of them."""
    module = importlib.import_module("claude_proxy.commands." + name)
    parser = cli.command_parser(name, module)
    found = [option(action) for action in parser._actions]          # noqa: SLF001  (argparse has no other way)
    return Command(name, summary, (module.__doc__ or "").strip(), module.EXAMPLES, tuple(found))


def option(action: argparse.Action) -> Option:
    """An argparse action as an Option."""
    takes = action.nargs != 0 and not isinstance(action, (argparse._HelpAction, argparse._VersionAction))
    metavar = action.metavar if isinstance(action.metavar, str) else ""
    choices = tuple(str(choice) for choice in action.choices or ())
    value = (metavar or "|".join(choices) or action.dest.upper()) if takes else ""
    about = "" if action.help in (None, argparse.SUPPRESS) else str(action.help) % {"prog": "claude-proxy"}
    return Option(tuple(action.option_strings), value, choices, about)
