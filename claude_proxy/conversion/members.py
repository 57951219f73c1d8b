"""JSON objects whose members are read one by one, so that it is known where in the text each value stands.

The standard library reads the values. What is not written as nearly everybody writes it raises ValueError:
json.JSONDecoder then reads the whole, or says what is wrong with it.
"""
import re
from typing import Any, Callable, Dict, NamedTuple, Tuple

MANY = 200                          # members; for more of them the way through Python is too long
OPEN = re.compile(r"[ \t\r\n]*\{").match
MEMBER = re.compile(r'[ \t\r\n]*"([^"\\\x00-\x1f]*)"[ \t\r\n]*:[ \t\r\n]*').match
NEXT = re.compile(r"[ \t\r\n]*([,}\]])[ \t\r\n]*").match

Read = Callable[[str, int], Tuple[Any, int]]        # (text, start) -> (value, end)


class Member(NamedTuple):
    """A value, and its slice of the text."""

    value: Any
    start: int
    end: int


def members(text: str, at: int, read: Read, special: Dict[str, Read]) -> Tuple[Dict[str, Member], int]:
    """The members of the object at `at`, and where it ends; of equal names the last. `special`: name -> its reader."""
    found: Dict[str, Member] = {}
    match = OPEN(text, at)
    for _ in range(MANY):
        match = match and MEMBER(text, match.end())
        if match is None:
            break
        name, start = match.group(1), match.end()
        value, end = special.get(name, read)(text, start)
        found[name] = Member(value, start, end)
        match = NEXT(text, end)
        if match is None or match.group(1) == "]":
            break
        if match.group(1) == "}":
            return found, match.end()
    raise ValueError("no object, or one that is written in an unusual way")
