"""A provider's streamed answer -> Messages events: bytes in, bytes out, without I/O.

Shapes
    chunk   {"choices": [{"delta": {...}, "finish_reason": ...}], "usage": {...}|None}
            https://platform.openai.com/docs/api-reference/chat-streaming
    event   {"type": "content_block_delta", ...}
            https://docs.anthropic.com/en/docs/build-with-claude/streaming

On its way a piece of an answer passes
    sse.EventSplitter      bytes -> events
    fast.Envelope          an event that differs from the one before only in its text needs no parsing
    chunks                 a chunk's reasoning, content, calls, finish_reason, error
    tags, stops, textcalls what the text hides: reasoning, a stop sequence, a call
    blockorder.BlockOrder  one block after the other
    writer.MessageWriter   events as text

The message_delta waits for finish(), because providers send `usage` after `finish_reason`. An answer ends with a
finish_reason or with [DONE]; one without either was cut: it has an error, and its open block is never closed, since
clients act on what is closed. response.py feeds a whole completion through the same machine as one chunk.
"""
import json
import re
from typing import Any, Dict, Optional

from ..errors import ProxyError, UpstreamFailed
from ..providers import refusals
from . import chunks
from .blockorder import BlockOrder
from .context import AnswerContext
from .fast import LITERAL, FastPath
from .sse import EventSplitter, EventTooLarge, encode, fields
from .stops import StopMatcher
from .tags import TagSplitter, is_unclosed
from .thoughts import Thoughts
from .usage import UsageCounter
from .writer import PING, MessageWriter

CUT_WORDS = ("length", "max_tokens", "MAX_TOKENS", "model_length")
FILTER_WORDS = ("content_filter", "safety", "SAFETY", "sensitive")
SURROGATE = re.compile("[\ud800-\udfff]")
loads = json.JSONDecoder(strict=False).decode       # some servers leave control characters as they are


