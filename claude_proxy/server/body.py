"""A request's body: its bytes off the wire, and what they say.

Framing is RFC 9112 6 and 7, strictly; the limit on its size is decided on the header alone where there is a length.
JSON is read as the Messages API reads it: UTF-8, an object, numbers that are numbers, at most 200 levels deep.
"""
import json
import re
import socket
import time
import zlib
from typing import Any, Dict, List, Optional, Set, Tuple, Union

from ..conversion import SeenTools
from ..conversion.members import Member, members
from ..conversion.wellformed import is_well_formed
from ..errors import InvalidRequest, Timeout, TooLarge
from .reader import CR, HARMLESS, MAX_FIELDS, parse_fields
from .wire import SLOWEST_RATE, Wire

MAX_CHUNK_LINE = 16 + 1 + 1024
MAX_TRAILERS = 8 * 1024
MAX_DEPTH = 200
MAX_VALUES = 1000000                 # ten million empty objects are 30 MB, and a gigabyte once they are parsed
MAX_DIGITS = 308                     # one more may be past what a double, and so any other reader of JSON, holds
SMALL = 4096                         # characters of a body that is not worth to be taken apart
FIRST_ROOM = 65536                   # bytes of a body that there is a place for before they come

CHUNK_LINE = re.compile(rb"([0-9A-Fa-f]{1,16})(?:;[\t -~\x80-\xff]{0,1024})?").fullmatch
CHARSET = re.compile(r';\s*charset\s*=\s*"?([^\s;"]+)', re.I).search
CHARSETS = {"utf-8": "utf-8", "utf8": "utf-8", "us-ascii": "ascii", "iso-8859-1": "latin-1"}
STRINGS = re.compile(r'"[^"]*"?')     # where no quote is escaped
SURROGATES = re.compile(r"\\u[dD][89a-fA-F][0-9a-fA-F]{2}")
PAIR = re.compile(r"\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}").match
AnyBytes = Union[bytes, bytearray]


# -- the bytes

class Patience:
    """How long a body may take: so many seconds, and one more for each 64 KiB that came."""

    def __init__(self, seconds: float) -> None:
        self._start = time.monotonic() + seconds

    def until(self, received: int) -> float:
        """The deadline, where so many bytes have come."""
        return self._start + received / SLOWEST_RATE


def read_body(wire: Wire, length: Optional[int], chunked: bool, max_bytes: int, seconds: float) -> AnyBytes:
    """The whole body; TooLarge, Timeout, or InvalidRequest where it is malformed or cut short."""
    if length is not None and length > max_bytes:
        raise too_large(max_bytes)
    patience = Patience(seconds)
    try:
        if chunked:
            return _read_chunked(wire, max_bytes, patience)
        return _read_length(wire, length or 0, patience)
    except socket.timeout:
        raise Timeout("the body of the request did not arrive in time") from None


def too_large(max_bytes: int) -> TooLarge:
    """The refusal of a body over the limit."""
    return TooLarge("the request is larger than %d bytes (server.max_body_bytes)" % max_bytes)


def _read_length(wire: Wire, length: int, patience: Patience) -> AnyBytes:
    if len(wire.buffer) >= length:
        return wire.take(length)
    received = len(wire.buffer)
    body = bytearray(wire.take(received))
    while received < length:
        if received == len(body):       # room for as much again as has come: what is announced may never come
            body += bytes(min(max(received, FIRST_ROOM), length - received))
        with memoryview(body)[received:] as view:
            came = wire.receive_into(view, patience.until(received))
        if not came:
            raise InvalidRequest("the body ended after %d of %d bytes" % (received, length))
        received += came
    return body


def _read_chunked(wire: Wire, max_bytes: int, patience: Patience) -> bytes:
    body = bytearray()
    while True:
        match = CHUNK_LINE(_read_line(wire, MAX_CHUNK_LINE, patience.until(len(body))))
        if not match:
            raise _bad_chunk()
        size = int(match.group(1), 16)
        if not size:
            _skip_trailers(wire, patience.until(len(body)))
            return bytes(body)
        if len(body) + size > max_bytes:
            raise too_large(max_bytes)
        _append(body, wire, size, patience)
        _skip_line_end(wire, patience.until(len(body)))


