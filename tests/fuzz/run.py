#!/usr/bin/env python3
"""Random input for whatever reads what strangers write: make fuzz [SECONDS=60] [ARGS="http heads config json events"]

    http    bytes on a real socket pair, to the whole way from head to answer: every answer is well formed, none is a 5xx
            (but 501 and 505, which are answers to the client's mistakes), the connection ends, nothing is logged as a bug
    heads   the same bytes, cut at line ends: the same head wherever they are cut, or none
    config  configurations, broken ones and odd ones: a Config, or mistakes with a message
    json    bodies: a refusal, or what the standard library reads as well
    events  a provider's stream, cut anywhere: the same events wherever it is cut, and no exception

Needs hypothesis, which `make fuzz` installs into build/. What is found is shrunk, printed, and becomes a case of the suite;
the examples are kept in build/fuzz/. Ends with 1 where something was found.
"""
import json
import logging
import os
import pathlib
import socket
import sys
import threading
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

from hypothesis import HealthCheck, Verbosity, given, settings  # noqa: E402
from hypothesis import strategies as st  # noqa: E402
from hypothesis.database import DirectoryBasedExampleDatabase  # noqa: E402

from answers import CONTEXT  # noqa: E402
from claude_proxy import config, routing  # noqa: E402
from claude_proxy.conversion import AnswerStream  # noqa: E402
from claude_proxy.errors import InvalidRequest, ProxyError  # noqa: E402
from claude_proxy.observe import Metrics  # noqa: E402
from claude_proxy.providers.learned import Learned  # noqa: E402
from claude_proxy.server import Application  # noqa: E402
from claude_proxy.server.body import parse_json  # noqa: E402
from claude_proxy.server.connection import Connection  # noqa: E402
from claude_proxy.server.reader import read_head  # noqa: E402
from claude_proxy.server.wire import Wire  # noqa: E402
from claude_proxy.upstream import Caller  # noqa: E402
from fake_provider import FakeProvider  # noqa: E402
from server_harness import Reply, provider  # noqa: E402

ROUND = 200                             # examples between two looks at the clock
HANG_SECONDS = 10
MISTAKES_OF_CLIENTS = (501, 505)


def profile():
    return settings(max_examples=ROUND, deadline=None, database=DirectoryBasedExampleDatabase(str(ROOT / "build" / "fuzz")),
                    suppress_health_check=list(HealthCheck), verbosity=Verbosity.normal)


# -- the HTTP reader, and all behind it

PIECES = st.one_of(
    st.sampled_from([
        b"GET ", b"POST ", b"HEAD ", b"OPTIONS ", b"PUT ", b"/", b"/v1/messages", b"/v1/models", b"/health", b"/metrics",
        b"/fake/v1/messages?beta=true", b"/v1/models/%2F", b"/%00", b"http://localhost/", b" HTTP/1.1\r\n", b" HTTP/1.0\r\n",
        b" HTTP/2.0\r\n", b"\r\n", b"\r\n\r\n", b"\n", b"\r", b"\0", b" ", b"\t", b":", b"Host: localhost\r\n",
        b"Host: evil.example\r\n", b"Origin: http://localhost\r\n", b"Origin: null\r\n", b"Content-Length: 0\r\n",
        b"Content-Length: 5\r\n", b"Content-Length: 9999999999\r\n", b"Content-Length: ", b"Transfer-Encoding: chunked\r\n",
        b"Transfer-Encoding: ", b"Expect: 100-continue\r\n", b"Connection: close\r\n", b"Connection: keep-alive\r\n",
        b"Content-Type: application/json\r\n", b"Content-Type: text/plain\r\n", b"Content-Encoding: gzip\r\n",
        b"x-api-key: k\r\n", b"Authorization: Bearer k\r\n", b"Sec-Fetch-Site: cross-site\r\n", b"User-Agent: claude-cli/2.1.0\r\n",
        b"0\r\n\r\n", b"5\r\nhello\r\n", b"5;x=y\r\n", b"ffffffffffffffff\r\n", b"{}", b'{"model": "m", "max_tokens": 1}',
        b"\x16\x03\x01", b"X: " + b"a" * 17000 + b"\r\n", b"a" * 9000, b"X: 1\r\n" * 101]),
    st.binary(max_size=20))
