"""Tools that go on as the client has written them: a piece of a request's text, read only when somebody looks.

    Tools       stands in a Messages request for the list in `tools`
    Functions   stands in a Chat Completions request for the list that it becomes
    written()   the bytes of such a request

json refuses both, so that neither can be lost in silence. Where they come from: seen_tools.py.
"""
import json
from collections.abc import Mapping, Sequence
from typing import Any, Callable, Dict, FrozenSet, Iterator, List, NamedTuple, Optional, Tuple

from ..providers.dialects import Dialect
from .schema import is_fine

FUNCTION = '{"type":"function","function":{"name":%s%s,"parameters":{%s}}}'


class Place(NamedTuple):
    """Where in the text of `tools` the pieces of one tool stand; no description: None."""

    name: slice
    description: Optional[slice]
    inside: slice                   # of its schema, without the braces and what a function does not take


class Layout:
    """What is known of a list of tools without a word of it."""

    def __init__(self, places: Tuple[Place, ...]) -> None:
        self.places = places
        self.spare = 0                  # bytes of their functions that json would not have written
        self.fits: Dict[FrozenSet[str], bool] = {}      # keywords that a dialect refuses -> none of them is there


class Tools(Sequence):
    """The tools of a request, by their text."""

    def __init__(self, text: str, layout: Layout) -> None:
        self._text, self._layout = text, layout
        self._list: Optional[List[Dict[str, Any]]] = None

    def __len__(self) -> int:
        return len(self._layout.places)

    def __getitem__(self, index: Any) -> Any:
        if self._list is None:
            self._list = json.loads(self._text)
        return self._list[index]

    def names(self) -> List[str]:
        """All of them, in their order."""
        return [self._text[place.name][1:-1] for place in self._layout.places]

    def fit(self, dialect: Dialect) -> bool:
        """Whether they need no change for a dialect."""
        if dialect.schema_style or "tools" in dialect.drop_params:
            return False
        keys = frozenset(dialect.drop_schema_keys)
        if keys not in self._layout.fits:
            functions = self.functions().listed()
            self._layout.fits[keys] = all(is_fine(made["function"]["parameters"], keys) for made in functions)
        return self._layout.fits[keys]

    def functions(self) -> "Functions":
        """The same as functions."""
        text = self._text
        return Functions("[%s]" % ",".join([FUNCTION % (
            text[name], ',"description":' + text[description] if description else "", text[inside])
            for name, description, inside in self._layout.places]), self._layout.spare)


class Functions:
    """The text of `tools` of a Chat Completions request."""

    def __init__(self, text: str, spare: int = 0) -> None:
        self.text, self.spare = text, spare

    def listed(self) -> List[Dict[str, Any]]:
        """What it says."""
        return json.loads(self.text)


class Schemas(Mapping):
    """name -> parameters: hardly ever asked for, and not read before."""

    def __init__(self, names: List[str], functions: Functions) -> None:
        self._names, self._functions = names, functions
        self._read: Optional[Dict[str, Any]] = None

    def __getitem__(self, name: str) -> Any:
        if self._read is None:
            listed = [made["function"] for made in self._functions.listed()]
            self._read = {function["name"]: function["parameters"] for function in listed}
        return self._read[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)


def written(chat: Dict[str, Any], dumps: Callable[[Any], str]) -> bytes:
    """The bytes of a Chat Completions request; `dumps` writes JSON, without spaces."""
    functions = chat.get("tools")
    if not isinstance(functions, Functions):
        return dumps(chat).encode("utf-8", "replace")
    names = list(chat)
    at = names.index("tools")
    before = dumps({name: chat[name] for name in names[:at]})[:-1] + ("," if at else "")
    after = dumps({name: chat[name] for name in names[at + 1:]}).encode("utf-8", "replace")
    pieces = [before.encode("utf-8", "replace"), b'"tools":', functions.text.encode("utf-8"),
              b"," if after != b"{}" else b"", memoryview(after)[1:]]
    return b"".join(pieces)


def spare_bytes(chat: Dict[str, Any]) -> int:
    """How many bytes of a request are the client's way of writing: estimates of tokens are without them."""
    functions = chat.get("tools")
    return functions.spare if isinstance(functions, Functions) else 0


def with_lists(chat: Dict[str, Any]) -> Dict[str, Any]:
    """The same request with all its lists."""
    functions = chat.get("tools")
    return dict(chat, tools=functions.listed()) if isinstance(functions, Functions) else chat
