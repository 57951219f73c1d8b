"""The head of a request: its limits to the byte, and that it does not matter where it is cut."""
import socket
import time

import pytest

from claude_proxy.errors import ProxyError
from claude_proxy.server.reader import MAX_FIELD_LINE, MAX_FIELDS_BYTES, MAX_REQUEST_LINE, read_head
from claude_proxy.server.wire import Wire

FIRST, HOST, END = b"GET /health HTTP/1.1\r\n", b"Host: localhost\r\n", b"\r\n"


def line(size):
    return b"GET /" + b"a" * (size - len(b"GET / HTTP/1.1")) + b" HTTP/1.1\r\n"


def field(size, name=b"X"):
    """A header line of so many bytes without its end."""
    return name + b": " + b"a" * (size - len(name) - 2) + b"\r\n"


def fields(size):
    """Header lines of so many bytes, with their ends."""
    large = HOST + b"".join(field(8000, b"X%d" % number) for number in range(8))
    return large + field(size - len(large) - 2, b"Y")


# what it is -> (the head, the status of its refusal or None)
LIMITS = {
    "a request line of 8 KiB": (line(MAX_REQUEST_LINE) + HOST + END, None),
    "one byte more": (line(MAX_REQUEST_LINE + 1) + HOST + END, 414),
    "a header line of 16 KiB": (FIRST + HOST + field(MAX_FIELD_LINE) + END, None),
    "one byte more in a header line": (FIRST + HOST + field(MAX_FIELD_LINE + 1) + END, 431),
    "headers of 64 KiB": (FIRST + fields(MAX_FIELDS_BYTES) + END, None),
    "one byte more in all": (FIRST + fields(MAX_FIELDS_BYTES + 1) + END, 431),
    "100 headers": (FIRST + HOST + b"X: 1\r\n" * 99 + END, None),
    "one header more": (FIRST + HOST + b"X: 1\r\n" * 100 + END, 431),
}


def read(pieces):
    """What becomes of a head that arrives in these pieces: None, or the status of its refusal."""
    class Pieces(Wire):
        def fill(self, until):
            self.buffer += next(left)               # StopIteration: more is asked for than there is
            return True

    left = iter(pieces)
    ours, theirs = socket.socketpair()
    with ours, theirs:
        try:
            read_head(Pieces(ours), time.monotonic() + 5)
        except ProxyError as error:
            return error.status
    return None


@pytest.mark.parametrize("data, refused", LIMITS.values(), ids=LIMITS.keys())
def test_limits_are_kept_to_the_byte_wherever_it_is_cut(data, refused):
    assert read([data]) == refused
    ends = [at for at in range(len(data)) if data.startswith(b"\r\n", at)]
    for end in {0, ends[0], ends[-2], ends[-1]}:
        for cut in range(max(1, end - 1), min(len(data), end + 3)):
            assert read([data[:cut], data[cut:]]) == refused, cut


# the beginning of a head that is wrong however it goes on -> its status
HOPELESS = {
    "a first line that is none": (b"EHLO example\r\n", 400),
    "another protocol": (b"SSH-2.0-OpenSSH_9.6\r\n", 400),
    "another version": (b"GET / HTTP/2.0\r\n", 505),
    "a small letter": (b"get / HTTP/1.1\r\n", 400),
    "no letter": (b"\x05\x01\x00", 400),
    "LF": (b"GET / HTTP/1.1\n", 400),
    "CR": (b"GET / HTTP/1.1\rX", 400),
    "NUL": (b"GET / HTTP/1.1\r\nX: \0", 400),
    "BEL": (b"GET / HTTP/1.1\r\nX: \a", 400),
    "two CRs": (b"GET / HTTP/1.1\r\r", 400),
    "LF after a header": (b"GET / HTTP/1.1\r\nX: 1\n", 400),
    "a line without an end": (b"GET /" + b"a" * 9000, 414),
    "a header without an end": (FIRST + b"X: " + b"a" * 17000, 431),
    "headers without an end": (FIRST + field(9000) * 8, 431),
}


@pytest.mark.parametrize("data, status", HOPELESS.values(), ids=HOPELESS.keys())
def test_what_cannot_become_a_request_is_refused_before_its_end(data, status):
    """Where more is waited for, read() breaks; a client would wait for header_seconds."""
    assert read([data]) == status
