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
from typing import Any, Dict, List, Mapping, Optional

from .. import __version__
from ..config import DEMO, Config, Prices, Provider
from ..config.matching import rows_of
from .access import milliseconds
from .logs import timestamp
from .record import Record
from .tallies import Snapshot, Tally, counts_of

TOKENS = ("input_tokens", "output_tokens", "cached_tokens")


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
