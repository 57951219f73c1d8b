"""A proxy inside this process: the application, its listener on a thread, and the demo beside it.

`serve` has one until it is told to stop, `run` has one for as long as its child lives, `check` has one to ask
the providers through.
"""
import base64
import errno
import gc
import os
import socket
import ssl
import threading
from typing import Iterator, List, Optional, TextIO

from .. import server, upstream
from ..config import DEMO, Config, exposure, with_demo
from ..observe import Metrics, hide_secrets
from ..providers.learned import Learned
from ..providers.records import replace
from ..server.sockets import bind
from ..upstream.waiting import NEVER
from . import outcome

KEY_BYTES = 24
ROOM = __name__.partition(".")[0] + "."
LATER = ("difflib", "hashlib", "hmac", "pkgutil", "subprocess", "unicodedata")     # of the standard library
DEMO_BACKLOG = 64
LARGE_BLOCK = 2500000


class LateDemo:
    """The demo provider: its address is there from the start, the rest of it (demo.py) from the first request to it.

    `base_url` is what a provider's `base_url` is: "http://127.0.0.1:PORT/v1".
    """

    def __init__(self) -> None:
        self._socket = socket.socket()
        self._socket.bind(("127.0.0.1", 0))
        self._socket.listen(DEMO_BACKLOG)
        self._address = self._socket.getsockname()
        self.base_url = "http://%s:%d/v1" % self._address
        self._closed = False
        self._thread = threading.Thread(target=self._serve, name="demo", daemon=True)
        self._thread.start()

    def _serve(self) -> None:
        upstream.Watch().wait(self._socket, NEVER)      # by poll(), where there is one: select() takes 1024 files
        if self._closed:
            return
        from .. import demo
        provider = demo.DemoServer(self._socket)
        while not self._closed:             # not serve_forever: that wakes up twice a second
            provider.handle_request()

    def close(self) -> None:
        """Stop listening."""
        self._closed = True
        socket.create_connection(self._address).close()      # wakes the thread
        self._thread.join()
        self._socket.close()

    def __enter__(self) -> "LateDemo":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def load_the_rest() -> bool:
    """Load what a start did not wait for, once there is time -> whether that could be done.

    An upgrade puts another file in this one's place, and a process may come to have no descriptor left: then it is too
    late, and it must not be an error of a provider that asks for what tells of errors.
    """
    try:
        import importlib
        for name in LATER + tuple(our_modules(os.path.dirname(os.path.dirname(__file__)))):
            importlib.import_module(name)
        server.handlers.dashboard_page()
    except (ImportError, OSError, SyntaxError):         # the last: of half a file
        return False
    return True


def our_modules(folder: str) -> Iterator[str]:
    """The names of the package's modules but the commands. (pkgutil knows them, too, but loads inspect and ast for it:
    1.5 MiB. The .pyz has all texts in memory; it has no folder.)"""
    for place, _, files in os.walk(folder):
        inner = os.path.relpath(place, os.path.dirname(folder)).replace(os.sep, ".")
        if not inner.startswith(ROOM + "commands"):
            for name in sorted(files):
                if name.endswith(".py") and not name.startswith("__"):
                    yield "%s.%s" % (inner, name[:-3])


class Serving:
    """A proxy that listens from its creation and answers from start() on, until stop()."""

    def __init__(self, config: Config, sockets: Optional[List[socket.socket]] = None) -> None:
        self.demo = LateDemo()
        self.app = server.Application(with_demo(config, self.demo.base_url), upstream.Caller(), Metrics(), Learned())
        hide_secrets(self.app.secrets)
        try:
            self.listener = server.Listener(self.app, sockets)
        except (OSError, ssl.SSLError) as problem:
            self.demo.close()
            raise refused(config, problem) from None
        self._thread = threading.Thread(target=self.listener.serve, name="accept", daemon=True)

    @property
    def url(self) -> str:
        """Where clients ask: "http://127.0.0.1:8000"."""
        return self.listener.url

    @property
    def config(self) -> Config:
        """The configuration in use, the demo in it."""
        return self.app.config

    @property
    def alive(self) -> bool:
        """The accept loop runs."""
        return self._thread.is_alive()

    def start(self) -> "Serving":
        """Begin to answer."""
        self._thread.start()
        return self

    def replace_config(self, config: Config) -> None:
        """Answer new requests by another configuration; what is under way ends as it began."""
        self.app.replace_config(with_demo(config, self.demo.base_url))

    def stop(self, drain_seconds: float) -> None:
        """Take no more requests, let those under way end within `drain_seconds`, close."""
        self.listener.drain(drain_seconds)
        self.listener.close()
        self.demo.close()

    def __enter__(self) -> "Serving":
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop(0)


