"""The head of an HTTP/1.1 request, read strictly: what two parsers could understand differently is refused.

    GET /v1/models?limit=5 HTTP/1.1 CRLF
    name: value CRLF
    CRLF

Rules (RFC 9112; the number in brackets is the answer to a breach)
    request line    three parts, one space between them; at most 8 KiB [414]
    method          capital letters; version exactly HTTP/1.0 or HTTP/1.1 [505 for others]
    target          begins with / (or is http://host/...); visible characters, UTF-8
    fields          at most 100, a line 16 KiB, all of them 64 KiB [431]; token ":" value; no folding
    line ends       CRLF alone; no other control character but tab
    repeated        fields that must be single are refused, others joined by ", "
    body            one Content-Length of 1 to 10 digits, or Transfer-Encoding: chunked, never both
Everything else is a 400. A head that cannot be whole any more is refused at once, not after a timeout.
"""
import re
import socket
from typing import Dict, List, Match, NamedTuple, Optional, Tuple

from ..errors import InvalidRequest, Timeout
from .wire import Wire

MAX_REQUEST_LINE = 8 * 1024
MAX_FIELD_LINE = 16 * 1024
MAX_FIELDS = 100
MAX_FIELDS_BYTES = 64 * 1024
CR = 1                              # a line that is whole but for its LF has one byte more

TOKEN = b"!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
HARMLESS = b"\t\r\n" + bytes(range(0x20, 0x7f)) + bytes(range(0x80, 0x100))
SINGLE = frozenset(("host", "content-length", "transfer-encoding", "content-type", "content-encoding", "authorization",
                    "x-api-key", "origin", "expect", "sec-fetch-site"))

METHOD = re.compile(r"[A-Z]{1,32}").fullmatch
TARGET = re.compile(r"[!-~\x80-\xff]+").fullmatch
ABSOLUTE = re.compile(r"https?://([^/?#]*)([/?].*)?", re.I).fullmatch
VERSION = re.compile(r"HTTP/[0-9]\.[0-9]").fullmatch
LENGTH = re.compile(r"[0-9]{1,10}").fullmatch
NO_FIELD = "a header line is not `name: value`"


class Head(NamedTuple):
    """A request's head; the names of the fields are in small letters."""

    method: str
    target: str
    version: str
    headers: Dict[str, str]


def wait_for_request(wire: Wire, until: float) -> bool:
    """The first bytes of a request are there; False where the client has gone, or is silent until `until`."""
    if wire.buffer:
        return True
    try:
        return wire.fill(until)
    except OSError:
        return False


def read_head(wire: Wire, until: float) -> Head:
    """The head of the request that has begun; all of it must be there by `until`."""
    blank = True                        # one empty line before a request is forgiven (RFC 9112 2.2)
    while True:
        if blank and wire.buffer[:2] == b"\r\n":
            blank = False
            del wire.buffer[:2]
        end = wire.buffer.find(b"\r\n\r\n")
        if end >= 0:
            return parse_head(wire.take(end + 4)[:-4])
        check_unfinished(wire.buffer)
        _more(wire, until)


def _more(wire: Wire, until: float) -> None:
    try:
        if wire.fill(until):
            return
    except socket.timeout:
        raise Timeout("the head of the request did not arrive in time") from None
    raise InvalidRequest("the connection ended inside the head of a request")


def check_unfinished(buffer: bytearray) -> None:
    """Refuse a head that cannot become a right one, however it goes on."""
    if not buffer or buffer == b"\r":
        return
    if not 0x41 <= buffer[0] <= 0x5a:
        if buffer[0] == 0x16:
            raise InvalidRequest("this port speaks http://, not https://")
        raise InvalidRequest("this is not an HTTP request")
    # Counted, not searched for: whoever sends single bytes has all of it looked at for each.
    breaks = buffer.count(b"\r\n")
    if buffer.count(b"\n") != breaks or buffer.count(b"\r") - buffer.endswith(b"\r") != breaks or (
            buffer.translate(None, HARMLESS)):
        raise InvalidRequest("lines must end in CR LF, and hold no control characters")
    line_end = buffer.find(b"\r\n")
    if line_end < 0:
        if len(buffer) > MAX_REQUEST_LINE + CR:
            raise _line_too_long()
        return
    parse_request_line(buffer[:line_end].decode("latin-1"))
    last_line = len(buffer) - buffer.rfind(b"\r\n") - 2
    if len(buffer) - line_end > MAX_FIELDS_BYTES + len(b"\r\n\r") or last_line > MAX_FIELD_LINE + CR:
        raise _fields_too_large()


