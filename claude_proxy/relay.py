"""One Messages request, from its parsed body to the last byte of its answer: the straight line.

    targets -> to_chat_request -> call -> wait -> feed -> send -> finish

Nothing of an answer has gone out: an error is raised, and becomes an HTTP status; another try may follow. After that,
the error is raised all the same, and the server ends the stream with it. An early head, pings and an empty
message_start are not «something of an answer». https://docs.anthropic.com/en/docs/build-with-claude/streaming
"""
from __future__ import annotations

import json
import logging
import time
from email.utils import formatdate
from itertools import chain
from typing import TYPE_CHECKING, Any, Dict, Iterable, Iterator, Optional, Sequence, Tuple

from . import conversion, routing
from .config import DEMO
from .conversion import tokens
from .errors import ProxyError, UpstreamFailed, without_frames
from .providers.redaction import without
from .upstream import ClientLeft, Watch
from .upstream.answer import whole
from .upstream.attempts import Attempts, NotAsked, Refused
from .upstream.bodies import completion_of, first_of, looks_like_events
from .upstream.faults import BrokeOff

if TYPE_CHECKING:
    from .conversion import AnswerStream
    from .conversion.context import AnswerContext, ChatRequest
    from .observe.record import Record
    from .providers.learned import Learned
    from .routing import Target
    from .server.answers import Answer, EventStream
    from .server.application import Application
    from .server.request import Request
    from .upstream.answer import Answer as ProviderAnswer
    from .upstream.keys import Key

MAX_ANSWER_BYTES = 64 << 20         # of a plain answer; a stream has no limit
MAX_ERROR_BYTES = 65536
SUCCESS = (200, 201)
GRACE_SECONDS = 2.0                 # after the provider's head: an error that follows at once can still be a status
NUDGE_SECONDS = 120.0               # Claude Code gives up on a stream that has said nothing real for 300 s
CUT = "prompt-cut"                  # the warning's code: the provider seems to have cut the prompt in silence
NOTHING = "empty-answer"            # the provider has answered with nothing
dumps = json.JSONEncoder(ensure_ascii=False, check_circular=False, separators=(",", ":")).encode
# Where few characters are others, escaping them is twice as fast: one emoji would make four bytes of every character.
dumps_ascii = json.JSONEncoder(check_circular=False, separators=(",", ":")).encode
log = logging.getLogger(__name__)


def create_message(app: Application, request: Request, answer: Answer, provider_name: Optional[str],
                   record: Record) -> None:
    """POST /v1/messages: answer it, or raise the ProxyError that says why not."""
    body = request.json(app.seen_tools)
    record.requested_model = str(body.get("model", ""))[:100]
    targets: Sequence[Target] = app.targets(body.get("model"), provider_name)
    if any(target.provider.vision_model for target in targets) and conversion.has_images(body):
        targets = [seeing(target, app.learned) for target in targets]
    if request.header("x-claude-proxy-explain"):
        from . import explaining
        answer.headers["x-claude-proxy-route"] = explaining.summary(app.config, targets[0], provider_name)
    watch = Watch(request.sock)
    kind = StreamTurn if body.get("stream") else Turn
    turn = kind(app, request, answer, body, watch, record)
    attempts = Attempts(app.caller, app.learned, watch, record, lambda: not turn.relayed)
    try:
        attempts.run(targets, turn.ask)
    except ClientLeft:
        record.client_left = True
    except ProxyError as error:
        hide(error, app.secrets())
        raise
    finally:
        watch.beat = None                           # it held the turn, and the turn the request, until a collection
        record.attempts = [without(attempt, app.secrets()) for attempt in record.attempts]


def hide(error: ProxyError, secrets: Tuple[str, ...]) -> None:
    """Take our secrets out of an error: providers, and proxies on the way, quote what they were sent."""
    error.message = without(error.message, secrets)
    error.headers = {name: value for name, value in error.headers.items() if without(value, secrets) == value}


