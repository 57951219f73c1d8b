"""What has happened since the start, in numbers: for Prometheus, and for the dashboard (overview.py).

Names: https://prometheus.io/docs/practices/naming/ ; label values are OpenTelemetry's words.
A label has few values: providers and models that the configuration does not know are counted as "other".
"""
import sys
import threading
import time
from collections import OrderedDict, deque
from itertools import islice
from typing import Any, Callable, Deque, Dict, Iterable, List, Optional, Set, Tuple

from .. import __version__
from ..config import Config
from ..config.matching import rows_of
from .counters import DURATION_BUCKETS, FIRST_CHUNK_BUCKETS, Counter, Histogram
from .record import Record
from .tallies import Series, Snapshot, Tally, counts_of

RECENT = 200                            # requests that are remembered
OTHER = "other"
NONE = "none"                           # no provider was asked
_MODEL = ("provider", "model")


class Metrics:
    """Counts requests. Every method may be called from every thread."""

    def __init__(self, clock: Callable[[], float] = time.monotonic, wall: Callable[[], float] = time.time) -> None:
        self._clock, self._wall = clock, wall
        self._lock = threading.Lock()
        self._known: Optional[Dict[str, Set[str]]] = None           # provider -> models; None: all are
        self._running: "OrderedDict[int, Record]" = OrderedDict()
        self._recent: Deque[Tuple[float, Record]] = deque(maxlen=RECENT)
        self.ended = 0                                              # requests that have had their end
        self.started, self.started_wall = clock(), wall()
        self.stale_retries: Callable[[], int] = lambda: 0           # the pool counts them
        self.together: Callable[[], Optional[str]] = lambda: None   # the sum of several processes, where there are
        self.series = Series()
        self.tallies: Dict[str, Tally] = {}                  # provider -> its sums
        self._make_counters()

    def _make_counters(self) -> None:
        info = Counter("claude_proxy_build_info", "What is running.", ("version", "python"), "gauge")
        info.add(1, __version__, "%d.%d.%d" % sys.version_info[:3])
        self._requests = Counter("claude_proxy_requests_total", "Requests that were answered.", _MODEL + ("status",))
        self._duration = Histogram("claude_proxy_request_duration_seconds",
                                   "From a request's head to its answer's end.", _MODEL, DURATION_BUCKETS)
        self._first_chunk = Histogram("claude_proxy_time_to_first_chunk_seconds",
                                      "From a request's head to the answer's first byte.", _MODEL, FIRST_CHUNK_BUCKETS)
        self._tokens = Counter("claude_proxy_tokens_total", "Tokens; input is without the cached ones.",
                               _MODEL + ("type",))
        self._in_progress = Counter("claude_proxy_requests_in_progress", "Requests that have no end yet.", (), "gauge")
        self._left = Counter("claude_proxy_client_disconnects_total", "Clients that left before their answer's end.")
        self._faults = Counter("claude_proxy_upstream_errors_total", "Tries that a provider did not answer.",
                               ("provider", "type"))
        self._retries = Counter("claude_proxy_retries_total", "Requests that were sent to a provider again.")
        self._stale = Counter("claude_proxy_stale_retries_total",
                              "Requests that were sent again, for their pooled connection had been closed.")
        self._fallbacks = Counter("claude_proxy_fallbacks_total", "Requests that another target has answered.")
        self._of_keys = Counter("claude_proxy_client_key_requests_total",
                                "Requests, by the name of the client's key.", ("client_key", "status"))
        self._tokens_of_keys = Counter("claude_proxy_client_key_tokens_total",
                                       "Tokens, by the name of the client's key.", ("client_key", "type"))
        self._families = (info, self._requests, self._duration, self._first_chunk, self._tokens, self._in_progress,
                          self._left, self._faults, self._retries, self._stale, self._fallbacks, self._of_keys,
                          self._tokens_of_keys)

    def know(self, config: Config) -> None:
        """Label by the providers and models of this configuration; what is not in it is "other"."""
        known = {provider.name: {row.model for row in rows_of(provider)} for provider in config.providers}
        with self._lock:
            self._known = known

    # -- a request

    def begin(self, record: Record) -> int:
        """A request has begun -> how many run now."""
        with self._lock:
            self._running[id(record)] = record
            return len(self._running)

    def running(self) -> int:
        """How many requests run."""
        return len(self._running)

    def end(self, record: Record) -> None:
        """A request has its end: count it, remember it."""
        now = self._clock()
        with self._lock:
            self._running.pop(id(record), None)
            record.so_far = None            # the numbers are in it now, and what counted them is not kept
            self._recent.append((self._wall(), record))
            self.ended += 1
            self._count(record, now)

    def _count(self, record: Record, now: float) -> None:
        provider, model = self._labels(record.provider, record.model)
        ended = record.ended if record.ended is not None else now
        self._requests.add(1, provider, model, str(record.status))
        if record.provider:
            self._duration.observe(max(0.0, ended - record.started), provider, model)
        if record.provider and record.first_byte is not None:
            self._first_chunk.observe(max(0.0, record.first_byte - record.started), provider, model)
        for kind, count in (("input", record.input_tokens), ("output", record.output_tokens),
                            ("cached", record.cached_tokens)):
            if count:
                self._tokens.add(count, provider, model, kind)
                if record.client_key:
                    self._tokens_of_keys.add(count, record.client_key, kind)
        if record.client_key:
            self._of_keys.add(1, record.client_key, str(record.status))
        if record.client_left:
            self._left.add(1)
        if record.retries:
            self._retries.add(record.retries)
        if record.attempts:
            self._count_attempts(record)
        self.series.add(now - self.started, record)
        if record.provider:
            tally = self.tallies.setdefault(provider, Tally())
            tally.add(record, model, now)

    def _count_attempts(self, record: Record) -> None:
        tried = [self._provider_of(attempt) for attempt in record.attempts]
        for attempt, provider in zip(record.attempts, tried):
            self._faults.add(1, provider, fault_type(attempt))
        answered = self._labels(record.provider, record.model)[0]
        if tried and record.status < 400 and any(provider != answered for provider in tried):
            self._fallbacks.add(1)

    def _labels(self, provider: str, model: str) -> Tuple[str, str]:
        if not provider:
            return NONE, NONE
        if self._known is None:
            return provider, model
        models = self._known.get(provider)
        if models is None:
            return OTHER, OTHER
        return provider, model if model in models else OTHER

    def _provider_of(self, attempt: str) -> str:
        """The provider in "deepseek/deepseek-chat: 429"."""
        if self._known is None:
            return attempt.partition("/")[0]
        fitting = [name for name in self._known if attempt.startswith(name + "/")]
        return max(fitting, key=len) if fitting else OTHER

    # -- what is shown

    def prometheus(self) -> str:
        """Text format 0.0.4."""
        with self._lock:
            self._in_progress.values[()] = len(self._running)
            self._stale.values[()] = self.stale_retries()
            lines: List[str] = [line for family in self._families for line in family.samples()]
        return "\n".join(lines) + "\n"

    def everywhere(self) -> str:
        """The same, of all processes that serve together."""
        return self.together() or self.prometheus()

    def status(self, config: Config, learned: Any = None, since: int = 0) -> Dict[str, Any]:
        """The dashboard's numbers, as /api/status gives them: see overview.py.

        `since`: without the recent requests that had ended when mark() told this number.
        """
        from .overview import overview                      # not before somebody looks
        with self._lock:
            return overview(self._snapshot(self.ended - since), config, learned)

    def mark(self) -> Tuple[Any, ...]:
        """What differs as soon as status() would tell something new; cheap. Its first: how many requests have ended."""
        with self._lock:
            running = tuple((id(record), record.provider, record.first_byte, len(record.attempts), counts_of(record))
                            for record in self._running.values())
            return self.ended, running, self.series.step(self._clock() - self.started)

    def recent(self) -> List[Record]:
        """The last requests, the newest first."""
        with self._lock:
            return [record for _, record in reversed(self._recent)]

    def _snapshot(self, newest: int) -> Snapshot:
        return Snapshot(
            now=self._clock(), wall=self._wall(), started=self.started, started_wall=self.started_wall,
            running=tuple(self._running.values()), recent=tuple(islice(reversed(self._recent), newest)),
            tallies=self.tallies, series=self.series, retries=int(self._retries.values[()]),
            fallbacks=int(self._fallbacks.values[()]), disconnects=int(self._left.values[()]),
            requests=_sum(self._requests.values.values()))


def fault_type(attempt: str) -> str:
    """The status in "deepseek/x: 429"; "connection" for what never became an answer."""
    said = attempt.rpartition(": ")[2].strip()
    return said if said.isdigit() and len(said) == 3 else "connection"


def _sum(values: Iterable[float]) -> int:
    return int(sum(values))
