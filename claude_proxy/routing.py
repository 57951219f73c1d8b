"""Which target answers a model's name, which one next, and the list of names that can be asked for.

The provider is the one in the path, else the one that the name begins with ("deepseek/x", "deepseek,x"; a leading
"anthropic/" does not count), else default_provider. What the name means there: config/matching.py. A name that the
default provider does not list, but another one does, is the other one's. A name that says its provider, and is no
Claude name, is taken as it is where no row lists it.
"""
import re
from typing import Any, Dict, Iterator, List, Optional, Sequence, Tuple

from .config import DEMO, Config, ModelRow, Provider, nearest, split_name
from .config.matching import Match, is_claude_name, is_glob, listed, row_called, row_named, rows_of, unlisted
from .errors import InvalidRequest, NotFound
from .providers.catalogue import fact_of
from .providers.dialects import Dialect, dialect_for
from .providers.records import dataclass, replace

NEWEST = ("claude-opus-5-5", "claude-sonnet-5-5", "claude-haiku-5-5", "claude-fable-5-2")
ALIAS = "anthropic/"                    # Claude Code lists only names that begin with claude or anthropic
MAX_NAME = 512                          # characters of a model's name
_UNKNOWN_DATE = "1970-01-01T00:00:00Z"


@dataclass(frozen=True)
class Target:
    """A provider's model that may answer a request."""

    provider: Provider
    model: str                              # the provider's own name of it
    row: ModelRow                           # with the limits of a well-known model, where the file names none
    dialect: Dialect
    requested: str                          # the name that the client asked for
    warnings: Tuple[str, ...] = ()          # short codes: "family:opus"


# -- targets

def targets(config: Config, model: str, provider_in_path: Optional[str] = None,
            learned: Any = None) -> Tuple[Target, ...]:
    """Who answers `model`, and after it its fallbacks that have a key.

    `learned.quirks_for(provider, model)` are dialect fields that this run has found out. Raises InvalidRequest for an
    unknown provider, NotFound for a Claude name that meets a provider without a single row.
    """
    _check_name(model)
    provider, name, explicit = _split(config, model, provider_in_path)
    if name in (".", ".."):             # some addresses hold the model's name, and these two would move them
        raise InvalidRequest("model: %s is no model's name" % name)
    match = listed(provider, name)
    if match is None and not explicit and provider_in_path is None:
        provider, match = _elsewhere(config, provider, name)
    match = match or unlisted(provider, name, explicit)
    if match is None:
        raise _no_row(config, provider, name)
    chain = [_target(provider, match, model, learned)]
    for written in _fallbacks(config, chain[0]):
        other = _fallback(config, written, name, model, learned)
        if other is not None and not any(_same(other, target) for target in chain):
            chain.append(other)
    return tuple(chain)


def _check_name(model: Any) -> None:
    if not isinstance(model, str) or not model.strip():
        raise InvalidRequest("model: must be a model's name")
    if len(model) > MAX_NAME:
        raise InvalidRequest("model: longer than %d characters" % MAX_NAME)


def _split(config: Config, model: str, provider_in_path: Optional[str]) -> Tuple[Provider, str, bool]:
    """(provider, the model's name at it, whether the name itself said the provider)"""
    name = model.strip()
    if name.lower().startswith(ALIAS):
        name = name[len(ALIAS):]
    if provider_in_path is not None:
        provider = find_provider(config, provider_in_path)
        said, rest = split_name(name, (provider.name,))
        return (provider, name, False) if said is None or row_called(provider, name) else (provider, rest, True)
    default = _default(config)
    said, rest = split_name(name, _sayable(config))
    if said is None or row_called(default, name):
        return default, name, False
    return find_provider(config, said), rest, True


def _sayable(config: Config) -> Iterator[str]:
    """Providers that a model's name may begin with: not the mere entries of the catalogue that have no key, for
    "openai/gpt-oss-120b" is a model of many."""
    return (provider.name for provider in config.providers if provider.configured or provider.usable)


def find_provider(config: Config, name: str) -> Provider:
    """The provider of that name; InvalidRequest lists those that there are."""
    provider = config.provider(name)
    if provider is None:
        names = [other.name for other in config.providers if other.configured or other.usable]
        near = nearest(name, names)
        raise InvalidRequest("no provider is called %s%s There are: %s" % (
            _shown(name), "; did you mean %s?" % near if near else ".", ", ".join(names) or "none"))
    return provider


