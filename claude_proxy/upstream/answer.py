"""A provider's answer as it comes over a connection: the head, then pieces of the body as soon as they are there.

    answer = read_head(connection, watch, times)
    answer.status, answer.headers            # 200, {"content-type": "text/event-stream"}
    for piece in answer.pieces(): ...        # one poll and one recv a piece
    answer.close()                           # back into the pool, where all of it was read

A head is read by us, not by http.client: a head that drips or never ends is bounded, and the client's leaving is
noticed.
"""
from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Callable, Dict, Iterator, Optional, Tuple

from .connection import MAX_HEAD_BYTES, WOULD_BLOCK, is_end
from .faults import BrokeOff, ClientLeft, HungUp, Silent
from .framing import BODILESS, UntilClose, body_of, inflater_of
from .waiting import LEFT, SILENT

if TYPE_CHECKING:
    from .connection import Connection
    from .faults import Fault
    from .pool import Times
    from .waiting import Watch

HEAD_SECONDS = 30.0                 # from a head's first byte to its last
ERROR_SECONDS = 10.0                # for the text of an error
ENDLESS_ERROR_SECONDS = 2.0         # ... whose end nothing announces
READ_BYTES = 65536
STATUS_LINE = re.compile(r"HTTP/1\.([01]) ([0-9]{3})(?: |$)")


class Answer:
    """Status, headers (lower-cased name -> value) and body; a context manager that closes it."""

    def __init__(self, connection: Connection, head: Tuple[int, int, Dict[str, str]], rest: bytes, watch: Watch,
                 times: Times, give_back: Callable[[Connection], None]) -> None:
        self.version, self.status, self.headers = head
        self.connection, self.watch, self.times = connection, watch, times
        self._give_back: Optional[Callable[[Connection], None]] = give_back
        self._rest = rest                       # what came with the head
        self.ended = False                      # set by who has seen the end of the content ([DONE]) before the body's
        self.on_close: Optional[Callable[[], None]] = None      # called once, when it is closed
        self.body = body_of(self.status, self.headers)
        self._inflater = inflater_of(self.headers)

    def __enter__(self) -> "Answer":
        return self

    def __exit__(self, *exc_info: Any) -> None:
        self.close()

    def pieces(self) -> Iterator[bytes]:
        """The body, as it comes: never empty pieces. Raises BrokeOff, Silent, ClientLeft."""
        raw = self._raw_pieces()
        return raw if self._inflater is None else self._inflated(raw)

    def _raw_pieces(self) -> Iterator[bytes]:
        body, watch, sock, clock = self.body, self.watch, self.connection.sock, self.watch.clock
        feed, wait, receive, idle = body.feed, watch.wait, sock.recv, self.times.idle
        data, self._rest = self._rest, b""
        silent_at = max(clock() + idle, self.times.first_byte_at)
        while True:
            if data:
                piece = feed(data)
                if piece:
                    yield piece
                silent_at = clock() + idle
            if body.done:
                return
            state = wait(sock, silent_at)
            if state is LEFT:
                raise ClientLeft
            if state is SILENT:
                raise Silent("said nothing for %d s in the middle of its answer" % idle,
                             self.times.hint("idle_seconds"))
            try:
                data = receive(READ_BYTES)
            except WOULD_BLOCK:
                data = b""                      # a TLS record without data
                continue
            except OSError as exc:
                if not is_end(exc):
                    raise BrokeOff("broke off in the middle of its answer (%s)" % (exc.strerror or exc))
                data = b""
            if not data:
                body.at_eof()
                return

    def _inflated(self, raw: Iterator[bytes]) -> Iterator[bytes]:
        for data in raw:
            for piece in self._inflater.pieces(data):       # type: ignore[union-attr]  # there is one
                if piece:
                    yield piece

    def read(self, limit: int) -> bytes:
        """The whole body; raises BrokeOff where it is larger than `limit` bytes."""
        return whole(b"", self.pieces(), limit)

    def read_some(self, limit: int, seconds: float = ERROR_SECONDS) -> bytes:
        """At most `limit` bytes of the body, even of a broken or slow one: the text of an error; none of a redirect."""
        if 300 <= self.status < 400:
            return b""
        if isinstance(self.body, UntilClose):
            seconds = min(seconds, ENDLESS_ERROR_SECONDS)
        parts, size, until = [], 0, self.watch.clock() + seconds
        self.times.idle = min(self.times.idle, seconds)
        self.times.first_byte_at = 0
        try:
            for piece in self.pieces():
                parts.append(piece)
                size += len(piece)
                if size >= limit or self.watch.clock() > until:
                    break
        except (BrokeOff, Silent):
            pass                                # what there is says more than that it was cut
        return b"".join(parts)[:limit]

    def close(self) -> None:
        """Give the connection to others, where this answer leaves it usable; else close it."""
        give_back, self._give_back = self._give_back, None
        if give_back is None:
            return
        self.watch.forget()
        if self.is_reusable():
            self.connection.body = None if self.body.done else self.body
            give_back(self.connection)
        else:
            self.connection.close()
        if self.on_close:
            self.on_close()

    def is_reusable(self) -> bool:
        """Whether the connection can carry another request, once the body is over (the pool looks again)."""
        said = self.headers.get("connection", "").lower()
        keeps = "close" not in said if self.version == 1 else "keep-alive" in said
        framed_twice = "content-length" in self.headers and "transfer-encoding" in self.headers
        unsure = framed_twice or self.status in BODILESS        # a body that may not be there may still come
        return keeps and not self.body.surplus and not unsure and (self.body.done or self.ended)


