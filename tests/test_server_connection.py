"""Connections as clients use them: kept, pipelined, slow, many, and ended."""
import socket
import threading
import time

import pytest
from fake_provider import FakeProvider
from server_harness import SECONDS, Client, Reply, ask, message, post, provider, proxy, until

HEALTH = b"GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n"
COUNT = post(message(), "/v1/messages/count_tokens")


@pytest.fixture(scope="module")
def fake():
    with FakeProvider() as fake_provider:
        yield fake_provider


@pytest.fixture(scope="module")
def listener(fake):
    with proxy([provider(fake.url)]) as listening:
        yield listening


# -- keeping and closing

def test_a_connection_serves_one_request_after_another(listener):
    with Client(listener) as client:
        ids = set()
        for data in (HEALTH, COUNT, HEALTH):
            client.send(data)
            reply = client.read_reply()
            assert reply.status == 200 and "connection" not in reply.headers
            ids.add(reply.headers["request-id"])
        assert len(ids) == 3


def test_pipelined_requests_are_answered_in_order(listener):
    with Client(listener) as client:
        client.send(HEALTH + COUNT + b"GET /nothing HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        rest, replies = client.read_all(), []
        while rest:
            replies.append(Reply(rest))
            rest = replies[-1].rest
    assert [reply.status for reply in replies] == [200, 200, 404]


@pytest.mark.parametrize("data", [
    b"GET /health HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n",
    b"GET /health HTTP/1.1\r\nHost: localhost\r\nConnection: TE, Close\r\n\r\n",
    b"GET /health HTTP/1.0\r\n\r\n",
    b"GET /health HTTP/1.0\r\nConnection: keep-alive\r\n\r\n",
])
def test_close_is_said_and_done(listener, data):
    reply, closed = ask(listener, data)
    assert (reply.status, reply.headers["connection"], closed) == (200, "close", True)


def test_an_empty_line_before_a_request_is_forgiven(listener):
    assert ask(listener, b"\r\n" + HEALTH)[0].status == 200


def test_a_request_in_single_bytes(listener):
    with Client(listener) as client:
        for byte in bytearray(COUNT):
            client.send(bytes([byte]))
        assert client.read_reply().status == 200


def test_absolute_target(listener):
    assert ask(listener, b"GET http://LOCALHOST/health?x=1 HTTP/1.1\r\nHost: localhost\r\n\r\n")[0].status == 200


def test_head_has_the_head_alone(listener):
    for path in (b"/", b"/health", b"/v1/models", b"/api/hello", b"/fake", b"/fake/", b"/fake/v1", b"/fake/api/hello"):
        reply, closed = ask(listener, b"HEAD %s HTTP/1.1\r\nHost: localhost\r\n\r\n" % path, head_only=True)
        assert (reply.status, reply.rest, closed) == (200, b"", False)
    assert ask(listener, b"HEAD /other HTTP/1.1\r\nHost: localhost\r\n\r\n", head_only=True)[0].status == 404


def test_each_request_is_one_line_in_the_log(listener, caplog):
    caplog.set_level("INFO", "claude_proxy.access")
    secret = "/v1/messages/count_tokens?secret=4711"
    broken = HEALTH.replace(b"/health", b"/nothing%0aX")
    with Client(listener) as client:
        ids = []
        for data in (HEALTH, HEALTH.replace(b"GET", b"OPTIONS"), HEALTH.replace(b"/health", b"/"), post(message(), secret),
                     broken, b"\x16\x03"):
            client.send(data)
            ids.append(client.read_reply().headers["request-id"])
        client.read_all()
    lines = [record.getMessage() for record in caplog.records if record.name == "claude_proxy.access"]
    lines = [line for line in lines if line.rpartition(" ")[2] in ids]      # an earlier test's may come late
    assert len(lines) == len(ids) == 6
    for request_id, line in zip(ids, lines):
        assert request_id in line and "\n" not in line and "4711" not in line


def test_no_fault_of_a_client_is_told_at_length(listener, fake, caplog):
    caplog.set_level("INFO", "claude_proxy")
    fake.scripts["broken"] = {"status": 500, "body": "<html>%s</html>" % ("x" * 9000)}
    long_name = {"X-Claude-Code-Session-Id": "s" * 9000}
    for data in (post(message(model="m" * 1000000)), post(message(model=[])), post(b'{"model": ' + b"[" * 5000), post(b"\xff"),
                 post(message(), "/" + "p" * 5000), b"M" * 30 + b" /" + b"p" * 5000 + b" HTTP/1.1\r\n\r\n",
                 post(message(messages=["x" * 9000]), headers=long_name), post(message(model="fake/broken"), headers=long_name)):
        reply, _ = ask(listener, data)
        assert 400 <= reply.status and len(reply.body) < 1500
    lines = [record for record in caplog.records if record.name.startswith("claude_proxy")]
    assert len(lines) >= 8 and not [line for line in lines if line.exc_info or line.levelname == "ERROR"]
    assert max(len(line.getMessage()) for line in lines) < 1000 and "ppp" not in caplog.text and "\xff" not in caplog.text


# -- bodies

@pytest.mark.parametrize("body", [
    b"50\r\n%s\r\n0\r\n\r\n",
    b"050;name=value;other=\"x\"\r\n%s\r\n0\r\n\r\n",
    b"0000000000000050\r\n%s\r\n0\r\nX-Trailer: 1\r\n\r\n",
], ids=["plain", "extension", "trailer"])
def test_chunked_body(listener, body):
    text = b'{"model": "m", "messages": [{"role": "user", "content": "hi"}]}'.ljust(0x50)
    head = b"POST /v1/messages/count_tokens HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: Chunked\r\n\r\n"
    reply, closed = ask(listener, head + body % text)
    assert (reply.status, closed) == (200, False), reply.body


def test_chunked_body_in_single_bytes(listener):
    text = COUNT.partition(b"\r\n\r\n")[2]
    data = b"POST /v1/messages/count_tokens HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n"
    data += b"".join(b"1\r\n%c\r\n" % byte for byte in text) + b"0\r\n\r\n"
    with Client(listener) as client:
        for byte in bytearray(data):
            client.send(bytes([byte]))
        assert client.read_reply().status == 200
        assert client.is_open()


def test_continue_is_sent_where_the_body_is_wanted(listener):
    head, _, body = post(message(), "/v1/messages/count_tokens", {"Expect": "100-continue"}).partition(b"\r\n\r\n")
    with Client(listener) as client:
        client.send(head + b"\r\n\r\n")
        assert client.read_until(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
        client.send(body)
        assert client.read_reply().status == 200
        assert client.is_open()


@pytest.mark.parametrize("head, status", [
    (b"POST /v1/messages HTTP/1.1\r\nHost: localhost\r\nContent-Length: 40000000\r\nExpect: 100-continue\r\n\r\n", 413),
    (b"POST /v1/messages HTTP/1.1\r\nHost: localhost\r\nExpect: 100-continue\r\n\r\n", 411),
    (b"POST /v1/messages HTTP/1.1\r\nHost: localhost\r\nContent-Length: 4\r\nExpect: 100-continue\r\n"
     b"Content-Type: text/plain\r\n\r\n", 415),
    (b"POST /v1/messages HTTP/1.1\r\nHost: localhost\r\nContent-Length: 4\r\nExpect: 100-continue\r\n"
     b"Content-Encoding: br\r\n\r\n", 415),
    (b"POST /nothing HTTP/1.1\r\nHost: localhost\r\nContent-Length: 4\r\nExpect: 100-continue\r\n\r\n", 404),
    (b"POST /v1/messages HTTP/1.1\r\nHost: x.example\r\nContent-Length: 4\r\nExpect: 100-continue\r\n\r\n", 403),
])
def test_no_continue_where_it_is_not(listener, head, status):
    reply, closed = ask(listener, head)
    assert (reply.status, closed) == (status, True)


def test_the_answer_to_a_large_body_is_seen_while_it_is_sent(listener):
    with Client(listener) as client:
        client.send(b"POST /v1/messages HTTP/1.1\r\nHost: localhost\r\nContent-Length: 40000000\r\n\r\n")
        for _ in range(40):
            client.send(b"x" * 1000000)
        client.sock.shutdown(socket.SHUT_WR)
        reply = Reply(client.read_all())
    assert (reply.status, reply.error_type) == (413, "request_too_large")


def test_a_body_of_20_mebibytes_arrives(listener):
    reply, closed = ask(listener, post(message(system="x" * (20 << 20)), "/v1/messages/count_tokens"))
    assert (reply.status, closed) == (200, False)
    assert reply.json["input_tokens"] > 100000


SMALL = post(message()).partition(b"\r\n\r\n")[2]


@pytest.mark.parametrize("framing, data", [
    (b"Content-Length: 500", SMALL),
    (b"Content-Length: %d" % (len(SMALL) + 1), SMALL),
    (b"Transfer-Encoding: chunked", b"%x\r\n%s" % (len(SMALL) + 1, SMALL)),
    (b"Transfer-Encoding: chunked", b"%x\r\n%s" % (len(SMALL), SMALL)),
    (b"Transfer-Encoding: chunked", b"%x\r\n%s\r\n" % (len(SMALL), SMALL)),
    (b"Transfer-Encoding: chunked", b"%x\r\n%s\r\n0\r\n" % (len(SMALL), SMALL)),
], ids=["half", "one byte", "in a chunk", "after a chunk", "no last chunk", "no last line"])
def test_a_body_that_is_cut_short_goes_nowhere(listener, fake, framing, data):
    before = len(fake.requests)
    with Client(listener) as client:
        client.send(b"POST /v1/messages HTTP/1.1\r\nHost: localhost\r\n%s\r\n\r\n%s" % (framing, data))
        client.sock.shutdown(socket.SHUT_WR)
        assert Reply(client.read_all()).status == 400
    assert len(fake.requests) == before


def test_a_body_that_nobody_reads_is_no_request(listener):
    inner = b"GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n"
    with Client(listener) as client:
        client.send(b"GET /health HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n" % len(inner) + inner)
        client.sock.shutdown(socket.SHUT_WR)
        reply = Reply(client.read_all())
    assert (reply.status, reply.headers["connection"], reply.rest) == (200, "close", b"")


# -- streams

def test_a_stream_is_chunked_and_the_connection_stays(listener):
    with Client(listener) as client:
        client.send(post(message(stream=True)))
        reply = Reply(client.read_until(b"\r\n0\r\n\r\n"))
        assert reply.status == 200 and not reply.rest
        assert reply.headers["content-type"] == "text/event-stream; charset=utf-8"
        assert reply.headers["cache-control"] == "no-cache" and reply.headers["x-accel-buffering"] == "no"
        assert reply.body.startswith(b"event: message_start\n") and b"event: message_stop\n" in reply.body
        assert client.is_open()


def test_a_stream_for_http_1_0_has_no_chunks_and_ends_with_the_connection(listener):
    with Client(listener) as client:
        client.send(post(message(stream=True)).replace(b"HTTP/1.1", b"HTTP/1.0"))
        reply = Reply(client.read_all())
    assert reply.headers["connection"] == "close" and "transfer-encoding" not in reply.headers
    assert reply.body.startswith(b"event: message_start\n") and reply.body.endswith(b"\n\n")


# -- patience

def test_a_silent_connection_is_closed(listener):
    with proxy(header_seconds=0.1) as quick, Client(quick) as client:
        assert client.read_all() == b""


def test_an_idle_connection_is_closed_later(listener):
    with proxy(keep_alive_seconds=0.1) as quick, Client(quick) as client:
        client.send(HEALTH)
        assert Reply(client.read_all()).rest == b""


def test_the_whole_head_has_its_time_and_no_byte_prolongs_it():
    with proxy(header_seconds=0.3) as quick, Client(quick) as client:
        started = time.monotonic()
        client.sock.settimeout(0.02)
        data = b""
        for byte in b"GET /health HTTP/1.1\r\nX: " + b"a" * 500:
            client.send(bytes([byte]))
            try:
                data += client.sock.recv(65536)
            except socket.timeout:
                continue
            break
        took = time.monotonic() - started
    assert 0.2 < took < 2
    assert (Reply(data).status, Reply(data).error_type) == (408, "timeout_error")


def test_the_body_has_its_time():
    with proxy(body_seconds=0.1) as quick:
        reply, closed = ask(quick, post(message())[:-1])
    assert (reply.status, reply.error_type, closed) == (408, "timeout_error", True)


def test_a_client_that_does_not_read_is_let_go(caplog):
    caplog.set_level("INFO", "claude_proxy.access")
    with FakeProvider() as fake, proxy([provider(fake.url)], write_seconds=0.2) as quick:
        fake.script = {"chunks": [{"delta": {"content": "x" * 1000000}} for _ in range(50)] + [("silence", 30)]}
        with Client(quick) as client:
            client.send(post(message(stream=True)))
            assert fake.wait_for(1)[0].left.wait(SECONDS)
            assert ask(quick, HEALTH)[0].status == 200
            until(lambda: [line for line in caplog.messages if "client-left" in line])
    assert not [record for record in caplog.records if record.exc_info]


# -- many

def test_500_idle_connections_leave_room_for_a_request():
    with proxy() as listener:
        clients = [Client(listener) for _ in range(500)]
        started = time.monotonic()
        assert ask(listener, HEALTH)[0].status == 200
        assert time.monotonic() - started < 3
        for client in clients:
            client.sock.close()
        until(lambda: not listener._connections)


def test_above_the_cap_there_is_a_proper_refusal():
    with proxy(max_connections=3) as listener:
        clients = [Client(listener) for _ in range(3)]
        for _ in range(3):
            reply, closed = ask(listener, COUNT)
            assert (reply.status, reply.error_type, closed) == (503, "overloaded_error", True)
            assert reply.headers["retry-after"] == "2"
        for client in clients:
            client.sock.close()
        until(lambda: len(listener._connections) < 3)
        assert ask(listener, HEALTH)[0].status == 200


def test_far_above_the_cap_the_refusal_needs_no_thread():
    with proxy(max_connections=1) as listener:
        clients = [Client(listener) for _ in range(70)]
        assert Reply(clients[-1].read_all()).status == 503
        for client in clients:
            client.sock.close()


# -- the end

def drained(listener, seconds):
    """A thread that drains, and the list that its result goes into."""
    results = []
    thread = threading.Thread(target=lambda: results.append(listener.drain(seconds)))
    thread.start()
    return thread, results


def test_draining_lets_streams_end_and_closes_the_rest():
    go_on = threading.Event()
    with FakeProvider() as fake, proxy([provider(fake.url)]) as listener:
        fake.script = {"chunks": [{"delta": {"content": "Hel"}}, ("wait", go_on), {"delta": {"content": "lo"}},
                                  {"finish": "stop"}]}
        with Client(listener) as silent, Client(listener) as kept, Client(listener) as streaming:
            kept.send(HEALTH)
            kept.read_reply()
            streaming.send(post(message(stream=True)))
            begun = streaming.read_until(b"Hel")
            thread, results = drained(listener, 30)
            assert silent.read_all() == b"" and kept.read_all() == b""
            with pytest.raises(OSError):
                socket.create_connection(listener.address or ("127.0.0.1", 1), 1)
            go_on.set()
            reply = Reply(begun + streaming.read_all())
            thread.join(SECONDS)
    assert results == [True]
    assert b"event: message_stop" in reply.body and not reply.rest


def test_what_outlasts_the_drain_ends_in_an_error():
    with FakeProvider() as fake, proxy([provider(fake.url)]) as listener:
        fake.scripts["hang"] = {"before": [("silence", 30)]}
        fake.script = {"chunks": [{"delta": {"content": "Hel"}}, ("silence", 30)]}
        with Client(listener) as streaming, Client(listener) as waiting:
            streaming.send(post(message(stream=True)))
            begun = streaming.read_until(b"Hel")
            waiting.send(post(message(model="fake/hang")))
            fake.wait_for(2)
            thread, results = drained(listener, 0.1)
            stream, plain = Reply(begun + streaming.read_all()), Reply(waiting.read_all())
            thread.join(SECONDS)
    assert results == [False]
    assert stream.body.rstrip().split(b"\n\n")[-1].startswith(b"event: error\ndata: ")
    assert b"overloaded_error" in stream.body
    assert (plain.status, plain.error_type) == (503, "overloaded_error")


def test_readiness_ends_with_the_drain():
    with FakeProvider() as fake, proxy([provider(fake.url)]) as listener:
        assert ask(listener, HEALTH.replace(b"health", b"readyz"))[0].json == {"status": "ok"}
        listener.app.draining = True
        with Client(listener) as client:
            client.send(HEALTH.replace(b"health", b"readyz"))
            assert Reply(client.read_all()).status == 503


def test_closing_ends_everything_at_once():
    with FakeProvider() as fake:
        fake.script = {"before": [("silence", 30)]}
        with proxy([provider(fake.url)]) as listener:
            client = Client(listener)
            client.send(post(message()))
            fake.wait_for(1)
        client.read_all()
        client.sock.close()
        assert fake.requests[0].left.wait(SECONDS)