def _default(config: Config) -> Provider:
    provider = config.provider(config.default_provider)
    if provider is None:
        raise InvalidRequest("no provider has a key, and the built-in demo is not running: set the key of one")
    return provider


def _elsewhere(config: Config, default: Provider, name: str) -> Tuple[Provider, Optional[Match]]:
    """Another provider with a key that has a row, or a model, of exactly this name; else the default one."""
    for provider in config.providers:
        row = row_named(provider, name) if provider.usable and provider.name != DEMO else None
        if row is not None:
            return provider, Match(row)
    return default, None


def _no_row(config: Config, provider: Provider, name: str) -> Exception:
    """The error for a name that means nothing to a provider without rows."""
    if not name:
        return InvalidRequest("model: %s names a provider; which of its models? %s/MODEL" % ((provider.name,) * 2))
    others = ["%s (%s)" % (key, other.name) for other in config.providers if other.usable for key, _ in other.models]
    return NotFound('model: %s: %s has no models configured. Add providers.%s.models, such as {"default": "MODEL"}, '
                    "or ask for %s/MODEL%s" % (_shown(name), provider.name, provider.name, provider.name,
                                               ". There are: %s" % ", ".join(others[:8]) if others else ""))


def _fallbacks(config: Config, target: Target) -> Tuple[str, ...]:
    """The most particular list that the configuration has for a target."""
    for end in ("/" + target.model, "/" + target.requested, ""):
        for written, others in config.fallbacks.items():
            if written.casefold().replace(",", "/") == (target.provider.name + end).casefold():
                return others
    return ()


def _fallback(config: Config, written: str, name: str, requested: str, learned: Any) -> Optional[Target]:
    """A target for "provider" (the same name there) or "provider/model"; None where it cannot answer."""
    said, model = split_name(written, (provider.name for provider in config.providers))
    provider = config.provider(said) if said is not None else None
    if provider is None or not provider.usable:
        return None
    match = listed(provider, model or name) or unlisted(provider, model or name, bool(model))
    return _target(provider, match, requested, learned) if match is not None else None


def _same(one: Target, other: Target) -> bool:
    return one.provider.name == other.provider.name and one.model == other.model


def _target(provider: Provider, match: Match, requested: str, learned: Any) -> Target:
    row = match.row
    found_out = learned.quirks_for(provider.name, row.model) if learned is not None else {}
    quirks = dict(provider.quirks, **dict(row.quirks, **found_out))
    dialect = dialect_for(provider.name, provider.base_url, row.model, provider.dialect_name, quirks)
    row = with_facts(row)
    if "max_max_tokens" not in quirks and row.max_output_tokens is not None:
        dialect = replace(dialect, max_max_tokens=_smaller(match.row.max_output_tokens, dialect.max_max_tokens, row))
    if "images" in quirks:
        row = replace(row, images=quirks["images"])
    return Target(provider, row.model, row, dialect, requested, match.warnings)


def _smaller(written: Optional[int], known: Optional[int], row: ModelRow) -> Optional[int]:
    """The cap of an answer: the file's word, else the smaller of what is known of the dialect and of the model."""
    if written is not None or known is None:
        return row.max_output_tokens
    return min(known, row.max_output_tokens or known)


def with_facts(row: ModelRow) -> ModelRow:
    """The row with the limits of a well-known model where it names none."""
    fact = fact_of(row.model)
    return replace(
        row, context_window=row.context_window or fact.context_window,
        max_output_tokens=row.max_output_tokens or fact.max_output_tokens,
        images=False if row.images is None and fact.images is False else row.images)


def with_model(target: Target, model: str, learned: Any = None) -> Target:
    """The same provider with another of its models: `vision_model` for a request with images."""
    row = next((row for row in rows_of(target.provider) if row.model == model), ModelRow(model))
    return _target(target.provider, Match(row, target.warnings), target.requested, learned)


def _shown(name: str) -> str:
    """A foreign name for a message: short, on one line."""
    text = name if len(name) <= 100 else name[:99] + "…"
    return "".join(character if character.isprintable() else "?" for character in text)


