"""One core for all threads of this process while several requests run (Linux).

Only one thread of a Python process runs Python at a time. The kernel, which does not know that, wakes each on whichever
core is idle, and there it finds its data in the other core's cache: a request then costs 1.6 times the CPU.
So while two or more requests run, a keeper holds the threads together. It may itself run anywhere: the core where the
kernel has put it is the one that has room, and once a second the others follow it there. The main thread, which serves
nobody, is never moved: it tells where this process may run.
"""
import logging
import os
import sys
import threading
import time
from typing import Callable, Iterable, Set, Tuple

LOOK_SECONDS = 1.0
PLACE, CORE_FIELD = "/proc/thread-self/stat", 39    # proc_pid_stat(5); field 3 is the first after the name
THREADS = "/proc/self/task"
# Not where /proc counts the processes of another namespace: its threads are not ours.
CAN_MOVE = (hasattr(os, "sched_setaffinity") and os.path.realpath("/proc/self") == "/proc/%d" % os.getpid()
            and getattr(sys, "_is_gil_enabled", lambda: True)())

log = logging.getLogger(__name__)


class Cores:
    """Where this process's threads run. `running` tells how many requests do."""

    def __init__(self, running: Callable[[], int]) -> None:
        self._running = running
        self._kept = threading.Lock()               # held while there is a keeper, and where none is of use
        if not CAN_MOVE:
            self._kept.acquire()

    def gather(self) -> None:
        """Several requests run: hold their threads together until that has its end."""
        if self._kept.acquire(False):
            try:
                threading.Thread(target=self._keep, name="cores", daemon=True).start()
            except RuntimeError:                    # no more threads
                self._kept.release()

    def _keep(self) -> None:
        try:
            if len(allowed()) == 1:
                return
            here = -1
            while self._running() > 1:
                keeper, core = place()
                if core != here:
                    here = core
                    move({core}, keeper)
                time.sleep(LOOK_SECONDS)
            move(allowed())
            self._kept.release()
        except OSError as error:                    # a sandbox: it stays as the kernel does it, and nobody asks again
            log.debug("the threads cannot be held on one core: %s", error)


def allowed() -> Set[int]:
    """The cores on which this process may run."""
    return os.sched_getaffinity(os.getpid())


def place() -> Tuple[int, int]:
    """(the number of this thread, the core that it runs on); OSError where the system does not tell."""
    with open(PLACE, "rb") as file:
        number, _, rest = file.read().partition(b" ")
    return int(number), int(rest.rpartition(b")")[2].split()[CORE_FIELD - 3])


def move(cores: Iterable[int], keeper: int = 0) -> None:
    """Let all threads but the keeper and the main one run on these cores alone, also those that begin meanwhile.

    OSError where that is forbidden.
    """
    moved = {keeper, os.getpid()}
    while True:
        threads = set(map(int, os.listdir(THREADS))) - moved
        if not threads:
            return
        for thread in threads:
            try:
                os.sched_setaffinity(thread, cores)
            except ProcessLookupError:              # it has ended
                pass
        moved |= threads


def roam() -> None:
    """Let this thread run wherever the process may, and so whatever it starts."""
    if CAN_MOVE:
        try:
            os.sched_setaffinity(0, allowed())
        except OSError:                             # forbidden: then it was never held
            pass
