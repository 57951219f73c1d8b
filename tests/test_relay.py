"""relay.py: a Messages request from its body to its answer's last byte, between real sockets."""
import contextlib
import json
import os
import queue
import re
import socket
import ssl
import struct
import threading
import time

import certificates
import pytest
from fake_provider import FakeProvider, server_context
from server_harness import provider as provider_row
from server_harness import proxy

from claude_proxy import relay
from claude_proxy.config import KeySource, Secret
from claude_proxy.observe import Metrics
from claude_proxy.providers.learned import Learned
from claude_proxy.upstream import bodies

SECONDS = 5


class Records(Metrics):
    """Metrics that hand on each record when its request has ended."""

    def __init__(self):
        super().__init__()
        self.finished = queue.Queue()

    def end(self, record):
        super().end(record)
        self.finished.put(record)


class World:
    """A proxy, one or two providers behind it, and a client."""

    def __init__(self, listener, providers):
        self.listener, self.app, self.providers = listener, listener.app, providers
        self.provider = providers[0]
        self.app.metrics = Records()

    def record(self):
        return self.app.metrics.finished.get(timeout=SECONDS)

    def connect(self, tls=None):
        sock = socket.create_connection(self.listener.address, SECONDS)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return tls.wrap_socket(sock, server_hostname="localhost") if tls else sock

    def send(self, sock, model="text", stream=False, path="/v1/messages", **fields):
        body = dict({"model": "fake/" + model, "max_tokens": 100, "messages": [{"role": "user", "content": "Hi"}]}, **fields)
        if stream:
            body["stream"] = True
        data = json.dumps(body).encode()
        sock.sendall(b"POST %s HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s"
                     % (path.encode(), len(data), data))

    def ask(self, model="text", stream=False, **fields):
        """A whole exchange -> Reply"""
        with self.connect() as sock:
            self.send(sock, model, stream, **fields)
            return Reply(sock)


class Reply:
    """An answer, read as it comes."""

    def __init__(self, sock):
        self.raw = b""
        self.sock = sock
        self._until(b"\r\n\r\n")
        head, _, self.body = self.raw.partition(b"\r\n\r\n")
        lines = head.decode("latin-1").split("\r\n")
        self.status = int(lines[0].split()[1])
        self.headers = dict(line.split(": ", 1) for line in lines[1:])
        if self.headers.get("transfer-encoding") == "chunked":
            self._until(b"0\r\n\r\n")
            self.body = _dechunked(self.raw.partition(b"\r\n\r\n")[2])
        else:
            while len(self.body) < int(self.headers.get("content-length", 0)):
                self._more()
                self.body = self.raw.partition(b"\r\n\r\n")[2]

    def _more(self):
        data = self.sock.recv(65536)
        assert data, self.raw
        self.raw += data

    def _until(self, end):
        while end not in self.raw:
            self._more()

    @property
    def pieces(self):
        """The chunks of a body in chunks, the empty last one too."""
        return re.split(rb"\r\n[0-9a-f]+\r\n", b"\r\n" + self.raw.partition(b"\r\n\r\n")[2])[1:]

    @property
    def json(self):
        return json.loads(self.body.decode("utf-8"))

    @property
    def error(self):
        """"status type" of an error, or how a stream ended in one."""
        if self.headers.get("content-type", "").startswith("text/event-stream"):
            last = self.events[-1]
            return "%s %s" % (last["type"], last.get("error", {}).get("type"))
        return "%d %s" % (self.status, self.json["error"]["type"])

    @property
    def events(self):
        return [json.loads(block.partition("data: ")[2]) for block in self.body.decode("utf-8").split("\n\n") if block]

    @property
    def types(self):
        """The events' types in a row, pings and repetitions left out."""
        types = [event["type"] for event in self.events if event["type"] != "ping"]
        return [name for i, name in enumerate(types) if name != types[i - 1] or not i]

    @property
    def text(self):
        if self.headers["content-type"] == "application/json":
            return "".join(block.get("text", "") for block in self.json["content"])
        return "".join(event["delta"].get("text", "") for event in self.events if event["type"] == "content_block_delta")


def _dechunked(data):
    body = b""
    while data:
        size, _, data = data.partition(b"\r\n")
        body, data = body + data[:int(size, 16)], data[int(size, 16) + 2:]
    return body