def whole(head: bytes, pieces: Iterator[bytes], limit: int) -> bytes:
    """A body of which `head` was read; raises BrokeOff where it is larger than `limit` bytes."""
    parts, size = [head], len(head)
    for piece in pieces:
        parts.append(piece)
        size += len(piece)
        if size > limit:
            raise BrokeOff("answered with more than %d MiB" % (limit >> 20))
    return b"".join(parts)


def read_head(connection: Connection, watch: Watch, times: Times, give_back: Callable[[Connection], None]) -> Answer:
    """Wait for an answer's head -> Answer. Raises Silent, BrokeOff, ClientLeft, OSError."""
    data, until = b"", times.first_byte_at
    while True:
        end = head_end(data)
        if end:
            head = parse_head(data[:end])
            data = data[end:]
            if head[1] >= 200:
                return Answer(connection, head, data, watch, times, give_back)
            if head[1] == 101:
                raise BrokeOff("switched protocols, unasked")
            continue                            # 100 Continue, 103 Early Hints: the answer is still to come
        if len(data) > MAX_HEAD_BYTES:
            raise BrokeOff("answered with a head that does not end")
        if data[:5] != b"HTTP/"[:len(data)]:
            raise BrokeOff("answered with something that is not HTTP", "check base_url")
        received = _received(connection, watch, until, data)
        if received is None:
            raise _silence(data, times)
        if not received:
            raise BrokeOff("hung up in the middle of a head") if data else HungUp("hung up before it answered")
        if not data:
            until = min(until, watch.clock() + HEAD_SECONDS)
        data += received


def _received(connection: Connection, watch: Watch, until: float, data: bytes) -> Optional[bytes]:
    try:
        return connection.receive(watch, until)
    except OSError as exc:
        kind = BrokeOff if data else HungUp
        raise kind("hung up before it answered (%s)" % (exc.strerror or exc))


def _silence(data: bytes, times: Times) -> Fault:
    if data:
        return BrokeOff("took too long to send the head of its answer")
    return Silent("said nothing for %d s" % times.first_byte, times.hint("first_byte_seconds"))


def head_end(data: bytes) -> int:
    """The index after the empty line that ends a head; 0 where it has not come."""
    end = data.find(b"\r\n\r\n")
    bare = data.find(b"\n\n", 0, end if end >= 0 else len(data))      # some home-made servers leave out the CR
    if bare >= 0:
        return bare + 2
    return end + 4 if end >= 0 else 0


def parse_head(head: bytes) -> Tuple[int, int, Dict[str, str]]:
    """-> (minor version, status, {lower-cased name: value}); a name that comes twice is joined with a comma."""
    lines = head.decode("latin-1").replace("\r\n", "\n").split("\n")
    match = STATUS_LINE.match(lines[0])
    if not match:
        raise BrokeOff("answered with something that is not HTTP", "check base_url")
    headers, name = {}, ""
    for line in lines[1:]:
        if line[:1] in (" ", "\t") and name:    # folded: the value goes on
            headers[name] += " " + line.strip()
            continue
        name, colon, value = line.partition(":")
        if colon:
            name = name.strip().lower()
            headers[name] = headers[name] + ", " + value.strip() if name in headers else value.strip()
    return int(match.group(1)), int(match.group(2)), headers
