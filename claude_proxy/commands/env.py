"""Print the environment that makes a client use the proxy: for a shell, or for Claude Code's settings.json.

A key of a provider is never in it; the proxy's own client key is, where one is configured.
"""
from __future__ import annotations

import json
import os
import socket
import sys
from typing import TYPE_CHECKING, Any, Dict
from urllib.parse import urlsplit

from ..config import with_demo
from . import launch
from . import options as flags
from .settings import Settings

if TYPE_CHECKING:
    import argparse
    from ..config.shapes import Config

EXAMPLES = """\
examples:
  eval "$(claude-proxy env)"                       bash, zsh
  claude-proxy env --shell fish | source           fish
  claude-proxy env | Out-String | Invoke-Expression      PowerShell
  claude-proxy env --json                          for ~/.claude/settings.json
  claude-proxy env --vscode                        for VS Code's settings.json

A settings.json inside a project is often committed: no key belongs there.
"""


def arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `env`."""
    flags.configuration(parser)
    parser.add_argument("--shell", choices=sorted(launch.SHELLS), help="whose syntax (a guess: yours)")
    parser.add_argument("--url", help="the proxy's address as clients see it (from the configuration)")
    parser.add_argument("--json", action="store_true", help='print the "env" block of a settings.json')
    parser.add_argument("--vscode", action="store_true", help="print the lines of VS Code's own settings.json")


def main(options: argparse.Namespace) -> int:
    """Print the variables -> exit code."""
    config = with_demo(Settings(options).read(), "http://127.0.0.1")
    url = (options.url or address(config)).rstrip("/")
    variables = launch.launch_set(config, url, launch.client_key(config), os.environ)
    if options.json or options.vscode:
        variables.pop("no_proxy")           # one of two names that differ in case: Windows knows only one
        shown = for_vscode(variables) if options.vscode else {"env": variables}
        print(json.dumps(shown, indent=2, ensure_ascii=False))
    else:
        print(launch.in_shell(options.shell or launch.guess_shell(os.environ, os.name), variables))
    found = launch.narrow_window(config) + launch.warnings(os.environ, url)
    for warning in found + ([] if answers(url) else [not_running(url)]):
        print("claude-proxy: warning: %s" % warning, file=sys.stderr)
    return 0


def for_vscode(variables: Dict[str, str]) -> Dict[str, Any]:
    """Settings of the Claude Code extension, code.claude.com/docs/en/vs-code: no page to log in on, and these."""
    return {"claudeCode.disableLoginPrompt": True,
            "claudeCode.environmentVariables": [{"name": name, "value": value} for name, value in variables.items()]}


def address(config: Config) -> str:
    """The URL of a proxy with this configuration, as a client on the same machine types it."""
    host = config.server.host
    host = {"0.0.0.0": "127.0.0.1", "::": "[::1]", "": "127.0.0.1"}.get(host, host)
    if ":" in host and not host.startswith("["):
        host = "[%s]" % host
    return "%s://%s:%d" % ("https" if config.server.tls_cert_file else "http", host, config.server.port)


def answers(url: str) -> bool:
    """Something listens there."""
    parts = urlsplit(url)
    try:
        port = parts.port or (443 if parts.scheme == "https" else 80)
        socket.create_connection((parts.hostname or "", port), 1).close()
    except (OSError, ValueError):
        return False
    return True


def not_running(url: str) -> str:
    """The sentence for a proxy that does not listen."""
    return "nothing listens on %s yet; start it: claude-proxy serve" % url
