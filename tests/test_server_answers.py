"""The bytes of answers, on a socket pair; and what streams do when something goes wrong in their middle."""
import re
import socket
import threading

import pytest
from fake_provider import FakeProvider
from server_harness import SECONDS, Client, Reply, message, post, provider, proxy

from claude_proxy.errors import InvalidRequest, RateLimited
from claude_proxy.server.answers import Answer, header_value, http_date
from claude_proxy.server.wire import Wire

HEAD = (b"date: <date>\r\nserver: claude-proxy\r\nx-content-type-options: nosniff\r\nvary: Origin\r\n"
        b"request-id: req_1\r\n")
EVENTS = (b"content-type: text/event-stream; charset=utf-8\r\ncache-control: no-cache\r\nx-accel-buffering: no\r\n")


def written(write, **attributes):
    """The bytes that write(answer) sends; attributes of the answer: old_version, head_only, must_close."""
    ours, theirs = socket.socketpair()
    with ours, theirs:
        answer = Answer(Wire(ours), "req_1")
        answer.must_close = lambda: False
        for name, value in attributes.items():
            setattr(answer, name, value)
        write(answer)
        ours.shutdown(socket.SHUT_WR)
        data = b"".join(iter(lambda: theirs.recv(65536), b""))
    return re.sub(rb"date: [^\r]{29}\r", b"date: <date>\r", data)


def stream(*sends, **headers):
    def write(answer):
        events = answer.stream(headers)
        for data in sends[:-1]:
            events.send(data)
        events.end(sends[-1])
    return write


def aborted(answer):
    events = answer.stream()
    events.send(b"a\n\n")
    events.abort()
    assert answer.closing and answer.sent


WRITTEN = {
    "JSON": (lambda answer: answer.json(200, {"a": "é"}), {},
             b"HTTP/1.1 200 OK\r\n" + HEAD + b"content-type: application/json\r\ncontent-length: 11\r\n\r\n"
             b'{"a": "\xc3\xa9"}'),
    "JSON for a HEAD": (lambda answer: answer.json(200, {"a": 1}), {"head_only": True},
                        b"HTTP/1.1 200 OK\r\n" + HEAD + b"content-type: application/json\r\ncontent-length: 8\r\n\r\n"),
    "the last on its connection": (lambda answer: answer.json(200, {}), {"must_close": lambda: True},
                                   b"HTTP/1.1 200 OK\r\n" + HEAD + b"content-type: application/json\r\n"
                                   b"content-length: 2\r\nconnection: close\r\n\r\n{}"),
    "an error": (lambda answer: answer.error(InvalidRequest("model: required")), {},
                 b"HTTP/1.1 400 Bad Request\r\n" + HEAD + b"content-type: application/json\r\ncontent-length: 114\r\n"
                 b"\r\n"
                 b'{"type": "error", "error": {"type": "invalid_request_error", "message": "model: required"}, '
                 b'"request_id": "req_1"}'),
    "an error with headers": (lambda answer: answer.error(RateLimited("slow down", {"retry-after": "7"})), {},
                              b"HTTP/1.1 429 Too Many Requests\r\n" + HEAD + b"content-type: application/json\r\n"
                              b"retry-after: 7\r\ncontent-length: 103\r\n\r\n"
                              b'{"type": "error", "error": {"type": "rate_limit_error", "message": "slow down"}, '
                              b'"request_id": "req_1"}'),
    "nothing": (lambda answer: answer.content(204, "", b""), {}, b"HTTP/1.1 204 No Content\r\n" + HEAD + b"\r\n"),
    "overloaded": (lambda answer: answer.content(529, "", b""), {},
                   b"HTTP/1.1 529 Overloaded\r\n" + HEAD + b"content-length: 0\r\n\r\n"),
    "a stream": (stream(b"a\n\n", b"", b"bc\n\n", b"d\n\n"), {},
                 b"HTTP/1.1 200 OK\r\n" + HEAD + EVENTS + b"transfer-encoding: chunked\r\n\r\n"
                 b"3\r\na\n\n\r\n4\r\nbc\n\n\r\n3\r\nd\n\n\r\n0\r\n\r\n"),
    "a stream in one piece": (stream(b"a\n\n"), {},
                              b"HTTP/1.1 200 OK\r\n" + HEAD + EVENTS + b"transfer-encoding: chunked\r\n\r\n"
                              b"3\r\na\n\n\r\n0\r\n\r\n"),
    "an empty stream": (stream(b""), {},
                        b"HTTP/1.1 200 OK\r\n" + HEAD + EVENTS + b"transfer-encoding: chunked\r\n\r\n0\r\n\r\n"),
    "a stream with headers": (stream(b"a\n\n", **{"x-claude-proxy-target": "硅基/m"}), {},
                              b"HTTP/1.1 200 OK\r\n" + HEAD + EVENTS + b"x-claude-proxy-target: "
                              b"%E7%A1%85%E5%9F%BA/m\r\ntransfer-encoding: chunked\r\n\r\n3\r\na\n\n\r\n0\r\n\r\n"),
    "a stream for HTTP/1.0": (stream(b"a\n\n", b"b\n\n"), {"old_version": True, "must_close": lambda: True},
                              b"HTTP/1.1 200 OK\r\n" + HEAD + EVENTS + b"connection: close\r\n\r\na\n\nb\n\n"),
    "a stream that was cut": (aborted, {},
                              b"HTTP/1.1 200 OK\r\n" + HEAD + EVENTS + b"transfer-encoding: chunked\r\n\r\n"
                              b"3\r\na\n\n\r\n"),
    "a stream that never began": (lambda answer: answer.stream(), {}, b""),
}