def is_demo(config: Config) -> bool:
    """The demo answers every name."""
    return config.default_provider == DEMO


# -- who may listen where

def refuse_open_door(config: Config, sockets: List[socket.socket]) -> None:
    """Other machines need a client key: Failure with a ready line where there is none."""
    inherited = [entry.getsockname()[0] for entry in sockets if entry.family != getattr(socket, "AF_UNIX", None)]
    for host in inherited if sockets else [config.server.host]:
        server_there = replace(config.server, host=host)
        problem = exposure(replace(config, server=server_there), fresh_key())
        if problem:
            raise outcome.Failure(problem + "\nOr listen on this machine alone: --host 127.0.0.1. Or, knowing that "
                                  "strangers spend your keys: --insecure-no-key", outcome.CONFIG)


def bound(config: Config) -> List[socket.socket]:
    """The sockets that several processes will share."""
    try:
        return bind(config.server.host, config.server.port)
    except OSError as problem:
        raise refused(config, problem) from None


RESERVED = {            # on Windows? -> why a port may not be listened on
    False: "ports below 1024 are for root: choose another, --port 8000",
    True: "Windows has reserved it, or another program has it for itself alone: choose another: --port 18000 "
          "(netsh interface ipv4 show excludedportrange protocol=tcp shows which are reserved)",
}


def fresh_key() -> str:
    """A new client key."""
    return base64.urlsafe_b64encode(os.urandom(KEY_BYTES)).decode("ascii")


def open_log(path: Optional[str], otherwise: str = os.devnull) -> TextIO:
    """A log file, to append to; Failure where it cannot be opened."""
    try:
        return open(path or otherwise, "a", encoding="utf-8", errors="backslashreplace", buffering=1)
    except OSError as problem:
        raise outcome.Failure("--log-file: %s: %s" % (path, problem.strerror), outcome.CANNOT_CREATE) from None


def refused(config: Config, problem: Exception, platform: str = os.name) -> outcome.Failure:
    """Why the listener could not be made, as the sentence for the user."""
    where = "%s port %d" % (config.server.host, config.server.port)
    if isinstance(problem, ssl.SSLError):
        return outcome.Failure("server.tls: the certificate or its key cannot be used: %s" % problem, outcome.CONFIG)
    number = getattr(problem, "errno", None)
    if number in (errno.EADDRINUSE, getattr(errno, "WSAEADDRINUSE", errno.EADDRINUSE)):
        return outcome.Failure("%s is taken by another program, perhaps another claude-proxy; stop that, or choose "
                               "another port: --port %d" % (where, (config.server.port + 1) % 65536),
                               outcome.UNAVAILABLE)
    if number == errno.EACCES:
        return outcome.Failure("%s: not permitted; %s" % (where, RESERVED[platform == "nt"]), outcome.UNAVAILABLE)
    if isinstance(problem, FileNotFoundError) and problem.filename:
        return outcome.Failure("server.tls: %s: no such file" % problem.filename, outcome.CONFIG)
    if isinstance(problem, socket.gaierror) or number == errno.EADDRNOTAVAIL:
        return outcome.Failure("server.host: %s is no address of this machine" % config.server.host, outcome.CONFIG)
    return outcome.Failure("cannot listen on %s: %s" % (where, problem), outcome.UNAVAILABLE)


def collect_less_often() -> None:
    """Look for circles of garbage less often than every 700 objects, and not among those that stay.

    A large request is thousands of objects, and next to none of them is left in a circle.
    """
    if hasattr(gc, "freeze"):               # CPython
        gc.freeze()
        gc.set_threshold(10000, 20, 20)


def keep_large_blocks() -> None:
    """Have glibc keep what a large request gives back, for the next one: it learns that from a large block's end.

    A block beyond the largest one that it has seen freed is new from the kernel each time, page by page: a sixth of the
    time that a request of 1.5 MB costs here. This one is never touched, and so is no memory; elsewhere it does nothing.
    """
    bytes(LARGE_BLOCK)
