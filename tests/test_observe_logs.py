"""How log lines look: for people, for the journal, for machines."""
import io
import json
import logging
import os
import re
import sys

import pytest

from claude_proxy.observe import Record, access_line, hide_secrets, log_access, setup_logging
from claude_proxy.observe.escape import escaped
from claude_proxy.observe.logs import ACCESS, Repeats, goes_to_journal, has_colours, priority, timestamp

log = logging.getLogger("claude_proxy.test")
access = logging.getLogger("claude_proxy.access")


@pytest.fixture(autouse=True)
def restored():
    """What setup_logging changes is put back."""
    logger = logging.getLogger("claude_proxy")
    before = logger.handlers[:], logger.level, logger.propagate
    yield
    logger.handlers[:], logger.level, logger.propagate = before


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self):
        return True


def fail():
    try:
        raise ValueError("bad\x1b[0m")
    except ValueError:
        log.exception("request %s", "r\n1")


def written(log_format="text", environ=None, stream=None):
    stream = stream or io.StringIO()
    setup_logging(log_format, stream, environ or {})
    log.info("hello %s", "wor\nld")
    log.debug("never")
    log.warning("careful")
    fail()
    return stream.getvalue().splitlines()


STAMP = r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d "


def test_text():
    lines = written()
    assert re.match(STAMP + r"INFO hello wor\\nld\Z", lines[0])
    assert re.match(STAMP + r"WARNING careful\Z", lines[1])
    assert re.match(STAMP + r"ERROR request r\\n1\Z", lines[2])
    assert re.match(STAMP + r"ERROR ValueError: bad\\x1b\[0m\Z", lines[-1])
    assert all(re.match(STAMP, line) for line in lines)


def test_text_in_colour():
    lines = written(stream=Terminal())
    assert re.match(r"\x1b\[2m" + STAMP + r"INFO\x1b\[0m hello", lines[0])
    assert re.match(r"\x1b\[33m" + STAMP + r"WARNING careful\x1b\[0m\Z", lines[1])
    assert lines[-1].endswith("bad\\x1b[0m\x1b[0m")


COLOURS = {
    "a terminal": (Terminal(), {}, True),
    "a file": (io.StringIO(), {}, False),
    "NO_COLOR": (Terminal(), {"NO_COLOR": "1"}, False),
    "an empty NO_COLOR": (Terminal(), {"NO_COLOR": ""}, True),
    "FORCE_COLOR": (io.StringIO(), {"FORCE_COLOR": "1"}, True),
    "FORCE_COLOR over NO_COLOR": (io.StringIO(), {"FORCE_COLOR": "3", "NO_COLOR": "1"}, True),
    "FORCE_COLOR=0": (io.StringIO(), {"FORCE_COLOR": "0"}, False),
    "a dumb terminal": (Terminal(), {"TERM": "dumb"}, False),
}


@pytest.mark.parametrize("stream, environ, expected", COLOURS.values(), ids=COLOURS.keys())
def test_has_colours(stream, environ, expected):
    assert has_colours(stream, environ) is expected


def journal_of(stream):
    found = os.fstat(stream.fileno())
    return {"JOURNAL_STREAM": "%d:%d" % (found.st_dev, found.st_ino)}


def test_the_journal_gets_a_priority_on_each_line(tmp_path):
    with open(str(tmp_path / "log"), "w+", encoding="utf-8") as stream:
        environ = journal_of(stream)
        assert goes_to_journal(stream, environ)
        setup_logging("text", stream, environ)
        log.info("hello")
        fail()
        stream.seek(0)
        lines = stream.read().splitlines()
    assert lines[:3] == ["<6>hello", "<3>request r\\n1", "<3>Traceback (most recent call last):"]
    assert all(line.startswith("<3>") for line in lines[1:])


def test_another_stream_is_not_the_journal(tmp_path):
    with open(str(tmp_path / "log"), "w") as stream:
        assert not goes_to_journal(stream, {"JOURNAL_STREAM": "1:2"})
        assert not goes_to_journal(stream, {})
    assert not goes_to_journal(io.StringIO(), {"JOURNAL_STREAM": "1:2"})


