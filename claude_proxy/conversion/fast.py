"""The quick way for the many events that differ from the one before only in their text.

A provider's events for one block mostly look like this, with nothing changing but the text:

    data: {"id":"chatcmpl-1","choices":[{"index":0,"delta":{"content":"Hello"},"finish_reason":null}]}
    |<-                           before                           ->|     |<-       after        ->|

OpenAI and Azure add padding of random length against eavesdroppers, so the `after` may have one more text in it, which
means nothing.

After such an event was parsed and had no effect but its text, and while the state is the one that it left behind, an
event with the same `before` and `after` can only have the effect of its own text. So nothing is parsed: the text's JSON
string literal is moved into the Messages delta as it is. Everything that could make a difference takes the other way:

    what stands between is not one string literal, or one that writes half of a character (\\ud83d); the text is empty;
    the text may begin something that a filter looks for; or any other event came between.

Where many events are there at once, all literals are cut out by one split() at what stands between two of them, and
looked at as one text.

tests/test_fast.py holds both ways against each other, byte by byte.
"""
import json
import re
from json.decoder import scanstring     # type: ignore[attr-defined]  # from 3.7 on
from json.encoder import encode_basestring as quote
from json.encoder import encode_basestring_ascii as in_ascii
from typing import Any, Callable, List, Mapping, Match, NamedTuple, Optional, Sequence, Tuple

from .wellformed import is_well_formed

# A JSON string literal without its quotes, written as json.dumps(ensure_ascii=False) writes it.
LITERAL = re.compile(r'[^"\\\x00-\x1f]*(?:\\["\\bfnrt][^"\\\x00-\x1f]*)*')
# The same without the characters that textcalls looks for.
CAUTIOUS = re.compile(r'[^"\\\x00-\x1f<\[`]*(?:\\["\\bfnrt][^"\\\x00-\x1f<\[`]*)*')
# Any string literal, whoever wrote it.
RAW = re.compile(r'[^"\\\n]*(?:\\.[^"\\\n]*)*').match
# What a writer may write otherwise: \/ and \u0041. And \\, lest its second half be taken for the beginning of one.
ESCAPES = re.compile(r"\\(?:[\\/]|u[0-9a-fA-F]{4}(?:\\u[0-9a-fA-F]{4})*)")
FIRST_WINDOW, LAST_WINDOW = 2048, 16384     # characters that are looked at together: what fits into a cache
TRIES = 4                       # so many envelopes in vain, and then only
PAUSE = 40                      # one event of so many is learned from: learning costs as much as parsing twice

DECODER = json.JSONDecoder(strict=False)
Path = Tuple[Any, ...]
CONTENT = ("choices", 0, "delta", "content")
PADDING = ("obfuscation", "p")          # members that say nothing: OpenAI, Azure; Mistral
ARGUMENTS = ("choices", 0, "delta", "tool_calls", 0, "function", "arguments")


class Envelope(NamedTuple):
    """What is the same in each event."""

    before: str                 # up to the text
    after: str                  # behind it, up to the padding or the end
    rest: Optional[str]         # behind the padding; None where there is none