@contextlib.contextmanager
def world_of(count=1, fallbacks=(), fields=None, **settings):
    with contextlib.ExitStack() as stack:
        fakes = [stack.enter_context(FakeProvider()) for _ in range(count)]
        rows = [provider_row(fake.url, name, **(fields or {})) for fake, name in zip(fakes, ("fake", "other"))]
        listener = stack.enter_context(proxy(rows, **settings))
        if fallbacks:
            config = listener.app.config
            listener.app.replace_config(type(config)(**dict(vars(config), fallbacks={"fake": fallbacks})))
        yield World(listener, fakes)


@pytest.fixture
def world():
    with world_of() as made:
        yield made


MESSAGE = ["message_start", "content_block_start", "content_block_delta", "content_block_stop", "message_delta",
           "message_stop"]


# -- answers

def test_a_plain_answer(world):
    reply = world.ask()
    assert (reply.status, reply.text, reply.json["model"]) == (200, "Hello from the provider.", "fake/text")
    assert reply.headers["x-claude-proxy-target"] == "fake/text" and "x-claude-proxy-warning" not in reply.headers
    record = world.record()
    assert (record.provider, record.model, record.requested_model, record.status, record.stop_reason, record.retries,
            record.input_tokens, record.output_tokens) == ("fake", "text", "fake/text", 200, "end_turn", 0, 11, 7)
    assert record.first_byte is not None and not record.client_left


def test_a_streamed_answer(world):
    reply = world.ask(stream=True)
    assert (reply.status, reply.text, reply.types) == (200, "Hello from the provider.", MESSAGE)
    assert reply.headers["x-claude-proxy-target"] == "fake/text"
    assert reply.events[0]["message"]["model"] == "fake/text" and reply.events[0]["message"]["usage"]["input_tokens"] > 0
    record = world.record()
    assert (record.status, record.stop_reason, record.input_tokens, record.output_tokens) == (200, "end_turn", 11, 7)


def test_what_is_said_first_goes_out_before_what_came_with_it(world):
    wire = b"".join(b'data: {"choices":[{"index":0,"delta":%s}]}\n\n' % delta for delta in (
        b'{"role":"assistant","content":""}', b'{"content":"A"}', b'{"content":"B"}', b'{"content":"C"}'))
    world.provider.script = {"chunks": [wire, {"finish": "stop"}], "framing": "length"}      # all in one piece
    reply = world.ask("any", True)
    assert [re.findall(rb'"text": ?"([A-Z])"', piece) for piece in reply.pieces[:2]] == [[b"A"], [b"B", b"C"]] and reply.text == "ABC"


def test_the_last_words_go_out_with_the_end(world):
    end = b"".join(b"data: %s\n\n" % data for data in (
        b'{"choices":[{"index":0,"delta":{"content":"B"}}]}', b'{"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}',
        b"[DONE]"))
    world.provider.script = {"chunks": [{"delta": {"content": "A"}}, ("sleep", 0.05), end]}
    reply = world.ask("any", True)
    events = [re.findall(rb"event: (\w+)", piece) for piece in reply.pieces]
    assert reply.text == "AB" and events[1:] == [
        [b"content_block_delta", b"content_block_stop", b"message_delta", b"message_stop"], []]


def test_what_the_provider_gets(world):
    world.ask(stream=True)
    request = world.provider.requests[0]
    assert request.path == "/v1/chat/completions" and request.body["model"] == "text" and request.body["stream"] is True
    assert request.body["messages"] == [{"role": "user", "content": "Hi"}]
    assert not {"x-api-key", "cookie", "anthropic-version", "x-forwarded-for"} & set(request.headers)


def test_json_to_the_provider_is_compact_utf8(world):
    world.ask(messages=[{"role": "user", "content": "你好"}])
    assert '"messages":[{"role":"user","content":"你好"}]'.encode() in world.provider.requests[0].raw


# how a session begins -> how all of it is written, whatever comes later
BEGINNINGS = {
    "in Chinese": ("你好", "你好".encode("utf-8")),
    "in English": ("Hello", b"\\u4f60\\u597d"),
    "in English, with an emoji": ("word " * 40 + "\U0001F600", b"\\u4f60\\u597d"),
}


@pytest.mark.parametrize("question, sent", BEGINNINGS.values(), ids=BEGINNINGS.keys())
def test_the_turns_of_a_session_are_written_alike(world, question, sent):
    talk = [{"role": "user", "content": question}]
    for later in ("你好", "word " * 8000, "你好" * 20000, "bye"):
        talk += [{"role": "assistant", "content": later}, {"role": "user", "content": later}]
        world.ask(messages=talk)
    requests = world.provider.requests
    for before, after in zip(requests, requests[1:]):
        assert before.raw.endswith(b"]}") and after.raw.startswith(before.raw[:-2])
    assert requests[-1].body["messages"] == talk and sent in requests[0].raw