def test_json():
    lines = [json.loads(line) for line in written("json")]
    assert [(line["level"], line["message"]) for line in lines] == [
        ("info", "hello wor\nld"), ("warning", "careful"), ("error", "request r\n1")]
    assert lines[0]["logger"] == "claude_proxy.test" and "exception" not in lines[0]
    assert lines[2]["exception"].endswith("ValueError: bad\x1b[0m")
    assert re.match(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z\Z", lines[0]["time"])


def test_an_access_line_is_its_own_object():
    stream = io.StringIO()
    setup_logging("json", stream, {})
    access.info("%s", access_line(Record(method="GET", route="/v1/models", status=200), "json"))
    line = json.loads(stream.getvalue())
    assert list(line)[:3] == ["time", "level", "http.request.method"] and line["http.response.status_code"] == 200


def stream_of(kind, encoding="utf-8"):
    stream = io.TextIOWrapper(io.BytesIO(), encoding=encoding)
    stream.isatty = lambda: kind == "terminal"
    return stream


WAYS = {
    "text": ("text", "file", "utf-8"),
    "in colour": ("text", "terminal", "utf-8"),
    "a stream without the letters": ("text", "file", "ascii"),
    "JSON": ("json", "file", "utf-8"),
}


@pytest.mark.parametrize("log_format, kind, encoding", WAYS.values(), ids=WAYS.keys())
@pytest.mark.parametrize("level", [logging.INFO, logging.WARNING])
def test_an_access_line_is_written_as_logging_would(log_format, kind, encoding, level):
    line = access_line(Record(method="POST", route="/v1/messages", status=200, error="世界 a\x1b[0m sk-secret-key"), log_format)
    written_lines = []
    for write in (lambda: log_access(level, line), lambda: access.log(level, "%s", line)):
        stream = stream_of(kind, encoding)
        setup_logging(log_format, stream, {})
        hide_secrets(lambda: ["sk-secret-key"])
        write()
        written_lines.append(re.sub(r"\d\d:\d\d:\d\d(\.\d+)?", "TIME", stream.buffer.getvalue().decode(encoding)))
    assert written_lines[0] == written_lines[1] and "[key]" in written_lines[0] and written_lines[0].endswith("\n")


def test_an_access_line_takes_the_way_of_others_where_somebody_listens(caplog):
    logger = logging.getLogger("claude_proxy")
    logger.handlers[:], logger.propagate = [], True
    caplog.set_level("INFO", "claude_proxy")
    log_access(logging.INFO, "GET /v1/models 200")
    assert caplog.messages == ["GET /v1/models 200"]


def test_an_access_line_for_nobody_is_borne():
    stream = io.StringIO()
    setup_logging("text", stream, {})
    stream.close()
    log_access(logging.INFO, "GET /v1/models 200")


def test_an_access_line_without_a_stderr_is_borne(monkeypatch):
    monkeypatch.setattr(sys, "stderr", None)        # a start with `2>&-`, or without a console on Windows
    setup_logging("text", sys.stderr, {})
    log_access(logging.INFO, "GET /v1/models 200")


def test_nothing_that_acts_is_left():
    acts = [*range(0x20), *range(0x7f, 0xa0), 0x200e, 0x200f, *range(0x2028, 0x202f), *range(0x2066, 0x206a), 0xd800, 0xdfff,
            0xfeff]
    assert not [code for code in acts if chr(code) in escaped("a%sb" % chr(code))]


def test_json_in_the_journal_has_its_priority(tmp_path):
    with open(str(tmp_path / "log"), "w+", encoding="utf-8") as stream:
        setup_logging("json", stream, journal_of(stream))
        log.warning("careful")
        stream.seek(0)
        assert stream.read().startswith('<4>{"time":')


def test_a_stream_without_the_letters():
    stream = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    setup_logging("text", stream, {})
    log.info("世界 …")
    stream.flush()
    assert stream.buffer.getvalue().rstrip().endswith(b"INFO \\u4e16\\u754c \\u2026")


def test_a_closed_stream_is_borne():
    stream = io.StringIO()
    setup_logging("text", stream, {})
    stream.close()
    log.info("nobody reads this")


def test_a_second_setup_replaces_the_first():
    first, second = io.StringIO(), io.StringIO()
    setup_logging("text", first, {})
    setup_logging("text", second, {})
    log.info("once")
    assert not first.getvalue() and second.getvalue().count("once") == 1


def test_many_warnings_of_one_kind_become_few():
    now = [0.0]
    stream = io.StringIO()
    handler = setup_logging("text", stream, {})
    handler.filters[:] = [Repeats(lambda: now[0])]
    for number in range(100):
        log.warning("attack %d", number)
        log.info("fine %d", number)
    log.warning("another")
    assert stream.getvalue().count("attack") == 5 and stream.getvalue().count("fine") == 100
    assert stream.getvalue().count("another") == 1
    now[0] = 11.0
    log.warning("attack %d", 100)
    assert stream.getvalue().splitlines()[-1].endswith("WARNING attack 100 (95 more like it were left out)")
    now[0] = 22.0
    log.warning("attack %d", 101)
    assert stream.getvalue().splitlines()[-1].endswith("WARNING attack 101")


def test_lines_of_requests_are_never_left_out():
    """However many of them fail."""
    stream = io.StringIO()
    setup_logging("text", stream, {})
    for _ in range(100):
        logging.getLogger(ACCESS).warning("%s", "POST /v1/messages 502")
    assert stream.getvalue().count("WARNING POST /v1/messages 502") == 100


def test_priorities_and_times():
    assert [priority(level) for level in (50, 40, 30, 20, 10, 5)] == [2, 3, 4, 6, 7, 7]
    assert timestamp(0) == "1970-01-01T00:00:00.000Z" and timestamp(1767225600.25) == "2026-01-01T00:00:00.250Z"
