"""What a body's bytes say."""
import gzip
import json
import socket
import tracemalloc

import pytest

from claude_proxy.errors import InvalidRequest, ProxyError, TooLarge
from claude_proxy.server.body import (
    MAX_DEPTH,
    charset_of,
    check_number,
    look_through,
    parse_json,
    read_body,
    unpack,
)
from claude_proxy.server.wire import Wire

PARSED = {
    "an object": (b'{"a": 1}', {"a": 1}),
    "white space around it": (b' \r\n\t{"a": 1}\n ', {"a": 1}),
    "a byte order mark": (b'\xef\xbb\xbf{"a": 1}', {"a": 1}),
    "the last of equal names": (b'{"a": 1, "a": 2}', {"a": 2}),
    "numbers": (b'{"a": [0, -1, 2.5, 1e3, -0.0, 1E-400]}', {"a": [0, -1, 2.5, 1000.0, -0.0, 0.0]}),
    "308 digits": (b'{"a": ' + b"9" * 308 + b"}", {"a": int("9" * 308)}),
    "NUL": (b'{"a": "x\\u0000y"}', {"a": "x\0y"}),
    "a pair": (b'{"a": "\\ud83d\\ude00"}', {"a": "\U0001F600"}),
    "a pair in capitals": (b'{"a": "\\uD83D\\uDE00"}', {"a": "\U0001F600"}),
    "raw UTF-8": ('{"a": "\U0001F600é"}'.encode("utf-8"), {"a": "\U0001F600é"}),
    "a high half": (b'{"a": "x\\ud83d y"}', {"a": "x\ufffd y"}),
    "a low half": (b'{"a": "x\\ude00y"}', {"a": "x\ufffdy"}),
    "halves in the wrong order": (b'{"a": "\\ude00\\ud83d"}', {"a": "\ufffd\ufffd"}),
    "a half before a pair": (b'{"a": "\\ud83d\\ud83d\\ude00"}', {"a": "\ufffd\U0001F600"}),
    "a half in a name": (b'{"\\udbff": 1}', {"\ufffd": 1}),
    "a half at the end": (b'{"a": "\\uDFFF"}', {"a": "\ufffd"}),
    "no escape at all": (b'{"a": "\\\\ud83d"}', {"a": "\\ud83d"}),
    "a half behind a backslash": (b'{"a": "\\\\\\ud83d"}', {"a": "\\\ufffd"}),
    "other escapes": (b'{"a": "\\ud7ff\\ue000\\u00e9\\ud83d\\n"}', {"a": "\ud7ff\ue000\xe9\ufffd\n"}),
    "200 levels": (b'{"a":' * 199 + b"[]" + b"}" * 199, None),
    "many commas in a string": (b'{"a": "' + b",{[" * 700000 + b'\\",,"}', {"a": ",{[" * 700000 + '",,'}),
    "many brackets, few levels": (b'{"a": [' + b"{}," * 500 + b"[]]}", {"a": [{}] * 500 + [[]]}),
}


@pytest.mark.parametrize("data, expected", PARSED.values(), ids=PARSED.keys())
def test_parse(data, expected):
    found = parse_json(data)
    json.dumps(found, ensure_ascii=False).encode("utf-8")       # half a character would raise
    if expected is not None:
        assert found == expected


REFUSED = {
    "nothing": (b"", "the request has no body"),
    "a mark alone": (b"\xef\xbb\xbf", "the request has no body"),
    "no object": (b"[1]", "the body must be a JSON object"),
    "no JSON": (b'{"a": }', "the body is not JSON: Expecting value at line 1, column 7"),
    "no UTF-8": (b'{"a": "\xc3"}', "the body is not UTF-8 (byte 7)"),
    "NaN": (b'{"a": NaN}', "the body is not JSON: NaN is no number"),
    "-Infinity": (b'{"a": [-Infinity]}', "the body is not JSON: -Infinity is no number"),
    "too large a number": (b'{"a": 1e309}', "the body holds a number that is too large"),
    "309 digits": (b'{"a": ' + b"1" * 309 + b"}", "the body holds a number of 309 digits"),
    "201 levels": (b'{"a":' * 200 + b"[]" + b"}" * 200, "the body is nested more than 200 levels deep"),
    "a million values": (b'{"a": [' + b"1," * 1000000 + b"1]}", "the body holds more than 1000000 values"),
    "a million objects": (b'{"a": [' + b"{}," * 700000 + b"1]}", "the body holds more than 1000000 values"),
    "5000 levels": (b'{"a": ' + b"[" * 5000 + b"]" * 5000 + b"}", "the body is nested more than 200 levels deep"),
}