def test_both_connections_serve_again(world):
    with world.connect() as sock:
        for stream in (False, True, False):
            world.send(sock, "text", stream)
            assert Reply(sock).text == "Hello from the provider."
            assert world.provider.requests[-1].done.wait(5)     # [DONE] was enough for us: what ends the body is here now
    assert world.provider.connections == 1


def test_a_stream_ends_for_the_client_although_the_providers_body_goes_on(world):
    world.provider.script = {"chunks": [{"delta": {"content": "A"}}, {"finish": "stop"}, b"data: [DONE]\n\n", ("silence", 60)]}
    assert world.ask("any", True).types == MESSAGE


CROSSED = {
    "JSON to a streamed request": ("json-for-stream", True),
    "a stream to a plain request": ("stream-for-json", False),
    "compressed JSON": ("gzip", False),
    "a compressed stream": ("gzip", True),
}


@pytest.mark.parametrize("model, stream", CROSSED.values(), ids=CROSSED.keys())
def test_an_answer_of_the_other_kind(world, model, stream):
    reply = world.ask(model, stream)
    assert (reply.status, reply.text) == (200, "Hello")
    assert reply.headers["content-type"].startswith("text/event-stream" if stream else "application/json")


SAME_BYTES = {
    "CRLF": b'data: {"choices": [{"delta": {"content": "A"}}]}\r\n\r\ndata: {"choices": [{"delta": {}, "finish_reason": "stop"}]}\r\n\r\n',
    "no space, a comment, a BOM": b'\xef\xbb\xbf: hello\n\ndata:{"choices": [{"delta": {"content": "A"}, "finish_reason": "stop"}]}\n\n',
    "blank lines first": b'\n\n  \ndata: {"choices": [{"delta": {"content": "A"}, "finish_reason": "stop"}]}\n\n',
}


@pytest.mark.parametrize("wire", SAME_BYTES.values(), ids=SAME_BYTES.keys())
@pytest.mark.parametrize("step", [1, 1000])
def test_streams_in_any_shape_and_pieces(world, wire, step):
    world.provider.script = {"chunks": [wire[i:i + step] for i in range(0, len(wire), step)]}
    reply = world.ask("any", True)
    assert (reply.text, reply.types) == ("A", MESSAGE)


def test_blanks_before_the_first_byte_are_not_kept():
    assert bodies.first_of(iter([b"\n" * 65536, b"\xef\xbb\xbf\r\ndata: ", b"1"])) == b"data: "
    assert bodies.first_of(iter([b"\n" * 65536, b" "])) == b""


def test_a_provider_that_says_text_plain(world):
    world.provider.script = {"text": "Hello", "headers": {"Content-Type": "text/plain"}}
    assert world.ask("any", True).text == "Hello"


def test_count_tokens_asks_nobody(world):
    reply = world.ask(path="/v1/messages/count_tokens")
    assert reply.status == 200 and reply.json["input_tokens"] > 0 and not world.provider.requests
    assert world.record().model == "text"


@pytest.mark.parametrize("stream", [False, True], ids=["plain", "streamed"])
def test_count_tokens_learns_from_what_the_provider_counts(world, stream):
    talk = {"messages": [{"role": "user", "content": "one two three " * 200}]}
    ours = world.ask(path="/v1/messages/count_tokens", model="counted", **talk).json["input_tokens"]
    world.provider.scripts["counted"] = {"text": "Hi", "usage": {"prompt_tokens": int(ours * 1.5), "completion_tokens": 1}}
    world.ask(stream=stream, model="counted", **talk)
    world.record()                                  # it is compared after the answer, before the request's end
    world.record()
    assert world.ask(path="/v1/messages/count_tokens", model="counted", **talk).json["input_tokens"] == pytest.approx(ours * 1.5, abs=2)


def test_an_answer_without_counts_teaches_nothing(world):
    talk = {"messages": [{"role": "user", "content": "one two three " * 200}]}
    ours = world.ask(path="/v1/messages/count_tokens", model="counted", **talk).json["input_tokens"]
    world.provider.scripts["counted"] = {"text": "Hi", "usage": None}
    world.ask(model="counted", **talk)
    assert world.ask(path="/v1/messages/count_tokens", model="counted", **talk).json["input_tokens"] == ours


def test_images_go_to_the_vision_model():
    image = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "iVBORw0KGgo="}}
    with world_of(fields={"vision_model": "eyes"}) as world:
        world.ask("blind")
        world.ask("blind", messages=[{"role": "user", "content": [image]}])
        assert [request.body["model"] for request in world.provider.requests] == ["blind", "eyes"]