def parse_head(raw: bytes) -> Head:
    """The head in `raw`, which ends before its empty line."""
    lines = raw.decode("latin-1").split("\r\n")
    breaks = len(lines) - 1
    if raw.count(b"\n") != breaks or raw.count(b"\r") != breaks or raw.translate(None, HARMLESS):
        raise InvalidRequest("lines must end in CR LF, and hold no control characters")
    method, target, version = parse_request_line(lines[0])
    if breaks > MAX_FIELDS or len(raw) - len(lines[0]) > MAX_FIELDS_BYTES or (
            len(raw) > MAX_FIELD_LINE and max(map(len, lines[1:]), default=0) > MAX_FIELD_LINE):
        raise _fields_too_large()
    headers = parse_fields(lines[1:])
    if "host" not in headers and version == "HTTP/1.1":
        raise InvalidRequest("an HTTP/1.1 request needs a Host header")
    absolute = ABSOLUTE(target)
    if absolute:
        target = _origin_form(absolute, headers)
    return Head(method, target, version, headers)


def parse_request_line(line: str) -> Tuple[str, str, str]:
    """`POST /v1/messages HTTP/1.1` -> its three parts."""
    if len(line) > MAX_REQUEST_LINE:
        raise _line_too_long()
    parts = line.split(" ")
    if len(parts) != 3 or not METHOD(parts[0]) or not TARGET(parts[1]):
        raise InvalidRequest("the first line is not `METHOD /path HTTP/1.1`")
    if parts[1][0] != "/" and not ABSOLUTE(parts[1]):
        raise InvalidRequest("the target must be a path that begins with /")
    version = parts[2]
    if version not in ("HTTP/1.1", "HTTP/1.0"):
        if VERSION(version):
            raise InvalidRequest("this server speaks HTTP/1.1 and HTTP/1.0 only", status=505)
        raise InvalidRequest("the first line is not `METHOD /path HTTP/1.1`")
    return parts[0], parts[1], version


def parse_fields(lines: List[str]) -> Dict[str, str]:
    """Lines `Name: value` -> {"name": "value"}; what is repeated is joined, or refused where it must be single."""
    headers: Dict[str, str] = {}
    for line in lines:
        name, colon, value = line.partition(":")
        if not colon or not name:
            raise InvalidRequest(NO_FIELD)
        name = name.lower()
        value = value.strip(" \t")
        if name in headers:
            if name in SINGLE:
                raise InvalidRequest("the header %s may stand once only" % name)
            value = headers[name] + ", " + value
        headers[name] = value
    # One look at all names together: a name with a space is also how folding and a space before the colon show.
    if "".join(headers).encode("latin-1").translate(None, TOKEN):
        raise InvalidRequest(NO_FIELD)
    return headers


def body_framing(head: Head) -> Tuple[Optional[int], bool]:
    """(Content-Length or None, is it chunked) of a request's body."""
    coding = head.headers.get("transfer-encoding")
    length = head.headers.get("content-length")
    if coding is not None:
        if length is not None or head.version == "HTTP/1.0":
            raise InvalidRequest("Transfer-Encoding cannot stand beside Content-Length, or in HTTP/1.0")
        if coding.lower() != "chunked":
            raise InvalidRequest("the only Transfer-Encoding that this server takes is chunked", status=501)
        return None, True
    if length is None:
        return None, False
    if not LENGTH(length):
        raise InvalidRequest("Content-Length must be 1 to 10 digits")
    return int(length), False


def _origin_form(absolute: Match[str], headers: Dict[str, str]) -> str:
    """An absolute target's path. Its host and the Host header must be the same (RFC 9112 3.2.2 lets the first win)."""
    host, path = absolute.groups("/")
    if headers.setdefault("host", host).lower() != host.lower():
        raise InvalidRequest("the target and the Host header name two hosts")
    return path if path[0] == "/" else "/" + path


def _line_too_long() -> InvalidRequest:
    return InvalidRequest("the request line is longer than %d bytes" % MAX_REQUEST_LINE, status=414)


def _fields_too_large() -> InvalidRequest:
    return InvalidRequest("the headers are too many (%d) or too large (a line: %d bytes, all: %d)" % (
        MAX_FIELDS, MAX_FIELD_LINE, MAX_FIELDS_BYTES), status=431)