BODIES = st.one_of(
    st.binary(max_size=60),
    st.recursive(st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
                 lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(
                     ["model", "messages", "role", "content", "type", "text", "tools", "name", "input_schema", "system",
                      "stream", "max_tokens", "thinking", "tool_choice", "user", "id", "input", "source", "x"]),
                     inner, max_size=6), max_leaves=20).map(lambda tree: json.dumps(tree).encode("utf-8")),
    st.fixed_dictionaries({}, optional={
        "model": st.sampled_from(["m", "claude-sonnet-5", "fake/x", "", "\0", "../x"]) | st.integers(),
        "max_tokens": st.integers(-1, 5) | st.floats() | st.none(), "stream": st.booleans() | st.text(max_size=2),
        "messages": st.lists(st.fixed_dictionaries({"role": st.sampled_from(["user", "assistant", "system", "x"]),
                                                    "content": st.text(max_size=9) | st.lists(st.dictionaries(
                                                        st.sampled_from(["type", "text", "id", "name", "input", "source",
                                                                         "tool_use_id", "content", "thinking", "signature"]),
                                                        st.sampled_from(["text", "tool_use", "tool_result", "image", "thinking",
                                                                         "x", "", 1, None, {}, []]), max_size=6), max_size=3)}),
                             max_size=4),
        "tools": st.lists(st.dictionaries(st.sampled_from(["name", "input_schema", "type", "description"]),
                                          st.sampled_from(["x", "", {}, [], 1, None, {"type": "object"}]), max_size=4), max_size=2),
    }).map(lambda tree: json.dumps(tree).encode("utf-8")))


def whole_request(parts):
    path, fields, body = parts
    return (b"POST " + path + b" HTTP/1.1\r\nHost: localhost\r\n" + fields + b"Content-Length: %d\r\n\r\n" % len(body) + body)


STREAMS = st.lists(st.one_of(PIECES, st.tuples(
    st.sampled_from([b"/v1/messages", b"/v1/messages/count_tokens", b"/fake/v1/messages", b"/v1/models"]),
    st.sampled_from([b"", b"Content-Type: application/json\r\n", b"x-api-key: k\r\n", b"Connection: close\r\n"]),
    BODIES).map(whole_request)), min_size=1, max_size=14).map(b"".join)


class Bugs(logging.Handler):
    """What was logged as a bug of ours."""

    def __init__(self):
        super().__init__(logging.ERROR)
        self.records = []

    def emit(self, record):
        self.records.append(self.format(record))


class Http:
    """The proxy without its listener: one end of a socket pair is the client."""

    def __init__(self):
        self.fake = FakeProvider()
        server = config.Server(header_seconds=2, body_seconds=2, keep_alive_seconds=2)
        found = config.Config(server=server, providers=(provider(self.fake.url),), default_provider="fake")
        self.app = Application(found, Caller(), Metrics(), Learned())
        self.bugs = Bugs()
        logger = logging.getLogger("claude_proxy")
        logger.addHandler(self.bugs)
        logger.propagate = False

    def check(self, data):
        ours, theirs = socket.socketpair()
        thread = threading.Thread(target=Connection(self.app, theirs).run, daemon=True)
        thread.start()
        received = talk(ours, data)
        thread.join(HANG_SECONDS)
        ours.close()
        assert not thread.is_alive(), "it hangs"
        assert not self.bugs.records, self.bugs.records[0]
        for reply in replies(received, data):
            assert reply.status < 500 or reply.status in MISTAKES_OF_CLIENTS, reply.body


def talk(sock, data):
    sock.settimeout(HANG_SECONDS)
    try:
        sock.sendall(data)
        sock.shutdown(socket.SHUT_WR)
    except OSError:
        pass
    received = b""
    while True:
        try:
            piece = sock.recv(65536)
        except ConnectionError:
            return received
        if not piece:
            return received
        received += piece


def replies(received, sent):
    """Each answer, in Anthropic's form where it is an error; what HEAD was asked for may have no body."""
    while received.startswith(b"HTTP/1.1 100 "):
        received = received.partition(b"\r\n\r\n")[2]
    while received and b"HEAD " not in sent and b"HTTP/1.1 100 " not in received:
        reply = Reply(received)
        if reply.status >= 400:
            assert reply.error_type
        yield reply
        received = reply.rest