def test_the_server_may_set_max_tokens():
    with world_of(max_tokens=77) as world:
        world.ask()
        assert world.provider.requests[0].body["max_tokens"] == 77


def test_what_was_dropped_is_said(world):
    reply = world.ask(top_k=5)
    assert "top_k" in reply.headers["x-claude-proxy-warning"]
    assert world.record().warnings


# -- faults before the first byte are statuses, streamed or not

BEFORE = {
    "error-400": "400 invalid_request_error",
    "error-401": "401 authentication_error",
    "error-403": "403 permission_error",
    "error-404": "404 not_found_error",
    "error-500": "502 api_error",
    "error-503": "529 overloaded_error",
    "overflow": "400 invalid_request_error",
    "html": "502 api_error",
    "garbage": "502 api_error",
    "empty": "502 api_error",
    "error-in-200": "429 rate_limit_error",
    "drop": "502 api_error",
    "silent-head": "504 timeout_error",
}


@pytest.mark.parametrize("stream", [False, True], ids=["plain", "stream"])
@pytest.mark.parametrize("model, expected", BEFORE.items(), ids=BEFORE.keys())
def test_faults_before_the_first_byte(model, expected, stream):
    short = {"first_byte_seconds": 0.1} if model == "silent-head" else {}
    with world_of(fields=dict(short, max_retries=0)) as world:
        world.provider.scripts["silent-head"] = {"before": [("silence", 5)]}
        reply = world.ask(model, stream)
        assert reply.error == expected
        assert "Traceback" not in reply.json["error"]["message"] and "fake" in reply.json["error"]["message"]
        record = world.record()
        assert (record.status, record.error_type, len(record.attempts)) == (reply.status, expected.split()[1], 1)


def test_a_request_that_cannot_be_converted_counts_against_nobody(world):
    assert world.ask(messages=[]).error == "400 invalid_request_error"
    record = world.record()
    assert (record.attempts, record.provider, world.provider.requests) == ([], "", [])


def test_no_depth_of_a_providers_json_is_a_bug_of_ours(world):
    for depth in range(880, 1000, 8):               # deeper is refused by the parser, and where it begins to be differs
        deep = "[" * depth + "]" * depth
        call = '{"index": 0, "id": "c", "extra_content": %s, "function": {"name": "f", "arguments": "{}"}}' % deep
        world.provider.script = {"chunks": [('data: {"choices": [{"delta": {"tool_calls": [%s]}}]}\n\n' % call).encode(),
                                            {"finish": "tool_calls"}]}
        assert world.ask("any", True).status in (200, 502)


STREAM_STARTS = {
    "an error as the first chunk": [{"error": {"message": "no room", "code": 503}}],
    "nothing": [],
    "cut at once": [("cut",)],
    "cut after the role": [{"delta": {"role": "assistant", "content": ""}}, ("cut",)],
    "no end": [{"delta": {"role": "assistant", "content": ""}}],
    "no events": [b"Service Unavailable\n"],
    "chunks that are no JSON": [b"data: {oops\n\n"],
}


@pytest.mark.parametrize("chunks", STREAM_STARTS.values(), ids=STREAM_STARTS.keys())
def test_streams_that_fail_before_their_first_content(chunks):
    with world_of(fields={"max_retries": 0}) as world:
        world.provider.script = {"chunks": chunks, "done": False}
        assert world.ask("any", True).status in (502, 529)


def test_a_provider_that_is_not_there():
    with world_of(fields={"max_retries": 0}) as world:
        world.provider.close()
        assert world.ask().error == "502 api_error"


def test_a_redirect_is_not_followed_and_not_passed_on(world):
    world.provider.script = {"status": 307, "headers": {"Location": "https://evil.test/v1?key=1"}, "body": b""}
    reply = world.ask("any")
    assert reply.error == "502 api_error" and "(to https://evil.test/v1) are not followed" in reply.json["error"]["message"]
    assert "location" not in reply.headers


def test_a_rate_limit_that_is_too_long_to_wait_for_is_passed_on(world):
    world.provider.script = {"status": 429, "error": {"message": "slow down"}, "headers": {"Retry-After": "30"}}
    reply = world.ask("any")
    assert (reply.error, reply.headers["retry-after"]) == ("429 rate_limit_error", "30")
    assert len(world.provider.requests) == 1