@pytest.mark.parametrize("data, message", REFUSED.values(), ids=REFUSED.keys())
def test_refused(data, message):
    with pytest.raises(InvalidRequest) as caught:
        parse_json(data)
    assert (caught.value.status, caught.value.message) == (400, message)


def test_depth_is_counted_without_recursion():
    deep = {}
    for _ in range(100000):
        deep = {"a": deep}
    with pytest.raises(InvalidRequest):
        look_through(deep)
    while deep:                                                 # freed one by one: the interpreter's own recursion
        deep = deep["a"]
    level = []
    for _ in range(MAX_DEPTH - 1):
        level = [level]
    assert look_through(level) == []


@pytest.fixture
def peak():
    """How many bytes were allocated at a time since the test began."""
    tracemalloc.start()
    yield lambda: tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()


def test_a_length_that_is_only_announced_takes_no_memory(peak):
    ours, theirs = socket.socketpair()
    with ours, theirs:
        theirs.sendall(b"x" * 1000)
        theirs.shutdown(socket.SHUT_WR)
        with pytest.raises(InvalidRequest, match="after 1000 of 30000000 bytes"):
            read_body(Wire(ours), 30000000, False, 32000000, 5)
    assert peak() < 1000000


def test_a_string_with_many_escapes_takes_little_memory_to_look_at(peak):
    text = '{"a": "' + ',\\n\\"' * 1100000 + '"}'
    check_number(text)
    assert peak() < 4 * len(text)


def test_texts_are_found_wherever_they_stand():
    assert sorted(look_through({"a": ["b", "\xe9", {"\u4e2d": None, "c": [["\u2026"]]}], "d": "e"})) == [
        "\xe9", "\u2026", "\u4e2d"]


@pytest.mark.parametrize("value, expected", [
    ("", "utf-8"), ("application/json", "utf-8"), ("application/json; charset=UTF-8", "utf-8"),
    ('application/json; charset="utf-8"', "utf-8"), ("application/json;charset=us-ascii", "ascii"),
    ("application/json; charset=ISO-8859-1", "latin-1"), ("application/json; x=1; charset=utf8", "utf-8"),
    ("application/json; charset=utf-16", 400), ("application/json; charset=koi8-r", 400),
    ("application/json; charset=zlib_codec", 400),
])
def test_charsets(value, expected):
    try:
        assert charset_of(value) == expected
    except InvalidRequest as error:
        assert error.status == expected


def test_latin_1():
    assert parse_json(b'{"a": "\xe9"}', "latin-1") == {"a": "é"}


LIMIT = 1000
ZIPPED = gzip.compress(b'{"a": 1}')


@pytest.mark.parametrize("data, coding, expected", [
    (b"{}", "", b"{}"), (b"{}", "identity", b"{}"), (ZIPPED, "gzip", b'{"a": 1}'), (ZIPPED, " X-GZIP ", b'{"a": 1}'),
    (gzip.compress(b"x" * LIMIT), "gzip", b"x" * LIMIT), (gzip.compress(b"x" * (LIMIT + 1)), "gzip", 413),
    (gzip.compress(b"x" * 50000000), "gzip", 413), (ZIPPED[:-1], "gzip", 400), (ZIPPED + b"x", "gzip", 400),
    (b"{}", "gzip", 400), (b"", "gzip", 400),
    (ZIPPED, "gzip, gzip", 415), (b"{}", "deflate", 415), (b"{}", "zstd", 415),
], ids=str)
def test_content_codings(data, coding, expected):
    try:
        assert unpack(data, coding, LIMIT) == expected
    except ProxyError as error:
        assert error.status == expected
        assert isinstance(error, TooLarge) == (expected == 413)
