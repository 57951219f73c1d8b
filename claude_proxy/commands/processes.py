"""`serve --processes N`: several whole proxies on the same listening sockets, and the one process that minds them.

The supervisor binds, forks, and from then on answers nobody itself: it has no thread, so that it can fork again when a
process has died. Signals that it gets go on to all. Between it and each process are two socket pairs: on one the
process says that it is ready and asks for everybody's numbers, on the other it is asked for its own. Where the
supervisor dies without a word, the pairs end, and every process drains by itself.
"""
import logging
import mmap
import os
import selectors
import signal
import socket
import struct
import sys
import threading
import time
from typing import Callable, Dict, Optional, Tuple

from ..observe.together import summed, without_gauges
from . import outcome, serving, systemd

READY, SUM, OWN = b"r", b"s", b"o"
ANSWER_SECONDS = 2.0            # how long a process may take to tell its numbers
LOOK_SECONDS = 1.0              # how old the numbers of one that dies can be
SHORT_LIFE_SECONDS = 10.0       # who dies earlier is started again later and later
FIRST_DELAY, LAST_DELAY = 0.25, 30.0
TURN_SECONDS, TURNS = 0.0005, 12    # one with more connections leaves a new one to the others, so often for so long
GONE = 0xFFFFFFFF
STOP_SIGNALS = (signal.SIGTERM, signal.SIGINT)
PASSED_ON = STOP_SIGNALS + ((signal.SIGHUP,) if hasattr(signal, "SIGHUP") else ())

log = logging.getLogger(__name__)


class Turns:
    """How many connections each process has, in memory that they share, so that new ones are spread evenly."""

    def __init__(self, count: int) -> None:
        self._count = count
        self._shared = mmap.mmap(-1, 4 * count)
        self.index = 0
        for index in range(count):
            self.set(index, GONE)

    def set(self, index: int, connections: int) -> None:
        """A process has so many now."""
        struct.pack_into("=I", self._shared, 4 * index, connections)

    def tell(self, connections: int) -> None:
        """This process has so many now."""
        self.set(self.index, connections)

    def wait(self, connections: int) -> None:
        """Before accepting: let those go first that have fewer, as long as one that is busy needs to come to it."""
        for _ in range(TURNS):
            if connections <= min(struct.unpack_from("=%dI" % self._count, self._shared)):
                return
            time.sleep(TURN_SECONDS)


def take_signals() -> None:
    """In a process that has its handlers: what was sent to it since its beginning arrives now."""
    signal.pthread_sigmask(signal.SIG_UNBLOCK, PASSED_ON)


class Link:
    """A process's own end: it says that it is ready, tells its numbers when asked, and asks for everybody's."""

    def __init__(self, asks: socket.socket, answers: socket.socket) -> None:
        self._asks, self._answers = asks, answers
        self._lock = threading.Lock()
        asks.settimeout(2 * ANSWER_SECONDS)

    def ready(self) -> None:
        """It answers requests."""
        self._asks.sendall(READY)

    def everybody(self) -> Optional[str]:
        """The numbers of all processes; None where the supervisor does not tell."""
        try:
            with self._lock:
                self._asks.sendall(SUM)
                return read_text(self._asks)
        except OSError:
            return None

    def serve(self, own: Callable[[], str], orphaned: Callable[[], None]) -> None:
        """Tell `own` numbers whenever asked, on a thread; `orphaned` once nobody is there to ask."""
        def answer() -> None:
            try:
                while self._answers.recv(1):
                    send_text(self._answers, own())
            except OSError:
                pass
            orphaned()
        threading.Thread(target=answer, name="numbers", daemon=True).start()


def send_text(sock: socket.socket, text: str) -> None:
    """A text with its length before it."""
    data = text.encode("utf-8")
    sock.sendall(struct.pack("!I", len(data)) + data)


def read_text(sock: socket.socket) -> str:
    """A text that send_text() has sent; OSError where there is none."""
    size, = struct.unpack("!I", _exactly(sock, 4))
    return _exactly(sock, size).decode("utf-8")


