"""One request of a client: its head, its place in the route table, and its body once somebody asks for it."""
from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, Dict, Optional

from ..config import Server
from ..errors import InvalidRequest
from .body import AnyBytes, charset_of, is_packed, parse_text, read_body, text_of, too_large, unpack
from .reader import Head, body_framing
from .wire import Wire

if TYPE_CHECKING:
    import socket
    from ..conversion import SeenTools

CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
WITH_BODY = ("POST", "PUT", "PATCH")


class Request:
    """What the handlers see. Header names are in small letters; `path` is without the query."""

    def __init__(self, head: Head, wire: Wire, server: Server, request_id: str) -> None:
        self.method, self.target, self.version, self.headers = head
        self.path, _, self.query = self.target.partition("?")
        self.request_id = request_id
        self.key_name = ""                              # of the client's key, once it has shown one
        self.provider: Optional[str] = None            # the path's prefix, decoded
        self.model_id: Optional[str] = None            # of /v1/models/{id}
        self.arrived = time.monotonic()
        self.body_bytes = 0                             # how many there were, once it is read
        self.length, self.chunked = body_framing(head)
        # Who says nothing of the body's length may have sent one all the same: it is not the next request.
        self._unread = bool(self.length or self.chunked) or self.length is None and self.method in WITH_BODY
        self._wire = wire
        self._server = server

    def header(self, name: str, default: Optional[str] = None) -> Optional[str]:
        """A header's value; the name in small letters."""
        return self.headers.get(name, default)

    @property
    def sock(self) -> socket.socket:
        """The client's socket, non-blocking: to watch whether it leaves, never to read from."""
        return self._wire.sock

    @property
    def unread(self) -> bool:
        """There is a body that nobody has read: the connection cannot serve another request."""
        return self._unread

    @property
    def keep_alive(self) -> bool:
        """The client would send another request on this connection."""
        return self.version == "HTTP/1.1" and "close" not in self.headers.get("connection", "").lower()

    def refuse_body(self) -> None:
        """Raise what is wrong with the body as far as the head tells: no length, too large, packed otherwise."""
        if self.length is None and not self.chunked:
            raise InvalidRequest("a POST needs a Content-Length", status=411)
        if self.length is not None and self.length > self._server.max_body_bytes:
            raise too_large(self._server.max_body_bytes)
        expect = self.headers.get("expect")
        if expect is not None and expect.lower() != "100-continue":
            raise InvalidRequest("Expect: only 100-continue can be expected of this server", status=417)
        is_packed(self.headers.get("content-encoding", ""))

    def body(self) -> AnyBytes:
        """The body, read now (b"" when asked again): the client that waits for `100 Continue` gets it."""
        if not self._unread:
            return b""
        if "expect" in self.headers and self.version == "HTTP/1.1" and not self._wire.buffer:
            self._wire.send(CONTINUE)
        limit = self._server.max_body_bytes
        data = read_body(self._wire, self.length, self.chunked, limit, self._server.body_seconds)
        self._unread = False
        data = unpack(data, self.headers.get("content-encoding", ""), limit)
        self.body_bytes = len(data)
        return data

    def json(self, seen: Optional[SeenTools] = None) -> Dict[str, Any]:
        """The body as a JSON object (see parse_text); the bytes are not kept. InvalidRequest where it is none."""
        charset = charset_of(self.headers.get("content-type", ""))
        data = self.body()
        text = text_of(data, charset)
        del data                                        # its place is wanted for what is parsed
        return parse_text(text, seen)