@pytest.mark.parametrize("write, attributes, expected", WRITTEN.values(), ids=WRITTEN.keys())
def test_written(write, attributes, expected):
    assert written(write, **attributes) == expected


def test_the_first_events_leave_in_one_write_with_the_head():
    ours, theirs = socket.socketpair(socket.AF_UNIX if hasattr(socket, "AF_UNIX") else socket.AF_INET)
    with ours, theirs:
        answer = Answer(Wire(ours), "req_1")
        answer.stream().send(b"event: a\n\n")
        assert theirs.recv(65536).endswith(b"\r\n\r\na\r\nevent: a\n\n\r\n")


@pytest.mark.parametrize("value, expected", [
    ("deepseek/deepseek-chat", "deepseek/deepseek-chat"), ("dropped:top_k, family:opus", "dropped:top_k, family:opus"),
    ("100% sure", "100% sure"), ("a\r\nset-cookie: b", "a%0D%0Aset-cookie: b"), ("é%", "%C3%A9%"), ("\x7f", "%7F"),
    ("", ""), (7, "7"), ("\ud83d", "?"),
])
def test_header_values_stay_on_their_line(value, expected):
    assert header_value(value) == expected


def test_date():
    assert re.fullmatch(rb"[A-Z][a-z]{2}, [0-9]{2} [A-Z][a-z]{2} 20[0-9]{2} [0-9:]{8} GMT", http_date())


# -- in the middle of a stream

def test_an_error_in_a_stream_is_its_last_event():
    with FakeProvider() as fake, proxy([provider(fake.url)]) as listener, Client(listener) as client:
        fake.script = {"chunks": [{"delta": {"content": "Hel"}}, ("cut",)]}
        client.send(post(message(stream=True)))
        reply = Reply(client.read_all())
    last = reply.body.rstrip().split(b"\n\n")[-1]
    assert last.startswith(b"event: error\ndata: ") and b"message_stop" not in reply.body and not reply.rest
    assert reply.headers["request-id"].encode() in last


def test_100_streams_at_once():
    with FakeProvider() as fake, proxy([provider(fake.url)]) as listener:
        fake.script = {"text": "one two three four five", "gap": 0.02}
        clients = [Client(listener) for _ in range(100)]
        for client in clients:
            client.send(post(message(stream=True)))
        for client in clients:
            body = Reply(client.read_until(b"\r\n0\r\n\r\n")).body
            assert b"event: message_stop" in body
            client.sock.close()


def test_a_client_that_leaves_ends_its_exchange():
    with FakeProvider() as fake, proxy([provider(fake.url)]) as listener:
        fake.script = {"chunks": [{"delta": {"content": "Hel"}}, ("silence", 30)]}
        left = threading.Event()
        end, records = listener.app.metrics.end, []
        listener.app.metrics.end = lambda record: (end(record), records.append(record), left.set())
        with Client(listener) as client:
            client.send(post(message(stream=True)))
            client.read_until(b"Hel")
        assert left.wait(SECONDS) and fake.requests[0].left.wait(SECONDS)
        assert records[0].client_left and records[0].route == "/v1/messages" and records[0].bytes_out > 100
