"""What a setting may be: each Check says it in words, and turns the JSON value into ours or notes a mistake.

The words serve three ends: the message of a mistake, the help of the command line, the table in the README.
"""
import re
from typing import Any, Callable, Dict, Iterable, Optional, Tuple
from urllib.parse import urlsplit

from ..providers.records import dataclass
from .mistakes import Place, is_set, nearest
from .text import dotted

_HEADER_NAME = r"[A-Za-z0-9!#$%&'*+.^_`|~-]+\Z"
_FRAMING = ("host", "content-length", "transfer-encoding", "connection")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")
_ABSOLUTE = re.compile(r"[/\\]|[A-Za-z]:[/\\]")


@dataclass(frozen=True)
class Check:
    """`says` completes "must be ..."; read(place, value) gives the value that the program works with."""

    says: str
    read: Callable[[Place, Any], Any]   # None where it has noted a mistake


@dataclass(frozen=True)
class Setting:
    """One row: a name in the file, what it may be, what it is when it is not there, and what it is for."""

    name: str
    check: Check
    default: Any
    help: str


def _that(says: str, holds: Callable[[Any], bool], into: Callable[[Any], Any] = lambda value: value) -> Check:
    def read(place: Place, value: Any) -> Any:
        return into(value) if holds(value) else place.must_be(says, value)
    return Check(says, read)


def integer(low: int, high: int) -> Check:
    """A whole number; text from the environment (`"${PORT}"`) is one as well."""
    says = "a whole number from %d to %d" % (low, high)

    def read(place: Place, value: Any) -> Any:
        if isinstance(value, str) and place.interpolated and re.match(r"[0-9]{1,15}\Z", value):
            value = int(value)
        fits = isinstance(value, int) and not isinstance(value, bool) and low <= value <= high
        return value if fits else place.must_be(says, value)
    return Check(says, read)


def number(low: float, high: float, what: str = "a number") -> Check:
    """A finite number; text from the environment is one as well."""
    says = "%s from %g to %g" % (what, low, high)

    def read(place: Place, value: Any) -> Any:
        if isinstance(value, str) and place.interpolated and re.match(r"[0-9]{1,9}(\.[0-9]{1,9})?\Z", value):
            value = float(value)
        fits = isinstance(value, (int, float)) and not isinstance(value, bool) and low <= value <= high
        return value if fits else place.must_be(says, value)
    return Check(says, read)


def seconds(low: float = 0.01, high: float = 86400) -> Check:
    """A duration."""
    return number(low, high, "a number of seconds")


def one_of(*words: str) -> Check:
    """One of a few words."""
    says = " or ".join('"%s"' % word for word in words)

    def read(place: Place, value: Any) -> Any:
        if isinstance(value, str) and value in words:
            return value
        near = nearest(value, words) if isinstance(value, str) else None
        return place.must_be(says, value) if near is None else place.wrong(
            "must be %s, not %s; did you mean \"%s\"?" % (says, place.shown(value), near))
    return Check(says, read)


def _truth(place: Place, value: Any) -> Any:
    if isinstance(value, str) and place.interpolated and value in ("true", "false"):
        value = value == "true"
    return value if isinstance(value, bool) else place.must_be("true or false", value)


def _is_line(value: Any) -> bool:
    return isinstance(value, str) and bool(value.strip()) and not _CONTROL.search(value)


boolean = Check("true or false", _truth)
line = _that("text", _is_line, str.strip)
anything = _that("any JSON value", lambda value: True)


def optional(check: Check) -> Check:
    """null is allowed, and stays None."""
    return Check(check.says + ", or null",
                 lambda place, value: None if value is None else check.read(place, value))


def list_of(check: Check) -> Check:
    """A list; it becomes a tuple. A single value stands for a list of one."""
    says = "a list, each item " + check.says

    def read(place: Place, value: Any) -> Tuple[Any, ...]:
        if isinstance(value, str):
            return tuple(item for item in (check.read(place, value),) if item is not None)
        if not isinstance(value, list):
            return place.must_be(says, value) or ()
        items = [check.read(place.child(index), item) for index, item in enumerate(value) if is_set(item)]
        return tuple(item for item in items if item is not None)
    return Check(says, read)


def mapping_of(check: Check, says: str) -> Check:
    """An object whose names are free."""
    def read(place: Place, value: Any) -> Dict[str, Any]:
        if not isinstance(value, dict):
            return place.must_be(says, value) or {}
        return {name: check.read(place.child(name), item) for name, item in value.items() if is_set(item)}
    return Check(says, read)


def group(rows: Tuple[Setting, ...], says: str = "an object", elsewhere: Iterable[str] = ()) -> Check:
    """An object whose names are settings; it becomes a dict with every default filled in."""
    def read(place: Place, value: Any) -> Dict[str, Any]:
        if not isinstance(value, dict):
            place.must_be(says, value)
            value = {}
        known = {row.name for row in rows}
        for name in value:
            if name not in known:
                place.unknown(name, known, elsewhere)
        return {row.name: _read_row(place.child(row.name), row, value) for row in rows}
    return Check(says, read)