def _append(body: bytearray, wire: Wire, size: int, patience: Patience) -> None:
    """Move a chunk's data from the wire to the body."""
    while size:
        if not wire.buffer and not wire.fill(patience.until(len(body))):
            raise _cut_short()
        data = wire.take(min(size, len(wire.buffer)))
        body += data
        size -= len(data)


def _skip_line_end(wire: Wire, until: float) -> None:
    while len(wire.buffer) < 2:
        if wire.buffer and wire.buffer[0] != 0x0d:
            raise _bad_chunk()
        if not wire.fill(until):
            raise _cut_short()
    if wire.take(2) != b"\r\n":
        raise _bad_chunk()


def _read_line(wire: Wire, max_bytes: int, until: float) -> bytes:
    """The bytes before the next CRLF."""
    while True:
        end = wire.buffer.find(b"\r\n")
        if end >= 0:
            return wire.take(end + 2)[:-2]
        if len(wire.buffer) > max_bytes + CR or b"\n" in wire.buffer:
            raise _bad_chunk()
        if not wire.fill(until):
            raise _cut_short()


def _skip_trailers(wire: Wire, until: float) -> None:
    lines: List[str] = []
    size = 0
    while True:
        line = _read_line(wire, MAX_TRAILERS, until)
        if not line:
            parse_fields(lines)
            return
        size += len(line)
        lines.append(line.decode("latin-1"))
        broken = b"\r" in line or b"\n" in line or line.translate(None, HARMLESS)
        if broken or size > MAX_TRAILERS or len(lines) > MAX_FIELDS:
            raise _bad_chunk()


def _bad_chunk() -> InvalidRequest:
    return InvalidRequest("the chunks of the request's body are malformed")


def _cut_short() -> InvalidRequest:
    return InvalidRequest("the body ended before its last chunk")


def unpack(data: AnyBytes, coding: str, max_bytes: int) -> AnyBytes:
    """Undo a Content-Encoding: gzip, or none; the limit holds for what comes out."""
    if not is_packed(coding):
        return data
    inflater = zlib.decompressobj(31)
    try:
        plain = inflater.decompress(data, max_bytes + 1)
    except zlib.error:
        raise _bad_gzip() from None
    if len(plain) > max_bytes:
        raise too_large(max_bytes)
    if not inflater.eof or inflater.unused_data:
        raise _bad_gzip()
    return plain


def is_packed(coding: str) -> bool:
    """Whether a Content-Encoding is gzip; InvalidRequest where it is another."""
    coding = coding.strip().lower()
    if coding not in ("", "identity", "gzip", "x-gzip"):
        raise InvalidRequest("Content-Encoding: send the body as it is, or as gzip", status=415)
    return "gzip" in coding


def _bad_gzip() -> InvalidRequest:
    return InvalidRequest("the body is not the gzip that its Content-Encoding says")


# -- what they say

def charset_of(content_type: str) -> str:
    """The codec that a Content-Type names; UTF-8 where it names none."""
    match = CHARSET(content_type)
    name = match.group(1).lower() if match else "utf-8"
    if name not in CHARSETS:
        raise InvalidRequest("charset: the body must be UTF-8")
    return CHARSETS[name]


def parse_json(data: AnyBytes, charset: str = "utf-8") -> Dict[str, Any]:
    """The object that a body holds. Lone surrogates become U+FFFD; of equal names the last one counts."""
    return parse_text(text_of(data, charset))


def text_of(data: AnyBytes, charset: str) -> str:
    """A body's text, without the mark that may stand before it."""
    if data[:3] == b"\xef\xbb\xbf":
        data = data[3:]
    if not data or data.isspace():
        raise InvalidRequest("the request has no body")
    try:
        text = data.decode(charset)
    except UnicodeDecodeError as error:
        raise InvalidRequest("the body is not %s (byte %d)" % (charset.upper(), error.start)) from None
    return text


def parse_text(text: str, seen: Optional[SeenTools] = None) -> Dict[str, Any]:
    """The object that a body's text holds; see parse_json. `seen`: known tools need not be read."""
    check_number(text)
    body, tools = _apart(text, seen) if seen and len(text) > SMALL else (_parse(text), None)
    if not isinstance(body, dict):
        raise InvalidRequest("the body must be a JSON object")
    if not all(map(is_well_formed, look_through(body))):
        return _parse(_whole_characters(text))
    known = seen.learn(text[tools.start:tools.end], tools.value) if seen and tools else None
    if known:
        body["tools"] = known
    return body


