"""Serve until stopped.

SIGTERM and SIGINT drain: no new request, those under way end (at most `server.drain_seconds`); a second signal
ends at once. SIGHUP, and a file that has changed, read the configuration again; a broken one changes nothing and is
said. Under systemd its readiness, reloads, watchdog and inherited sockets are served as well (commands/systemd.py).
"""
from __future__ import annotations

import logging
import os
import select
import signal
import socket
import sys
import threading
import time
from typing import TYPE_CHECKING, Any, List, Optional

from .. import __version__, observe
from . import options as flags
from . import outcome, serving, systemd
from .settings import Settings

if TYPE_CHECKING:
    import argparse
    from ..config import Config

EXAMPLES = """\
examples:
  claude-proxy
  claude-proxy --port 8080 --config ~/proxy.json
  claude-proxy --provider http://127.0.0.1:11434/v1 --model qwen3
  claude-proxy --processes 4
  claude-proxy --provider openrouter --model z-ai/glm-4.6 \\
      --api-key-env OPENROUTER_API_KEY
"""

POLL_SECONDS = 1.0          # how soon a changed file is noticed
DRAIN_MARGIN = 1.0          # seconds beyond drain_seconds before the process ends whatever happens

log = logging.getLogger(__name__)


def arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `serve`."""
    flags.configuration(parser)
    flags.listening(parser)
    flags.processes(parser)
    parser.add_argument("--log-format", choices=("text", "json"), help="how log lines look (text)")
    parser.add_argument("--log-file", metavar="FILE", help="append the log to FILE (else it goes to stderr)")


def main(options: argparse.Namespace) -> int:
    """Serve until a signal ends it -> exit code."""
    settings = Settings(options)
    config = settings.read()
    observe.setup_logging(config.server.log_format,
                          serving.open_log(options.log_file) if options.log_file else sys.stderr)
    sockets = systemd.inherited_sockets()
    if not options.insecure_no_key:
        serving.refuse_open_door(config, sockets)
    if options.processes > 1:
        return _serve_together(config, sockets, settings)
    proxy = serving.Serving(config, sockets or None)
    supervisor = Supervisor(proxy, settings)
    supervisor.install_handlers()
    proxy.start()
    announce(banner(proxy, settings, options), config.server.log_format)
    return supervisor.run()


def _serve_together(config: Config, sockets: List[socket.socket], settings: Settings) -> int:
    """Serve with several processes that share the sockets -> exit code."""
    from . import processes
    options = settings.options
    processes.refuse_where_there_is_no_fork()
    sockets = sockets or serving.bound(config)

    def child(link: processes.Link, turns: processes.Turns, again: bool) -> int:
        proxy = serving.Serving(_newest(config, settings) if again else config, sockets)
        proxy.listener.turns = turns
        proxy.app.metrics.together = link.everybody
        supervisor = Supervisor(proxy, settings, patient=True)
        supervisor.install_handlers()
        processes.take_signals()
        link.serve(proxy.app.metrics.prometheus, lambda: os.kill(os.getpid(), signal.SIGTERM))
        proxy.start()
        if turns.index == 0 and not again:
            announce(banner(proxy, settings, options), config.server.log_format)
        link.ready()
        return supervisor.run()
    return processes.Supervisor(options.processes, child).run()


def _newest(config: Config, settings: Settings) -> Config:
    """The configuration as its file has it now; the one from before where that is broken."""
    try:
        return settings.read()
    except outcome.Failure as failure:
        log.error("configuration not read again, the old one stays: %s", failure.message)
        return config


# -- what is said at the start

def banner(proxy: serving.Serving, settings: Settings, options: argparse.Namespace) -> List[str]:
    """The lines that a start prints; the first one says where the proxy listens."""
    config = proxy.config
    lines = ["claude-proxy %s: listening on %s" % (__version__, proxy.url),
             "  configuration  %s" % (settings.path or "none found; known providers and the environment"),
             "  default        %s (%s)" % (config.default_provider, config.default_reason),
             "  dashboard      %s/" % proxy.url,
             "  Claude Code    ANTHROPIC_BASE_URL=%s claude   (or: claude-proxy run -- claude)" % proxy.url]
    if serving.is_demo(config):
        lines.append("  DEMO           the built-in demo answers; set a key, for example DEEPSEEK_API_KEY, and start "
                     "again")
    if options.processes > 1:
        lines.append("  processes      %d" % options.processes)
    lines += ["  warning        %s" % warning for warning in config.warnings]
    if options.insecure_no_key and not config.server.client_keys:
        lines.append("  WARNING        --insecure-no-key: whoever reaches %s spends your keys" % proxy.url)
    return lines


def announce(lines: List[str], log_format: str) -> None:
    """Print the banner to stderr; as log lines where a machine reads them."""
    if log_format == "json" or systemd.under_journal():
        for line in lines:
            log.info("%s", line.strip())
        return
    try:
        print("\n".join(lines), file=sys.stderr, flush=True)
    except OSError:
        return                                      # a full disk, or nobody reads it: no reason not to serve


# -- how long it lives

class Supervisor:
    """The main thread of `serve`: signals, reloads and the service manager, while the proxy answers on its threads."""

    def __init__(self, proxy: serving.Serving, settings: Settings, patient: bool = False) -> None:
        self._proxy = proxy
        self._patient = patient                     # a second signal changes nothing: somebody above decides
        self._settings = settings
        self._signals, self._raise = socket.socketpair()    # what a handler may do is little: it sends a byte
        self._raise.setblocking(False)
        self._stopping: Optional[int] = None
        self._seen = settings.signature()
        self._pending: Any = None
        self._watchdog = systemd.watchdog_seconds()
        self._fed = time.monotonic()
        self._loaded = False

    def install_handlers(self) -> None:
        """Take the signals that this platform has."""
        for name in ("SIGTERM", "SIGINT", "SIGHUP", "SIGBREAK"):
            if hasattr(signal, name):
                signal.signal(getattr(signal, name), self._on_signal)

    def _on_signal(self, number: int, frame: Any) -> None:
        if number == getattr(signal, "SIGHUP", None):
            self._tell(number)
        elif self._stopping is not None and self._patient:
            return
        elif self._stopping is not None:
            os._exit(_exit_code(number, at_once=True))          # no drain, no finally: the user has waited enough
        else:
            self._stopping = number
            self._tell(number)

    def _tell(self, number: int) -> None:
        try:
            self._raise.send(bytes([number]))
        except BlockingIOError:                     # hundreds that nobody has looked at yet: one more says nothing new
            pass

    def run(self) -> int:
        """Wait for signals and changes until one says stop -> exit code."""
        serving.collect_less_often()
        serving.keep_large_blocks()
        systemd.notify("READY=1", "STATUS=%s" % self._status())
        interval = min(POLL_SECONDS, self._watchdog or POLL_SECONDS)
        while self._stopping is None:
            if not select.select([self._signals], (), (), interval)[0]:
                self._look()
            elif self._signals.recv(1)[0] == getattr(signal, "SIGHUP", None):
                self._reload()
        self._drain()
        return _exit_code(self._stopping)

    def _look(self) -> None:
        """What is done about once a second."""
        self._loaded = self._loaded or serving.load_the_rest()
        if not self._proxy.alive:
            raise outcome.Failure("the accept loop has ended; the log says why", outcome.UNAVAILABLE)
        if self._watchdog and time.monotonic() - self._fed >= self._watchdog:
            self._fed = time.monotonic()
            systemd.notify("WATCHDOG=1")
        found = self._settings.signature()
        if found != self._seen and found == self._pending:      # the same at two looks: nobody is writing any more
            self._reload()
        self._pending = found

    def _reload(self) -> None:
        """Read the configuration again; keep the one in use where that fails."""
        systemd.notify_reloading()
        self._seen = self._settings.signature()
        try:
            config = self._settings.read()
            self._refuse_fixed(config)
        except outcome.Failure as failure:
            log.error("configuration not reloaded, the old one stays: %s", "; ".join(failure.message.split("\n  ")))
        else:
            self._proxy.replace_config(config)
            log.info("configuration reloaded; default provider: %s", self._proxy.config.default_provider)
            for warning in config.warnings:
                log.warning("%s", warning)
        systemd.notify("READY=1", "STATUS=%s" % self._status())

    def _refuse_fixed(self, config: Config) -> None:
        """Say which changed settings need a new start; refuse what would open the door."""
        old = self._proxy.config.server
        for name in ("host", "port", "tls_cert_file", "tls_key_file", "log_format"):
            if getattr(old, name) != getattr(config.server, name):
                log.warning("server.%s has changed; that needs a new start", name)
        if not self._settings.options.insecure_no_key:
            serving.refuse_open_door(config, [])

    def _drain(self) -> None:
        seconds = self._proxy.config.server.drain_seconds
        systemd.notify("STOPPING=1", "STATUS=Waiting for the answers under way")
        log.info("stopping: answers under way have %g s; a second signal ends at once", seconds)
        guard = threading.Timer(seconds + DRAIN_MARGIN, os._exit, (_exit_code(self._stopping or 0),))
        guard.daemon = True
        guard.start()
        self._proxy.stop(seconds)

    def _status(self) -> str:
        return "Listening on %s, default provider %s" % (self._proxy.url, self._proxy.config.default_provider)


def _exit_code(number: int, at_once: bool = False) -> int:
    """0 for a service that was told to end; 130 for Ctrl-C, as shells have it."""
    if number == signal.SIGINT:
        return outcome.INTERRUPTED
    return 128 + number if at_once else outcome.OK

