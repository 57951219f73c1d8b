"""Who may ask a provider now: `max_concurrent` with a short queue, and a breaker for one that cannot be reached."""
from __future__ import annotations

import collections
import threading
import time
from typing import TYPE_CHECKING, Callable, Optional

from .faults import NoRoom
from .waiting import socket_pair

if TYPE_CHECKING:
    import socket
    from .waiting import Watch

QUEUE_SECONDS = 30.0                # longest wait for one of max_concurrent places
FAILURES = 5                        # this many failed connects ...
WITHIN_SECONDS = 10.0               # ... in this time ...
OPEN_SECONDS = 5.0                  # ... and for so long nobody is sent there; then one, to see


class Gate:
    """At most `limit` holders; the others wait in the order in which they came."""

    def __init__(self, name: str, limit: int) -> None:
        self.name, self.limit = name, limit
        self._inside = 0
        self._queue = collections.deque()           # sockets: a byte lets its waiter in
        self._lock = threading.Lock()

    def enter(self, watch: Watch) -> None:
        """Wait for a place; raises NoRoom, or ClientLeft."""
        with self._lock:
            if self._inside < self.limit:
                self._inside += 1
                return
            ours, theirs = socket_pair()
            self._queue.append(theirs)
        try:
            if not watch.wait_for(ours, watch.clock() + QUEUE_SECONDS):
                raise NoRoom("has all of its max_concurrent (%d) requests under way" % self.limit, 5,
                             "providers.%s.max_concurrent raises it" % self.name)
        except BaseException:
            self._give_up(theirs)
            raise
        finally:
            watch.forget()
            ours.close()
            theirs.close()

    def _give_up(self, theirs: socket.socket) -> None:
        with self._lock:
            if theirs in self._queue:
                self._queue.remove(theirs)
                return
        self.leave()                                # let in at the last moment: pass the place on

    def leave(self) -> None:
        """Give the place to the one who has waited longest."""
        with self._lock:
            if self._queue:
                self._queue.popleft().send(b"x")
            else:
                self._inside -= 1


class Breaker:
    """Counts failed connects to one provider. Closed, open for OPEN_SECONDS, then one probe decides."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._failures = collections.deque(maxlen=FAILURES)
        self._open_until: Optional[float] = None
        self._lock = threading.Lock()

    def enter(self) -> None:
        """Raises NoRoom while it is open, or while a probe is under way."""
        if self._open_until is None:                # closed: the usual case asks for no lock
            return
        with self._lock:
            now = self._clock()
            if self._open_until is None:
                return
            if now < self._open_until:
                raise NoRoom("could not be reached %d times in a row, and is left alone for a moment" % FAILURES,
                             self._open_until - now)
            self._open_until = now + OPEN_SECONDS   # this one is the probe; the others wait for what it finds

    def reached(self) -> None:
        """A connection was made."""
        if self._failures or self._open_until is not None:
            with self._lock:
                self._failures.clear()
                self._open_until = None

    def failed(self) -> None:
        """No connection was made."""
        with self._lock:
            now = self._clock()
            self._failures.append(now)
            full = len(self._failures) == FAILURES and now - self._failures[0] <= WITHIN_SECONDS
            if full or self._open_until is not None:
                self._open_until = now + OPEN_SECONDS