def count_tokens(app: Application, request: Request, answer: Answer, provider_name: Optional[str],
                 record: Record) -> None:
    """POST /v1/messages/count_tokens: an estimate of our own; no provider is asked."""
    body = request.json()
    record.requested_model = str(body.get("model", ""))[:100]
    target = app.targets(body.get("model"), provider_name)[0]
    record.provider, record.model = target.provider.name, target.model
    factor = app.learned.correction(target.provider.name, target.model)
    answer.json(200, {"input_tokens": max(1, round(conversion.count_tokens(body, target) * factor))})


def seeing(target: Target, learned: Learned) -> Target:
    """The target, or its provider's vision_model where that is the one that can look at images."""
    eyes = target.provider.vision_model
    if not eyes or eyes == target.model or target.row.images:
        return target
    return routing.with_model(target, eyes, learned)


class Turn:
    """A request that is answered with one JSON message, and its tries."""

    stream = False

    def __init__(self, app: Application, request: Request, answer: Answer, body: Dict[str, Any], watch: Watch,
                 record: Record) -> None:
        self.app, self.answer, self.body, self.watch, self.record = app, answer, body, watch, record
        self.client = conversion.client_of(request.header("user-agent"))
        self.message_id = "msg_" + answer.request_id[4:]
        self.max_tokens = app.config.server.max_tokens
        self.context: AnswerContext = None      # type: ignore[assignment]  # from the first try on
        self.text_bytes = self.prompt_tokens = 0

    @property
    def relayed(self) -> bool:
        """Something of the answer itself went out: no other try can follow."""
        return self.answer.sent

    def ask(self, target: Target, key: Key) -> None:
        """One try: ask the target, and relay its answer. Raises Refused, Fault, ProxyError, ClientLeft."""
        chat = self._converted(target)
        with self._call(target, key, chat) as upstream:
            if upstream.status not in SUCCESS:
                raise self._refusal(upstream, target, key, chat.body)
            chat = None         # type: ignore[assignment]  # a stream may run for long; its request is not kept for it
            try:
                self._relay(upstream, target)
            except RecursionError:
                raise UpstreamFailed("%s sent JSON that is nested too deeply" % target.provider.name)

    def _converted(self, target: Target) -> ChatRequest:
        try:
            return conversion.to_chat_request(self.body, target, self.client, self.message_id, self.max_tokens,
                                              is_well_formed=True)      # server/body.py has seen to it
        except ProxyError as error:
            raise NotAsked(error)

    def _call(self, target: Target, key: Key, chat: ChatRequest) -> ProviderAnswer:
        write = dumps_ascii if conversion.begins_in_ascii(chat.body["messages"]) else dumps
        data = conversion.written(chat.body, write)
        self._about(target, chat, data)
        return self.app.caller.call(target, data, self.watch, self.stream, key)

    def _about(self, target: Target, chat: ChatRequest, data: bytes) -> None:
        """Note what is known before the answer: for the log, the headers, and message_start."""
        record, provider = self.record, target.provider.name
        record.provider, record.model = provider, target.model
        record.warnings = list(target.warnings) + list(chat.warnings) + (["demo"] if provider == DEMO else [])
        self.text_bytes = len(data) - conversion.spare_bytes(chat.body)
        if chat.has_files:
            self.text_bytes -= tokens.base64_bytes(data)
        ratio = self.app.learned.bytes_per_token(provider, target.model)
        self.context = chat.answer
        self.context.input_tokens = tokens.quick_estimate(self.text_bytes, 0, ratio)
        record.so_far = self._usage_so_far

    def _usage_so_far(self) -> Dict[str, int]:
        """For the dashboard, which asks while the answer is on its way, from a thread of its own."""
        return {"input_tokens": self.context.input_tokens, "cache_read_input_tokens": 0, "output_tokens": 0}

    def _headers(self) -> Dict[str, str]:
        """What the answer says of its way here."""
        headers = {"x-claude-proxy-target": "%s/%s" % (self.record.provider, self.record.model)}
        untold = self.app.learned.untold_cut(self.record.provider, self.record.model)
        if untold and CUT not in self.record.warnings:
            self.record.warnings.append(CUT)        # the head of the streamed answer that told it was gone already
        if self.record.warnings:
            headers["x-claude-proxy-warning"] = ", ".join(self.record.warnings)
        return headers

    def _refusal(self, upstream: ProviderAnswer, target: Target, key: Key, chat_body: Dict[str, Any]) -> Refused:
        """What a status that is no success becomes."""
        text = upstream.read_some(MAX_ERROR_BYTES).decode("utf-8", "replace")
        headers = dict({"date": formatdate(usegmt=True)}, **upstream.headers)      # a Retry-After may be a date
        from .providers import refusals             # all that is known of errors: not before there is one
        error = refusals.from_provider(upstream.status, text, headers, target, [key.value],
                                       self.context.input_tokens)
        return Refused(error, upstream.status, text, upstream.headers, conversion.with_lists(chat_body))

    def _relay(self, upstream: ProviderAnswer, target: Target) -> None:
        data = upstream.read(MAX_ANSWER_BYTES)
        if looks_like_events(data, upstream.headers):
            message = conversion.message_from_stream(data, self.context)
        else:
            message = conversion.to_message(completion_of(data, target), self.context)
        upstream.close()                            # it can serve others while the client reads
        if not message["content"]:
            self._nothing_said(message["stop_reason"], message["usage"])
        self._count(message["usage"], message["stop_reason"], target)
        self.record.first_byte = time.monotonic()
        self.answer.json(200, message, self._headers())
        self._compare(target)

    def _nothing_said(self, stop_reason: Optional[str], usage: Dict[str, int]) -> None:
        """An end without a word, a call or a token: some gateways do that when they are in trouble.

        Said, and not asked for again: the request was taken, and may have cost money. Claude Code goes on by itself.
        """
        if stop_reason == "end_turn" and not usage["output_tokens"]:
            self.record.warnings.append(NOTHING)

    def _compare(self, target: Target) -> None:
        """Hold an estimate against the provider's count, after the answer: count_tokens learns from it."""
        learned, name, model, counted = self.app.learned, target.provider.name, target.model, self.prompt_tokens
        if counted == self.context.input_tokens:
            return                                  # it told no count: this is our own
        if learned.wants_comparison(name, model, counted) and not conversion.has_images(self.body):
            learned.compared(name, model, conversion.count_tokens(self.body, target), counted)

    def _count(self, usage: Dict[str, int], stop_reason: Optional[str], target: Target) -> None:
        """Note the answer's end for the log, and learn from its counts."""
        record = self.record
        record.stop_reason = stop_reason or ""
        record.input_tokens, record.output_tokens = usage["input_tokens"], usage["output_tokens"]
        record.cached_tokens = usage["cache_read_input_tokens"]
        prompt = usage["input_tokens"] + usage["cache_read_input_tokens"] + usage["cache_creation_input_tokens"]
        self.prompt_tokens = prompt
        warning = self.app.learned.counted(target.provider.name, target.model, self.text_bytes, prompt,
                                           dialect=target.dialect.name)
        if warning:
            record.warnings.append(CUT)
            log.warning("%s: %s", record.request_id, warning)


