"""What is counted of each provider, and over the last ten minutes; overview.py shows it."""
from typing import Any, Dict, List, Mapping, NamedTuple, Optional, Tuple

from .record import Record

STEP_SECONDS, STEPS = 10, 60            # the series: ten minutes


class Tally:
    """One provider's sums."""

    def __init__(self) -> None:
        self.requests = self.errors = 0
        self.tokens: Dict[str, List[int]] = {}          # model -> input, output, cached
        self.last_good: Optional[float] = None          # readings of the clock
        self.last_bad: Optional[float] = None
        self.last_error = ""

    def add(self, record: Record, model: str, now: float) -> None:
        """Count a request that this provider was asked."""
        self.requests += 1
        counts = self.tokens.setdefault(model, [0, 0, 0])
        counts[0] += record.input_tokens
        counts[1] += record.output_tokens
        counts[2] += record.cached_tokens
        if is_fault(record):
            self.errors += 1
            self.last_bad, self.last_error = now, record.error or str(record.status)
        elif record.status < 400 and not record.client_left:
            self.last_good = now


def is_fault(record: Record) -> bool:
    """The answer is an error, by its status or at its end."""
    return (record.status >= 400 or bool(record.error_type)) and not record.client_left


class Series:
    """Sums for each STEP_SECONDS of the last ten minutes."""

    NAMES = ("requests", "errors", "input_tokens", "output_tokens")

    def __init__(self) -> None:
        self._steps: Dict[int, List[int]] = {}

    def add(self, elapsed: float, record: Record) -> None:
        """Count a request that ended `elapsed` seconds after the start."""
        step = int(elapsed // STEP_SECONDS)
        sums = self._steps.get(step)
        if sums is None:
            sums = self._steps[step] = [0] * len(self.NAMES)
            for old in [other for other in self._steps if other <= step - STEPS]:
                del self._steps[old]
        sums[0] += 1
        sums[1] += is_fault(record)
        sums[2] += record.input_tokens + record.cached_tokens
        sums[3] += record.output_tokens

    def step(self, elapsed: float) -> int:
        """Which step runs; 0 while there is nothing to see move."""
        step = int(elapsed // STEP_SECONDS)
        return step if self._steps and max(self._steps) > step - STEPS else 0

    def listing(self, elapsed: float) -> Dict[str, Any]:
        """The sums, the oldest first; the last step is the one that runs."""
        last = int(elapsed // STEP_SECONDS)
        nothing = [0] * len(self.NAMES)
        rows = [self._steps.get(step, nothing) for step in range(last - STEPS + 1, last + 1)]
        listed: Dict[str, Any] = {"seconds": STEP_SECONDS}
        listed.update({name: [row[index] for row in rows] for index, name in enumerate(self.NAMES)})
        return listed


class Snapshot(NamedTuple):
    """What Metrics holds, at one moment; read under its lock."""

    now: float                          # readings of the clock, in seconds
    wall: float                         # seconds since 1970
    started: float
    started_wall: float
    running: Tuple[Record, ...]
    recent: Tuple[Tuple[float, Record], ...]        # (when it ended, seconds since 1970; the record)
    tallies: Mapping[str, Tally]
    series: Series
    retries: int
    fallbacks: int
    disconnects: int
    requests: int


def counts_of(record: Record) -> Tuple[int, int, int]:
    """Input, output and cached tokens; of an answer under way those so far, estimated until it counts them."""
    usage = record.so_far() if record.so_far else None
    if usage is None:
        return record.input_tokens, record.output_tokens, record.cached_tokens
    return usage["input_tokens"], usage["output_tokens"], usage["cache_read_input_tokens"]