def _apart(text: str, seen: SeenTools) -> Tuple[Dict[str, Any], Optional[Member]]:
    """The body, and what was read as its `tools`; None where they are known, or stand in an unusual place."""
    def tools(text: str, start: int) -> Tuple[Any, int]:
        return seen.at(text, start) or DECODER.raw_decode(text, start)
    try:
        found, end = members(text, 0, DECODER.raw_decode, {"tools": tools})
    except (ValueError, RecursionError):
        end = -1
    if end != len(text):
        return _parse(text), None
    read = found.get("tools")
    return {name: each.value for name, each in found.items()}, read if read and isinstance(read.value, list) else None


def _parse(text: str) -> Dict[str, Any]:
    try:
        return DECODER.decode(text)
    except json.JSONDecodeError as error:
        raise InvalidRequest("the body is not JSON: %s at line %d, column %d" % (
            error.msg, error.lineno, error.colno)) from None
    except RecursionError:
        raise _too_deep() from None


def check_number(text: str) -> None:
    """Refuse millions of values, each of which costs more than its bytes. What stands in strings is none."""
    # A value and what parts it from the next are two characters: a shorter body need not be looked at.
    if len(text) <= 2 * MAX_VALUES or _separators(text) <= MAX_VALUES:
        return
    # Escapes go first, since a pattern that knows them keeps a place to come back to for each: fifty times its bytes.
    if _separators(STRINGS.sub("", text.replace("\\\\", "").replace('\\"', ""))) > MAX_VALUES:
        raise InvalidRequest("the body holds more than %d values" % MAX_VALUES)


def _separators(text: str) -> int:
    return text.count(",") + text.count("{") + text.count("[")


def look_through(body: Any) -> List[str]:
    """The texts with more in them than ASCII; more than 200 levels of objects and arrays are refused.

    One look at everything, without recursion. (Looking for escapes of half a character in the body's text takes twice
    as long, for there are few of them and many backslashes.)
    """
    level: List[Any] = [body]
    texts: List[str] = []
    names: Set[str] = set()
    for _ in range(MAX_DEPTH):
        level = _next_level(level, texts, names)
        if not level:
            return texts + [name for name in names if not name.isascii()]
    raise _too_deep()


def _next_level(level: List[Any], texts: List[str], names: Set[str]) -> List[Any]:
    """What stands in the objects and arrays of a level; names of members are few, and are looked at once each."""
    deeper = []
    for holder in level:
        if holder.__class__ is dict:
            names.update(holder)
            holder = holder.values()
        for value in holder:
            kind = value.__class__
            if kind is str and value.isascii():
                continue
            if kind is str:
                texts.append(value)
            elif kind is dict or kind is list:
                deeper.append(value)
    return deeper


def _too_deep() -> InvalidRequest:
    return InvalidRequest("the body is nested more than %d levels deep" % MAX_DEPTH)


def _whole_characters(text: str) -> str:
    """The same JSON text, where escapes of half a character name U+FFFD instead."""
    pieces, done = [], 0
    for match in SURROGATES.finditer(text):
        start = match.start()
        if start < done or _escaped(text, start):
            continue
        pieces.append(text[done:start])
        pair = PAIR(text, start)
        pieces.append(pair.group() if pair else "\\ufffd")
        done = pair.end() if pair else match.end()
    pieces.append(text[done:])
    return "".join(pieces)


def _escaped(text: str, start: int) -> bool:
    """The backslash at `start` is itself escaped: an odd number of them stands before it."""
    before = start
    while before and text[before - 1] == "\\":
        before -= 1
    return (start - before) % 2 == 1


def _refuse_constant(name: str) -> None:
    raise InvalidRequest("the body is not JSON: %s is no number" % name)


def _integer(digits: str) -> int:
    if len(digits) > MAX_DIGITS:
        raise InvalidRequest("the body holds a number of %d digits" % len(digits))
    return int(digits)


def _finite(digits: str) -> float:
    number = float(digits)
    if number - number != 0:             # infinite
        raise InvalidRequest("the body holds a number that is too large")
    return number


DECODER = json.JSONDecoder(parse_constant=_refuse_constant, parse_int=_integer, parse_float=_finite)