def test_a_key_in_an_error_text_is_taken_out():
    keys = (KeySource("literal", Secret("sk-secret-0815-secret"), "x"),)
    with world_of(fields={"keys": keys}) as world:
        world.provider.script = {"status": 401, "error": {"message": "bad key sk-secret-0815-secret"}}
        assert b"sk-secret-0815-secret" not in world.ask("any").raw
        assert world.provider.requests[0].headers["authorization"] == "Bearer sk-secret-0815-secret"


def test_a_plain_answer_has_a_limit(world, monkeypatch):
    monkeypatch.setattr(relay, "MAX_ANSWER_BYTES", 1 << 20)
    world.provider.script = {"text": "x" * (2 << 20), "always": "json"}
    for stream in (False, True):
        reply = world.ask("any", stream)
        assert reply.error == "502 api_error" and "more than 1 MiB" in reply.json["error"]["message"]


# -- faults after the first byte end the stream in an error

AFTER = {
    "cut": [{"delta": {"content": "Hel"}}, ("cut",)],
    "reset": [{"delta": {"content": "Hel"}}, ("sleep", 0.05), ("reset",)],
    "no end": [{"delta": {"content": "Hel"}}],
    "an error chunk": [{"delta": {"content": "Hel"}}, {"error": {"message": "boom", "code": 500}}],
    "an error in one piece with text": [{"delta": {"content": "H"}}, ("sleep", 0.05), b'data: {"choices":[{"index":0,'
                                        b'"delta":{"content":"el"}}]}\n\ndata: {"error":{"message":"boom","code":500}}\n\n'],
    "silence": [{"delta": {"content": "Hel"}}, ("silence", 5)],
}


@pytest.mark.parametrize("chunks", AFTER.values(), ids=AFTER.keys())
def test_faults_after_the_first_byte(chunks):
    with world_of(fields={"idle_seconds": 0.5} if ("silence", 5) in chunks else {}) as world:
        world.provider.script = {"chunks": chunks, "done": False}
        with world.connect() as sock:
            world.send(sock, "any", True)
            reply = Reply(sock)
            assert sock.recv(1) == b""              # the connection is closed
        assert (reply.status, reply.text, reply.types) == (
            200, "Hel", ["message_start", "content_block_start", "content_block_delta", "error"])
        assert len(world.provider.requests) == 1
        record = world.record()
        assert record.error_type in ("api_error", "timeout_error") and record.error


def test_a_cut_after_the_finish_reason_is_a_good_end(world):
    world.provider.script = {"chunks": [{"delta": {"content": "A"}, "finish": "stop"}, ("cut",)]}
    assert world.ask("any", True).types == MESSAGE


def test_a_provider_that_is_killed(world):
    with world.connect() as sock:
        world.send(sock, "silent", True)
        assert b"content_block_delta" in sock.recv(65536, socket.MSG_PEEK)
        world.provider.hang_up()
        assert Reply(sock).error == "error api_error"
    assert world.ask().status == 200                # and it is back


# -- tries

def test_a_retry_that_helps(world, monkeypatch):
    monkeypatch.setattr("claude_proxy.upstream.attempts.FIRST_DELAY_SECONDS", 0.01)
    world.provider.script = [{"status": 503, "error": {"message": "no room"}}, {"text": "Hello"}]
    assert world.ask("any").text == "Hello"
    record = world.record()
    assert (record.attempts, record.retries, record.status) == (["fake/any: 503"], 1, 200)


def test_a_fallback_that_helps():
    with world_of(2, fallbacks=("other",)) as world:
        world.provider.script = {"status": 500, "error": {"message": "boom"}}
        world.providers[1].script = {"text": "from the other"}
        for stream in (False, True):
            reply = world.ask("any", stream)
            assert (reply.text, reply.headers["x-claude-proxy-target"]) == ("from the other", "other/scripted")
            assert reply.events[0]["message"]["model"] == "fake/any" if stream else reply.json["model"] == "fake/any"


def test_a_stream_that_fails_before_its_content_falls_back():
    with world_of(2, fallbacks=("other",)) as world:
        world.provider.script = {"chunks": [{"delta": {"role": "assistant"}}, ("cut",)]}
        world.providers[1].script = {"text": "from the other"}
        assert world.ask("any", True).types == MESSAGE


def test_no_fallback_once_content_was_relayed():
    with world_of(2, fallbacks=("other",)) as world:
        world.provider.script = {"chunks": [{"delta": {"content": "Hel"}}, ("cut",)]}
        assert world.ask("any", True).error == "error api_error"
        assert not world.providers[1].requests


