"""`${NAME}` and `${NAME:-default}` in parsed strings, so that a quote in a secret cannot break the JSON.

`$${` stands for `${`. As in a shell, the default is taken where the variable is missing or empty.
"""
import re
from typing import Any, Dict, List, Mapping, NamedTuple, Tuple

from .text import Path

_REFERENCE = re.compile(r"\$\$\{|\$\{(?:([A-Za-z_][A-Za-z0-9_]*)(?::-([^}]*))?\})?")


class _Unset:
    """Stands for a string whose variable is missing."""

    def __repr__(self) -> str:
        return "UNSET"


UNSET = _Unset()


class Interpolated(NamedTuple):
    """A tree with its variables filled in."""

    value: Any
    variables: Dict[Path, Tuple[str, ...]]      # the names that a string refers to
    unset: Dict[Path, Tuple[str, ...]]          # those of them that are missing; the value there is UNSET
    malformed: List[Path]                       # where a ${ begins nothing


def interpolate(tree: Any, environ: Mapping[str, str]) -> Interpolated:
    """Fill in the variables of every string of a parsed tree."""
    found = Interpolated(None, {}, {}, [])
    return found._replace(value=_filled(tree, (), environ, found))


def _filled(value: Any, path: Path, environ: Mapping[str, str], found: Interpolated) -> Any:
    if isinstance(value, dict):
        return {name: _filled(item, path + (name,), environ, found) for name, item in value.items()}
    if isinstance(value, list):
        return [_filled(item, path + (index,), environ, found) for index, item in enumerate(value)]
    if isinstance(value, str) and "${" in value:
        return _string(value, path, environ, found)
    return value


def _string(value: str, path: Path, environ: Mapping[str, str], found: Interpolated) -> Any:
    names: List[str] = []
    missing: List[str] = []

    def replaced(match: Any) -> str:
        name, default = match.group(1), match.group(2)
        if match.group() == "$${":
            return "${"
        if name is None:
            found.malformed.append(path)
            return ""
        names.append(name)
        if not environ.get(name) and default is None:
            missing.append(name)
        return environ.get(name) or default or ""

    text = _REFERENCE.sub(replaced, value)
    if names:
        found.variables[path] = tuple(names)
    if missing:
        found.unset[path] = tuple(missing)
        return UNSET
    return text
