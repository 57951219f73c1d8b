"""upstream/framing.py: a body out of its framing, wherever the network cuts it."""
import gzip
import zlib

import pytest

from claude_proxy.upstream.faults import BrokeOff
from claude_proxy.upstream.framing import Chunked, Sized, UntilClose, body_of, inflater_of


def unframed(make, wire, cut):
    """(content, done, surplus) of a body that arrives in pieces of `cut` bytes."""
    body, content = make(), b""
    for i in range(0, len(wire), cut):
        content += body.feed(wire[i:i + cut])
    return content, body.done, body.surplus


CHUNKED = {
    "two chunks": (b"5\r\nhello\r\n6\r\n world\r\n0\r\n\r\n", (b"hello world", True, False)),
    "no chunk at all": (b"0\r\n\r\n", (b"", True, False)),
    "sizes in capitals, with zeros, with an extension": (
        b"0000A\r\n0123456789\r\n2;name=value\r\nab\r\n0\r\n\r\n", (b"0123456789ab", True, False)),
    "sizes with zeros, after the same": (b"001\r\na\r\n001\r\nb\r\n001\r\nc\r\n0\r\n\r\n", (b"abc", True, False)),
    "trailer fields": (b"2\r\nab\r\n0\r\nX-Sum: 1\r\nX-More: 2\r\n\r\n", (b"ab", True, False)),
    "line ends inside a chunk": (b"6\r\na\r\n\r\nb\r\n0\r\n\r\n", (b"a\r\n\r\nb", True, False)),
    "cut inside a chunk": (b"5\r\nhel", (b"hel", False, False)),
    "cut between chunks": (b"5\r\nhello\r\n", (b"hello", False, False)),
    "cut before the last empty line": (b"5\r\nhello\r\n0\r\n", (b"hello", False, False)),
}


@pytest.mark.parametrize("wire, expected", CHUNKED.values(), ids=CHUNKED.keys())
def test_chunked_at_every_cut(wire, expected):
    for cut in range(1, len(wire) + 1):
        assert unframed(Chunked, wire, cut) == expected


def test_bytes_after_the_last_chunk_spoil_the_connection():
    assert unframed(Chunked, b"1\r\na\r\n0\r\n\r\nHTTP/1.1 200", 100) == (b"a", True, True)


@pytest.mark.parametrize("wire", [b"zz\r\n", b"-5\r\nhello", b"0x_5\r\n", b"\r\n", b"1" * 17 + b"\r\n", b"a" * 2000])
def test_what_is_no_chunk(wire):
    with pytest.raises(BrokeOff):
        Chunked().feed(wire)


SIZED = {
    "all of it": (b"hello", (b"hello", True, False)),
    "a part of it": (b"hel", (b"hel", False, False)),
    "more than it": (b"hello!", (b"hello", True, True)),
}


@pytest.mark.parametrize("wire, expected", SIZED.values(), ids=SIZED.keys())
def test_sized(wire, expected):
    assert unframed(lambda: Sized(5), wire, 100) == expected


@pytest.mark.parametrize("body", [Chunked(), Sized(5)])
def test_a_connection_that_ends_too_early_is_a_cut(body):
    with pytest.raises(BrokeOff):
        body.at_eof()


FRAMINGS = {
    "chunked": ({"transfer-encoding": "chunked"}, Chunked),
    "chunked wins over a length": ({"transfer-encoding": "Chunked", "content-length": "3"}, Chunked),
    "a length": ({"content-length": "3"}, Sized),
    "a length that is said twice": ({"content-length": "3, 3"}, Sized),
    "neither": ({}, UntilClose),
}


@pytest.mark.parametrize("headers, expected", FRAMINGS.values(), ids=FRAMINGS.keys())
def test_body_of(headers, expected):
    assert isinstance(body_of(200, headers), expected)


@pytest.mark.parametrize("length", ["3, 4", "-1", "0x10", "", "1" * 16, "\u0663"])
def test_a_content_length_that_is_none(length):
    with pytest.raises(BrokeOff):
        body_of(200, {"content-length": length})


def raw_deflate(data):
    compressor = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return compressor.compress(data) + compressor.flush()


TEXT = b"data: hello\n\n" * 1000
CODINGS = {"gzip": gzip.compress(TEXT), "x-gzip": gzip.compress(TEXT), "deflate": zlib.compress(TEXT),
           "Deflate": raw_deflate(TEXT)}


@pytest.mark.parametrize("coding, wire", CODINGS.items(), ids=CODINGS.keys())
@pytest.mark.parametrize("cut", [1, 7, 1 << 20])
def test_compressed_although_it_was_not_asked_for(coding, wire, cut):
    inflater = inflater_of({"content-encoding": coding})
    pieces = [piece for i in range(0, len(wire), cut) for piece in inflater.pieces(wire[i:i + cut])]
    assert b"".join(pieces) == TEXT


def test_a_small_piece_that_is_a_large_one_comes_in_steps():
    wire = gzip.compress(b"\0" * (5 << 20))
    assert max(map(len, inflater_of({"content-encoding": "gzip"}).pieces(wire))) <= 1 << 20


def test_a_coding_that_we_cannot_undo():
    with pytest.raises(BrokeOff, match="br"):
        inflater_of({"content-encoding": "br"})
    with pytest.raises(BrokeOff, match="broken compressed"):
        list(inflater_of({"content-encoding": "gzip"}).pieces(gzip.compress(b"x")[:10] + b"\xff\xff\xff\xff"))