class AnswerStream:
    """Feed it the bytes of one answer, as they come; it gives the bytes that the client may have now.

        answer = AnswerStream(context)
        for data in body:
            send(answer.feed(data))
            if answer.error or answer.done:
                break
        send(answer.finish())                   # sets answer.error where the provider broke off

    `error` is what ended the answer, for an HTTP status while nothing was sent, else for error_event().
    """

    def __init__(self, context: AnswerContext, fast: bool = True, writer=None):
        self._context = context
        self._writer = writer or MessageWriter(context.message_id, context.model, context.input_tokens,
                                               context.client.retries_bad_json)
        self._events = EventSplitter()
        self._thoughts = Thoughts(context.provider, context.upstream_model, context.dialect.reasoning_fields,
                                  context.dialect.reasoning_field)
        self._blocks = BlockOrder(context, self._writer, self._thoughts)
        self._tags = TagSplitter() if context.dialect.think_tags else None
        self._stops = StopMatcher(context.local_stops) if context.local_stops else None
        self._counter = UsageCounter(context.dialect.usage_adds_up)
        self._learns = fast
        self._fast = FastPath(self._writer, context.dialect.reasoning_fields)
        self._half = ""                         # the first half of a surrogate pair, and
        self._half_of = ""                      # what it belongs to
        self._finish_word: Optional[str] = None
        self._named_stop: Optional[str] = None
        self._refused = False
        self._is_whole = False                  # a completion, not a chunk, is taken
        self._unshown = []                      # reasoning between tags that the client does not see
        self._answered = False                  # a chunk with a choice came
        self._ended = False                     # finish() was called
        self.started = False
        self.relayed = False                    # something of the answer itself was given out
        self.done = False                       # nothing more of the body matters
        self.error: Optional[ProxyError] = None
        self.skipped = 0                        # events that are no JSON object
        self.stop_reason: Optional[str] = None
        self.stop_sequence: Optional[str] = None

    # -- the doorways

    def start(self) -> bytes:
        """message_start, the first time."""
        if self.started:
            return b""
        self.started = True
        return self._writer.message_start().encode("utf-8", "replace")

    def feed(self, data: bytes) -> bytes:
        """The events that `data` completes; b"" until there is something real. After an error: what came before it."""
        if self.done or self.error:
            return b""
        try:
            events = self._events.feed(data)
            at = 0
            while at < len(events) and not self.done and not self.error:
                if self._fast.ready:
                    at = self._fast.run(events, at)
                if at < len(events):
                    self._event(events[at])
                    at += 1
        except EventTooLarge as exc:
            self.error = UpstreamFailed("%s sent %s" % (self._provider, exc))
        except ProxyError as exc:
            self.error = exc
        return self._take()

    def finish(self) -> bytes:
        """The closing events, when the provider's body has ended. Where it broke off: b"", and `error` is set."""
        if self._ended or self.error:
            return b""
        self._ended = True
        try:
            self._end()
        except ProxyError as exc:
            self.error = exc
            self._writer.take()
            return b""
        return self._take(at_the_end=True)

    def ping(self) -> bytes:
        """A sign of life."""
        return PING

    def nudge(self) -> bytes:
        """A sign of life for clients that do not count pings: an empty delta."""
        self._blocks.keep_alive()
        return self.start() + self._writer.take().encode("utf-8")

    def error_event(self, exc: ProxyError) -> bytes:
        """The event that ends a message that has begun and cannot be completed."""
        return encode(exc.body())

    @property
    def usage(self) -> Dict[str, Any]:
        """Token counts as Messages has them, so far; estimated where the provider has not said."""
        return self._counter.messages_usage(self._context.input_tokens, -(-self._writer.chars // 4))

    # -- from events to chunks

    @property
    def _provider(self):
        return self._context.provider or "the provider"

    def _take(self, at_the_end=False):
        text = self._writer.take()
        self.relayed = self.relayed or (bool(text) and self._blocks.has_content)
        if not text:
            return b""
        return (text if self.started else self._first() + text).encode("utf-8")

    def _first(self):
        self.started = True
        return self._writer.message_start()

    def _event(self, event):
        self._fast.forget()
        name, data = fields(event)
        if data is None:
            return
        if data.strip() == "[DONE]":
            self.done = True
            return
        found = self._chunks_of(data)
        for chunk in found:
            self.take_chunk(chunk, name)
        if len(found) == 1 and self._learns:
            self._fast.learn(event, found[0], self._straight)

    def _straight(self, kind, chunk):
        """What a further piece of `kind` must be to go straight to the open block; None where it cannot: see fast.py."""
        if self._half or self.error or self.done or self._writer.open != kind or self._blocks.waits:
            return None
        if kind == "tool_use":
            call = self._blocks.call_of(chunk)
            return call and (LITERAL, call.arguments)
        if kind == "thinking":
            return None if self._context.omit_thinking_text or not self._blocks.shows_thinking else (LITERAL, None)
        tagged = self._tags is not None and not self._tags.plain and not self._thoughts.in_a_field
        return None if tagged or self._stops is not None else (LITERAL, None)

    def _chunks_of(self, data):
        chunk = parsed(data)
        if chunk is None and "\n" in data:      # two events without a blank line between them
            lines = [parsed(line) for line in data.split("\n") if line.strip() not in ("", "[DONE]")]
            if all(line is not None for line in lines):
                return lines
        if chunk is not None:
            return [chunk]
        if data.lstrip().startswith("{"):
            raise UpstreamFailed("%s sent a chunk that is not JSON: %s" % (self._provider, data[:200]))
        self.skipped += 1
        return []

    # -- from chunks to blocks

    def take_chunk(self, chunk: Dict[str, Any], event_name: str = ""):
        """One chunk, or a whole completion."""
        self._counter.read(chunk)
        choice = chunks.first_choice(chunk)
        if choice and not self.done:
            self._choice(choice)
        error = chunks.error_in(chunk, choice, event_name)
        if error is not None and self.error is None:
            self.error = refusals.in_stream(error, self._context)

    def take_whole(self, completion: Dict[str, Any]):
        """A whole completion: the answer is complete with it, whatever its finish_reason says."""
        content = chunks.delta_of(chunks.first_choice(completion), whole=True).get("content")
        cut = chunks.finish_word(chunks.first_choice(completion)) in CUT_WORDS
        if isinstance(content, str) and is_unclosed(content) and (self._blocks.shows_thinking or not cut):
            self._tags = None
        self._is_whole = True
        self.take_chunk(completion)
        self.done = True
        if not self._answered and self.error is None:
            self.error = UpstreamFailed("%s answered without any choice" % self._provider)

    def _choice(self, choice):
        self._answered = True
        delta = chunks.delta_of(choice, self._is_whole)
        if delta:
            self._delta(delta)
        self._named_stop = chunks.named_stop(choice) or self._named_stop
        self._finish_word = self._finish_word or chunks.finish_word(choice)

    def _delta(self, delta):
        reasoning = self._thoughts.read(delta)
        if reasoning:
            self._blocks.thinking(self._whole("thinking", reasoning))
        for kind, text in chunks.content_parts(delta):
            if kind == "thinking":
                self._blocks.thinking(self._whole(kind, text))
            elif text:
                self._refused = self._refused or kind == "refusal"
                self._text(text)
            if self.done:                       # a stop sequence: the rest was never said
                return
        pieces = chunks.call_pieces(delta)
        for place, piece in enumerate(pieces):
            self._blocks.call_piece(piece, place, len(pieces))

    def _text(self, text):
        text = self._whole("text", text)
        if self._tags is None or self._thoughts.in_a_field:
            self._visible(text)
            return
        for kind, piece in self._tags.feed(text):
            self._tagged(kind, piece)

    def _tagged(self, kind, piece):
        if kind == "text":
            self._visible(piece)
        elif self._blocks.shows_thinking:
            self._blocks.thinking(piece)
        else:
            self._unshown.append(piece)

    def _visible(self, text):
        if self._stops is not None:
            text = self._stops.feed(text)
        self._blocks.text(text)
        if self._stops is not None and self._stops.matched is not None:
            self.done = True

    def _whole(self, kind, text):
        """`text` without halves of surrogate pairs: JSON lets a pair be cut in two, UTF-8 has no way to write a half."""
        if not self._half and not SURROGATE.search(text):
            return text
        before, self._half = (self._half if self._half_of == kind else ""), ""
        text = before + text
        if "\ud800" <= text[-1:] <= "\udbff":
            text, self._half, self._half_of = text[:-1], text[-1], kind
        return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")

    # -- the end

    def _end(self):
        if not self.done:
            for event in self._events.finish():
                self._event(event)
        if self.error:
            raise self.error
        if self._finish_word is None and not (self.done and self._answered):
            raise UpstreamFailed("%s ended its answer early" % self._provider)
        cut = self._finish_word in CUT_WORDS
        if not self.done or self._stops is None or self._stops.matched is None:
            self._flush(cut)
        filtered = self._finish_word in FILTER_WORDS
        if filtered:
            self._blocks.drop_waiting()
        self._blocks.finish(cut)
        self.stop_reason = self._reason(cut, filtered)
        self._writer.end(self.stop_reason, self.stop_sequence, self.usage)

    def _flush(self, cut):
        """What the filters of the text have held, now that nothing follows."""
        if self._tags is not None:
            for kind, piece in self._tags.finish():
                self._tagged(kind, piece)
            if self._tags.inside and self._unshown and not cut:
                self._visible(self._tags.opening + "".join(self._unshown))
        if self._stops is not None:
            self._blocks.text(self._stops.finish())

    def _reason(self, cut, filtered):
        if self._refused or filtered:
            return "refusal"
        if cut:
            return "max_tokens"
        if self._blocks.called_a_tool:
            return "tool_use"
        named = self._stops.matched if self._stops is not None else None
        if named is None and self._named_stop in self._context.stop_sequences:
            named = self._named_stop
        if named is not None:
            self.stop_sequence = named
            return "stop_sequence"
        return "end_turn"


def parsed(data: str) -> Optional[Dict[str, Any]]:
    """The JSON object that `data` is, or None."""
    try:
        value = loads(data)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None
