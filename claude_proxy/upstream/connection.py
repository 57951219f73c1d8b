"""A connection to a provider: resolved, connected, tunnelled and encrypted without ever blocking but in Watch.wait.

The sockets never block, so a client that leaves is noticed while a name is looked up, a peer does not answer, a
handshake hangs, or a provider does not take the request. http.client cannot do that (its reads block one line at a
time), so from it only the rules of the protocol are kept.
"""
from __future__ import annotations

import os
import socket
import ssl
from typing import TYPE_CHECKING, Any, List, Optional, Tuple

from ..errors import without_frames
from .errands import Errand
from .faults import BrokeOff, ConnectTimeout, HungUp, NotReached, no_descriptor
from .network import refused_by_proxy

if TYPE_CHECKING:
    from .waiting import Watch
    from .framing import Framing

KEEPALIVE_IDLE_SECONDS = 30         # then a probe every 15 s; three unanswered: dead after 75 s
KEEPALIVE_INTERVAL_SECONDS = 15
KEEPALIVE_PROBES = 3
UNACKNOWLEDGED_SECONDS = 75
Row = Tuple[Any, ...]               # of getaddrinfo: family, kind, protocol, name, address

WOULD_BLOCK = (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError, InterruptedError)
UNRESOLVED = (OSError, UnicodeError)
SMALL_BODY = 262144                 # below it, one copy is cheaper than a second system call
MAX_HEAD_BYTES = 65536


class Connection:
    """A connected socket, and what is left of the answer before on it (`body`, see answer.py)."""

    def __init__(self, sock: socket.socket) -> None:
        self.sock = sock
        self.body: Optional[Framing] = None

    def close(self) -> None:
        self.sock.close()

    def is_quiet(self) -> bool:
        """Whether an idle connection can be used: open, with the last answer over and nothing after it.

        A read tells more than a poll: TLS session tickets make a socket readable without a byte of data.
        """
        try:
            if self.body is not None and not self._at_end():
                return False
            self.body = None
            self.sock.recv(1)
        except WOULD_BLOCK:
            return self.body is None
        except OSError:
            return False
        return False                            # closed, or bytes that nobody asked for

    def _at_end(self) -> bool:
        """Read what should be no more than the last chunk of an answer whose [DONE] was enough for us."""
        self.body.feed(self.sock.recv(4096))           # type: ignore[union-attr]  # there is one
        return self.body.done and not self.body.surplus       # type: ignore[union-attr]

    def send(self, head: bytes, body: bytes, watch: Watch, until: float) -> None:
        """Send a request; raises HungUp, or BrokeOff where the provider does not take it until then."""
        if len(body) <= SMALL_BODY:
            self._send_all(head + body, watch, until)
        else:
            self._send_all(head, watch, until)
            self._send_all(body, watch, until)

    def _send_all(self, data: bytes, watch: Watch, until: float) -> None:
        sent, size = 0, len(data)
        while sent < size:
            try:
                sent += self.sock.send(memoryview(data)[sent:] if sent else data)
            except WOULD_BLOCK as exc:
                if not watch.wait_for(self.sock, until, writing=not isinstance(exc, ssl.SSLWantReadError)):
                    raise BrokeOff("did not take the request")
            except OSError as exc:
                raise HungUp("hung up before it answered (%s)" % (exc.strerror or exc))

    def receive(self, watch: Watch, until: float, size: int = 65536) -> Optional[bytes]:
        """The next bytes, b"" at the end, None when there was nothing until then."""
        while watch.wait_for(self.sock, until):
            try:
                return self.sock.recv(size)
            except WOULD_BLOCK:
                continue                        # a TLS record without data
            except OSError as exc:
                if not is_end(exc):
                    raise
                return b""
        return None


def is_end(exc: OSError) -> bool:
    """The peer closed a TLS connection without a goodbye; 3.7 reports that as a plain SSLError, or as error 0.

    Whether something is missing then is the framing's to say, as it is for a plain connection.
    """
    return exc.errno == 0 or isinstance(exc, ssl.SSLError) and "eof" in str(exc).lower()


def resolve(host: str, port: int, watch: Watch, until: float) -> List[Row]:
    """getaddrinfo's rows. A name that must be asked for is looked up by a thread: the lookup itself cannot be ended."""
    name = host.encode("ascii") if host.isascii() else host      # for a text all of encodings.idna would be loaded
    try:
        return socket.getaddrinfo(name, port, type=socket.SOCK_STREAM, flags=socket.AI_NUMERICHOST)
    except (socket.gaierror, UnicodeError):
        pass                                    # not an address
    look_up = Errand(lambda: socket.getaddrinfo(name, port, type=socket.SOCK_STREAM), UNRESOLVED, "resolve")
    if not look_up.wait(watch, until):
        raise ConnectTimeout("could not be reached: the name %s was not resolved in time" % host)
    try:
        return look_up.result()
    except UNRESOLVED as exc:
        without_frames(exc)
        text = "could not be reached: the name %s does not resolve (%s)" % (host, _reason(exc))
        raise no_descriptor(exc) or NotReached(text, "check base_url and the network")