def _exactly(sock: socket.socket, size: int) -> bytes:
    data = b""
    while len(data) < size:
        piece = sock.recv(size - len(data))
        if not piece:
            raise ConnectionError("the other end has gone")
        data += piece
    return data


class Process:
    """The supervisor's side of one process."""

    def __init__(self, pid: int, asks: socket.socket, answers: socket.socket) -> None:
        self.pid, self.asks, self.answers = pid, asks, answers
        self.started = time.monotonic()
        self.ready = False
        self.text = ""
        answers.settimeout(ANSWER_SECONDS)
        asks.settimeout(ANSWER_SECONDS)

    def look(self) -> None:
        """Ask for its numbers; those from before stay where it does not tell them."""
        if self.ready:
            try:
                self.answers.sendall(OWN)
                self.text = read_text(self.answers)
            except OSError:
                pass                        # it is ending; SIGCHLD says so

    def close(self) -> None:
        """Drop the pairs."""
        self.asks.close()
        self.answers.close()


class Supervisor:
    """Keeps `count` processes alive, each of them made by `child(link, turns, again)` after a fork."""

    def __init__(self, count: int, child: Callable[[Link, Turns, bool], int]) -> None:
        self._count, self._child = count, child
        self._turns = Turns(count)
        self._processes: Dict[int, Process] = {}                # place -> process
        self._due: Dict[int, float] = {}                        # place -> when to start
        self._delays: Dict[int, float] = {}
        self._ended = ""                                        # what those have counted that are no more
        self._stopping = 0
        self._was_ready = self._loaded = False
        self._failed: Optional[int] = None
        self._selector = selectors.DefaultSelector()
        self._wake, waker = socket.socketpair()
        self._waker = waker
        self._looked = time.monotonic()
        self._watchdog = systemd.watchdog_seconds()
        self._interval = min(LOOK_SECONDS, self._watchdog or LOOK_SECONDS)
        self._fed = time.monotonic()

    def run(self) -> int:
        """Until a signal ends it and all processes have ended -> exit code."""
        self._listen_to_signals()
        for place in range(self._count):
            self._start(place, again=False)
        while self._processes or not self._stopping:
            self._wait()
            self._start_due()
            self._look()
        if self._failed is not None:
            return self._failed
        return outcome.INTERRUPTED if self._stopping == signal.SIGINT else outcome.OK

    # -- signals

    def _listen_to_signals(self) -> None:
        for sock in (self._wake, self._waker):
            sock.setblocking(False)
        self._selector.register(self._wake, selectors.EVENT_READ)
        signal.set_wakeup_fd(self._waker.fileno())
        for number in PASSED_ON + (signal.SIGCHLD,):
            signal.signal(number, lambda *_: None)              # the number arrives at the other end of the pair

    def _signalled(self) -> None:
        for number in self._wake.recv(4096):
            if number == signal.SIGHUP:
                systemd.notify_reloading()
                self._pass_on(number)
                systemd.notify("READY=1")
            elif number in STOP_SIGNALS:
                self._stop(number)
        self._reap()

    def _stop(self, number: int) -> None:
        if self._stopping:
            self._pass_on(signal.SIGKILL)                       # a second signal: the user has waited enough
            return
        self._stopping = number
        self._due.clear()
        systemd.notify("STOPPING=1", "STATUS=Waiting for the answers under way")
        self._pass_on(signal.SIGTERM)

    def _pass_on(self, number: int) -> None:
        for process in self._processes.values():
            os.kill(process.pid, number)                        # not yet waited for, so the id is still its own

    # -- processes

    def _start(self, place: int, again: bool) -> None:
        ours, theirs = zip(socket.socketpair(), socket.socketpair())
        sys.stderr.flush()
        signal.pthread_sigmask(signal.SIG_BLOCK, PASSED_ON)     # what comes now waits until the new one can take it
        pid = os.fork()
        if pid == 0:
            self._become(place, Link(*theirs), ours, again)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, PASSED_ON)
        for sock in theirs:
            sock.close()
        process = self._processes[place] = Process(pid, *ours)
        self._selector.register(process.asks, selectors.EVENT_READ, process)

    def _become(self, place: int, link: Link, ours: Tuple[socket.socket, ...], again: bool) -> None:
        """In the new process: leave everything of the supervisor behind, serve, and end."""
        code = 1
        try:
            signal.set_wakeup_fd(-1)
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            self._selector.close()
            for sock in ours + (self._wake, self._waker):
                sock.close()
            for process in self._processes.values():
                process.close()
            for name in ("NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID"):
                os.environ.pop(name, None)                      # the supervisor speaks for all
            self._turns.index = place
            self._turns.tell(0)
            code = self._child(link, self._turns, again)
        except outcome.Failure as failure:
            print("claude-proxy: %s" % failure.message, file=sys.stderr)
            code = failure.code
        except Exception:       # whatever it is, this process must not go on as a second supervisor
            log.exception("a process could not serve")
        finally:
            logging.shutdown()
            sys.stderr.flush()
            os._exit(code)

    def _reap(self) -> None:
        for place, process in list(self._processes.items()):
            pid, status = os.waitpid(process.pid, os.WNOHANG)
            if pid:
                self._end_of(place, process, status)

    def _end_of(self, place: int, process: Process, status: int) -> None:
        del self._processes[place]
        self._selector.unregister(process.asks)
        process.close()
        self._turns.set(place, GONE)
        self._ended = summed((self._ended, without_gauges(process.text)))
        if self._stopping:
            return
        how = "signal %d" % os.WTERMSIG(status) if os.WIFSIGNALED(status) else "code %d" % os.WEXITSTATUS(status)
        if not self._was_ready:
            self._failed = os.WEXITSTATUS(status) if os.WIFEXITED(status) and status else 1
            self._stop(signal.SIGTERM)
            return
        lived = time.monotonic() - process.started
        delay = self._delays.get(place, FIRST_DELAY) if lived < SHORT_LIFE_SECONDS else FIRST_DELAY
        self._delays[place] = min(2 * delay, LAST_DELAY)
        self._due[place] = time.monotonic() + delay
        log.error("process %d has ended (%s); another one starts in %g s", process.pid, how, delay)

    def _start_due(self) -> None:
        for place, when in list(self._due.items()):
            if time.monotonic() >= when:
                del self._due[place]
                self._start(place, again=True)

    # -- what processes say

    def _wait(self) -> None:
        until = min(list(self._due.values()) + [self._looked + self._interval])
        for key, _ in self._selector.select(max(0.0, until - time.monotonic())):
            if key.data is None:
                self._signalled()
            elif key.data in self._processes.values():
                self._asked(key.data)

    def _asked(self, process: Process) -> None:
        try:
            word = process.asks.recv(1)
            if word == READY:
                process.ready = True
                self._all_ready()
            elif word == SUM:
                self._look_at_all()
                send_text(process.asks, summed([self._ended] + [one.text for one in self._processes.values()]))
            elif not word:
                time.sleep(0.005)                               # it ends; SIGCHLD is on its way
        except OSError:
            pass

    def _all_ready(self) -> None:
        if not self._was_ready and all(one.ready for one in self._processes.values()):
            self._was_ready = True
            systemd.notify("READY=1", "STATUS=%d processes" % self._count)

    def _look(self) -> None:
        """What is done about once a second, more often where the service manager wants to hear of us more often."""
        now = time.monotonic()
        if now - self._looked < self._interval:
            return
        self._looked = now
        self._look_at_all()
        # Whoever takes the place of one that has died must be of the same version, also after an upgrade.
        self._loaded = self._loaded or self._was_ready and serving.load_the_rest()
        if self._watchdog and now - self._fed >= self._watchdog:
            self._fed = now
            systemd.notify("WATCHDOG=1")

    def _look_at_all(self) -> None:
        for process in self._processes.values():
            process.look()


def refuse_where_there_is_no_fork() -> None:
    """More than one process needs POSIX."""
    if not hasattr(os, "fork"):
        raise outcome.Failure("--processes needs a POSIX system; here one process serves all", outcome.USAGE)
