"""sse: events from bytes that are cut anywhere."""
import pytest

from claude_proxy.conversion.sse import EventSplitter, EventTooLarge, encode, fields

BODIES = {
    "line feeds": (
        b"data: a\n\ndata: b\n\n",
        [("", "a"), ("", "b")]),
    "carriage return and line feed": (
        b"data: a\r\n\r\ndata: b\r\n\r\n",
        [("", "a"), ("", "b")]),
    "carriage returns alone": (
        b"data: a\r\rdata: b\r\r",
        [("", "a"), ("", "b")]),
    "no space behind the colon, or two": (
        b"data:a\n\ndata:  b\n\n",
        [("", "a"), ("", " b")]),
    "a name, comments, id and retry": (
        b": hello\n\nevent: error\nid: 7\nretry: 1\n: again\ndata: a\n\n",
        [("", None), ("error", "a")]),
    "several data lines are one": (
        b"data: {\ndata\ndata: }\n\n",
        [("", "{\n\n}")]),
    "several data lines that end in CR LF": (
        b"data: {\r\ndata: }\r\n\r\ndata: b\r\n\r\n",
        [("", "{\n}"), ("", "b")]),
    "more blank lines than needed": (
        b"\n\ndata: a\n\n\n\n\ndata: b\n\n",
        [("", "a"), ("", "b")]),
    "a byte order mark": (
        b"\xef\xbb\xbfdata: a\n\n",
        [("", "a")]),
    "the last blank line is missing": (
        b"data: a\n\ndata: [DONE]",
        [("", "a"), ("", "[DONE]")]),
    "characters of several bytes, and the separators that only str.splitlines knows": (
        "data: é中😀\u2028\u0085x\n\n".encode(),
        [("", "é中😀\u2028\u0085x")]),
    "bytes that are no UTF-8": (
        b"data: a\xff\xe4\xb8\n\ndata: b\n\n",
        [("", "a\ufffd\ufffd"), ("", "b")]),
}


def split(pieces):
    splitter = EventSplitter()
    texts = [splitter.feed(piece) for piece in pieces] + [splitter.finish()]
    return [fields(event) for text in texts for event in text.split("\n\n") if event.strip("\n")]


@pytest.mark.parametrize("body, expected", BODIES.values(), ids=BODIES.keys())
def test_events_at_every_cut(body, expected):
    assert split([body]) == expected
    assert split([body[at:at + 1] for at in range(len(body))]) == expected
    for at in range(len(body)):
        assert split([body[:at], body[at:]]) == expected


def test_a_flood_of_comments_and_blank_lines_is_left_out():
    flood = b":\n\n: ping\n\n\n\n" * 700
    assert EventSplitter().feed(b"data: a\n\n" + flood + b": of\ndata: b\n\n" + flood + b"x\n\n") == (
        "data: a\n\n: of\ndata: b\n\nx\n\n")


def test_a_line_of_many_megabytes_arrives_and_one_without_end_does_not():
    splitter = EventSplitter()
    piece = b"x" * 65536
    assert "".join(splitter.feed(piece) for _ in range(300)) == ""
    assert len(splitter.feed(b"\n\n")) == 300 * 65536 + 2
    small = EventSplitter(limit=1000)
    with pytest.raises(EventTooLarge):
        for _ in range(2):
            small.feed(b"data: " + b"x" * 600)


def test_an_event_is_named_by_its_type():
    assert encode({"type": "ping", "x": "é\n"}) == 'event: ping\ndata: {"type":"ping","x":"é\\n"}\n\n'.encode()