# what the provider says -> the warning that the client gets; it was asked once, since it took the request
NOTHING = {"finish": "stop", "usage": None}
NOTHING_SAID = {
    "nothing": (NOTHING, "empty-answer"),
    "tokens that show nowhere": (dict(NOTHING, usage={"prompt_tokens": 9, "completion_tokens": 1}), None),
    "nothing, since the limit is reached": (dict(NOTHING, finish="length"), None),
}


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("script, warning", NOTHING_SAID.values(), ids=NOTHING_SAID.keys())
def test_an_answer_with_nothing_in_it_is_said_to_be_one(world, script, warning, stream):
    world.provider.script = script
    reply = world.ask("any", stream)
    assert (reply.status, reply.text, reply.headers.get("x-claude-proxy-warning")) == (200, "", warning)
    assert len(world.provider.requests) == 1


def test_a_complaint_is_healed_and_stays_healed(world):
    refusal = {"status": 400, "error": {"message": "Unsupported parameter: 'temperature' is not supported with this model.",
                                        "param": "temperature", "code": "unsupported_parameter"}}
    world.provider.script = [refusal, {"text": "Hello"}, {"text": "Hello"}]
    for _ in range(2):
        assert world.ask("any", temperature=0.5).text == "Hello"
    assert ["temperature" in request.body for request in world.provider.requests] == [True, False, False]


# -- silence

def test_the_head_goes_out_early_and_pings_follow():
    go_on = threading.Event()
    with world_of(open_seconds=0.1, ping_seconds=0.05) as world:
        world.provider.script = {"before": [("wait", go_on)], "text": "Hello"}
        with world.connect() as sock:
            began = time.monotonic()
            world.send(sock, "any", True)
            head = sock.recv(65536)
            assert 0.08 < time.monotonic() - began < 0.4
            assert head.startswith(b"HTTP/1.1 200 OK") and b"event: message_start" in head
            assert b"event: ping" in sock.recv(65536) and b"event: ping" in sock.recv(65536)
            go_on.set()
            rest = b""
            while b"0\r\n\r\n" not in rest:
                rest += sock.recv(65536) or pytest.fail("the stream broke off")
        assert b"message_start" not in rest and b"Hello" in rest and b"message_stop" in rest


def test_the_head_goes_out_soon_after_the_providers(monkeypatch):
    monkeypatch.setattr(relay, "GRACE_SECONDS", 0.05)
    with world_of() as world:
        world.provider.script = {"chunks": [("silence", 60)]}
        with world.connect() as sock:
            began = time.monotonic()
            world.send(sock, "any", True)
            assert b"message_start" in sock.recv(65536) and time.monotonic() - began < 0.4      # of the provider there is the head alone


def test_pings_in_the_middle_of_a_stream():
    with world_of(ping_seconds=0.05) as world:
        world.provider.script = {"chunks": [{"delta": {"content": "A"}}, ("sleep", 0.2), {"delta": {"content": "B"}},
                                            {"finish": "stop"}]}
        reply = world.ask("any", True)
        pings = [event["type"] for event in reply.events].count("ping")
        assert 2 <= pings <= 4 and (reply.text, reply.types) == ("AB", [
            "message_start", "content_block_start", "content_block_delta", "content_block_stop", "message_delta", "message_stop"])


def test_keep_alive_comments_of_the_provider_do_not_stop_the_pings():
    with world_of(ping_seconds=0.05, open_seconds=0.05) as world:
        world.provider.script = {"gap": 0.02, "chunks": [b": OPENROUTER PROCESSING\n\n"] * 10 + [{"delta": {"content": "A"}, "finish": "stop"}]}
        reply = world.ask("any", True)
        assert [event["type"] for event in reply.events].count("ping") >= 2 and reply.text == "A"


def test_a_long_silence_is_broken_by_something_real(monkeypatch):
    monkeypatch.setattr(relay, "NUDGE_SECONDS", 0.1)
    with world_of(ping_seconds=0.03, open_seconds=0.03) as world:
        world.provider.script = {"before": [("sleep", 0.25)], "text": "Hello"}
        reply = world.ask("any", True)
        assert reply.events[0]["type"] == "message_start" and reply.text == "Hello"
        assert "thinking" in [event.get("content_block", {}).get("type") for event in reply.events]
        assert reply.types[-1] == "message_stop"


def test_an_early_head_does_not_forbid_another_try():
    with world_of(2, fallbacks=("other",), open_seconds=0.02, ping_seconds=0.02) as world:
        world.provider.script = {"before": [("sleep", 0.1)], "status": 500, "error": {"message": "boom"}}
        world.providers[1].script = {"text": "from the other"}
        reply = world.ask("any", True)
        assert (reply.text, reply.types) == ("from the other", MESSAGE)
        assert [event["type"] for event in reply.events].count("message_start") == 1


