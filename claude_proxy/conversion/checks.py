"""The small checks that shapes.py is made of: a value and its path in, nothing or InvalidRequest out.

The words are those of the real API, which are pydantic's: "<path>: Field required". Clients read them.
"""
from typing import Any, Callable, Dict

from ..errors import InvalidRequest

Check = Callable[[Any, str], None]


def refuse(path: str, why: str, **more: Any) -> InvalidRequest:
    """The error for one field."""
    return InvalidRequest("%s: %s" % (path, why), **more)


def string(value: Any, path: str) -> None:
    """A string, empty or not."""
    if not isinstance(value, str):
        raise refuse(path, "Input should be a valid string")


def filled(value: Any, path: str) -> None:
    """A string of at least one character."""
    string(value, path)
    if not value:
        raise refuse(path, "String should have at least 1 character")


def boolean(value: Any, path: str) -> None:
    """true or false; nothing that stands for them."""
    if not isinstance(value, bool):
        raise refuse(path, "Input should be a valid boolean")


def integer(value: Any, path: str) -> None:
    """A whole number; true and false are none."""
    if isinstance(value, bool) or not isinstance(value, int):
        raise refuse(path, "Input should be a valid integer")


def number(value: Any, path: str) -> None:
    """A number; true and false are none."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise refuse(path, "Input should be a valid number")


def mapping(value: Any, path: str) -> None:
    """A JSON object."""
    if not isinstance(value, dict):
        raise refuse(path, "Input should be an object")


def array(value: Any, path: str) -> None:
    """A JSON array."""
    if not isinstance(value, list):
        raise refuse(path, "Input should be a valid list")


def one_of(*words: str) -> Check:
    """A check for one of some words."""
    def check(value: Any, path: str) -> None:
        if value not in words:
            raise refuse(path, "Input should be %s" % listed(words))
    return check


def optional(check: Check) -> Check:
    """The same check, where null stands for absent."""
    def check_unless_null(value: Any, path: str) -> None:
        if value is not None:
            check(value, path)
    return check_unless_null


def between(low: float, high: float) -> Check:
    """A check for a number from `low` to `high`, both included."""
    def check(value: Any, path: str) -> None:
        number(value, path)
        if value < low:
            raise refuse(path, "Input should be greater than or equal to %g" % low)
        if value > high:
            raise refuse(path, "Input should be less than or equal to %g" % high)
    return check


def fields(value: Dict[str, Any], path: str, required: Dict[str, Check], known: Dict[str, Check]) -> None:
    """Each required field is there and right, each known one is right where it is there; others are nobody's affair."""
    for name, check in required.items():
        if name not in value:
            raise refuse("%s.%s" % (path, name), "Field required")
        check(value[name], "%s.%s" % (path, name))
    for name, check in known.items():
        if name in value:
            check(value[name], "%s.%s" % (path, name))


def listed(words: Any) -> str:
    """'user', 'assistant' or 'system'"""
    quoted = ["'%s'" % word for word in words]
    return quoted[0] if len(quoted) == 1 else "%s or %s" % (", ".join(quoted[:-1]), quoted[-1])