class FastPath:
    """Knows the envelope of the last event, if it had one, and takes the events that come in the same."""

    def __init__(self, reasoning_fields: Sequence[str]) -> None:
        self._reasoning_fields = reasoning_fields
        self._envelope = Envelope("", "", None)
        self._sink: Callable = list.clear       # takes the literals
        self._alone: Optional[Tuple[str, str]] = None       # what stands around the text of an event that comes alone
        self._match: Callable[..., Any] = LITERAL.match     # of the text; finds at least nothing
        self._padding: Callable[..., Any] = LITERAL.match
        self._vain = 0
        self._pause = 0
        self.ready = False                      # there is an envelope

    def forget(self) -> None:
        """What was learned counts no longer: another event comes between."""
        self.ready = False

    def learn(self, event: str, chunk: Mapping[str, Any], sink_for: Callable) -> None:
        """Take the envelope of an event that was parsed as `chunk`, if it has one.

        sink_for(kind, delta) gives (the pattern that the literals must match, the function that takes them) where a
        further piece of that kind would go straight to its place, else None.
        """
        if self._pause:
            self._pause -= 1
            return
        found = only_text(chunk, self._reasoning_fields)
        wanted = sink_for(found[0], chunk["choices"][0]["delta"]) if found else None
        cut = cut_around(event, chunk, found[1]) if found and wanted else None
        if cut and wanted:
            self._envelope = cut
            self._alone = (cut.before, cut.after + "\n\n") if cut.rest is None else None
            self._match, self._sink = wanted[0].match, wanted[1]
            self.ready = True

    def run(self, events: str, at: int) -> int:
        """Take the events from `at` on that come in the envelope; gives the place of the first that does not."""
        if self._alone and len(events) < FIRST_WINDOW and not at:
            before, after = self._alone
            literal = events[len(before):-len(after)]
            if literal and events.startswith(before) and events.endswith(after) and \
                    self._match(literal).end() == len(literal):
                self._vain = 0
                self._sink([literal])
                return len(events)
        literals: List[str] = []
        if self._envelope.rest is None and len(events) - at > FIRST_WINDOW:
            at = self._by_windows(events, at, literals)
        at = self._one_by_one(events, at, literals)
        self._judge(len(literals))
        if literals:
            self._sink(literals)
        return at

    def _by_windows(self, events: str, at: int, literals: List[Any]) -> int:
        """Cut the literals out of many events at once; where the envelopes put around them again give another text,
        one of the events differs: try with fewer."""
        before, after, _ = self._envelope
        between = after + "\n\n" + before
        size, tail, window, growth = len(before), -len(after), FIRST_WINDOW, 2
        while window >= FIRST_WINDOW and events.startswith(before, at):
            end = events.rfind("\n\n", at, at + window)
            text = events[at:end] if end >= 0 else ""
            raw = [event[size:tail] for event in text.split("\n")[::2]]
            alike = text.endswith(after) and between.join(raw) == text[size:tail]
            found = all_written(raw, self._match) if alike else None
            if found is None:
                window, growth = window // 4, 1
                continue
            literals += found
            at = end + 2
            window = min(window * growth, LAST_WINDOW)
        return at

    def _one_by_one(self, events: str, at: int, literals: List[str]) -> int:
        """Each in turn, whatever its padding."""
        (before, after, rest), match = self._envelope, self._match
        if rest is None:
            after += "\n\n"
        while events.startswith(before, at):
            start = at + len(before)
            end = match(events, start).end()
            literal = events[start:end]
            if events.startswith("\\", end):
                end = RAW(events, start).end()      # type: ignore[union-attr]  # at least nothing
                literal = (all_written([events[start:end]], match) or [""])[0]
            if not literal or not events.startswith(after, end):
                break
            end += len(after)
            if rest is not None:
                behind = self._padding(events, end).end()
                end = behind + len(rest) + 2
                if events[behind:end] != rest + "\n\n":
                    break
            literals.append(literal)
            at = end
        return at

    def _judge(self, taken: int) -> None:
        """After many envelopes that served for nothing (random padding in each event), learn seldom."""
        self._vain = 0 if taken else self._vain + 1
        if self._vain >= TRIES:
            self._pause, self._vain = PAUSE, TRIES - 1


def all_written(raw: List[str], match: Callable) -> Optional[List[str]]:
    """These raw literals as the writer would write them; None where one of them is empty, or not one that matches.

    No line feed is in one of them. Before the blank that joins them no backslash may stand, so what matches as a whole
    does so piece by piece.
    """
    joined = "\n".join(raw)
    if "\\u" in joined or "\\/" in joined:
        joined = ESCAPES.sub(as_written, joined)
        raw = joined.split("\n")
    return raw if match(joined.replace("\n", " ")).end() == len(joined) and "" not in raw else None


def as_written(escape: Match[str]) -> str:
    """An escape (a regex match) as the writer writes it. Half of a character stays, and so will match nothing."""
    raw = escape.group()
    if raw == "\\\\":
        return raw
    text = scanstring(raw + '"', 0)[0]
    return quote(text)[1:-1] if is_well_formed(text) else raw


