"""Waiting for the provider without losing sight of the client: both sockets in one poll, in the request's own thread.

    watch = Watch(client_socket)
    watch.wait(provider_socket, until)       # READY, LEFT or SILENT

A client that leaves makes its socket hang up (POLLRDHUP; where there is none, a readable socket that peeks as b"").
A pipelined request makes it readable, too: that is not leaving, and from then on only a hang-up wakes the wait.
A half-close counts as leaving, as it does for nginx and Node.

`beat` is what breaks a silence: while it waits, the watch calls it whenever `beat_at` has passed, and so pings go out
in every phase of a request (connecting, waiting for the head, mid-stream, between two tries) without a second thread.
"""
import select
import socket
import time
from typing import Callable, List, Optional, Tuple

from .faults import ClientLeft, no_descriptor

READY, LEFT, SILENT = "ready", "left", "silent"
NEVER = float("inf")
LONGEST_POLL_SECONDS = 3600.0

IN, OUT = 1, 4                                  # POLLIN and POLLOUT everywhere
HANG_UP = getattr(select, "POLLRDHUP", 0)       # Linux, FreeBSD 13
GONE = HANG_UP | 8 | 16 | 32                    # ... POLLERR, POLLHUP, POLLNVAL


class Watch:
    """One client that waits for one answer. Without a client (None) it only waits."""

    def __init__(self, client: Optional[socket.socket] = None, clock: Callable[[], float] = time.monotonic) -> None:
        self.client, self.clock = client, clock
        self.beat: Optional[Callable[[float], float]] = None
        self.beat_at = NEVER
        self._poller = select.poll() if hasattr(select, "poll") else SelectPoller()
        self._client_fd = -1
        self._sock: Optional[socket.socket] = None
        self._fd, self._writing = -1, False
        self._pending: Optional[Callable[[], int]] = None
        if client is not None:
            self._client_fd = client.fileno()
            # Where a hang-up is an event of its own, pipelined bytes need not wake us. Under TLS they must:
            # a goodbye is a record, and the TCP connection may stay open behind it.
            quiet = HANG_UP and not hasattr(client, "pending")
            self._poller.register(self._client_fd, HANG_UP if quiet else HANG_UP | IN)

    def wait(self, sock: Optional[socket.socket], until: float, writing: bool = False) -> str:
        """READY when the socket can be read (written), LEFT when the client is gone, SILENT at `until`.

        `sock` may be None: then it is a sleep. `until` is a time of the watch's clock.
        """
        if sock is not self._sock or writing is not self._writing:
            self._turn_to(sock, writing)
        clock, poll = self.clock, self._poller.poll
        while True:
            wake_at = until if until < self.beat_at else self.beat_at
            if self._pending and self._pending():
                wake_at = 0                     # decrypted bytes wait: no event will tell of them
            seconds = wake_at - clock()
            events = poll(0 if seconds <= 0 else min(seconds, LONGEST_POLL_SECONDS) * 1000)
            if events:
                only_theirs = len(events) == 1 and events[0][0] != self._client_fd
                state = READY if only_theirs else self._state(events)
                if state:
                    return state
            elif wake_at == 0:
                return READY
            if clock() >= until:
                return SILENT
            if clock() >= self.beat_at and not self._has_beaten():
                return LEFT

    def wait_for(self, sock: Optional[socket.socket], until: float, writing: bool = False) -> bool:
        """Like wait(), but leaving is a ClientLeft, and the answer is whether the socket is ready."""
        state = self.wait(sock, until, writing)
        if state is LEFT:
            raise ClientLeft
        return state is READY

    def sleep(self, seconds: float) -> None:
        """Sleep that ends in ClientLeft when the client leaves; pings go on."""
        self.wait_for(None, self.clock() + seconds)

    def _state(self, events: List[Tuple[int, int]]) -> str:
        """LEFT, READY, or "" where the events were nothing but pipelined bytes."""
        state = ""
        for fd, event in events:
            if fd != self._client_fd:
                state = READY
            elif event & GONE or is_hang_up(self.client):       # type: ignore[arg-type]  # its descriptor said so
                return LEFT
            else:
                self._poller.register(fd, HANG_UP)      # something more to read, later, by somebody else
        return state

    def _has_beaten(self) -> bool:
        try:
            self.beat_at = self.beat(self.clock())      # type: ignore[misc]  # who sets beat_at sets beat
        except OSError:
            return False                        # it could not be written: the client is gone
        return True

    def _turn_to(self, sock: Optional[socket.socket], writing: bool) -> None:
        if self._sock is not None:
            self._poller.unregister(self._fd)
        self._sock, self._writing = sock, writing
        self._pending = None if writing else getattr(sock, "pending", None)
        if sock is not None:
            self._fd = sock.fileno()
            self._poller.register(self._fd, OUT if writing else IN)

    def forget(self) -> None:
        """The provider's socket is about to serve others, or to be closed."""
        if self._sock is not None:
            self._turn_to(None, False)


def socket_pair() -> Tuple[socket.socket, socket.socket]:
    """Two sockets, to wake a wait with; raises NoRoom where this process may open no more files."""
    try:
        return socket.socketpair()
    except OSError as exc:
        raise no_descriptor(exc) or exc


def is_hang_up(client: socket.socket) -> bool:
    """Whether a readable socket has nothing more to say. Takes nothing from it."""
    try:
        head = socket.socket.recv(client, 5, socket.MSG_PEEK)      # the TCP bytes, also under TLS
    except (BlockingIOError, InterruptedError):
        return False
    except OSError:
        return True
    # TLS: an alert is a goodbye. 1.2 shows it as record type 21; 1.3 hides the type (RFC 8446, 5.2),
    # but only an alert is 19 bytes long: 2, 1 for the type, 16 for the tag.
    is_alert = head[:1] == b"\x15" or head == b"\x17\x03\x03\x00\x13"
    return head == b"" or (hasattr(client, "pending") and is_alert)


class SelectPoller:
    """select.poll's interface over select.select, for Windows."""

    def __init__(self) -> None:
        self._wanted = {}

    def register(self, fd: int, events: int) -> None:
        self._wanted[fd] = events

    def unregister(self, fd: int) -> None:
        del self._wanted[fd]

    def poll(self, milliseconds: float) -> List[Tuple[int, int]]:
        """[(fd, events)] of those that are ready within the time."""
        readers = [fd for fd, events in self._wanted.items() if events & IN]
        writers = [fd for fd, events in self._wanted.items() if events & OUT]
        if not readers and not writers:         # select refuses that on Windows
            time.sleep(milliseconds / 1000)
            return []
        ready = select.select(readers, writers, writers, milliseconds / 1000)   # a failed connect is «exceptional»
        return [(fd, IN) for fd in ready[0]] + [(fd, OUT) for fd in set(ready[1] + ready[2])]