def _read_row(place: Place, row: Setting, value: Dict[str, Any]) -> Any:
    """A row's value from the object it stands in. Where it is wrong, its default: the mistake is noted."""
    written = value.get(row.name, row.default)
    if row.name not in value or not is_set(written):
        place.notes.origins[dotted(place.path)] = "default"
        return row.check.read(place, {}) if row.default == {} else row.default      # a group fills in its own defaults
    place.notes.origins[dotted(place.path)] = "environment" if place.interpolated else "file"
    read = row.check.read(place, written)
    return row.default if read is None and written is not None else read


# -- addresses and paths

def _address(place: Place, value: Any) -> Any:
    return value.strip().strip("[]") if _is_line(value) else place.must_be("text", value)


address = Check("text", _address)           # what a listener binds to: IPv6 addresses with or without brackets


def _url(place: Place, value: Any) -> Optional[str]:
    """An http or https address without a slash at its end."""
    if not _is_line(value):
        return place.must_be(URL_SAYS, value)
    try:
        parts = urlsplit(value.strip())
        host, port = parts.hostname, parts.port
    except ValueError as error:
        return place.wrong("%s is no address: %s" % (place.shown(value), error))
    wrong = _url_fault(parts, host, port)
    if wrong is not None:
        return place.wrong("must be %s, not %s%s" % (URL_SAYS, place.shown(value), wrong))
    return value.strip().rstrip("/?#")


def _url_fault(parts: Any, host: Optional[str], port: Optional[int]) -> Optional[str]:
    """What to add to the message about an address; None where there is nothing wrong with it."""
    if parts.scheme not in ("http", "https"):
        bare = not parts.netloc and parts.scheme not in ("file", "ftp", "data", "ws", "wss")
        return "; did it lose its https:// ?" if bare else ""
    if not host or re.search(r"[\s\\]", parts.netloc + parts.path):
        return "; it names no host" if not host else "; it holds a space or a backslash"
    if "@" in parts.netloc:
        return '; name and password belong into "headers"'
    if parts.query or parts.fragment or port == 0:
        return '; it must end with its path (a query belongs into "quirks": {"query": ...})'
    return None


URL_SAYS = "an http or https address"
url = Check(URL_SAYS, _url)


def _proxy(place: Place, value: Any) -> Optional[str]:
    if value == "":
        return ""
    if _is_line(value) and re.match(r"http://[^/\s]+/?\Z", value):
        return value
    return place.must_be('an address http://[user:password@]host:port, or "" for none', value)


proxy = Check('an address http://[user:password@]host:port, or "" for none', _proxy)


def file_path(needed: bool) -> Check:
    """The path of a file: `~/` is the home folder, a relative one starts at the configuration's folder."""
    def read(place: Place, value: Any) -> Optional[str]:
        if not _is_line(value):
            return place.must_be("the path of a file", value)
        path = _full_path(place, value.strip())
        if needed and place.notes.exists is not None and not place.notes.exists(path):
            return place.wrong("there is no file %s" % place.shown(path))
        return path
    return Check("the path of a file", read)


def _full_path(place: Place, value: str) -> str:
    environ = place.notes.environ
    home = environ.get("HOME") or environ.get("USERPROFILE") or ""
    if value.startswith(("~/", "~\\")) and home:
        return home.rstrip("/\\") + value[1:]
    if _ABSOLUTE.match(value) or not place.notes.folder:
        return value
    return place.notes.folder + "/" + value


def _host_name(place: Place, value: Any) -> Optional[str]:
    """A name as in the Host header, without its port."""
    if not _is_line(value) or re.search(r"[/@\s,*]|://", value):
        return place.must_be("a host name", value)
    name = value.strip().lower()
    bare = re.match(r"(\[[0-9a-f:.]+\]|[^:]+)(:[0-9]+)?\Z", name)
    return bare.group(1) if bare else (name if ":" in name else place.must_be("a host name", value))


host_name = Check("a host name", _host_name)


def _origin(place: Place, value: Any) -> Optional[str]:
    if value == "*":
        return place.wrong('"*" would let every web page spend your money; list the origins that may')
    if _is_line(value) and re.match(r"(https?|[a-z][a-z0-9+.-]*)://[^/\s*@]+/?\Z", value.strip()):
        return value.strip().rstrip("/").lower()
    return place.must_be("an origin such as https://app.example", value)


origin = Check("an origin such as https://app.example", _origin)


def _header_values(place: Place, value: Any) -> Dict[str, str]:
    """Extra headers: names are tokens, values one line; those that frame a request are ours."""
    if not isinstance(value, dict):
        return place.must_be("an object of texts", value) or {}
    headers = {}
    for name, item in value.items():
        spot = place.child(name)
        if not re.match(_HEADER_NAME, name) or name.lower() in _FRAMING:
            spot.wrong("is no header that can be set")
        elif is_set(item) and (not isinstance(item, str) or _CONTROL.search(item) or not _is_latin(item)):
            spot.must_be("one line of text", item)
        elif is_set(item):
            headers[name] = item.strip()
    return headers


def _is_latin(value: str) -> bool:
    return all(ord(character) < 256 for character in value)


headers = Check("an object of texts", _header_values)


def no_such(place: Place, name: str, what: str, known: Iterable[str]) -> Any:
    """Note a value that should be one of a list of names, a provider or a dialect; gives None."""
    known = tuple(known)
    near = nearest(name, known)
    hint = "did you mean %s?" % near if near else "there are: %s" % (", ".join(known) or "none")
    return place.wrong("%s: no such %s; %s" % (place.shown(name), what, hint))
