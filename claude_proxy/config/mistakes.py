"""Mistakes in a configuration: collected, never raised one by one, and worded so that no key is shown."""
import json
import re
from typing import Any, Callable, Dict, Iterable, List, Mapping, Optional, Tuple
from urllib.parse import urlsplit

from .interpolation import UNSET
from .shapes import mask
from .text import Path, dotted

_SECRET_NAME = re.compile(r"key|secret|token|passw|auth|cookie|credential", re.I)
_SECRET_PARENTS = ("client_keys", "headers", "body", "api_key")
_NO_SECRETS = {"max_tokens", "max_output_tokens", "api_key_file", "key_file"}
_LIKE_A_KEY = r"(?is)(sk|gsk|xai|hf|pk|key|token)[-_].{8,}|(?=.*[0-9])([\w.-]{32,}|[\w.-]*[a-z0-9]{20}[\w.-]*)\Z"
_LONGEST_SHOWN = 60                     # characters of a value in a message


class ConfigMistakes(Exception):
    """All that is wrong with a configuration.

    `mistakes` are sentences "path: what; hint"; `lines` their line numbers in the file, None where there is none.
    """

    def __init__(self, source: str, mistakes: Iterable[str], lines: Iterable[Optional[int]] = ()) -> None:
        self.source = source
        self.mistakes = list(mistakes)
        self.lines = list(lines) + [None] * len(self.mistakes)
        del self.lines[len(self.mistakes):]
        super().__init__(str(self))

    def __str__(self) -> str:
        count = "1 mistake" if len(self.mistakes) == 1 else "%d mistakes" % len(self.mistakes)
        told = ["%s: %s" % (self.source, count)]
        for text, line in zip(self.mistakes, self.lines):
            told.append("  line %d: %s" % (line, text) if line else "  " + text)
        return "\n".join(told)


class Notes:
    """What one reading of a configuration has found out."""

    def __init__(self, environ: Mapping[str, str], folder: str = "",
                 exists: Optional[Callable[[str], bool]] = None) -> None:
        self.environ = environ
        self.folder = folder            # of the file: relative paths in it start here
        self.exists = exists            # path -> bool; None where files cannot be looked at
        self.lines: Dict[Path, int] = {}
        self.variables: Dict[Path, Tuple[str, ...]] = {}  # the ${NAME}s in a value
        self.unset: Dict[Path, Tuple[str, ...]] = {}  # those of them that are missing
        self.mistakes: List[Tuple[Path, str]] = []
        self.warnings: List[str] = []
        self.origins: Dict[str, str] = {}

    def raise_mistakes(self, source: str) -> None:
        """Raise ConfigMistakes, in the order of the file, if there was any."""
        if not self.mistakes:
            return
        told = sorted(((self._line(path), text) for path, text in self.mistakes), key=lambda pair: pair[0] or 0)
        raise ConfigMistakes(source, [text for _, text in told], [line for line, _ in told])

    def _line(self, path: Path) -> Optional[int]:
        while path and path not in self.lines:
            path = path[:-1]
        return self.lines.get(path)


class Place:
    """One value's place in the file: what a check needs beside the value."""

    __slots__ = ("notes", "path")

    def __init__(self, notes: Notes, path: Path = ()) -> None:
        self.notes = notes
        self.path = path

    def child(self, name: Any) -> "Place":
        """The place of a member or item of the value here."""
        return Place(self.notes, self.path + (name,))

    @property
    def interpolated(self) -> bool:
        """The value here was written with ${NAME}."""
        return self.path in self.notes.variables

    @property
    def has_mistakes(self) -> bool:
        """A mistake was noted here, or within the value here."""
        return any(path[:len(self.path)] == self.path for path, _ in self.notes.mistakes)

    def wrong(self, what: str) -> Any:
        """Note a mistake here; gives None, which stands for the value that is not there."""
        name = dotted(self.path)
        self.notes.mistakes.append((self.path, "%s: %s" % (name, what) if name else what))
        return None

    def must_be(self, says: str, value: Any) -> Any:
        """Note that the value here is not what it must be; gives None."""
        return self.wrong("must be %s, not %s" % (says, self.shown(value)))

    def unknown(self, name: str, known: Iterable[str], elsewhere: Iterable[str] = ()) -> None:
        """Note a name that no setting has, with the nearest one that exists."""
        paths = [dotted(self.path + (other,)) for other in known]
        spot = self.child(mask(name) if re.match(_LIKE_A_KEY, name) else name)
        spot.wrong("no such setting" + did_you_mean(name, paths, elsewhere))

    def warn(self, what: str) -> None:
        """Note what is allowed, but likely not meant."""
        self.notes.warnings.append("%s: %s" % (dotted(self.path), what))

    def shown(self, value: Any) -> str:
        """The value for a message: keys and what came from the environment masked, long ones cut."""
        if isinstance(value, (dict, list)):
            return "an object" if isinstance(value, dict) else "a list"
        if isinstance(value, str):
            value = mask(value) if self._secret() or re.match(_LIKE_A_KEY, value) else _without_password(value)
            return json.dumps(_cut(value), ensure_ascii=not value.isprintable())
        return _cut(json.dumps(value))

    def _secret(self) -> bool:
        names = [part for part in self.path if isinstance(part, str)]
        if self.interpolated or any(name in _SECRET_PARENTS for name in names):
            return True
        return bool(names) and names[-1] not in _NO_SECRETS and bool(_SECRET_NAME.search(names[-1]))


def did_you_mean(name: str, known: Iterable[str], elsewhere: Iterable[str] = ()) -> str:
    """`; did you mean server.port?` for "prot", or nothing. `known` and `elsewhere` are full paths."""
    for path in elsewhere:
        if path.rsplit(".", 1)[-1] == name:
            return "; did you mean %s?" % path
    leaves = {path.rsplit(".", 1)[-1]: path for path in known}
    near = nearest(name, leaves)
    return "; did you mean %s?" % leaves[near] if near else ""


def nearest(name: str, known: Iterable[str]) -> Optional[str]:
    """The known name most like this one, None where none is."""
    import difflib                      # only those who mistype wait for it
    folded = {other.casefold(): other for other in known}
    near = difflib.get_close_matches(name.casefold(), folded, 1, 0.6)
    return folded[near[0]] if near else None


def _without_password(value: str) -> str:
    try:
        parts = urlsplit(value)
    except ValueError:                  # an address such as "http://[": nothing to find in it
        return value
    if "@" in parts.netloc:
        value = value.replace(parts.netloc, "…@" + parts.netloc.rpartition("@")[2])
    return value.partition("?")[0] + "?…" if parts.netloc and parts.query else value


def _cut(text: str) -> str:
    return text if len(text) <= _LONGEST_SHOWN else text[:_LONGEST_SHOWN - 1] + "…"


def is_set(value: Any) -> bool:
    """False for a value whose variable is missing."""
    return value is not UNSET
