"""Print the environment that makes a client use the proxy: for a shell, or for Claude Code's settings.json.

A key of a provider is never in it; the proxy's own client key is, where one is configured.
"""
import json
import os
import socket
import sys
from urllib.parse import urlsplit

from ..config import with_demo
from . import launch
from . import options as flags
from .settings import Settings

EXAMPLES = """\
examples:
  eval "$(claude-proxy env)"                       bash, zsh
  claude-proxy env --shell fish | source           fish
  claude-proxy env | Out-String | Invoke-Expression      PowerShell
  claude-proxy env --json                          for ~/.claude/settings.json

A settings.json inside a project is often committed: no key belongs there.
"""


def arguments(parser) -> None:
    """The options of `env`."""
    flags.configuration(parser)
    parser.add_argument("--shell", choices=sorted(launch.SHELLS), help="whose syntax (a guess: yours)")
    parser.add_argument("--url", help="the proxy's address as clients see it (from the configuration)")
    parser.add_argument("--json", action="store_true", help='print the "env" block of a settings.json')


def main(options) -> int:
    """Print the variables -> exit code."""
    config = with_demo(Settings(options).read(), "http://127.0.0.1")
    url = (options.url or address(config)).rstrip("/")
    variables = launch.launch_set(config, url, launch.client_key(config), os.environ)
    if options.json:
        variables.pop("no_proxy")
        print(json.dumps({"env": variables}, indent=2, ensure_ascii=False))
    else:
        print(launch.in_shell(options.shell or launch.guess_shell(os.environ, os.name), variables))
    found = launch.narrow_window(config) + launch.warnings(os.environ, url)
    for warning in found + ([] if answers(url) else [not_running(url)]):
        print("claude-proxy: warning: %s" % warning, file=sys.stderr)
    return 0


def address(config) -> str:
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
