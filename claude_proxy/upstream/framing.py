"""The body of an HTTP answer: its bytes out of the framing that they came in, and whether all of it came.

    body = body_of(head)                  # Chunked, Sized or UntilClose
    body.feed(data) -> bytes              # what is content among the bytes just received
    body.done                             # all of it is here;  body.surplus: and more than that (it is spoilt)
    body.at_eof()                         # raises BrokeOff where the connection may not end here

Of our own, because http.client reads a line or a chunk at a time (3.6 us an event, where this takes 0.6), and because
its readline() hides a cut between two chunks. https://www.rfc-editor.org/rfc/rfc9112#name-message-body
"""
import re
import zlib
from typing import Any, Iterator, List, Mapping, Optional, Union

from .faults import BrokeOff

BODILESS = (204, 304)               # whatever their heads announce
MAX_SIZE_LINE_BYTES = 1024
MAX_TRAILER_BYTES = 8192
SIZE = re.compile(rb"[0-9A-Fa-f]{1,16}").fullmatch
MAX_KNOWN_DIGITS = 3
KNOWN_SIZES = {}                    # size lines of small chunks: a look-up costs a quarter of reading the number
INFLATE_STEP_BYTES = 1 << 20        # a small compressed piece may be a very large one


class Chunked:
    """Transfer-Encoding: chunked."""

    def __init__(self) -> None:
        self.done, self.surplus = False, False
        self._rest = b""            # an unfinished size line or trailer
        self._missing = 0           # bytes of the open chunk, its CRLF included
        self._in_trailer = False

    def feed(self, data: bytes) -> bytes:
        """The content among the bytes; raises BrokeOff where they are no chunks."""
        if not (self._missing or self._rest or self._in_trailer):
            # One whole chunk, as it comes from whoever writes word by word: no list, no loop.
            at = data.find(b"\r\n", 0, MAX_KNOWN_DIGITS + 2)
            size = KNOWN_SIZES.get(data[:at])
            if size and at > 0 and at + size + 4 == len(data):
                return data[at + 2:-2]
        if self._rest:
            data, self._rest = self._rest + data, b""
        parts = []
        position = self._go_on(data, parts) if self._missing else 0
        if not self._missing and not self._in_trailer:
            position = self._chunks(data, parts, position)
        if self._in_trailer:
            self._end(data, position)
        return parts[0] if len(parts) == 1 else b"".join(parts)

    def _chunks(self, data: bytes, parts: List[Any], position: int) -> int:
        """Take the chunks that begin at a position, the whole ones without a detour -> where what is left begins."""
        length, find, take, known = len(data), data.find, parts.append, KNOWN_SIZES.get
        while position < length:
            line_end = find(b"\r\n", position)
            if line_end < 0:
                self._keep(data, position, MAX_SIZE_LINE_BYTES)
                return length
            size_line = data[position:line_end]
            size = known(size_line)
            if size is None:
                size = chunk_size(size_line)
            position = line_end + 2
            if not size:
                self._in_trailer = True
                return position
            end = position + size
            if end + 2 > length:
                self._missing = size + 2
                return self._go_on(data, parts, position)
            take(data[position:end])
            position = end + 2
        return position

    def _go_on(self, data: bytes, parts: List[bytes], position: int = 0) -> int:
        """Take what is there of the open chunk; its CRLF is counted, and not part of it."""
        missing, there = self._missing, len(data) - position
        content = min(missing - 2, there)
        if content > 0:
            parts.append(data[position:position + content])
        self._missing = missing - there if there < missing else 0
        return position + min(missing, there)

    def _end(self, data: bytes, position: int) -> None:
        """After the last chunk: trailer fields, which nobody needs, and an empty line."""
        rest = data[position:]
        end = 2 if rest.startswith(b"\r\n") else rest.find(b"\r\n\r\n") + 4
        if end < 4 and not rest.startswith(b"\r\n"):
            self._keep(data, position, MAX_TRAILER_BYTES)
            return
        self.done, self.surplus = True, len(rest) > end

    def _keep(self, data: bytes, position: int, limit: int) -> None:
        self._rest = data[position:]
        if len(self._rest) > limit:
            raise BrokeOff("answered with broken chunks")

    def at_eof(self) -> None:
        """A connection that ends before the last chunk is a cut answer."""
        if not self.done:
            raise BrokeOff("broke off in the middle of its answer")


