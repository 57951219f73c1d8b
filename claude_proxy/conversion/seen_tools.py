"""Tools that were seen before: known again by the hash of their text, and not read a second time.

A client sends the same tools with each request of a session, and half of a request is tools. Of a list that becomes
functions by another frame around its pieces, it is remembered where these stand: numbers, and not one word of it.

    tools = seen.at(text, start)                # Tools, where a known list begins there, and where it ends
    tools = seen.learn(text[start:end], value)  # Tools for a list that has just been read, where it is that plain
"""
import json
import re
from typing import Any, Dict, FrozenSet, Iterator, List, Optional, Tuple

from ..errors import InvalidRequest
from .clients import ANY_CLIENT
from .members import NEXT, Member, members
from .scope import Scope
from .tool_text import Layout, Place, Tools

MOST = 64                           # lists that are remembered
AFTER = (",", "}", " ", "\n", "\r", "\t")
WORTH, TOO_MUCH = 2000, 1 << 20     # characters; reading fewer takes no time, looking at more takes too long
FEW = 4                             # of so many bytes one at most may be spare
CHANGING = ("defer_loading", "strict", "input_examples")       # what they come to is decided for each client or target
dumps = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode
DIALECT_KEY = re.compile(r'\{[ \t\r\n]*"\$schema"[ \t\r\n]*:[ \t\r\n]*"[^"\\]*"[ \t\r\n]*,').match


class SeenTools:
    """Which lists of tools have been seen. Every method may be called from every thread."""

    def __init__(self) -> None:
        self._layouts: Dict[Tuple[int, int], Optional[Layout]] = {}     # by length and hash; None: more than a frame
        self._lengths: FrozenSet[int] = frozenset()

    def at(self, text: str, start: int) -> Optional[Tuple[Tools, int]]:
        """The known list that begins at `start`, and its end."""
        for length in self._lengths:
            end = start + length
            if text[end - 1:end] == "]" and text[end:end + 1] in AFTER:
                piece = text[start:end]
                layout = self._layouts.get((length, hash(piece)))       # keyed with a number that only this process has
                if layout is not None:
                    return Tools(piece, layout), end
        return None

    def learn(self, text: str, tools: Any) -> Optional[Tools]:
        """Remember a list, as it was read -> the same as Tools; None where it is none, or more than a frame is needed.

        The text holds no half of a character, and is nested no deeper than is allowed.
        """
        if not WORTH <= len(text) <= TOO_MUCH or not isinstance(tools, list):
            return None
        key = len(text), hash(text)
        layouts = self._layouts
        if key not in layouts:
            recent = list(layouts.items())[1 - MOST:]
            self._layouts = layouts = dict(recent + [(key, layout_of(text, tools))])
            self._lengths = frozenset(length for (length, _), layout in layouts.items() if layout)
        layout = layouts[key]
        return Tools(text, layout) if layout is not None else None


def layout_of(text: str, tools: List[Dict[str, Any]]) -> Optional[Layout]:
    """Where the pieces stand, if another frame around them is all that the tools need: it is tried."""
    from . import shapes                            # not loaded before there are tools
    from .tools import tool_params
    try:
        shapes.tools(tools, "tools")
        if any(tool.get(name) for tool in tools for name in CHANGING):
            return None
        layout = Layout(tuple(_places(text)))
        functions = tool_params({"tools": tools, "messages": []}, Scope(), ANY_CLIENT).params.get("tools")
        made = Tools(text, layout)
        same = made.functions().listed() == functions and made.names() == [tool["name"] for tool in tools]
    except (InvalidRequest, ValueError, KeyError):
        return None
    size = len(dumps(functions).encode("utf-8"))
    layout.spare = len(made.functions().text.encode("utf-8")) - size
    return layout if same and layout.spare * FEW < size else None


def _places(text: str) -> Iterator[Place]:
    """The place of each tool in the text of a list."""
    at, separator = 1, ","
    while separator == ",":
        tool, at = members(text, at, UNIQUE.raw_decode, {})
        said = tool.get("description")
        yield Place(slice(*tool["name"][1:]), slice(*said[1:]) if said and said.value else None,
                    _inside(text, tool["input_schema"]))
        match = NEXT(text, at)
        separator, at = (match.group(1), match.end()) if match else ("", at)


def _inside(text: str, schema: Member) -> slice:
    match = DIALECT_KEY(text, schema.start)
    return slice(match.end() if match else schema.start + 1, schema.end - 1)


def _without_doubles(pairs: List[Tuple[str, Any]]) -> Dict[str, Any]:
    """Of two equal names the last one counts; the text has both."""
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a name stands twice in an object")
    return found


UNIQUE = json.JSONDecoder(object_pairs_hook=_without_doubles)
