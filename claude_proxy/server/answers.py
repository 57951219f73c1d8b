"""What goes back to the client: one answer a request, its head and (first) body in one write."""
import json
import random
import time
from email.utils import formatdate
from http.client import responses
from itertools import chain
from typing import Any, Dict, Mapping, Optional
from urllib.parse import quote

from ..errors import ProxyError
from .wire import Wire

STATUS_LINES = {status: ("HTTP/1.1 %d %s\r\n" % (status, words)).encode("ascii") for status, words in responses.items()}
STATUS_LINES[529] = b"HTTP/1.1 529 Overloaded\r\n"
COMMON = b"server: claude-proxy\r\nx-content-type-options: nosniff\r\nvary: Origin\r\nrequest-id: "
EVENT_STREAM = {"content-type": "text/event-stream; charset=utf-8", "cache-control": "no-cache",
                "x-accel-buffering": "no"}
HARMLESS = "".join(map(chr, range(0x20, 0x7f)))
NO_BODY = (204, 304)
dumps = json.JSONEncoder(ensure_ascii=False).encode     # json.dumps would make an encoder each time


def always() -> bool:
    """Close after this answer."""
    return True


def new_request_id() -> str:
    """`req_` and 24 hexadecimal digits: on the answer, in its error, in the log."""
    return "req_%024x" % random.getrandbits(96)     # a name, no secret: no reason to ask the system


class Answer:
    """The answer to one request. `sent`: bytes of it went out, so that its status cannot change any more."""

    def __init__(self, wire: Wire, request_id: str) -> None:
        self.request_id = request_id
        self.sent = False
        self.status = 0
        self.bytes_out = 0
        self.event_stream: Optional[EventStream] = None
        self.headers: Dict[str, str] = {}          # go out with whatever is answered
        self.head_only = False                      # the request was a HEAD
        self.old_version = False                    # the request was HTTP/1.0: no chunks
        self.must_close = always                    # asked when the head is written: close after this answer?
        self.closing = False                        # what it said
        self.wire = wire

    def json(self, status: int, obj: Any, headers: Mapping[str, str] = {}) -> None:
        """Answer with JSON."""
        data = dumps(obj).encode("utf-8", "replace")
        self.content(status, "application/json", data, headers)

    def error(self, error: ProxyError) -> None:
        """Answer with an error in Anthropic's form."""
        self.json(error.status, error.body(self.request_id), error.headers)

    def content(self, status: int, content_type: str, data: bytes, headers: Mapping[str, str] = {}) -> None:
        """Answer with these bytes."""
        fields = {"content-type": content_type} if content_type else {}
        fields.update(headers)
        if status not in NO_BODY:
            fields["content-length"] = str(len(data))
        head = self.head(status, fields)
        self.sent = True
        self.bytes_out += len(data)
        self.wire.send(head if self.head_only else head + data)

    def stream(self, headers: Mapping[str, str] = {}) -> "EventStream":
        """Answer with server-sent events. Nothing goes out before the stream's first send."""
        self.event_stream = EventStream(self, dict(EVENT_STREAM, **headers))
        return self.event_stream

    def head(self, status: int, fields: Mapping[str, str]) -> bytes:
        """The head's bytes, and the decision whether the connection goes on."""
        self.status = status
        self.closing = self.must_close()
        lines = [self.request_id, "\r\n"]
        for name, value in chain(self.headers.items(), fields.items()):
            lines += (name, ": ", header_value(value), "\r\n")
        lines.append("connection: close\r\n\r\n" if self.closing else "\r\n")
        begin = STATUS_LINES.get(status) or b"HTTP/1.1 %d Error\r\n" % status
        return b"".join((begin, b"date: ", http_date(), b"\r\n", COMMON, "".join(lines).encode("ascii")))


class EventStream:
    """A body of server-sent events, a chunk for each send. `ended`: its last chunk is out."""

    def __init__(self, answer: Answer, fields: Dict[str, str]) -> None:
        self.ended = False
        self.aborted = False
        self._answer = answer
        self._fields = fields
        self._chunked = not answer.old_version
        self._opened = False
        self._send = answer.wire.send

    def send(self, data: bytes) -> None:
        """Send events, the first time behind the head. OSError where the client has gone or does not read."""
        if not data:
            return
        if not self._opened:
            self._open(self._framed(data))
        elif self._chunked:
            self._send(b"".join((b"%x\r\n" % len(data), data, b"\r\n")))
        else:
            self._send(data)
        self._answer.bytes_out += len(data)

    def end(self, data: bytes = b"") -> None:
        """Send the last events, and the end of the body with them."""
        last = (self._framed(data) if data else b"") + (b"0\r\n\r\n" if self._chunked else b"")
        self.ended = True
        if not self._opened:
            self._open(last)
        elif last:
            self._send(last)
        self._answer.bytes_out += len(data)

    def abort(self) -> None:
        """Leave the body without an end: the connection closes, and the client sees that it was cut."""
        self.aborted = True
        self._answer.closing = True

    def _framed(self, data: bytes) -> bytes:
        return b"%x\r\n%b\r\n" % (len(data), data) if self._chunked else data

    def _open(self, data: bytes) -> None:
        self._opened = True
        answer = self._answer
        if self._chunked:
            self._fields["transfer-encoding"] = "chunked"
        head = answer.head(200, self._fields)
        answer.sent = True
        self._send(head if answer.head_only else head + data)


def header_value(value: str) -> str:
    """A value that cannot end its line: what is not visible ASCII is percent-encoded."""
    value = str(value)
    if value.isascii() and value.isprintable():
        return value
    return quote(value, safe=HARMLESS, errors="replace")


def error_event(error: ProxyError, request_id: str) -> bytes:
    """The event that ends a stream in an error."""
    return b"event: error\ndata: %b\n\n" % json.dumps(error.body(request_id)).encode("ascii")


_dates = (0, b"")                                   # the second, and how HTTP writes it


def http_date() -> bytes:
    """Now, as the Date header writes it; made once a second."""
    global _dates
    now = int(time.time())
    second, text = _dates
    if second != now:
        text = formatdate(now, usegmt=True).encode("ascii")
        _dates = (now, text)
    return text
