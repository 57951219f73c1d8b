"""What /api/status answers: one object with all that the dashboard and `claude-proxy status` show.

    {"version", "started", "uptime_seconds",
     "config": {"source", "default_provider", "default_reason", "demo", "warnings"},
     "in_progress": n, "running": [request...], "recent": [request..., the newest first],
     "sums": {"requests", "errors", "input_tokens", "output_tokens", "cached_tokens", "cost", "retries", "fallbacks",
              "client_disconnects"},
     "providers": [{"name", "base_url", "usable", "default", "health", "key_hint", "models", "requests", ...}],
     "series": {"seconds", "requests": [...], "errors": [...], "input_tokens": [...], "output_tokens": [...]},
     "learned": [{"provider", "model", "remedy", "line"}], "learned_warnings": [...]}
A series begins with its oldest sum. The tokens of a running request are those so far, estimated.
Nothing of a prompt or an answer is in it, and no key.
"""
from typing import Any, Dict, List, Mapping, NamedTuple, Optional, Tuple

from .. import __version__
from ..config import DEMO, Config, Prices, Provider
from ..config.matching import rows_of
from .access import milliseconds
from .logs import timestamp
from .record import Record

STEP_SECONDS, STEPS = 10, 60            # the series: ten minutes
TOKENS = ("input_tokens", "output_tokens", "cached_tokens")


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


def overview(snapshot: Snapshot, config: Config, learned: Any) -> Dict[str, Any]:
    """The whole object."""
    return {
        "version": __version__,
        "started": timestamp(snapshot.started_wall),
        "uptime_seconds": round(snapshot.now - snapshot.started, 1),
        "config": {"source": config.source, "default_provider": config.default_provider,
                   "default_reason": config.default_reason, "demo": config.default_provider == DEMO,
                   "warnings": list(config.warnings)},
        "in_progress": len(snapshot.running),
        "running": [_request(record, config, snapshot.now) for record in snapshot.running],
        "recent": [_request(record, config, snapshot.now, wall) for wall, record in snapshot.recent],
        "sums": _sums(snapshot, config),
        "providers": [_provider(provider, config, snapshot) for provider in _shown(config)],
        "series": snapshot.series.listing(snapshot.now - snapshot.started),
        "learned": learned.listing() if learned is not None else [],
        "learned_warnings": learned.warnings() if learned is not None else [],
    }


def _shown(config: Config) -> List[Provider]:
    """Those of the file, those with a key, and the demo where it answers: not the whole catalogue."""
    return [provider for provider in config.providers
            if (config.default_provider == DEMO if provider.name == DEMO else provider.configured or provider.usable)]


def counts_of(record: Record) -> Tuple[int, int, int]:
    """Input, output and cached tokens; of an answer under way those so far, estimated until it counts them."""
    usage = record.so_far() if record.so_far else None
    if usage is None:
        return record.input_tokens, record.output_tokens, record.cached_tokens
    return usage["input_tokens"], usage["output_tokens"], usage["cache_read_input_tokens"]


def _request(record: Record, config: Config, now: float, ended: Optional[float] = None) -> Dict[str, Any]:
    counts = counts_of(record)
    shown = {
        "request_id": record.request_id, "method": record.method, "route": record.route,
        "client_key": record.client_key, "session": record.session,
        "requested_model": record.requested_model, "provider": record.provider,
        "model": record.model, "status": record.status, "error_type": record.error_type, "error": record.error[:300],
        "input_tokens": counts[0], "output_tokens": counts[1], "cached_tokens": counts[2],
        "stop_reason": record.stop_reason, "retries": record.retries,
        "attempts": list(record.attempts), "warnings": list(record.warnings), "client_left": record.client_left,
        "bytes_in": record.bytes_in, "bytes_out": record.bytes_out,
        "first_byte_ms": milliseconds(record, record.first_byte),
        "duration_ms": milliseconds(record, now if ended is None else record.ended),
        "cost": _cost(config.provider(record.provider), {record.model: list(counts)}),
    }
    return dict(shown, time=timestamp(ended)) if ended is not None else shown


def _sums(snapshot: Snapshot, config: Config) -> Dict[str, Any]:
    tallies = snapshot.tallies.values()
    sums: Dict[str, Any] = {"requests": snapshot.requests, "errors": sum(tally.errors for tally in tallies)}
    for index, name in enumerate(TOKENS):
        sums[name] = sum(counts[index] for tally in tallies for counts in tally.tokens.values())
    costs = [_cost(config.provider(name), tally.tokens) for name, tally in snapshot.tallies.items()]
    sums.update(cost=_total(costs), retries=snapshot.retries, fallbacks=snapshot.fallbacks,
                client_disconnects=snapshot.disconnects)
    return sums


def _total(costs: List[Optional[float]]) -> Optional[float]:
    known = [cost for cost in costs if cost is not None]
    return round(sum(known), 6) if known else None


def _cost(provider: Optional[Provider], tokens: Mapping[str, List[int]]) -> Optional[float]:
    """US dollars for the models whose prices are configured; None where none is."""
    if provider is None:
        return None
    prices = {row.model: row.prices for row in rows_of(provider) if row.prices is not None}
    return _total([_price(prices[model], counts) for model, counts in tokens.items() if model in prices])


def _price(prices: Prices, counts: List[int]) -> float:
    """input, output and cached tokens, each at its price for a million; cached ones without a price cost as input."""
    cached = prices.input if prices.cached is None else prices.cached
    return sum(count * (price or 0) for count, price in zip(counts, (prices.input, prices.output, cached))) / 1e6


def _provider(provider: Provider, config: Config, snapshot: Snapshot) -> Dict[str, Any]:
    tally = snapshot.tallies.get(provider.name, Tally())
    shown: Dict[str, Any] = {
        "name": provider.name, "base_url": provider.base_url, "usable": provider.usable,
        "default": provider.name == config.default_provider, "health": health(provider, tally),
        "models": [{"name": key, "model": row.model} for key, row in provider.models],
        "default_model": provider.default_model.model if provider.default_model is not None else None,
        "requests": tally.requests, "errors": tally.errors, "cost": _cost(provider, tally.tokens),
        "in_progress": sum(record.provider == provider.name for record in snapshot.running),
        "last_error": tally.last_error[:300], "key_hint": "" if provider.usable else provider.key_hint,
        "last_good": _ago(tally.last_good, snapshot), "last_bad": _ago(tally.last_bad, snapshot),
    }
    for index, name in enumerate(TOKENS):
        shown[name] = sum(counts[index] for counts in tally.tokens.values())
    return shown


def _ago(reading: Optional[float], snapshot: Snapshot) -> Optional[str]:
    """A reading of the clock as a time of day."""
    return None if reading is None else timestamp(snapshot.wall - (snapshot.now - reading))


def health(provider: Provider, tally: Tally) -> str:
    """"no key", "unknown" before its first answer, else "ok" or "failing", by its last one."""
    if not provider.usable:
        return "no key"
    if tally.last_bad is None:
        return "ok" if tally.last_good is not None else "unknown"
    return "ok" if tally.last_good is not None and tally.last_good > tally.last_bad else "failing"
