"""A whole completion -> a Messages message, and the two crossings: a stream read for a plain request, and the reverse.

Everything passes the one state machine of stream.py, a completion as its only chunk, so that a plain and a streamed
answer to the same request never differ but in form. Only the writer is another: it keeps blocks instead of events.
What is nothing but text need not: plain.py.
"""
import json
from json.encoder import encode_basestring as quote
from typing import Any, Dict, List, Optional

from ..errors import UpstreamFailed
from .arguments import is_object
from .context import AnswerContext
from .stream import AnswerStream
from .usage import TextMeter


def by_the_machine(completion: Dict[str, Any], context: AnswerContext) -> Dict[str, Any]:
    """A Chat Completions object, whatever it holds -> a Messages message; raises ProxyError where it is no answer."""
    message = MessageBuilder(context)
    answer = AnswerStream(context, writer=message)
    take_completion(answer, completion, context)
    answer.finish()
    return finished(answer, message)


def message_from_stream(data: bytes, context: AnswerContext) -> Dict[str, Any]:
    """The message of a whole SSE body, which some providers send to a plain request."""
    message = MessageBuilder(context)
    answer = AnswerStream(context, writer=message)
    answer.feed(data)
    answer.finish()
    return finished(answer, message)


def stream_from_completion(completion: Dict[str, Any], context: AnswerContext) -> bytes:
    """The whole Messages stream for a completion, which some providers send to a streamed request."""
    answer = AnswerStream(context)
    take_completion(answer, completion, context)
    data = answer.finish()
    if answer.error:
        raise answer.error
    return data


def take_completion(answer: AnswerStream, completion: Any, context: AnswerContext) -> None:
    """Feed a completion to an AnswerStream; raises UpstreamFailed where it is none."""
    if isinstance(completion, list) and len(completion) == 1:       # Gemini wraps its errors in a list
        completion = completion[0]
    if not isinstance(completion, dict):
        raise UpstreamFailed("%s answered something that is no completion" % (context.provider or "the provider"))
    answer.take_whole(completion)


def finished(answer: AnswerStream, message: "MessageBuilder") -> Dict[str, Any]:
    """The message, or the error that the answer came to."""
    if answer.error:
        raise answer.error
    return message.message


class MessageBuilder:
    """Keeps what a MessageWriter would send; the message is complete after end()."""

    takes_bad_json = False              # `input` is an object: there is no way to show another

    def __init__(self, context: AnswerContext) -> None:
        self.open: Optional[str] = None
        self.meter = TextMeter()
        self._pieces: List[str] = []
        self.message: Dict[str, Any] = {
            "id": context.message_id, "type": "message", "role": "assistant", "model": context.model, "content": [],
            "stop_reason": None, "stop_sequence": None, "usage": {}}

    def open_text(self) -> None:
        """Begin a text block."""
        self._open_block({"type": "text", "text": ""})

    def open_thinking(self) -> None:
        """Begin a thinking block."""
        self._open_block({"type": "thinking", "thinking": "", "signature": ""})

    def open_tool(self, tool_id: str, name: str) -> None:
        """Begin a tool_use block."""
        self._open_block({"type": "tool_use", "id": tool_id, "name": name, "input": {}})

    def delta(self, text: str) -> None:
        """A piece of the open block's text, thinking, or input."""
        self._pieces.append(text)
        self.meter.add(quote(text)[1:-1])           # as MessageWriter measures

    def literals(self, literals: List[str]) -> None:
        """Pieces that are JSON string literals already, without their quotes."""
        text = "".join(literals)
        self._pieces.append(json.loads('"%s"' % text))
        self.meter.add(text)

    def thinking_text(self) -> str:
        """The text of the open thinking block so far."""
        return "".join(self._pieces)

    def close(self, signature: str = "") -> None:
        """End the open block; a call whose input was cut is left out."""
        block, text = self.message["content"][-1], "".join(self._pieces)
        if self.open == "tool_use":
            if is_object(text):
                block["input"] = json.loads(text)
            elif text:
                self.message["content"].pop()
        else:
            block[self.open] = text
        if signature:
            block["signature"] = signature
        self.open = None

    def end(self, stop_reason: str, stop_sequence: Optional[str], usage: Dict[str, Any]) -> None:
        """The message's last members. A refused answer has no calls."""
        self.message.update(stop_reason=stop_reason, stop_sequence=stop_sequence, usage=usage)
        if stop_reason == "refusal":
            self.message["content"] = [block for block in self.message["content"] if block["type"] != "tool_use"]

    def take(self) -> str:
        """Nothing: there are no events."""
        return ""

    def message_start(self) -> str:
        """Nothing: there are no events."""
        return ""

    def _open_block(self, block: Dict[str, Any]) -> None:
        self.message["content"].append(block)
        self.open = block["type"]
        self._pieces = []