def test_a_broken_silence_forbids_another_try(monkeypatch):
    monkeypatch.setattr(relay, "NUDGE_SECONDS", 0.05)
    with world_of(2, fallbacks=("other",), open_seconds=0.02, ping_seconds=0.02) as world:
        world.provider.script = {"before": [("sleep", 0.2)], "status": 500, "error": {"message": "boom"}}
        assert world.ask("any", True).error == "error api_error"
        assert not world.providers[1].requests


def test_after_an_early_head_an_error_is_an_event():
    with world_of(open_seconds=0.02, ping_seconds=0.02) as world:
        world.provider.script = {"before": [("sleep", 0.1)], "status": 400, "error": {"message": "nonsense"}}
        reply = world.ask("any", True)
        assert (reply.types, reply.error) == (["message_start", "error"], "error invalid_request_error")


def test_an_early_head_and_then_json():
    with world_of(open_seconds=0.02, ping_seconds=0.02) as world:
        world.provider.script = {"before": [("sleep", 0.1)], "text": "Hello", "always": "json"}
        reply = world.ask("any", True)
        assert (reply.text, reply.types) == ("Hello", MESSAGE)


def test_plain_requests_get_no_early_head():
    with world_of(open_seconds=0.02, ping_seconds=0.02) as world:
        world.provider.script = {"before": [("sleep", 0.1)], "status": 400, "error": {"message": "nonsense"}}
        assert world.ask("any").error == "400 invalid_request_error"


# -- leaving: the provider's connection is closed at once, in every phase

PHASES = {
    "tokens flow": ("flow", True),
    "silent in the middle of a stream": ("silent", True),
    "before the first byte of a stream": ("hang", True),
    "a plain request": ("hang", False),
    "a head that drips": ("drip-head", False),
}


@pytest.mark.parametrize("stream", [False, True])
def test_a_dashboard_may_look_at_a_request_before_its_answer_is_begun(world, stream, monkeypatch):
    made, seen = relay.conversion.AnswerStream, []
    monkeypatch.setattr(relay.conversion, "AnswerStream",
                        lambda context: seen.append(world.app.metrics.mark()) or made(context))
    assert world.ask(stream=stream).status == 200
    assert len(seen) == stream


@pytest.fixture(params=["plain", "TLS"])
def door(request):
    """(world, the client's TLS context)"""
    with world_of() if request.param == "plain" else secure_world(certificates.need()) as world:
        yield world, None if request.param == "plain" else ssl.create_default_context(cafile=certificates.need()["ca"])


@contextlib.contextmanager
def secure_world(made):
    """TLS on both sides."""
    with FakeProvider(server_context(made["cert"], made["key"])) as fake:
        row = provider_row(fake.url, "fake", ca_file=made["ca"])
        with proxy([row], tls_cert_file=made["cert"], tls_key_file=made["key"]) as listener:
            yield World(listener, [fake])


@pytest.mark.parametrize("way", ["close", "reset"])
@pytest.mark.parametrize("model, stream", PHASES.values(), ids=PHASES.keys())
def test_a_client_that_leaves(door, model, stream, way):
    world, tls = door
    world.provider.scripts["flow"] = {"chunks": [{"delta": {"content": "A"}}] * 2000, "gap": 0.005}
    sock = world.connect(tls)
    world.send(sock, model, stream)
    request = world.provider.wait_for(1)[0]
    if model in ("flow", "silent"):
        assert b"content_block_delta" in sock.recv(65536)
    else:
        time.sleep(0.03)
    if way == "reset":
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    began = time.monotonic()
    sock.close()
    assert request.left.wait(SECONDS)
    assert request.left_at - began < 0.1
    assert world.record().client_left
    assert world.app.caller.pool.count() == 0


@pytest.mark.parametrize("version", ["TLSv1_2", "TLSv1_3"])
def test_a_goodbye_in_tls_is_leaving_although_the_connection_stays(version):
    made = certificates.need()
    tls = ssl.create_default_context(cafile=made["ca"])
    tls.minimum_version = tls.maximum_version = getattr(ssl.TLSVersion, version)
    with secure_world(made) as world:
        for count, (model, stream) in enumerate((("silent", True), ("hang", False)), 1):
            sock = world.connect(tls)
            world.send(sock, model, stream)
            request = world.provider.wait_for(count)[-1]
            if stream:
                assert b"content_block_delta" in sock.recv(65536)
            sock.setblocking(False)
            began = time.monotonic()
            with contextlib.suppress(ssl.SSLWantReadError):
                sock.unwrap()                       # says goodbye, and would wait for the other's; no FIN
            assert request.left.wait(SECONDS) and request.left_at - began < 0.5
            assert world.record().client_left
            sock.close()


