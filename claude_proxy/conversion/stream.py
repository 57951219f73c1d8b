"""A provider's streamed answer -> Messages events: bytes in, bytes out, without I/O.

Shapes
    chunk   {"choices": [{"delta": {...}, "finish_reason": ...}], "usage": {...}|None}
            https://platform.openai.com/docs/api-reference/chat-streaming
    event   {"type": "content_block_delta", ...}
            https://docs.anthropic.com/en/docs/build-with-claude/streaming

On its way a piece of an answer passes
    sse.EventSplitter      bytes -> events
    fast.FastPath          an event that differs from the one before only in its text needs no parsing
    chunks                 a chunk's reasoning, content, calls, finish_reason, error
    filters.TextFilter     what the text hides: reasoning between tags, a stop sequence, a call
    blockorder.BlockOrder  one block after the other
    writer.MessageWriter   events as text

The message_delta waits for finish(), because providers send `usage` after `finish_reason`. An answer ends with a
finish_reason or with [DONE]; one without either was cut: it has an error, and its open block is never closed, since
clients act on what is closed. response.py feeds a whole completion through the same machine as one chunk.
"""
from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Dict, List, Mapping, Optional, Pattern, Tuple

from ..errors import ProxyError, UpstreamFailed, without_frames
from . import chunks, endings
from .blockorder import DROPPED, KEPT, SEALED, SHOWN, BlockOrder
from .context import AnswerContext
from .fast import LITERAL, FastPath
from .filters import TextFilter
from .pairs import PairJoiner
from .sse import EventSplitter, EventTooLarge, encode, fields
from .tags import is_unclosed
from .thoughts import Thoughts, plain_text
from .usage import UsageCounter
from .writer import PING, MessageWriter

