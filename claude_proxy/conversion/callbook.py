"""Which call a piece of `tool_calls` belongs to: providers number, name and repeat them in every way.

    piece    {"index", "id", "type", "function": {"name", "arguments"}}     any of them missing, null, "" or repeated
             {"index", "id", "type": "custom", "custom": {"name", "input"}}
             https://platform.openai.com/docs/api-reference/chat-streaming

The index is the call's key, but not where a new id and a name come with an old index, nor where there is none: then the
id tells, then a name (a new call), else the place in the list. Empty ids and names say nothing, repeated ones nothing
new, unless the call is whole and another name or another object follows: some number all their calls alike.
"""
from typing import Any, Collection, Dict, List, Mapping, Optional, Sequence, Tuple

from ..errors import UpstreamFailed
from .arguments import Arguments, FreeText, is_object
from .names import tool_id_out
from .pairs import PairJoiner
from .sse import compact

NEW, WAITING, OPEN, CLOSED = "new", "waiting", "open", "closed"


class Call:
    """One tool call of an answer."""

    def __init__(self, custom: bool = False) -> None:
        self.raw_id = ""                # the provider's
        self.id = ""                    # the client's, made when the block opens
        self.name = ""                  # as the provider says it
        self.extra: Any = None          # `extra_content`: opaque, must go back (Gemini's thought signatures)
        self.state = NEW
        self.goes_on_unnamed = False    # pieces of it came that do not say its name again
        self.arguments = FreeText() if custom else Arguments()
        self.pairs = PairJoiner()
        self.ready: List[str] = []      # what of the arguments may go out, until the block is open

    @property
    def is_nothing(self) -> bool:
        """A placeholder: some send an empty function_call beside the real calls."""
        return not self.name and not self.arguments.begun

    def name_it(self, name: str, declared: Collection[str]) -> None:
        """Take the name of a piece: the first counts, and a second only where both together are a declared one."""
        if not self.name:
            self.name = name
        elif self.state in (NEW, WAITING) and self.name not in declared and self.name + name in declared:
            self.name += name


class CallBook:
    """The calls of one answer, found again by their pieces."""

    def __init__(self, message_id: str, used_ids: Collection[str] = (), declared: Collection[str] = ()) -> None:
        self._suffix = message_id[4:] if message_id.startswith("msg_") else message_id
        self._taken = set(used_ids)
        self._declared = declared
        self._calls: List[Call] = []
        self._by_index: Dict[Any, Call] = {}
        self._made = 0

    def find(self, pieces: Sequence[Mapping[str, Any]], whole: bool = False) -> List[Tuple[Call, str]]:
        """(its call, its arguments as text) for each piece of one list; `whole`: each is a call of its own."""
        if whole:
            return [self._add(piece, None) for piece in pieces]
        before = list(self._calls)
        unmarked = sum(1 for piece in pieces if is_unmarked(piece))
        places = iter(before[-unmarked:] if unmarked else ())       # those take up the calls before, in their order
        found: List[Tuple[Call, str]] = []
        told: Dict[Call, str] = {}          # what this list has said of a call
        for at, piece in enumerate(pieces):
            last = [] if at else before[-1:]
            known = next(places, None) if is_unmarked(piece) else self._known(piece, last, told)
            call, arguments = self._add(piece, known)
            told[call] = told.get(call, "") + arguments
            found.append((call, arguments))
        return found

    def _add(self, piece: Mapping[str, Any], call: Optional[Call]) -> Tuple[Call, str]:
        is_custom, body = body_of(piece)
        if call is None:
            call = Call(is_custom)
            self._calls.append(call)
        if isinstance(piece.get("index"), int):
            self._by_index[piece["index"]] = call
        name = word(body.get("name"))
        call.raw_id = call.raw_id or word(piece.get("id"))
        if name:
            call.name_it(name, self._declared)
        else:
            call.goes_on_unnamed = True
        if is_custom and call.state == NEW and call.name not in self._declared:
            call.state = CLOSED         # nobody was offered custom tools: it counts only where it means a declared one
        if piece.get("extra_content"):
            call.extra = piece["extra_content"]
        return call, arguments_of(piece)

    def _known(self, piece: Mapping[str, Any], last: Sequence[Call], told: Mapping[Call, str]) -> Optional[Call]:
        """The call of a piece with an index, an id or a name; `last`: the one that its name alone may go on with."""
        index, raw_id, name = piece.get("index"), word(piece.get("id")), name_of(piece)
        if isinstance(index, int):
            call = self._by_index.get(index)
        elif raw_id:
            call = next((call for call in reversed(self._calls) if call.raw_id == raw_id), None)
        else:
            return next((call for call in last if call.name in ("", name) and not call.arguments.complete), None)
        return None if call is not None and begins_another(call, piece, told.get(call)) else call

    def is_last(self, call: Call, index: Any) -> bool:
        """Whether a piece with this index and nothing new is one of `call`."""
        return (self._by_index.get(index) if isinstance(index, int) else self._calls[-1]) is call

    def give_id(self, call: Call) -> None:
        """Fix the id that the client sees: the provider's where that is one and is new, else one of ours."""
        call.id = tool_id_out(call.raw_id, self._taken)
        while not call.id or call.id in self._taken:
            self._made += 1
            call.id = "toolu_%s_%d" % (self._suffix[:48], self._made)
        self._taken.add(call.id)


