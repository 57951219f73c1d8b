"""Which keys a provider has, which it lacks, and what to tell a person who must give it one.

A key that is missing is no mistake: the provider is listed as without one. A key that cannot be sent is one.
"""
import re
from typing import Any, Dict, List, Mapping, NamedTuple, Optional, Tuple

from ..providers.catalogue import Entry
from .mistakes import Place, is_set
from .shapes import KeySource, Secret
from .text import dotted

_WRAPPED = re.compile(r"<.*>|\[.*\]|\{.*\}|%.*%|(sk-|gsk_)?[x.*…_-]+", re.I | re.S)
_STAND_INS = {"changeme", "change me", "replaceme", "replace me", "placeholder", "todo", "none", "null", "key",
              "apikey", "api key", "my api key", "insert key", "insert api key"}
_NO_KEY = ("", "none", "null")          # what is written for a server that takes none
_IDEOGRAPHS = "\u2e80"                  # from here on: 你的密钥
_SENDABLE = re.compile(r"[\x21-\x7e]+\Z")


class Keys(NamedTuple):
    """A provider's keys, as far as the configuration tells."""

    sources: Tuple[KeySource, ...]
    hint: str                           # "set DEEPSEEK_API_KEY, or providers.deepseek.api_key"
    needed: bool


def is_placeholder(key: str) -> bool:
    """`sk-your-…`, `your_key_here` and their like: text that stands where a key is to be filled in."""
    words = re.findall(r"[a-z0-9]+", key.lower())
    return (not key.strip() or "your" in words or words[-1:] == ["here"] or " ".join(words) in _STAND_INS
            or bool(_WRAPPED.fullmatch(key.strip())) or any(character >= _IDEOGRAPHS for character in key))


def keys_of(place: Place, row: Dict[str, Any], entry: Optional[Entry]) -> Keys:
    """The keys of the provider at `place`.

    `entry` is its row of the catalogue, if it is asked at an address of that row: a key from the environment
    goes nowhere else.
    """
    sources = _written(place.child("api_key"), row["api_key"])
    if row["api_key_file"]:
        sources += _file(place.child("api_key_file"), row["api_key_file"])
    if row["api_key_command"]:
        sources.append(KeySource("command", row["api_key_command"], dotted(place.path + ("api_key_command",))))
    if not sources and entry is not None:
        sources = _from_environment(place.child("api_key"), entry, place.notes.environ)
    return Keys(tuple(sources), _hint(place, row, entry), _needed(place, row, entry))


def _written(place: Place, found: Any) -> List[KeySource]:
    keys = []
    for spot, value in found or ():
        if not is_set(value) or is_placeholder(value):
            continue
        names = place.notes.variables.get(spot.path) or place.notes.variables.get(place.path)
        origin = " ".join(names) if names else dotted(spot.path)
        keys += _literal(spot, value, origin)
    return keys


def _literal(place: Place, value: str, origin: str) -> List[KeySource]:
    key = value.strip(" \t")
    if not _SENDABLE.match(key):
        what = "a line break" if "\n" in key or "\r" in key else "a space or a character that no header can carry"
        place.wrong("the key%s holds %s" % ("" if origin == dotted(place.path) else " from " + origin, what))
        return []
    return [KeySource("literal", Secret(key), origin)]


def _file(place: Place, path: str) -> List[KeySource]:
    if place.notes.exists is not None and not place.notes.exists(path):
        return []
    return [KeySource("file", path, dotted(place.path))]


def variables_of(entry: Entry) -> Tuple[str, ...]:
    """The environment variables in which a catalogue provider's key is looked for."""
    return tuple(name for name in (entry.key_variable,) + tuple(entry.key_variables) if name)


def _from_environment(place: Place, entry: Entry, environ: Mapping[str, str]) -> List[KeySource]:
    for name in variables_of(entry):
        value = environ.get(name, "")
        if not is_placeholder(value):
            place.notes.origins[dotted(place.path)] = "environment"
            return _literal(place, value, name)
    return []


def _hint(place: Place, row: Dict[str, Any], entry: Optional[Entry]) -> str:
    """What to set, in the place where the key comes from: also what mends a key that is refused."""
    where = "providers.%s" % place.path[-1]
    if row["api_key_file"]:
        return "put it into %s, which %s.api_key_file names" % (row["api_key_file"], where)
    if row["api_key_command"] and not row["api_key"]:
        return "look at what the command of %s.api_key_command prints" % where
    spots = (place.path + ("api_key",), place.path + ("api_key_file",))
    names = [name for spot, found in sorted(place.notes.variables.items(), key=str) if spot[:3] in spots
             for name in found]
    literal = any(is_set(value) and not is_placeholder(value) for _, value in row["api_key"] or ())
    if not names and not literal and entry is not None and entry.key_variable:
        names = [entry.key_variable]
    path = dotted(place.path + ("api_key",))
    hint = "set %s%s, or %s" % (names[0], _now(names[0], place.notes.environ), path) if names else "set %s" % path
    return hint + (" (a key: %s)" % entry.key_url if entry is not None and entry.key_url else "")


def _now(name: str, environ: Mapping[str, str]) -> str:
    """A word on what a variable holds that holds no key."""
    value = environ.get(name)
    return " to a key (it holds a placeholder)" if value and is_placeholder(value) else ""


def _needed(place: Place, row: Dict[str, Any], entry: Optional[Entry]) -> bool:
    """A catalogue provider that is not local needs one; any other where the file speaks of one that is not empty."""
    if any(spot[:2] == place.path and spot[2:3] in (("api_key",), ("api_key_file",)) for spot in place.notes.unset):
        return True
    if row["api_key_file"] or row["api_key_command"]:
        return True
    if any(is_set(value) and value.strip().lower() not in _NO_KEY for _, value in row["api_key"] or ()):
        return True
    return entry is not None and bool(entry.key_variable) and not entry.local