class StreamTurn(Turn):
    """A request that is answered with a stream of events, and its tries."""

    stream = True

    def __init__(self, app: Application, request: Request, answer: Answer, body: Dict[str, Any], watch: Watch,
                 record: Record) -> None:
        super().__init__(app, request, answer, body, watch, record)
        server = app.config.server
        self.ping_seconds = server.ping_seconds
        self.translation: AnswerStream = None   # type: ignore[assignment]  # from the first try on
        self.events: EventStream = None         # type: ignore[assignment]  # from the first bytes on
        self.nudged = False
        self._silent_since = request.arrived
        self._next_beat = watch.beat_at = request.arrived + server.open_seconds
        watch.beat = self._beat

    @property
    def relayed(self) -> bool:
        """Something of the answer itself went out: no other try can follow."""
        return self.nudged or self.translation is not None and self.translation.relayed

    def _about(self, target: Target, chat: ChatRequest, data: bytes) -> None:
        super()._about(target, chat, data)
        self.translation = conversion.AnswerStream(self.context)
        if self.answer.sent:
            self.translation.start()                # it has gone out already, in an earlier try

    def _usage_so_far(self) -> Dict[str, int]:
        return super()._usage_so_far() if self.translation is None else self.translation.usage

    def _relay(self, upstream: ProviderAnswer, target: Target) -> None:
        self._open_soon()
        pieces = upstream.pieces()
        head = first_of(pieces)
        translation = self.translation
        last, cut = b"", None
        if looks_like_events(head, upstream.headers):
            last, cut = self._translate(chain(self._event_by_event(head), pieces))
        else:
            from .conversion.response import take_completion
            data = whole(head, pieces, MAX_ANSWER_BYTES)
            take_completion(translation, completion_of(data, target), self.context)
        last += translation.finish()
        if translation.error is not None:
            if last:
                self._send(last)
            raise cut or translation.error
        if not translation.relayed:
            self._nothing_said(translation.stop_reason, translation.usage)
        self._end(last, target)
        # [DONE] is the end of what matters; a stop sequence that we enforce is not: what still comes is not wanted.
        upstream.ended = translation.done and translation.stop_reason != "stop_sequence"

    def _open_soon(self) -> None:
        """The provider has answered: the client gets its head now, or in a moment, with the first content."""
        if not self.answer.sent:
            self._next_beat = self.watch.beat_at = min(self.watch.beat_at, self.watch.clock() + GRACE_SECONDS)

    def _translate(self, pieces: Iterable[bytes]) -> Tuple[bytes, Optional[BrokeOff]]:
        """Feed and send until the answer's end -> its last events, to be sent with what closes it, and the BrokeOff
        that came before the end, or None.

        What costs time here costs it for every chunk.
        """
        translation, watch = self.translation, self.watch
        feed, clock, ping_seconds = translation.feed, watch.clock, self.ping_seconds
        try:
            for piece in pieces:
                data = feed(piece)
                if translation.done or translation.error is not None:
                    return data, None
                if data:
                    if self.events is None:
                        self._open()
                    self.events.send(data)
                    watch.beat_at = clock() + ping_seconds
        except BrokeOff as cut:
            return b"", without_frames(cut)         # where a finish_reason has come, only the framing was cut
        return b"", None

    def _event_by_event(self, piece: bytes) -> Iterator[bytes]:
        """The answer's first piece, cut so that what is said first has gone out before the rest is looked at."""
        at = 0
        while at < len(piece):
            end = -1 if self.translation.relayed else piece.find(b"\n\n", at)
            yield piece[at:end + 2] if end >= 0 else piece[at:]
            at = end + 2 if end >= 0 else len(piece)

    def _send(self, data: bytes) -> None:
        if self.events is None:
            self._open()
        self.events.send(data)

    def _open(self) -> None:
        """The answer's head is settled; it goes out with the first events."""
        self.events = self.answer.stream(self._headers())
        self.record.first_byte = time.monotonic()

    def _end(self, data: bytes, target: Target) -> None:
        self._count(self.translation.usage, self.translation.stop_reason, target)
        if self.events is None:
            self._open()
        self.events.end(data)
        self._compare(target)

    def _beat(self, now: float) -> float:
        """Break a silence: the head with message_start, then pings, now and then something real -> the next time."""
        if self.watch.beat_at != self._next_beat:   # moved on by what was sent meanwhile
            self._silent_since = self.watch.beat_at - self.ping_seconds
        if self.translation is not None:
            self._send(self._beacon(now))
        self._next_beat = now + self.ping_seconds
        return self._next_beat

    def _beacon(self, now: float) -> bytes:
        if not self.answer.sent:
            return self.translation.start()
        if now - self._silent_since >= NUDGE_SECONDS:
            self._silent_since, self.nudged = now, True
            return self.translation.nudge()
        return self.translation.ping()
