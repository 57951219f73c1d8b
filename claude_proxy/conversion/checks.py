"""The small checks that shapes.py is made of: a value and its path in, nothing or InvalidRequest out.

The words are those of the real API, which are pydantic's: "<path>: Field required". Clients read them.
A path is a pair (the path of what holds it, its name or index): only an error writes it out, as "messages.0.content".
"""
from typing import Any, Callable, Dict, Tuple, Union

from ..errors import InvalidRequest

Path = Union[str, Tuple[Any, Any]]
Check = Callable[[Any, Path], None]


def refuse(path: Path, why: str, **more: Any) -> InvalidRequest:
    """The error for one field."""
    return InvalidRequest("%s: %s" % (written(path), why), **more)


def written(path: Path) -> str:
    """(("messages", 0), "content") -> "messages.0.content" """
    names = []
    while isinstance(path, tuple):
        path, name = path
        names.append(str(name))
    return ".".join([path] + names[::-1])


def string(value: Any, path: Path) -> None:
    """A string, empty or not."""
    if not isinstance(value, str):
        raise refuse(path, "Input should be a valid string")


def filled(value: Any, path: Path) -> None:
    """A string of at least one character."""
    string(value, path)
    if not value:
        raise refuse(path, "String should have at least 1 character")


def boolean(value: Any, path: Path) -> None:
    """true or false; nothing that stands for them."""
    if not isinstance(value, bool):
        raise refuse(path, "Input should be a valid boolean")


def integer(value: Any, path: Path) -> None:
    """A whole number; true and false are none."""
    if isinstance(value, bool) or not isinstance(value, int):
        raise refuse(path, "Input should be a valid integer")


def number(value: Any, path: Path) -> None:
    """A number; true and false are none."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise refuse(path, "Input should be a valid number")


def mapping(value: Any, path: Path) -> None:
    """A JSON object."""
    if not isinstance(value, dict):
        raise refuse(path, "Input should be an object")


def array(value: Any, path: Path) -> None:
    """A JSON array."""
    if not isinstance(value, list):
        raise refuse(path, "Input should be a valid list")


def one_of(*words: str) -> Check:
    """A check for one of some words."""
    def check(value: Any, path: Path) -> None:
        if value not in words:
            raise refuse(path, "Input should be %s" % listed(words))
    return check


def optional(check: Check) -> Check:
    """The same check, where null stands for absent."""
    def check_unless_null(value: Any, path: Path) -> None:
        if value is not None:
            check(value, path)
    return check_unless_null


def between(low: float, high: float) -> Check:
    """A check for a number from `low` to `high`, both included."""
    def check(value: Any, path: Path) -> None:
        number(value, path)
        if value < low:
            raise refuse(path, "Input should be greater than or equal to %g" % low)
        if value > high:
            raise refuse(path, "Input should be less than or equal to %g" % high)
    return check


def fields(value: Dict[str, Any], path: Path, required: Dict[str, Check], known: Dict[str, Check]) -> None:
    """Each required field is there and right, each known one is right where it is there; others are nobody's affair."""
    for name, check in required.items():
        if name not in value:
            raise refuse((path, name), "Field required")
        if check is not string or value[name].__class__ is not str:     # mostly it is one: no call then
            check(value[name], (path, name))
    for name, check in known.items():
        if name in value:
            check(value[name], (path, name))


def listed(words: Any) -> str:
    """'user', 'assistant' or 'system'"""
    quoted = ["'%s'" % word for word in words]
    return quoted[0] if len(quoted) == 1 else "%s or %s" % (", ".join(quoted[:-1]), quoted[-1])
