"""Listening: the sockets, a thread for each connection, and the end of it all.

The accept loop owns the listening sockets; each connection's thread owns its own socket. Whoever drains only
shuts sockets (which wakes their threads) and waits for the threads to be done.
"""
from __future__ import annotations

import errno
import logging
import selectors
import socket
import ssl
import sys
import threading
import time
from socketserver import BaseRequestHandler
from typing import Any, Callable, List, Optional, Sequence, Set, Tuple

from ..config import is_loopback
from .answers import Answer, new_request_id
from .connection import Connection, no_room
from .lean_http import ThreadingHTTPServer
from .sockets import bind, tls_context
from .wire import Wire

log = logging.getLogger("claude_proxy.server")

REFUSALS = 64                       # connections above max_connections that are told so in a thread of their own
DESCRIPTORS_FOR_EACH = 2            # a client's socket and a provider's
LAST_DESCRIPTORS = 16               # for those who are served, where there are so many; as many again for refusals
KEEPALIVE = (                       # inherited by the sockets that are accepted
    ("SOL_SOCKET", "SO_KEEPALIVE", 1), ("IPPROTO_TCP", "TCP_KEEPIDLE", 45), ("IPPROTO_TCP", "TCP_KEEPINTVL", 15),
    ("IPPROTO_TCP", "TCP_KEEPCNT", 3), ("IPPROTO_TCP", "TCP_USER_TIMEOUT", 90000))
LAST_WORDS_SECONDS = 0.7
STOP_SECONDS = 1
WARN_SECONDS = 60