def chunk_size(line: bytes) -> int:
    """b"1a;extension" -> 26"""
    digits = line if SIZE(line) else line.partition(b";")[0].strip()
    if not SIZE(digits):
        raise BrokeOff("answered with broken chunks")
    size = int(digits, 16)
    if len(line) <= MAX_KNOWN_DIGITS:
        KNOWN_SIZES[line] = size
    return size


class Sized:
    """Content-Length."""

    def __init__(self, length: int) -> None:
        self._missing = length
        self.done, self.surplus = length == 0, False

    def feed(self, data: bytes) -> bytes:
        """The bytes, up to the length."""
        if len(data) < self._missing:
            self._missing -= len(data)
            return data
        content = data[:self._missing]
        self.surplus = len(data) > self._missing
        self._missing, self.done = 0, True
        return content

    def at_eof(self) -> None:
        """Fewer bytes than promised are a cut answer."""
        if not self.done:
            raise BrokeOff("broke off in the middle of its answer")


class UntilClose:
    """Neither: the end of the connection is the end of the answer, and a cut cannot be told from it."""

    done, surplus = False, False

    def feed(self, data: bytes) -> bytes:
        """All bytes are content."""
        return data

    def at_eof(self) -> None:
        """Nothing tells a cut from the end here; the conversion looks for a finish_reason."""
        self.done = True


Framing = Union[Sized, Chunked, UntilClose]


def body_of(status: int, headers: Mapping[str, str]) -> Framing:
    """The framing that a response head announces."""
    if status in BODILESS:
        return Sized(0)
    if headers.get("transfer-encoding", "").lower().rpartition(",")[2].strip() == "chunked":
        return Chunked()
    length = headers.get("content-length")
    if length is None:
        return UntilClose()
    lengths = {part.strip() for part in length.split(",")}      # some send it twice; it has to agree
    value = lengths.pop()
    if lengths or not re.match(r"[0-9]{1,15}$", value):
        raise BrokeOff("answered with a broken Content-Length")
    return Sized(int(value))


class Inflater:
    """Content-Encoding gzip or deflate, from providers that compress although they were asked not to."""

    def __init__(self) -> None:
        self._inflate: Any = None                   # zlib has no public name for it
        self._head = b""

    def pieces(self, data: bytes) -> Iterator[bytes]:
        """Decompressed pieces of at most INFLATE_STEP_BYTES; raises BrokeOff."""
        if self._inflate is None:
            self._head += data
            if len(self._head) < 2:
                return                              # too little to tell what it is
            data, self._inflate = self._head, _decompressor(self._head)
        try:
            while data:
                yield self._inflate.decompress(data, INFLATE_STEP_BYTES)
                data = self._inflate.unconsumed_tail
        except zlib.error:
            raise BrokeOff("answered with broken compressed data")


def _decompressor(head: bytes) -> Any:
    """gzip or zlib, as they are told by their first bytes; else «deflate» without zlib's two."""
    is_zlib = head[0] & 15 == 8 and (head[0] << 8 | head[1]) % 31 == 0
    return zlib.decompressobj(32 + zlib.MAX_WBITS if is_zlib or head[:2] == b"\x1f\x8b" else -zlib.MAX_WBITS)


def inflater_of(headers: Mapping[str, str]) -> Optional[Inflater]:
    """The Inflater that an answer needs, None where it is not compressed."""
    encoding = headers.get("content-encoding", "").strip().lower()
    if encoding in ("", "identity"):
        return None
    if encoding in ("gzip", "x-gzip", "deflate"):
        return Inflater()
    raise BrokeOff("compressed its answer with %s, which it was not asked to do" % encoding[:20])