def only_text(chunk: Mapping[str, Any], reasoning_fields: Sequence[str]) -> Optional[Tuple[str, Path]]:
    """(kind, where) of the one piece of text that is all that a chunk says; None where it says more, or nothing."""
    choices = chunk.get("choices")
    if not isinstance(choices, list) or len(choices) != 1 or says_more(chunk, ("error", "usage", "x_groq")):
        return None
    choice = choices[0]
    if not isinstance(choice, dict) or choice.get("index", 0) not in (0, None):
        return None
    if says_more(choice, ("error", "usage", "finish_reason", "stop_reason", "matched_stop")):
        return None
    delta = choice.get("delta")
    if not isinstance(delta, dict):
        return None
    said = [name for name in ("content", "refusal", "audio", "function_call", "tool_calls", "reasoning_details")
            + tuple(reasoning_fields) if delta.get(name)]
    if len(said) != 1:
        return None
    name = said[0]
    if name == "tool_calls":
        return only_arguments(delta[name])
    if name != "content" and name not in reasoning_fields:
        return None
    kind = "text" if name == "content" else "thinking"
    return (kind, CONTENT[:3] + (name,)) if isinstance(delta[name], str) else None


def only_arguments(pieces: Any) -> Optional[Tuple[str, Path]]:
    """The same for the list of a delta's tool calls."""
    if not isinstance(pieces, list) or len(pieces) != 1 or not isinstance(pieces[0], dict):
        return None
    function = pieces[0].get("function")
    if not isinstance(function, dict) or says_more(pieces[0], ("extra_content", "custom")):
        return None
    arguments = function.get("arguments")
    return ("tool_use", ARGUMENTS) if isinstance(arguments, str) and arguments else None


def says_more(part: Mapping[str, Any], names: Sequence[str]) -> bool:
    """Whether any of these members is there and not empty."""
    return any(part.get(name) for name in names)


def cut_around(event: str, chunk: Mapping[str, Any], path: Path) -> Optional[Envelope]:
    """The envelope of the text at `path`, in the raw event; None where it is not certain.

    Certain is: with another text in its place, the chunk is the same but for the text at `path`, which is the other.
    """
    parts = around(event, path[-1], at_path(chunk, path)) if event.startswith("data:") and "\n" not in event else None
    if parts is None:
        return None
    padding = next((name for name in PADDING if isinstance(chunk.get(name), str)), None)
    padded = around(parts[1], padding, chunk[padding]) if padding else None
    envelope = Envelope(parts[0], *(padded or (parts[1], None)))
    changes = [path] + ([(padding,)] if padded else [])
    other = "?".join(part for part in envelope if part is not None)
    return envelope if is_certain(other[5:], chunk, changes) else None


def around(raw: str, key: str, text: str) -> Optional[Tuple[str, str]]:
    """What stands before and behind the literal of `text` that is the value of `key`, where it first is in raw JSON."""
    for literal in quote(text), in_ascii(text), in_ascii(text).replace("/", "\\/"):     # as the most write it
        for colon in ('":', '": '):
            name = '"' + key + colon
            at = raw.find(name + literal)
            if at >= 0:
                start = at + len(name) + 1
                return raw[:start], raw[start + len(literal) - 2:]
    return None


def is_certain(other: str, chunk: Mapping[str, Any], changes: Sequence[Path]) -> bool:
    """Whether the JSON `other` differs from `chunk` in nothing but a "?" at each of these places."""
    try:
        value = DECODER.decode(other)
        for path in changes:
            parent, text = at_path(value, path[:-1]), at_path(chunk, path)
            if parent[path[-1]] != "?" or text == "?":
                return False
            parent[path[-1]] = text
        return value == chunk
    except (ValueError, LookupError, TypeError, RecursionError):    # not even the same shape
        return False


def at_path(value: Any, path: Path) -> Any:
    """The value that is reached by these keys and indexes."""
    for key in path:
        value = value[key]
    return value
