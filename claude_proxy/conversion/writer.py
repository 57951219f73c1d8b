"""A Messages stream as text: at most one block is open, each is opened, filled and closed before the next.

    message_start  (content_block_start  content_block_delta*  content_block_stop)*  message_delta  message_stop
    https://docs.anthropic.com/en/docs/build-with-claude/streaming

Whoever writes decides; this knows only the order, the shapes and how they look as bytes. A delta costs one
concatenation: everything of it but the text stands ready from the moment when its block was opened.
"""
import json
from json.encoder import encode_basestring as quote
from typing import Any, Dict, List, Optional

from .sse import frame
from .usage import TextMeter

DELTAS = {
    "text": ("text_delta", "text"),
    "thinking": ("thinking_delta", "thinking"),
    "tool_use": ("input_json_delta", "partial_json"),
}
DELTA = 'event: content_block_delta\ndata: {"type":"content_block_delta","index":%d,"delta":{"type":"%s","%s":'
DELTA_END = "}}\n\n"
PING = b'event: ping\ndata: {"type":"ping"}\n\n'


class MessageWriter:
    """Collects the events of one message; take() hands over what has come since the last time."""

    def __init__(self, message_id: str, model: str, input_tokens: int = 0, takes_bad_json: bool = False) -> None:
        self.takes_bad_json = takes_bad_json    # the client answers tool input that is no JSON by itself
        self.out: List[str] = []
        self.open: Optional[str] = None         # type of the open block
        self.before = ""                        # what stands before the text of its delta
        self.meter = TextMeter()
        self.thoughts: List[str] = []           # JSON string literals of the open thinking block, without quotes
        self._index = -1                        # of the newest block
        self._message = {
            "id": message_id, "type": "message", "role": "assistant", "model": model, "content": [],
            "stop_reason": None, "stop_sequence": None,
            "usage": {"input_tokens": input_tokens, "cache_creation_input_tokens": 0, "cache_read_input_tokens": 0,
                      "output_tokens": 0}}

    def message_start(self) -> str:
        """The first event, as text."""
        return frame({"type": "message_start", "message": self._message})

    def open_text(self) -> None:
        """Open a text block."""
        self._open_block({"type": "text", "text": ""})

    def open_thinking(self) -> None:
        """Open a thinking block."""
        self._open_block({"type": "thinking", "thinking": "", "signature": ""})

    def open_tool(self, tool_id: str, name: str) -> None:
        """Open a tool_use block; its input comes as deltas."""
        self._open_block({"type": "tool_use", "id": tool_id, "name": name, "input": {}})

    def delta(self, text: str) -> None:
        """A piece of the open block's text, thinking, or input."""
        self.literals([quote(text)[1:-1]])

    def literals(self, literals: List[str]) -> None:
        """Pieces that are JSON string literals already, without their quotes: a delta each."""
        between = '"' + DELTA_END + self.before + '"'
        self.out.append(self.before + '"' + between.join(literals) + '"' + DELTA_END)
        self.meter.add("".join(literals))
        if self.open == "thinking":
            self.thoughts += literals

    def thinking_text(self) -> str:
        """The text of the open thinking block so far."""
        text = json.loads('"%s"' % "".join(self.thoughts))
        self.thoughts.clear()
        return text

    def close(self, signature: str = "") -> None:
        """Close the open block, a thinking block with its signature: from here on the client relies on it."""
        if signature:
            self._delta_event({"type": "signature_delta", "signature": signature})
        self.open = None
        self.out.append(frame({"type": "content_block_stop", "index": self._index}))

    def end(self, stop_reason: str, stop_sequence: Optional[str], usage: Dict[str, Any]) -> None:
        """The two events that end a message."""
        delta = {"stop_reason": stop_reason, "stop_sequence": stop_sequence}
        usage = {name: value for name, value in usage.items() if name != "service_tier"}    # only a message has it
        self.out.append(frame({"type": "message_delta", "delta": delta, "usage": usage}))
        self.out.append(frame({"type": "message_stop"}))

    def take(self) -> str:
        """What was written since the last take."""
        text = "".join(self.out)
        self.out.clear()
        return text

    def _open_block(self, block: Dict[str, Any]) -> None:
        self._index += 1
        self.open = block["type"]
        self.before = DELTA % ((self._index,) + DELTAS[self.open])
        self.out.append(frame({"type": "content_block_start", "index": self._index, "content_block": block}))

    def _delta_event(self, delta: Dict[str, Any]) -> None:
        self.out.append(frame({"type": "content_block_delta", "index": self._index, "delta": delta}))