def begins_another(call: Call, piece: Mapping[str, Any], told: Optional[str]) -> bool:
    """Whether a piece with the index or the id of `call` is a call of its own after all.

    `told`: what the piece's own list has said of the call's arguments before it; None: nothing.
    """
    raw_id, name = word(piece.get("id")), name_of(piece)
    if raw_id and call.raw_id and raw_id != call.raw_id:
        return bool(name) or is_whole(call, told)
    if not (name and call.name):
        return False
    if name != call.name:
        return told is not None or is_whole(call, told)
    if call.goes_on_unnamed or (told is not None and not isinstance(piece.get("index"), int)):
        return is_whole(call, told)
    arguments = arguments_of(piece).lstrip()
    if not arguments.startswith("{"):
        return False
    return arguments != (call.arguments.text if told is None else told) and is_whole(call, told)


def is_whole(call: Call, told: Optional[str]) -> bool:
    """Whether the arguments of a call are all there. (Asked last: broken ones are mended to see, all of them.)"""
    return call.arguments.complete if told is None else is_object(told)


def body_of(piece: Mapping[str, Any]) -> Tuple[bool, Mapping[str, Any]]:
    """(whether it is a custom call's, what has its name and arguments)"""
    custom, function = piece.get("custom"), piece.get("function")
    is_custom = piece.get("type") == "custom" or (isinstance(custom, dict) and not isinstance(function, dict))
    body = custom if is_custom else function
    return is_custom, body if isinstance(body, dict) else {}


def is_unmarked(piece: Mapping[str, Any]) -> bool:
    """Whether neither an index nor an id nor a name tells which call a piece belongs to."""
    return not (isinstance(piece.get("index"), int) or word(piece.get("id")) or name_of(piece))


def arguments_of(piece: Mapping[str, Any]) -> str:
    """The text of a piece's arguments."""
    is_custom, body = body_of(piece)
    return argument_text(body.get("input" if is_custom else "arguments"))


def name_of(piece: Mapping[str, Any]) -> str:
    """The tool's name in a piece; "" where it does not say."""
    return word(body_of(piece)[1].get("name"))


def word(value: Any) -> str:
    """A string as it is, a number as its digits, anything else as ""."""
    if isinstance(value, str):
        return value
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else ""


def argument_text(value: Any) -> str:
    """Arguments as text: Ollama sends the object itself; null is nothing."""
    if isinstance(value, str):
        return value
    try:
        return "" if value is None else compact(value)
    except RecursionError:
        raise UpstreamFailed("the arguments of a tool call are nested too deeply") from None