def held():
    """(threads, descriptors) of this process, in which both sides live."""
    return threading.active_count(), len(os.listdir("/proc/self/fd")) if os.path.isdir("/proc/self/fd") else 0


def test_sixty_clients_leave_at_once(world):
    before = held()
    socks = [world.connect() for _ in range(60)]
    for sock in socks:
        world.send(sock, "silent", True)
    for sock in socks:
        assert b"content_block_delta" in sock.recv(65536)
    began = time.monotonic()
    for sock in socks:
        sock.close()
    for request in world.provider.requests:
        assert request.left.wait(SECONDS) and request.left_at - began < 0.5
    end = time.monotonic() + SECONDS
    while any(now > then + 4 for now, then in zip(held(), before)) and time.monotonic() < end:
        time.sleep(0.01)
    assert all(now <= then + 4 for now, then in zip(held(), before)), (before, held())


def test_a_client_that_leaves_ends_the_retries():
    with world_of() as world:
        world.provider.script = {"status": 503, "error": {"message": "no room"}, "headers": {"Retry-After": "9"}}
        sock = world.connect()
        world.send(sock, "any")
        world.provider.wait_for(1)
        time.sleep(0.05)
        began = time.monotonic()
        sock.close()
        record = world.record()
        assert record.client_left and time.monotonic() - began < 0.5 and len(world.provider.requests) == 1


def test_leaving_in_the_moment_of_the_end_harms_nobody(world):
    wrong = []

    def hammer(leave):
        for _ in range(20):
            with world.connect() as sock:
                world.send(sock, "text", True)
                if leave:
                    sock.recv(65536)
                elif Reply(sock).text != "Hello from the provider.":
                    wrong.append(1)
    threads = [threading.Thread(target=hammer, args=(number % 2,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert not wrong


def test_a_pipelined_second_request_is_answered_second(world):
    with world.connect() as sock:
        world.send(sock, "slow", True)
        world.send(sock, "text", False)
        first = Reply(sock)
        rest = first.raw.partition(b"0\r\n\r\n")[2]
        piece = b"more"
        while piece and b"Hello from the provider." not in rest:
            piece = sock.recv(65536)
            rest += piece
        assert first.types == MESSAGE and b"Hello from the provider." in rest


def test_max_concurrent_makes_the_others_wait():
    with world_of(fields={"max_concurrent": 1}) as world:
        world.provider.scripts["slow-one"] = {"text": "Hello", "before": [("sleep", 0.1)]}
        replies = []
        threads = [threading.Thread(target=lambda: replies.append(world.ask("slow-one"))) for _ in range(3)]
        began = time.monotonic()
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(SECONDS)
        assert [reply.text for reply in replies] == ["Hello"] * 3 and time.monotonic() - began >= 0.3




LONG = {"messages": [{"role": "user", "content": "one two three " * 2000}]}         # about 6000 tokens
FEW = {"prompt_tokens": 2048, "completion_tokens": 1}


@pytest.mark.parametrize("stream, headers", [(False, [True, False, False]), (True, [False, True, False])],
                         ids=["plain", "streamed"])
def test_a_prompt_that_was_cut_in_silence_is_told_once(world, stream, headers, caplog):
    """In the log, in the status, and in the head of the next answer (of the same one, where that is still to come)."""
    chunks = [{"delta": {"content": "Hi"}}, {"finish": "stop"}, {"choices": [], "usage": FEW}]
    world.provider.scripts["cut-off"] = {"text": "Hi", "usage": FEW, "chunks": chunks}
    seen = [world.ask(stream=stream, model="cut-off", **LONG).headers.get("x-claude-proxy-warning", "") for _ in headers]
    assert ["prompt-cut" in warnings for warnings in seen] == headers
    for _ in headers:
        world.record()
    told = [record.getMessage() for record in caplog.records if "probably cut off" in record.getMessage()]
    assert len(told) == 1
    status = world.app.metrics.status(world.app.config, world.app.learned)
    assert status["learned_warnings"] == [told[0].partition(": ")[2]]
    assert "fake/cut-off counted 2048 prompt tokens" in told[0]


def test_ollama_is_told_with_its_setting():
    """The window that Ollama loads a model with, which no request through its OpenAI address can change."""
    warning = Learned().counted("ollama", "qwen3", 40000, 2048, dialect="ollama")
    assert "OLLAMA_CONTEXT_LENGTH=65536" in warning and "num_ctx" in warning
