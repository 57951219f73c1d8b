"""What a model's name means to one provider: its row, by name, by glob, by family.

A row counts for a name by the first of these:
    1. it is called that; its model is called that; it differs in [1m], date, -latest or dots alone
    2. its glob fits; of several the one with the most letters
    3. it is the first of the same family; it is "default"; for a Claude name, it is of the nearest family
"""
import re
from typing import Dict, Iterator, NamedTuple, Optional, Tuple

from .shapes import ModelRow, Provider

FAMILIES = ("haiku", "sonnet", "opus", "fable")             # from the smallest to the largest


class Match(NamedTuple):
    """A model of a provider, and what is to be said of the choice."""

    row: ModelRow
    warnings: Tuple[str, ...] = ()          # short codes: "family:opus"


def rows_of(provider: Provider) -> Iterator[ModelRow]:
    """All rows, "default" as the last."""
    for _, row in provider.models:
        yield row
    if provider.default_model is not None:
        yield provider.default_model


def row_named(provider: Provider, name: str) -> Optional[ModelRow]:
    """The row of exactly this name, else the row whose model has it."""
    named = row_called(provider, name)
    return named or next((row for row in rows_of(provider) if row.model.casefold() == name.casefold()), None)


def row_called(provider: Provider, name: str) -> Optional[ModelRow]:
    """The row of exactly this name; letter case matters only where two rows differ in nothing else."""
    rows = dict(provider.models)
    return rows.get(name) or next((row for key, row in rows.items() if key.casefold() == name.casefold()), None)


def listed(provider: Provider, name: str) -> Optional[Match]:
    """What the provider's rows say of the name itself, without its family."""
    plain = _plain(name)
    row = row_named(provider, name) or row_named(provider, without_context(name))
    row = row or next((row for key, row in provider.models if not is_glob(key) and _plain(key) == plain), None)
    row = row or _by_glob(provider, name) or _by_glob(provider, plain)
    return Match(row) if row is not None else None


def without_context(name: str) -> str:
    """claude-opus-5-5[1m] -> claude-opus-5-5: the client tells itself a context window there."""
    return re.sub(r"\[[0-9a-z]*\]\Z", "", name, flags=re.I)


def _plain(name: str) -> str:
    """The name without [1m], date and -latest, dots as hyphens: claude-3.5-haiku-20241022 -> claude-3-5-haiku"""
    name = re.sub(r"([-@](latest|(19|20)[0-9]{6}))+\Z", "", without_context(name).lower())
    return name.replace(".", "-")


def is_glob(key: str) -> bool:
    """The row's name stands for many."""
    return "*" in key or "?" in key


def _glob(pattern: str) -> str:
    """* and ? alone are special: [1m] is a part of names."""
    return "".join({"*": ".*", "?": "."}.get(character, re.escape(character)) for character in pattern) + r"\Z"


def _by_glob(provider: Provider, name: str) -> Optional[ModelRow]:
    fitting = [(len(re.sub(r"[*?]", "", key)), row) for key, row in provider.models
               if is_glob(key) and re.match(_glob(key), name, re.I | re.S)]
    return max(fitting, key=lambda pair: pair[0])[1] if fitting else None


def family_of(name: str) -> Optional[str]:
    """The family word in a name: claude-3-5-haiku -> haiku. None where there is none."""
    found = re.search(r"(?<![a-z])(%s)(?![a-z])" % "|".join(FAMILIES), name.lower())
    return found.group(1) if found else None


def is_claude_name(name: str) -> bool:
    """Anthropic would know what to do with it; another provider would not."""
    return name.lower().startswith("claude") or family_of(name) is not None


def unlisted(provider: Provider, name: str, explicit: bool) -> Optional[Match]:
    """A match for a name that no row lists: by family, by "default", by the nearest family, or as it is.

    None where a Claude name, or no name at all, meets a provider without a row. `explicit`: the name said its provider.
    """
    claude = is_claude_name(name)
    itself = Match(ModelRow(without_context(name)))
    if explicit and name and not claude:
        return itself
    families = _families(provider)
    family = family_of(name)
    if family in families:
        return Match(families[family])
    if provider.default_model is not None:
        return Match(provider.default_model)
    if families and (claude or not name):
        near = min(families, key=lambda other: _distance(other, family))
        return Match(families[near], ("family:%s" % near,))
    if not name or (name.lower().startswith("claude") and not provider.models):
        return None
    return itself


def _families(provider: Provider) -> Dict[str, ModelRow]:
    """Family word -> the first row that has it in its name."""
    found: Dict[str, ModelRow] = {}
    for key, row in provider.models:
        family = family_of(key.replace("*", "-"))
        if family is not None:
            found.setdefault(family, row)
    return found


def _distance(family: str, wanted: Optional[str]) -> Tuple[int, int]:
    """How far two families are apart; of two that are equally near the larger comes first."""
    rank = FAMILIES.index(family)
    return abs(rank - FAMILIES.index(wanted or "sonnet")), -rank