def connect(host: str, port: int, watch: Watch, until: float) -> socket.socket:
    """A connected, non-blocking socket: each address in turn, while there is time."""
    rows = resolve(host, port, watch, until)
    for number, row in enumerate(rows):
        share = (until - watch.clock()) / (len(rows) - number)      # a dead address must not take all the time
        try:
            return _connect_to(row, watch, watch.clock() + share)
        except OSError as exc:
            failure = without_frames(exc)
    if isinstance(failure, socket.timeout):
        raise ConnectTimeout("could not be reached: no connection to %s:%d in time" % (host, port))
    raise NotReached("could not be reached: %s:%d: %s" % (host, port, _reason(failure)),
                     "check base_url, and that the server runs")


def _connect_to(row: Row, watch: Watch, until: float) -> socket.socket:
    family, kind, proto, _, address = row
    try:
        sock = socket.socket(family, kind, proto)
    except OSError as exc:
        raise no_descriptor(exc) or exc
    try:
        sock.setblocking(False)
        set_options(sock)
        try:
            sock.connect(address)
        except (BlockingIOError, InterruptedError):
            if not watch.wait_for(sock, until, writing=True):
                raise socket.timeout("timed out")
        error = sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        if error:
            raise OSError(error, os.strerror(error))
    except BaseException:
        watch.forget()
        sock.close()
        raise
    return sock


def set_options(sock: socket.socket) -> None:
    """No Nagle, and keepalive probes, so that a peer that vanished is noticed within 90 s."""
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for name, value in (("TCP_KEEPIDLE", KEEPALIVE_IDLE_SECONDS),               # Linux, Windows 10, BSD
                        ("TCP_KEEPALIVE", KEEPALIVE_IDLE_SECONDS),              # macOS (3.10 names it)
                        ("TCP_KEEPINTVL", KEEPALIVE_INTERVAL_SECONDS),
                        ("TCP_KEEPCNT", KEEPALIVE_PROBES),
                        ("TCP_USER_TIMEOUT", UNACKNOWLEDGED_SECONDS * 1000)):   # Linux: also for what we have sent
        if hasattr(socket, name):
            try:
                sock.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)
            except OSError:
                continue                        # named by this Python, unknown to this system


def tunnel(sock: socket.socket, target: str, authorization: str, watch: Watch, until: float) -> None:
    """Ask a proxy for a way to `target` ("host:port"); https://www.rfc-editor.org/rfc/rfc9110#name-connect"""
    lines = ["CONNECT %s HTTP/1.1" % target, "Host: %s" % target]
    if authorization:
        lines.append("Proxy-Authorization: %s" % authorization)
    connection = Connection(sock)
    connection.send(("\r\n".join(lines) + "\r\n\r\n").encode("latin-1"), b"", watch, until)
    head = b""
    while b"\r\n\r\n" not in head:
        # One byte too many would be the first of the provider's, so it is looked at before it is taken.
        data = connection.receive(watch, until, 1)
        if data is None:
            raise ConnectTimeout("could not be reached: the proxy did not answer in time")
        if not data or len(head) > MAX_HEAD_BYTES:
            raise NotReached("could not be reached: the proxy hung up")
        head += data
    if not head.partition(b" ")[2].startswith(b"2"):
        raise refused_by_proxy(head, target, bool(authorization))


def encrypt(sock: socket.socket, context: ssl.SSLContext, host: str, watch: Watch, until: float) -> ssl.SSLSocket:
    """The socket under TLS, its peer verified."""
    tls = context.wrap_socket(sock, server_hostname=host, do_handshake_on_connect=False)
    try:
        while True:
            try:
                tls.do_handshake()
                return tls
            except (ssl.SSLWantReadError, ssl.SSLWantWriteError) as exc:
                if not watch.wait_for(tls, until, writing=isinstance(exc, ssl.SSLWantWriteError)):
                    raise ConnectTimeout("could not be reached: %s did not finish the TLS handshake in time" % host)
    except BaseException:
        watch.forget()
        tls.close()
        raise


def _reason(exc: Exception) -> str:
    return getattr(exc, "strerror", None) or str(exc) or type(exc).__name__