HEADS = st.tuples(
    st.sampled_from([b"GET / HTTP/1.1\r\n", b"GET /" + b"a" * 8178 + b" HTTP/1.1\r\n", b"GET /" + b"a" * 8179 + b" HTTP/1.1\r\n",
                     b"GET / HTTP/1.0\r\n", b"\r\nGET / HTTP/1.1\r\n"]),
    st.lists(st.sampled_from([b"Host: localhost\r\n", b"X: " + b"a" * 16381 + b"\r\n", b"X: " + b"a" * 16382 + b"\r\n",
                              b"X: 1\r\n" * 50, b"X:\r\n", b"X: \xff\t\r\n", b"X: \r\r\n", b"X: \n\r\n"]), max_size=6),
    st.sampled_from([b"\r\n", b"\r\nGET / HTTP/1.1", b""])).map(lambda parts: parts[0] + b"".join(parts[1]) + parts[2])


class Cut(Wire):
    """A client whose bytes come in these pieces; StopIteration where more are asked for."""

    def __init__(self, pieces):
        ours, theirs = socket.socketpair()
        super().__init__(ours)
        theirs.close()
        ours.close()
        self._pieces = iter(pieces)

    def fill(self, until):
        self.buffer += next(self._pieces)
        return True


def head_of(pieces):
    try:
        return read_head(Cut(pieces), time.monotonic() + HANG_SECONDS)
    except InvalidRequest:
        return "refused"
    except StopIteration:
        return "unfinished"


def check_heads(pair):
    data, cuts = pair
    ends = [at for at, byte in enumerate(data) if byte in b"\r\n"] or [0]         # where it matters most
    edges = [0] + sorted(ends[cut % len(ends)] + cut % 2 for cut in cuts) + [len(data)]
    pieces = [data[a:b] for a, b in zip(edges, edges[1:]) if a < b]
    assert head_of(pieces) == head_of([data] if data else [])


# -- the others

NAMES = st.sampled_from(["server", "providers", "host", "port", "client_keys", "base_url", "api_key", "models", "default", "model",
                         "quirks", "headers", "body", "deepseek", "x", "硅基流动", "default_provider", "fallbacks", "//", "tls",
                         "name", "key", "max_concurrent", "proxy", "dialect", "prices", "v1", "context_window", "query"])
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=10) | st.sampled_from(
        ["${HOME}", "${", "$${x}", "${A:-b}", "${A:-${B}}", "auto", "http://h/v1", "http://[", "https://u:p@h", "sk-your-key", "x/y",
         "http://h:99999", "127.0.0.1", "::1", "0.0.0.0"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=5), max_leaves=25)
ORDINARY = (ROOT / "config.json").read_text(encoding="utf-8")
TEXTS = st.one_of(
    VALUES.map(lambda tree: json.dumps(tree, ensure_ascii=False)),
    st.dictionaries(NAMES, VALUES, max_size=4).map(json.dumps),
    st.tuples(st.integers(0, len(ORDINARY)), st.integers(0, 40), st.text(max_size=6) | st.sampled_from(
        ["//", "/*", "*/", "\"", "{", "}", "[", ",", ":", "\\", "\ufeff", "${"])).map(
            lambda cut: ORDINARY[:cut[0]] + cut[2] + ORDINARY[cut[0] + cut[1]:]),
    st.text(max_size=60))


def check_config(text):
    try:
        found = config.read(text, {"HOME": "/home/me", "A": "1", "DEEPSEEK_API_KEY": "sk-0123456789abcdef"}, files=lambda path: True)
    except config.ConfigMistakes as problem:
        assert problem.mistakes and str(problem)
        return
    repr(found), config.secrets_of(found)
    for name in ("claude-sonnet-5", "x", "deepseek/y"):
        try:
            routing.targets(found, name)
        except ProxyError:
            pass


def check_json(data):
    try:
        found = parse_json(data)
    except InvalidRequest:
        return
    assert isinstance(found, dict)
    json.dumps(found).encode("ascii")
    assert "\\ud" in data.decode("utf-8-sig").lower() or json.loads(data.decode("utf-8-sig")) == found


