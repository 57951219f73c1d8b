"""Start a program with a proxy of its own, and end with its exit code.

The proxy listens on a free port of 127.0.0.1, asks for a key that was made for this run, and ends with the program.
The program's environment tells Claude Code, or any client that reads ANTHROPIC_BASE_URL, to use it. No file is
changed, and a configuration in the current folder is not read.
"""
from __future__ import annotations

import dataclasses
import os
import shutil
import signal
import subprocess
import sys
import threading
from typing import TYPE_CHECKING, Any, List, Mapping

from .. import observe
from ..config import ClientKey, Config, Secret
from . import launch, outcome, serving
from . import options as flags
from .settings import Settings

if TYPE_CHECKING:
    import argparse

EXAMPLES = """\
examples:
  claude-proxy run -- claude
  claude-proxy run -- claude -p "what does this project do?"
  claude-proxy run --provider openrouter --model z-ai/glm-4.6 -- claude
  claude-proxy run -- python3 script.py        (with the anthropic SDK)
"""


def arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `run`."""
    flags.configuration(parser)
    parser.add_argument("--port", metavar="N", type=flags.port_number, help="the proxy's port (a free one)")
    parser.add_argument("--log-file", metavar="FILE", help="append the proxy's log to FILE (else it is not kept)")
    parser.add_argument("command", metavar="CMD", nargs="...", help="the program and its arguments, after --")


def main(options: argparse.Namespace) -> int:
    """Run the program -> its exit code."""
    command = options.command[1:] if options.command[:1] == ["--"] else options.command
    if not command:
        raise outcome.Failure("run: which program? For example: claude-proxy run -- claude", outcome.USAGE)
    program = shutil.which(command[0])
    if program is None:
        raise outcome.Failure(not_found(command[0]), outcome.NOT_FOUND)
    key = serving.fresh_key()
    config = for_one_program(Settings(options).read(), options.port or 0, key)
    with serving.open_log(options.log_file) as log:             # a client's screen must stay its own
        observe.setup_logging(config.server.log_format, log)
        with serving.Serving(config) as proxy:
            announce(proxy)
            later = threading.Timer(1.0, serving.load_the_rest)
            later.daemon = True
            later.start()
            variables = launch.launch_set(proxy.config, proxy.url, key, os.environ)
            environ = launch.child_environment(variables, os.environ, bool(options.model or options.provider))
            return attend([program] + command[1:], environ)


def not_found(name: str) -> str:
    """The sentence for a program that is not there."""
    if name == "claude":
        return "run: claude is not installed, or not on the PATH; see https://code.claude.com/docs/en/setup"
    return "run: %s: no such program on the PATH" % name


def for_one_program(config: Config, port: int, key: str) -> Config:
    """The configuration for a proxy that only our child may use: loopback, and a key of its own."""
    own = ClientKey("run", Secret(key))
    server = dataclasses.replace(config.server, host="127.0.0.1", port=port, client_keys=(own,), tls_cert_file=None,
                                 tls_key_file=None, allowed_hosts=(), allowed_origins=())
    return dataclasses.replace(config, server=server)


def announce(proxy: serving.Serving) -> None:
    """Say on stderr which provider will answer, and what is in the way."""
    config = proxy.config
    print("claude-proxy: %s answers, through %s" % (config.default_provider, proxy.url), file=sys.stderr)
    if serving.is_demo(config):
        print("claude-proxy: this is the built-in demo; set a key, for example DEEPSEEK_API_KEY", file=sys.stderr)
    found = list(config.warnings) + launch.narrow_window(config)
    for warning in found + launch.warnings(os.environ, proxy.url, os.getcwd()):
        print("claude-proxy: warning: %s" % warning, file=sys.stderr)
    sys.stderr.flush()


def attend(command: List[str], environ: Mapping[str, str]) -> int:
    """Start the child, hand it the signals that we get, wait for it -> its exit code as a shell gives it."""
    try:
        child = subprocess.Popen(command, env=environ)
    except PermissionError:
        raise outcome.Failure("run: %s: may not be executed" % command[0], outcome.NOT_EXECUTABLE) from None
    except OSError as problem:
        raise outcome.Failure("run: %s: %s" % (command[0], problem.strerror), outcome.NOT_EXECUTABLE) from None
    with Forwarded(child):
        code = child.wait()
    return code if code >= 0 else 128 - code


class Forwarded:
    """While this is open, the signals that ask us to end go to the child, which decides.

    Ctrl-C on a terminal reaches the whole process group, so the child has it already; a SIGINT of another origin is
    handed on.
    """

    def __init__(self, child: "subprocess.Popen[bytes]") -> None:
        self._child = child
        self._old: List[Any] = []

    def __enter__(self) -> "Forwarded":
        for name in ("SIGTERM", "SIGHUP", "SIGUSR1", "SIGUSR2", "SIGINT", "SIGBREAK", "SIGQUIT"):
            number = getattr(signal, name, None)
            if number is not None:
                self._old.append((number, signal.signal(number, self._hand_on)))
        return self

    def _hand_on(self, number: int, frame: Any) -> None:
        from_terminal = number in (signal.SIGINT, getattr(signal, "SIGQUIT", None), getattr(signal, "SIGBREAK", None))
        if not (from_terminal and sys.stdin is not None and sys.stdin.isatty()):
            self._child.send_signal(number)

    def __exit__(self, *_: object) -> None:
        for number, handler in self._old:
            signal.signal(number, handler)