class Listener:
    """Binds on construction (OSError where it cannot), or takes listening sockets that were inherited.

    serve() blocks in one thread; drain() and close() are called from another.
    """

    def __init__(self, app: Any, sockets: Optional[Sequence[socket.socket]] = None) -> None:
        server = app.config.server
        self.app = app
        self._tls = Tls(app) if server.tls_cert_file else None
        self._sockets = list(sockets) if sockets else bind(server.host, server.port)
        self._servers = [ListeningServer(sock, self._accepted) for sock in self._sockets]
        self._connections: Set[Connection] = set()
        self._changed = threading.Condition()
        self._wake, self._waker = socket.socketpair()
        self._stopping = False
        self.turns: Any = None                      # commands.processes.Turns, where several processes share the port
        self._warn_again = 0.0
        self._closed = threading.Event()            # set unless the accept loop runs
        self._closed.set()
        self._done = threading.Event()
        app.replace_config(app.config, loopback=all(map(reaches_this_machine_alone, self._sockets)))
        self._descriptors = raise_descriptor_limit(server.max_connections)
        self._last_descriptors = min(LAST_DESCRIPTORS, self._descriptors // 8)

    @property
    def address(self) -> Tuple[str, int]:
        """(host, port) of the first socket; ("", 0) for a Unix socket."""
        name = self._sockets[0].getsockname()
        return (name[0], name[1]) if isinstance(name, tuple) else ("", 0)

    @property
    def url(self) -> str:
        """What a client on this machine calls it: http://127.0.0.1:8000"""
        host, port = self.address
        host = {"0.0.0.0": "127.0.0.1", "::": "::1", "": "localhost"}.get(host, host)
        host = "[%s]" % host if ":" in host else host
        return "%s://%s:%d" % ("https" if self._tls else "http", host, port)

    # -- serving

    def serve(self) -> None:
        """Accept until drain() or close(), and return once that is done."""
        self._closed.clear()
        try:
            if not self._stopping:                  # after clear(): whoever stops this waits for it, or is seen here
                self._accept()
        finally:
            self._close_servers()
        self._done.wait()

    def _accept(self) -> None:
        with selectors.DefaultSelector() as selector:
            for server in self._servers:
                selector.register(server, selectors.EVENT_READ, server)
            selector.register(self._wake, selectors.EVENT_READ)
            while not self._stopping:
                ready = selector.select()
                if self.turns is not None:
                    self.turns.wait(len(self._connections))
                for key, _ in ready:
                    if key.data is not None and not self._stopping:
                        key.data.accept()

    def _close_servers(self) -> None:
        for server in self._servers:
            server.server_close()
        self._wake.close()
        self._waker.close()
        self._closed.set()

    def _accepted(self, sock: socket.socket) -> None:
        """A thread for a new connection; a quick refusal where there are too many."""
        limit = self.app.config.server.max_connections
        # Systems give the lowest descriptor that is free, so its number tells how many are in use.
        above, left = len(self._connections) - limit, self._descriptors - sock.fileno()
        if above >= REFUSALS or left <= self._last_descriptors:
            return self._turn_away(sock)
        full = above >= 0 or left <= 2 * self._last_descriptors
        if full:
            self._warn("%d connections are open, which is server.max_connections" % limit if above >= 0 else
                       "%d files are open, which is nearly the limit (ulimit -n)" % sock.fileno())
        connection = Connection(self.app, sock, self._tls.context() if self._tls else None, full=full)
        with self._changed:
            self._connections.add(connection)
            self._tell()
        try:
            threading.Thread(target=self._run, args=(connection,), name="client", daemon=True).start()
        except RuntimeError:                        # no more threads
            self._forget(connection)
            self._turn_away(sock)

    def _warn(self, what: str) -> None:
        now = time.monotonic()
        if now >= self._warn_again:
            self._warn_again = now + WARN_SECONDS
            log.warning("%s: more are refused", what)

    def _run(self, connection: Connection) -> None:
        try:
            connection.run()
        finally:
            self._forget(connection)

    def _forget(self, connection: Connection) -> None:
        with self._changed:
            self._connections.discard(connection)
            self._tell()
            self._changed.notify_all()

    def _tell(self) -> None:
        if self.turns is not None:
            self.turns.tell(len(self._connections))

    def _turn_away(self, sock: socket.socket) -> None:
        """Without a thread: the words fit into an empty socket, and whoever has sent much may miss them."""
        try:
            if self._tls is None:
                wire = Wire(sock, write_seconds=0)
                Answer(wire, new_request_id()).error(no_room())
                wire.say_goodbye()
        except OSError:
            pass
        sock.close()

    # -- the end

    def drain(self, seconds: float) -> bool:
        """Stop accepting at once, let running answers end, for at most so long; True where all of them did.

        Answers that outlast it end in an error. A connection between two requests is closed at once.
        """
        self.app.draining = True
        self._stop()
        for connection in self._living():
            if connection.idle:
                connection.shut()
        finished = self._wait_until_idle(seconds)
        if not finished:
            busy = sum(not connection.idle for connection in self._living())
            log.warning("%d answers were still running after %g seconds and are cut", busy, seconds)
            self.app.drain_over = True
            for connection in self._living():
                connection.shut(socket.SHUT_RD)     # looks as if the client had left; words can still be sent
            self._wait_until_idle(LAST_WORDS_SECONDS)
        self.close()
        return finished

    def close(self) -> None:
        """End everything now."""
        self.app.draining = True
        self._stop()
        for connection in self._living():
            connection.shut()
        self._done.set()

    def _stop(self) -> None:
        """End the accept loop, and wait until its sockets are closed."""
        if not self._stopping:
            self._stopping = True
            try:
                self._waker.send(b"x")
            except OSError:                         # the loop was awake, saw it, and is done already
                pass
        if self._closed.wait(STOP_SECONDS):
            self._close_servers()                     # closing twice is harmless, and the loop may never have run

    def _living(self) -> List[Connection]:
        with self._changed:
            return list(self._connections)

    def _wait_until_idle(self, seconds: float) -> bool:
        with self._changed:
            return self._changed.wait_for(lambda: all(one.idle for one in self._connections), seconds)


class ListeningServer(ThreadingHTTPServer):
    """The standard library's server around one listening socket; what it does with a connection is ours."""

    def __init__(self, sock: socket.socket, accepted: Callable[..., Any]) -> None:
        super().__init__(sock.getsockname(), BaseRequestHandler, bind_and_activate=False)
        self.socket.close()                         # the one that the base class made
        self.socket = sock
        self.socket.setblocking(False)              # other processes may accept from the same socket
        notice_the_dead(self.socket)
        self._accepted = accepted

    def accept(self) -> None:
        """Take one connection, if it is still there."""
        try:
            sock, _ = self.socket.accept()
        except OSError as error:
            if error.errno in (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM):
                log.warning("no room for another connection: %s", error)
                time.sleep(0.1)                     # the waiting connection keeps the socket readable
            return
        if sock.family != getattr(socket, "AF_UNIX", None):
            try:
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            except OSError:                         # it has gone already
                pass
        self._accepted(sock)


def notice_the_dead(sock: socket.socket) -> None:
    """Have the connections that are accepted from here end when their client's machine has gone without a word."""
    for level, name, value in KEEPALIVE:
        if hasattr(socket, name):
            try:
                sock.setsockopt(getattr(socket, level), getattr(socket, name), value)
            except OSError:                         # a Unix socket, or not on this system
                pass


class Tls:
    """The TLS side of the listener. The certificate is read again when the configuration was replaced."""

    def __init__(self, app: Any) -> None:
        self._app = app
        self._config = app.config
        self._context = tls_context(app.config.server)

    def context(self) -> ssl.SSLContext:
        """For a new connection."""
        config = self._app.config
        if config is not self._config:
            self._config = config
            try:
                self._context = tls_context(config.server)
            except (OSError, ValueError) as error:
                log.warning("server.tls: %s; the certificate from before stays", error)
        return self._context


def reaches_this_machine_alone(sock: socket.socket) -> bool:
    """A listening socket that no other machine can connect to: on a loopback address, or a Unix socket."""
    return sock.family == getattr(socket, "AF_UNIX", None) or is_loopback(sock.getsockname()[0])


def raise_descriptor_limit(connections: int) -> int:
    """Make room for so many connections where the system allows it -> how many files may be open then."""
    if sys.platform == "win32":
        return sys.maxsize
    import resource
    wanted = connections * DESCRIPTORS_FOR_EACH + 128
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY or soft >= wanted:
        return sys.maxsize if soft == resource.RLIM_INFINITY else soft
    room = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (room, hard))
    except (OSError, ValueError) as error:
        log.warning("open files: the limit stays %d: %s", soft, error)
        return soft
    if room > soft:
        log.info("open files: the limit was %d and is %d now", soft, room)
    if room < wanted:
        log.warning("open files: no more than %d are allowed; for server.max_connections (%d) it should be %d", room,
                    connections, wanted)
    return room