EVENTS = st.lists(st.one_of(
    st.sampled_from([b"data: ", b"data:", b"data", b"event: x\n", b"id: 1\n", b"retry: 1\n", b": comment\n", b"\n", b"\n\n", b"\r\n",
                     b"\r", b"\xef\xbb\xbf", b"[DONE]", b"data: [DONE]\n\n", b"{", b"}", b"null", b"\xff", b"\xe2\x82", b"[]",
                     b'data: {"choices":[]}\n\n', b'data: {"error":{"message":"x"}}\n\n', b'data: {"choices":null,"usage":{}}\n\n']),
    st.recursive(st.none() | st.booleans() | st.integers(-2, 3) | st.sampled_from(["stop", "length", "tool_calls", "<think>", "{", "x"]),
                 lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from(
                     ["choices", "delta", "content", "reasoning_content", "tool_calls", "index", "id", "function", "name",
                      "arguments", "finish_reason", "usage", "prompt_tokens", "error", "message", "code", "role", "type", "text"]),
                     inner, max_size=4), max_leaves=15).map(lambda tree: b"data: %s\n\n" % json.dumps(tree).encode()),
    st.dictionaries(st.sampled_from(["content", "reasoning_content", "reasoning", "tool_calls", "refusal"]), st.one_of(
        st.text(max_size=6), st.none(), st.lists(st.fixed_dictionaries({}, optional={
            "index": st.integers(0, 2) | st.none(), "id": st.text(max_size=3) | st.none(), "function": st.fixed_dictionaries(
                {}, optional={"name": st.sampled_from(["f", "", None, 1]), "arguments": st.sampled_from(
                    ["{", "}", '{"a":1}', "", None, "x", {"a": 1}])})}), max_size=2)), max_size=3).map(
                        lambda delta: b"data: %s\n\n" % json.dumps({"choices": [{"delta": delta}]}).encode()),
    st.sampled_from(["stop", "length", "tool_calls", "content_filter", "x"]).map(
        lambda reason: b'data: {"choices":[{"delta":{},"finish_reason":"%s"}]}\n\n' % reason.encode())),
    max_size=12).map(b"".join)


def check_events(pair):
    data, cuts = pair
    whole = told(AnswerStream(CONTEXT), [data])
    edges = [0] + sorted(cut % (len(data) + 1) for cut in cuts) + [len(data)]
    assert told(AnswerStream(CONTEXT), [data[a:b] for a, b in zip(edges, edges[1:])]) == whole


def told(answer, pieces):
    out = b"".join(answer.feed(piece) for piece in pieces if piece and answer.error is None and not answer.done)
    if answer.error is None:
        out += answer.finish()
    return said_of(out), type(answer.error).__name__, answer.error and answer.error.message


def said_of(out):
    """The events, with neighbouring deltas of a block as one: where they were cut is no part of what they say."""
    events = []
    for text in out.decode("utf-8").split("\n\n"):
        if not text:
            continue
        event = json.loads(text.partition("data: ")[2])
        delta = event.get("delta", {})
        before = events[-1] if events else {}
        if event["type"] == "content_block_delta" and before.get("type") == event["type"] and before["index"] == event["index"]:
            for name in ("text", "thinking", "partial_json"):
                if name in delta and name in before["delta"]:
                    before["delta"][name] += delta[name]
                    break
            else:
                events.append(event)
        else:
            events.append(event)
    return events


TARGETS = {
    "http": (lambda: Http().check, STREAMS),
    "heads": (lambda: check_heads, st.tuples(HEADS | STREAMS, st.lists(st.integers(0, 99), max_size=4))),
    "config": (lambda: check_config, TEXTS),
    "json": (lambda: check_json, BODIES | st.binary(max_size=200) | st.text(max_size=80).map(
        lambda text: text.encode("utf-8", "surrogatepass"))),
    "events": (lambda: check_events, st.tuples(EVENTS, st.lists(st.integers(0, 500), max_size=6))),
}


def run(name, seconds):
    """Rounds of examples for so long -> whether nothing was found."""
    make, strategy = TARGETS[name]
    check, end, count = make(), time.monotonic() + seconds, 0
    counted = []

    @profile()
    @given(strategy)
    def one_round(value):
        counted.append(1)
        check(value)

    try:
        while time.monotonic() < end:
            one_round()
    except Exception as problem:                        # whatever it is, it is what was looked for
        print("FOUND %s after %d examples: %r" % (name, len(counted), problem), flush=True)
        for note in getattr(problem, "__notes__", ()):
            print(note, flush=True)
        import traceback
        traceback.print_exc()
        return False
    count = len(counted)
    print("pass  %-7s %d examples in %d s" % (name, count, seconds), flush=True)
    return True


def main():
    seconds = float(os.environ.get("SECONDS_TO_FUZZ") or 60)
    names = sys.argv[1:] or list(TARGETS)
    results = [run(name, seconds / len(names)) for name in names]
    print("%d passed, %d failed" % (results.count(True), results.count(False)))
    return 0 if all(results) else 1


if __name__ == "__main__":
    sys.exit(main())