# -- the list of models

def models_page(config: Config, limit: Any = None, after_id: Optional[str] = None, before_id: Optional[str] = None,
                provider: Optional[str] = None) -> Dict[str, Any]:
    """A page of the names that can be asked for: Claude names, other rows, then `anthropic/provider/model` for all.

    `limit` is the query's text or a number, 20 without one; an unknown cursor gives an empty page.
    https://docs.anthropic.com/en/api/models-list
    """
    if after_id and before_id:
        raise InvalidRequest("after_id and before_id: only one of them can be given")
    size = _limit(limit)
    models = _models(config, provider)
    ids = [model["id"] for model in models]
    first, last = 0, len(models)
    if after_id:
        first = ids.index(after_id) + 1 if after_id in ids else last
    if before_id:
        last = ids.index(before_id) if before_id in ids else 0
    page = models[max(first, last - size):last] if before_id else models[first:min(first + size, last)]
    return {"data": page, "has_more": len(page) < last - first,
            "first_id": page[0]["id"] if page else None, "last_id": page[-1]["id"] if page else None}


def _limit(written: Any) -> int:
    if written is None:
        return 20
    if not re.match(r"[0-9]{1,4}\Z", str(written)) or not 1 <= int(written) <= 1000:
        raise InvalidRequest("limit: must be a whole number from 1 to 1000")
    return int(written)


def model_info(config: Config, model_id: str, provider: Optional[str] = None) -> Dict[str, Any]:
    """One ModelInfo: of a listed name, or of one that a row or its family stands for. Raises NotFound.

    https://docs.anthropic.com/en/api/models
    """
    known = next((model for model in _models(config, provider) if model["id"] == model_id), None)
    if known is not None:
        return known
    target = targets(config, model_id, provider)[0]
    name = _split(config, model_id, provider)[1]
    if listed(target.provider, name) is None and not (is_claude_name(name) and _has_row(target)):
        raise NotFound("model: %s is not known here; GET /v1/models lists what is" % _shown(model_id))
    return _info(model_id, target)


def _models(config: Config, in_path: Optional[str]) -> List[Dict[str, Any]]:
    """Every listed ModelInfo, each checked to lead where it says."""
    default = find_provider(config, in_path) if in_path is not None else config.provider(config.default_provider)
    if default is None:
        return []
    others = [other for other in config.providers if other.usable and other is not default] if in_path is None else []
    providers = [default] + [other for other in others if other.name != DEMO]
    found: Dict[str, Dict[str, Any]] = {}
    for name, provider, model in _candidates(providers):
        target = targets(config, name, in_path)[0]
        if target.provider is provider and not target.warnings and model in (None, target.model) and _has_row(target):
            found.setdefault(name, _info(name, target))
    return list(found.values())


def _has_row(target: Target) -> bool:
    return any(row.model == target.model for row in rows_of(target.provider))


def _candidates(providers: Sequence[Provider]) -> Iterator[Tuple[str, Provider, Optional[str]]]:
    """(name, whose it should be, the model that it should mean; None: whatever it means there), Claude names first."""
    written = [(key, provider, row.model) for provider in providers for key, row in provider.models if not is_glob(key)]
    yield from (entry for entry in written if is_claude_name(entry[0]))
    if any(True for _ in rows_of(providers[0])):
        yield from ((name, providers[0], None) for name in NEWEST)
    yield from (entry for entry in written if not is_claude_name(entry[0]))
    for provider in providers:
        for row in rows_of(provider):
            yield "%s%s/%s" % (ALIAS, provider.name, row.model), provider, row.model


def _info(name: str, target: Target) -> Dict[str, Any]:
    """A ModelInfo. Without `capabilities`, which would claim what nobody has checked."""
    display = "%s (%s)" % (target.model, target.provider.name)
    display = "%s: %s" % (name, display) if name.lower().startswith("claude") else display
    info = {"type": "model", "id": name, "display_name": display,
            "created_at": _UNKNOWN_DATE, "lifecycle": "active"}
    limits = (("max_input_tokens", target.row.context_window), ("max_tokens", target.row.max_output_tokens))
    return dict(info, **{key: value for key, value in limits if value is not None})
