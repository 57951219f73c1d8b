"""A client's socket, never blocking, with one buffer in front of it.

All waiting is a poll with a deadline (a reading of the monotonic clock), so that a client that sends a byte
now and then gains nothing by it. A write first tries: where the client reads, it is one system call.
"""
import math
import select
import socket
import ssl
import time
from typing import Any, Callable, Optional

RECEIVE_BYTES = 65536
SLOWEST_RATE = 65536                # bytes a second; transfers that are faster get the time that they need
WOULD_BLOCK = (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError)

if hasattr(select, "poll"):
    READ, WRITE = select.POLLIN, select.POLLOUT

    def _ready(sock: socket.socket, event: int, seconds: Optional[float]) -> Any:
        poller = select.poll()
        poller.register(sock, event)
        return poller.poll(None if seconds is None else math.ceil(seconds * 1000))
else:                               # Windows
    READ, WRITE = 1, 2

    def _ready(sock: socket.socket, event: int, seconds: Optional[float]) -> Any:
        wanted = ([sock], [], []) if event == READ else ([], [sock], [sock])
        return any(select.select(*wanted, seconds))


def wait_for(sock: socket.socket, event: int, until: Optional[float]) -> None:
    """Return when the socket is ready for `event` (or broken); socket.timeout once `until` has passed."""
    seconds = None if until is None else max(0.0, until - time.monotonic())
    if not _ready(sock, event, seconds):
        raise socket.timeout("the client was silent")


def shut(sock: socket.socket, how: int) -> None:
    """Shut a socket that may be another thread's: it wakes, and nothing is closed under it.

    The base class's shutdown, since that of a TLS socket drops the state that its owner is using.
    """
    try:
        socket.socket.shutdown(sock, how)
    except OSError:
        pass


class Wire:
    """One connection to a client. `broken` once reading or writing has failed: nothing more can be said."""

    def __init__(self, sock: socket.socket, write_seconds: float = 60) -> None:
        sock.setblocking(False)
        self.sock = sock
        self.buffer = bytearray()
        self.write_seconds = write_seconds
        self.broken = False
        self._secure = isinstance(sock, ssl.SSLSocket)

    # -- reading

    def fill(self, until: Optional[float]) -> bool:
        """Add to the buffer what the client sends next; False where it has ended. socket.timeout at `until`."""
        # A TLS socket may hold decrypted bytes that no poll tells of.
        data = self.receive(RECEIVE_BYTES, until, eager=self._secure)
        self.buffer += data
        return bool(data)

    def receive(self, size: int, until: Optional[float], eager: bool = True) -> bytes:
        """At most `size` bytes past the buffer, b"" at the end; eager: try before waiting."""
        return self._taken(self.sock.recv, size, until, eager)

    def receive_into(self, view: memoryview, until: Optional[float]) -> int:
        """Put what comes past the buffer into a place of its own -> how many bytes, 0 at the end."""
        return self._taken(self.sock.recv_into, view, until, True)

    def _taken(self, take: Callable[[Any], Any], what: Any, until: Optional[float], eager: bool) -> Any:
        while True:
            if eager:
                try:
                    return take(what)
                except WOULD_BLOCK as wanted:
                    event = WRITE if isinstance(wanted, ssl.SSLWantWriteError) else READ
                except OSError:
                    self.broken = True
                    raise
                wait_for(self.sock, event, until)
            else:
                wait_for(self.sock, READ, until)
            eager = True

    def take(self, size: int) -> bytes:
        """The first `size` bytes of the buffer, which must hold them."""
        data = bytes(memoryview(self.buffer)[:size]) if size < len(self.buffer) else bytes(self.buffer)
        del self.buffer[:size]
        return data

    # -- writing

    def send(self, data: bytes) -> None:
        """Send all of it; OSError where the client has gone, socket.timeout where it does not read."""
        try:
            sent = self.sock.send(data)
        except WOULD_BLOCK:
            sent = 0
        except OSError:
            self.broken = True
            raise
        if sent < len(data):
            self._send_rest(data, sent)

    def _send_rest(self, data: bytes, sent: int) -> None:
        """What the socket has no room for yet. The client must go on reading, and not too slowly."""
        start = progress = time.monotonic()
        event, view = WRITE, memoryview(data)
        while sent < len(view):
            try:
                wait_for(self.sock, event, min(progress, start + sent / SLOWEST_RATE) + self.write_seconds)
                event = WRITE
                sent += self.sock.send(view[sent:])
                progress = time.monotonic()
            except ssl.SSLWantReadError:
                event = READ
            except WOULD_BLOCK:
                continue
            except OSError:
                self.broken = True
                raise

    # -- leaving

    def say_goodbye(self) -> None:
        """Tell the client that nothing more comes; what it still sends can be read."""
        try:
            if self._secure:
                self.sock.unwrap()      # type: ignore[attr-defined]  # sends close_notify, and would wait for the client's
        except (OSError, ValueError):
            pass
        shut(self.sock, socket.SHUT_WR)

    def linger(self, seconds: float, quiet_seconds: float, go_on: Callable[[], bool]) -> None:
        """Read and forget what the client is still sending, so that closing does not reset the connection
        before the client has read its answer. Ends when the client does, when it is quiet, or when not go_on()."""
        until = time.monotonic() + seconds
        waste = bytearray(RECEIVE_BYTES)
        try:
            while go_on():
                wait_for(self.sock, READ, min(until, time.monotonic() + quiet_seconds))
                if not socket.socket.recv_into(self.sock, waste) or time.monotonic() >= until:
                    return
        except OSError:
            return