if TYPE_CHECKING:
    from .response import MessageBuilder

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

    def __init__(self, context: AnswerContext, fast: bool = True, writer: Optional[MessageBuilder] = None) -> None:
        self._context = context
        self._writer = writer or MessageWriter(context.message_id, context.model, context.input_tokens,
                                               context.client.retries_bad_json)
        self._events = EventSplitter()
        self._fast = FastPath(context.dialect.reasoning_fields)
        self._learns = fast
        self._lesson: Optional[Tuple[str, Any]] = None      # the last event, and its chunk, until another one comes
        self._thoughts = Thoughts(context.provider, context.upstream_model, context.dialect)
        self._thought_pairs = PairJoiner()
        self._blocks = BlockOrder(context, self._writer, self._thoughts)
        self._filter = TextFilter(context, self._blocks.mode in (DROPPED, KEPT))
        self._counter = UsageCounter(context.dialect.usage_adds_up)
        self._ending = endings.Ending(context)
        self._answered = False                  # a chunk with a choice came
        self._ended = False                     # finish() was called
        self._unframed = []                     # events that have no data: a body that is no event stream
        self.started = False
        self.relayed = False                    # something of the answer itself was given out
        self.done = False                       # nothing more of the body matters
        self.error: Optional[ProxyError] = None
        self.stop_reason: Optional[str] = None

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
            self._take_events(self._events.feed(data))
        except EventTooLarge as exc:
            self.error = UpstreamFailed("%s sent %s" % (self._provider, exc))
        except ProxyError as exc:
            self.error = without_frames(exc)
        return self._taken()

    def finish(self) -> bytes:
        """The closing events, when the provider's body has ended. Where it broke off: b"", and `error` is set."""
        if self._ended or self.error:
            return b""
        self._ended = True
        try:
            self._end()
        except ProxyError as exc:
            self.error = without_frames(exc)
            self._writer.take()
            return b""
        return self._taken()

    def ping(self) -> bytes:
        """A sign of life."""
        return PING

    def nudge(self) -> bytes:
        """A sign of life for clients that do not count pings: an empty delta."""
        self._lesson = None
        self._fast.forget()
        self._blocks.keep_alive()
        return self.start() + self._writer.take().encode("utf-8")

    def error_event(self, exc: ProxyError) -> bytes:
        """The event that ends a message that has begun and cannot be completed."""
        return encode(exc.body())

    @property
    def usage(self) -> Dict[str, Any]:
        """Token counts as Messages has them, so far; estimated where the provider has not said."""
        return self._counter.messages_usage(self._context.input_tokens, self._writer.meter.tokens())

    def take_whole(self, completion: Dict[str, Any]) -> None:
        """A whole completion, in place of a stream: with it the answer is complete, whatever its finish_reason says."""
        choice = chunks.first_choice(completion)
        content = plain_text(chunks.delta_of(choice, whole=True).get("content"))
        shown = self._blocks.mode in (SHOWN, SEALED)
        if is_unclosed(content) and (shown or not endings.is_cut(choice)):
            self._filter.ignore_tags()
        self.take_chunk(completion, whole=True)
        self.done = True
        if not self._answered and self.error is None:
            self.error = UpstreamFailed("%s answered without any choice" % self._provider)

    # -- from bytes to chunks

    @property
    def _provider(self) -> str:
        return self._context.provider or "the provider"

    def _taken(self) -> bytes:
        text = self._writer.take()
        if not text:
            return b""
        self.relayed = self.relayed or self._blocks.has_content
        data = text.encode("utf-8", "replace")
        return data if self.started else self.start() + data

    def _take_events(self, events: str) -> None:
        at = 0
        while at < len(events) and not self.done and not self.error:
            if self._lesson is not None:        # not before: what was said first has gone out meanwhile
                self._fast.learn(self._lesson[0], self._lesson[1], self._sink)
                self._lesson = None
            if self._fast.ready:
                at = self._fast.run(events, at)
            if at < len(events):
                end = events.find("\n\n", at)
                self._event(events[at:end] if end >= 0 else events[at:])    # no end: one line feed too many
                at = end + 2 if end >= 0 else len(events)

    def _event(self, event: str) -> None:
        self._fast.forget()
        name, data = fields(event)
        if data is None:
            if not self._answered and (self._unframed or event.lstrip().startswith("{")):
                self._unframed.append(event)
        else:
            chunk = self._take_data(data, name)
            if chunk is not None and self._learns:
                self._lesson = event, chunk

    def _take_data(self, data: str, event_name: str) -> Any:
        """What an event holds: the chunk, which is taken by now, or None; what is no JSON object says nothing."""
        chunk = parsed(data)
        lines = [line for line in data.split("\n") if line.strip()] if chunk is None else []
        if chunk is not None:
            self.take_chunk(chunk, event_name)
        elif data.strip() == "[DONE]":
            self.done = True
        elif len(lines) > 1:                    # events without a blank line between them
            for line in lines:
                if not self.done:
                    self._take_data(line, event_name)
        elif data.lstrip().startswith("{"):
            raise UpstreamFailed("%s sent a chunk that is not JSON: %s" % (self._provider, data[:200]))
        return chunk

    def _sink(self, kind: str, delta: Dict[str, Any]) -> Optional[Tuple[Pattern[str], Any]]:
        """Where further pieces of `kind` go that look like `delta`: (pattern, function), or None; see fast.py."""
        if self.error or self.done or self._blocks.waits:
            return None
        if kind == "thinking":
            sink = None if self._thought_pairs.half else self._blocks.thinking_sink()
            return sink and (LITERAL, sink)
        if self._writer.open != kind:
            return None
        if kind == "tool_use":
            sink = self._blocks.arguments_sink(delta["tool_calls"][0])
            return sink and (LITERAL, sink)
        pattern = self._filter.lets_through
        return pattern and (pattern, self._writer.literals)

    # -- from chunks to blocks

    def take_chunk(self, chunk: Dict[str, Any], event_name: str = "", whole: bool = False) -> None:
        """One chunk, or a whole completion."""
        self._counter.read(chunk)
        choice = chunks.first_choice(chunk)
        if choice and not self.done:
            self._answered = True
            delta = chunks.delta_of(choice, whole)
            if delta:
                self._delta(delta, whole)
            self._ending.read(choice)
        error = chunks.error_in(chunk, choice, event_name)
        if error is not None and self.error is None:
            from ..providers import refusals        # all that is known of errors: not before there is one
            self.error = refusals.in_stream(error, self._context)

    def _delta(self, delta: Mapping[str, Any], whole: bool) -> None:
        reasoning = self._thoughts.read(delta)
        if reasoning:
            if self._thoughts.in_a_field:
                self._filter.ignore_tags()
            self._blocks.thinking(self._thought_pairs.feed(reasoning))
        for kind, text in chunks.content_parts(delta):
            if kind == "thinking":
                self._blocks.thinking(self._thought_pairs.feed(text))
            elif text:
                self._ending.refused = self._ending.refused or kind == "refusal"
                self._say(self._filter.feed(text))
            if self._filter.matched is not None:
                self.done = True                # the rest was never said
                return
        pieces = chunks.call_pieces(delta)
        if pieces and not self._ending.refused:
            self._blocks.call_pieces(pieces, whole)

    def _say(self, pieces: List[Tuple[str, Any]]) -> None:
        for kind, piece in pieces:
            if kind == "text":
                self._blocks.text(piece)
            elif kind == "thinking":
                self._blocks.thinking(piece)
            else:
                self._blocks.call_pieces([{"function": {"name": piece[0], "arguments": piece[1]}}])

    # -- the end

    def _end(self) -> None:
        if not self.done:
            self._take_events(self._events.finish())
            self._take_unframed()
        if self.error:
            raise self.error
        if not self._ending.is_known and not (self.done and self._answered):
            raise UpstreamFailed("%s ended its answer early" % self._provider)
        ending = self._ending
        self._blocks.thinking(self._thought_pairs.finish())
        self._say(self._filter.finish(ending.cut))
        if ending.filtered:
            self._blocks.drop_waiting_calls()
            if self._blocks.in_a_call:
                raise UpstreamFailed("%s's content filter stopped the answer within a tool call" % self._provider)
        note = ending.note(self._writer.open == "text")
        if note:
            self._blocks.text(note)
        self._blocks.finish(ending.cut)
        self.stop_reason, sequence = ending.reason(self._blocks.called_a_tool, self._filter.matched)
        self._writer.end(self.stop_reason, sequence, self.usage)

    def _take_unframed(self) -> None:
        """A completion that came as it is, although a stream was asked for and promised."""
        if self._answered or not self._unframed:
            return
        completion = parsed("\n\n".join(self._unframed))
        if completion is not None:
            self.take_whole(completion)


def parsed(data: str) -> Optional[Dict[str, Any]]:
    """The JSON object that `data` is, or None."""
    try:
        value = loads(data)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None
