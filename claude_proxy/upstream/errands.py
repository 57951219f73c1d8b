"""What blocks and cannot be interrupted (a name that is looked up, a command that gives a key), done by a thread.

    errand = Errand(look_up, (OSError,))
    errand.wait(watch, until)        # whether it is done; ClientLeft where the client does not wait for it
    errand.result()                  # what look_up() returned, or raised

Several may wait for one errand, each with its own client in view.
"""
import socket
import threading
from typing import Any, Callable, List, Optional, Tuple, Type

from .waiting import Watch, socket_pair


class Errand:
    """Begins at once, and goes on when nobody waits for it any more. `mistakes`: what its work may raise."""

    def __init__(self, work: Callable[[], Any], mistakes: Tuple[Type[Exception], ...], name: str = "errand") -> None:
        self._work, self._mistakes = work, mistakes
        self._waiting: Optional[List[socket.socket]] = []       # closed when it is done, which wakes their other ends
        self._value: Any = None
        self._mistake: Optional[Exception] = RuntimeError("the errand has no result")
        self._lock = threading.Lock()
        threading.Thread(target=self._run, name=name, daemon=True).start()

    def wait(self, watch: Watch, until: float) -> bool:
        """Wait for its end, or `until` of the watch's clock -> whether it is done; raises ClientLeft."""
        with self._lock:
            if self._waiting is None:
                return True
            ours, theirs = socket_pair()
            self._waiting.append(theirs)
        try:
            watch.wait_for(ours, until)
        finally:
            watch.forget()
            ours.close()
        return self._waiting is None

    def result(self) -> Any:
        """What came of it, once it is done."""
        if self._mistake is not None:
            raise self._mistake
        return self._value

    def _run(self) -> None:
        try:
            self._value = self._work()
            self._mistake = None
        except self._mistakes as mistake:
            self._mistake = mistake
        finally:
            with self._lock:
                waiting, self._waiting = self._waiting, None
            for sock in waiting or ():
                sock.close()
