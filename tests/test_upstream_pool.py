"""upstream/pool.py, answer.py, connection.py, call.py: calls to a real socket, plain and under TLS."""
import contextlib
import errno
import json
import os
import socket
import ssl
import sys
import threading
import time
from dataclasses import replace

import certificates
import pytest
from fake_provider import FakeProvider, server_context
from fake_proxy import FakeProxy

from claude_proxy.config import KeySource, ModelRow, Provider, Secret
from claude_proxy.providers.dialects import GENERIC
from claude_proxy.routing import Target
from claude_proxy.upstream import Caller, ClientLeft, Watch, connection, pool
from claude_proxy.upstream.faults import BrokeOff, HungUp, NoRoom, NotReached, Silent
from claude_proxy.upstream.pool import Pool, tls_context

KEYS = (KeySource("literal", Secret("sk-test"), "test"),)


def target_for(url, model="text", dialect=GENERIC, **settings):
    return Target(Provider("fake", url, KEYS, **settings), model, ModelRow(model), dialect, model)


class Way:
    """A provider, and calls to it."""

    def __init__(self, provider, settings):
        self.provider, self.settings, self.caller = provider, settings, Caller()

    def target(self, model="text", **settings):
        return target_for(self.provider.url, model, **dict(self.settings, **settings))

    def open(self, model="text", stream=False, watch=None, **settings):
        data = json.dumps({"model": model, "stream": stream}).encode()
        return self.caller.call(self.target(model, **settings), data, watch, stream)

    def read(self, model="text", stream=False, **settings):
        with self.open(model, stream, **settings) as answer:
            return answer.read(1 << 20)


@pytest.fixture(params=["plain", "TLS"])
def way(request):
    settings, context = {}, None
    if request.param == "TLS":
        made = certificates.need()
        settings, context = {"ca_file": made["ca"]}, server_context(made["cert"], made["key"])
    with FakeProvider(context) as provider:
        way = Way(provider, settings)
        yield way
        way.caller.close()


# -- keep-alive

def test_five_calls_one_connection(way):
    for _ in range(5):
        assert b"Hello" in way.read()
    assert way.provider.connections == 1


@pytest.mark.parametrize("model, stream", [("text", True), ("error-429", False), ("gzip", True), ("tools", False)])
def test_reused_after_any_whole_answer(way, model, stream):
    way.read(model, stream)
    way.read()
    assert way.provider.connections == 1


def test_reused_although_only_the_end_of_the_content_was_waited_for(way):
    last = threading.Event()
    way.provider.script = {"chunks": [b"data: [DONE]\n\n", ("wait", last)], "done": False}
    with way.open("any", True) as answer:
        assert next(answer.pieces()) == b"data: [DONE]\n\n"
        answer.ended = True
    last.set()
    assert way.provider.requests[0].done.wait(5)        # its last chunk is here by then
    way.read()
    assert way.provider.connections == 1


def test_not_reused_where_the_end_does_not_come(way):
    way.provider.script = {"chunks": [b"data: [DONE]\n\n", ("silence", 5)], "done": False}
    with way.open("any", True) as answer:
        next(answer.pieces())
        answer.ended = True
    way.read()
    assert way.provider.connections == 2
    assert way.provider.requests[0].left.wait(5)


def test_an_abandoned_stream_is_not_reused(way):
    with way.open("slow", True) as answer:
        next(answer.pieces())
    way.read()
    assert way.provider.connections == 2
    assert way.provider.requests[0].left.wait(5)


@pytest.mark.parametrize("script", [{"framing": "close"}, {"headers": {"Connection": "close"}}, {"close": True}])
def test_not_reused_where_the_provider_closes(way, script):
    way.provider.script = dict(script, text="Hello")
    assert b"Hello" in way.read("any")
    time.sleep(0.02)
    assert b"Hello" in way.read("any")
    assert way.provider.connections == 2


def test_not_reused_where_more_came_than_was_announced(way):
    way.provider.script = {"head": b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok, and more", "before": []}
    with way.open("any") as answer:
        assert answer.read(10) == b"ok"
    assert way.caller.pool.count() == 0


def test_not_reused_after_an_answer_that_must_have_no_body(way):
    way.provider.script = {"head": b"HTTP/1.1 204 No Content\r\n\r\n", "body": b""}
    with way.open("any") as answer:
        assert answer.read(10) == b""
    assert way.caller.pool.count() == 0


def test_eight_threads_need_no_more_than_eight_connections(way):
    def many():
        for _ in range(20):
            assert b"Hello" in way.read()
    threads = [threading.Thread(target=many) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(way.provider.requests) == 160 and way.provider.connections <= 8


def test_closed_while_idle_is_seen_before_it_is_used(way):
    way.read()
    way.provider.hang_up()
    time.sleep(0.02)
    way.read()
    assert (way.provider.connections, len(way.provider.requests), way.caller.pool.stale_retries) == (2, 2, 0)


def test_a_hang_up_in_the_moment_of_reuse_is_asked_once_more(way):
    way.read()
    way.provider.drop_next = True
    assert b"Hello" in way.read()
    assert (way.provider.dropped, len(way.provider.requests), way.caller.pool.stale_retries) == (1, 2, 1)


def test_a_hang_up_on_a_fresh_connection_is_not_repeated(way):
    way.provider.drop_next = True
    with pytest.raises(HungUp):
        way.read()
    assert (way.provider.connections, len(way.provider.requests)) == (1, 0)


def test_idle_connections_are_closed_in_time():
    with FakeProvider() as provider:
        caller = Caller(pool=Pool(idle_seconds=0.05))
        with caller.call(target_for(provider.url), b"{}") as answer:
            answer.read(1000)
        assert caller.pool.count() == 1
        until = time.monotonic() + 2
        while caller.pool.count() and time.monotonic() < until:
            time.sleep(0.01)
        assert caller.pool.count() == 0


def test_what_a_burst_leaves_over_is_closed_soon():
    with FakeProvider() as provider:
        caller = Caller(pool=Pool())
        answers = [caller.call(target_for(provider.url), b"{}") for _ in range(8)]
        for answer in answers:
            answer.read(1000)
            answer.close()
        now = time.monotonic()                          # which the reaper looks at once a second
        over = caller.pool.expired(now + pool.SURPLUS_SECONDS + 0.1)
        for connection in over:
            connection.close()
        assert (len(over), caller.pool.count()) == (4, 4)


def test_a_bounded_number_is_kept():
    with FakeProvider() as provider:
        caller = Caller(pool=Pool(per_host=2))
        answers = [caller.call(target_for(provider.url), b"{}") for _ in range(4)]
        for answer in answers:
            answer.read(1000)
            answer.close()
        assert (provider.connections, caller.pool.count()) == (4, 2)


# -- reading

def test_a_piece_arrives_before_the_next_is_sent(way):
    steps, seen = [threading.Event() for _ in range(4)], []
    way.provider.script = {"done": False, "chunks": [
        step for i, event in enumerate(steps) for step in (b"data: %d\n\n" % i, ("wait", event))]}
    with way.open("any", True) as answer:
        for event, piece in zip(steps, answer.pieces()):
            seen.append(piece)
            event.set()
    assert seen == [b"data: 0\n\n", b"data: 1\n\n", b"data: 2\n\n", b"data: 3\n\n"]


def test_a_large_answer(way):
    way.provider.script = {"body": b"x" * 3000000}
    with way.open("any") as answer:
        assert len(answer.read(1 << 22)) == 3000000
    with way.open("any") as answer, pytest.raises(BrokeOff, match="more than 1 MiB"):
        answer.read(1 << 20)


CUTS = {
    "between two chunks": [b"data: 0\n\n", ("cut",)],
    "inside a chunk": [b"data: 0\n\n", ("raw", b"ff\r\ndata: 1"), ("cut",)],
    "after a chunk's data": [b"data: 0\n\n", ("raw", b"9\r\ndata: 1\n\n"), ("cut",)],
    "by a reset": [b"data: 0\n\n", ("sleep", 0.05), ("reset",)],
}


@pytest.mark.parametrize("steps", CUTS.values(), ids=CUTS.keys())
def test_a_cut_is_noticed(way, steps):
    way.provider.script = {"chunks": steps}
    with pytest.raises(BrokeOff, match="in the middle of its answer"):
        way.read("any", True)
    assert way.caller.pool.count() == 0


def test_a_cut_length_is_noticed(way):
    way.provider.script = {"head": b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhel"}
    with pytest.raises(BrokeOff, match="in the middle of its answer"):
        way.read("any")


HEADS = {
    "not HTTP": (b"SSH-2.0-OpenSSH_9.6\r\n", "not HTTP"),
    "no status": (b"HTTP/1.1 hello\r\n\r\n", "not HTTP"),
    "HTTP/2": (b"HTTP/2 200 OK\r\n\r\n", "not HTTP"),
    "switching protocols": (b"HTTP/1.1 101 Switching Protocols\r\n\r\n", "switched"),
    "cut": (b"HTTP/1.1 200 OK\r\nContent-", "in the middle of a head"),
    "no CR, with one in the body": (b"HTTP/1.1 500 Oops\nContent-Length: 9\n\na\r\n\r\nb", "in the middle of its answer"),
    "endless": (b"HTTP/1.1 200 OK\r\n" + b"X-Y: z\r\n" * 20000, "does not end"),
    "compressed with what nobody asked for": (b"HTTP/1.1 200 OK\r\nContent-Encoding: br\r\n\r\n", "with br"),
}


@pytest.mark.parametrize("head, expected", HEADS.values(), ids=HEADS.keys())
def test_heads_that_are_none(way, head, expected):
    way.provider.script = {"head": head}
    with pytest.raises(BrokeOff, match=expected):
        way.read("any")


def test_informational_heads_are_skipped(way):
    way.provider.script = {"head": b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n"
                                   b"HTTP/1.1 200 OK\r\nX-A: 1\r\nX-a:  2 \r\n and more\r\nContent-Length: 2\r\n\r\nok"}
    with way.open("any") as answer:
        assert (answer.status, answer.headers["x-a"], answer.read(10)) == (200, "1, 2 and more", b"ok")


def test_a_head_that_drips_is_bounded(way, monkeypatch):
    monkeypatch.setattr("claude_proxy.upstream.answer.HEAD_SECONDS", 0.05)
    with pytest.raises(BrokeOff, match="too long"):
        way.read("drip-head")


@pytest.mark.parametrize("model, stream", [("hang", False), ("silent", True)])
def test_silence_is_bounded(way, model, stream):
    with pytest.raises(Silent, match="said nothing"):
        way.read(model, stream, first_byte_seconds=0.05, idle_seconds=0.05)


def test_the_text_of_an_error_is_not_waited_for(way):
    head = b"HTTP/1.1 500 Oops\r\n%s\r\n\r\n"
    cut = {"head": head % b"Content-Length: 100" + b'{"error'}
    endless = {"before": [("raw", head % b"Transfer-Encoding: chunked" + b"4\r\nhalf\r\n"), ("silence", 5)]}
    for way.provider.script, told in ((cut, b'{"error'), (endless, b"half")):
        with way.open("any", True) as answer:
            assert answer.read_some(1000, 0.05) == told


@pytest.mark.parametrize("status", ["307 See There", "500 Oops"])
def test_an_error_without_an_end_is_soon_over(way, status, monkeypatch):
    monkeypatch.setattr("claude_proxy.upstream.answer.ENDLESS_ERROR_SECONDS", 0.05)
    head = b"HTTP/1.1 %s\r\nLocation: http://a.test/\r\n\r\n" % status.encode()
    way.provider.script = {"before": [("raw", head), ("silence", 5)]}
    began = time.monotonic()
    with way.open("any") as answer:
        assert answer.read_some(1000) == b""
    assert time.monotonic() - began < 2


def test_an_ipv6_address():
    try:
        provider = FakeProvider(host="::1")
    except OSError:
        pytest.skip("no IPv6 here")
    with provider, Caller().call(target_for(provider.url), b"{}") as answer:
        assert answer.status == 200
    assert provider.requests[0].headers["host"] == "[::1]:%d" % provider.port


def test_a_call_that_cannot_be_made_takes_no_place():
    with FakeProvider() as provider:
        caller, broken = Caller(), target_for(provider.url, headers={"X-Team": "\u5de5"}, max_concurrent=1)
        for _ in range(3):
            with pytest.raises(UnicodeEncodeError):
                caller.call(broken, b"{}")
        with caller.call(target_for(provider.url, max_concurrent=1), b"{}") as answer:
            assert answer.status == 200


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_redirects_are_not_followed(way, status):
    with FakeProvider() as other:
        way.provider.script = {"status": status, "headers": {"Location": other.url}, "body": b""}
        with way.open("any") as answer:
            assert (answer.status, answer.headers["location"]) == (status, other.url)
        assert other.connections == 0


# -- what goes out

def test_only_our_own_headers_go_out(way):
    way.read()
    request = way.provider.requests[0]
    host = "localhost" if way.settings else "127.0.0.1"
    assert request.headers == {
        "host": "%s:%d" % (host, way.provider.port), "user-agent": "claude-proxy/1.0.0", "accept": "application/json",
        "accept-encoding": "identity", "content-type": "application/json", "authorization": "Bearer sk-test",
        "content-length": "34"}
    assert (request.method, request.path) == ("POST", "/v1/chat/completions")


def test_the_dialect_says_where_and_how():
    dialect = replace(GENERIC, path="/models/{model}/chat", query="api-version=2", auth_header="api-key", auth_scheme="",
                      extra_headers=(("X-Title", "claude-proxy"),))
    with FakeProvider() as provider:
        settings = {"headers": {"user-agent": "mine", "X-Team": "a"}}
        with Caller().call(target_for(provider.url, "org/m 1", dialect, **settings), b"{}", stream=True) as answer:
            answer.read(1 << 20)
        request = provider.requests[0]
    assert request.path == "/v1/models/org%2Fm%201/chat?api-version=2"
    assert {name: request.headers.get(name) for name in ("api-key", "authorization", "x-title", "user-agent", "x-team",
                                                         "accept")} == {
        "api-key": "sk-test", "authorization": None, "x-title": "claude-proxy", "user-agent": "mine", "x-team": "a",
        "accept": "text/event-stream"}


def test_a_large_request_arrives_whole(way):
    data = b'{"model": "text", "x": "%s"}' % (b"y" * 1500000)
    with way.caller.call(way.target(), data) as answer:
        answer.read(1 << 20)
    assert way.provider.requests[0].raw == data


# -- connecting

def test_refused():
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        with pytest.raises(NotReached, match="refused") as caught:
            Caller().call(target_for("http://127.0.0.1:%d" % sock.getsockname()[1]), b"{}")
    assert caught.value.hint == "check base_url, and that the server runs"


def test_a_name_that_does_not_resolve():
    with pytest.raises(NotReached, match="does not resolve"):
        Caller().call(target_for("http://no-such-name.invalid/v1"), b"{}")


def test_the_next_address_is_tried(monkeypatch):
    with FakeProvider() as provider:
        rows = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", port)) for port in (1, provider.port)]
        monkeypatch.setattr(connection, "resolve", lambda *args: rows)
        with Caller().call(target_for("http://provider.test/v1"), b"{}") as answer:
            assert answer.status == 200


def test_connecting_and_handshakes_have_a_limit():
    made = certificates.need()
    with socket.socket() as deaf:                   # accepts connections, never a handshake
        deaf.bind(("127.0.0.1", 0))
        deaf.listen(1)
        target = target_for("https://127.0.0.1:%d" % deaf.getsockname()[1], ca_file=made["ca"], connect_seconds=0.1)
        began = time.monotonic()
        with pytest.raises(NotReached, match="TLS handshake in time") as caught:
            Caller().call(target, b"{}")
    assert caught.value.hint == "providers.%s.connect_seconds sets how long to wait" % target.provider.name
    assert time.monotonic() - began < 2


def test_without_descriptors_nobody_is_asked_and_nobody_is_blamed(monkeypatch):
    def none_left(*_):
        raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))
    with FakeProvider() as provider:
        caller, target = Caller(), target_for(provider.url)
        with monkeypatch.context() as patched:
            patched.setattr(connection.socket, "socket", none_left)
            for _ in range(6):                          # five would open the breaker
                with pytest.raises(NoRoom, match="was not asked: this proxy may open no more files"):
                    caller.call(target, b"{}")
        with caller.call(target, b"{}") as answer:
            assert answer.status == 200


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="elsewhere a full queue refuses")
def test_connecting_to_one_that_does_not_answer_has_a_limit():
    with contextlib.ExitStack() as stack:
        full = stack.enter_context(socket.socket())
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        for _ in range(3):                              # its queue is full: it answers no SYN any more
            sock = stack.enter_context(socket.socket())
            sock.setblocking(False)
            sock.connect_ex(full.getsockname())
        began = time.monotonic()
        with pytest.raises(NotReached, match="in time"):
            Caller().call(target_for("http://127.0.0.1:%d" % full.getsockname()[1], connect_seconds=0.1), b"{}")
        assert time.monotonic() - began < 2


def test_a_client_that_leaves_ends_a_handshake_that_hangs():
    made = certificates.need()
    client, served = socket.socketpair()
    with socket.socket() as deaf:
        deaf.bind(("127.0.0.1", 0))
        deaf.listen(1)
        target = target_for("https://127.0.0.1:%d" % deaf.getsockname()[1], ca_file=made["ca"])
        threading.Timer(0.1, client.close).start()
        began = time.monotonic()
        with pytest.raises(ClientLeft):
            Caller().call(target, b"{}", Watch(served))
        assert time.monotonic() - began < 2                 # connect_seconds are ten
    served.close()


def test_a_client_that_leaves_ends_the_sending_of_a_request():
    client, served = socket.socketpair()
    with socket.socket() as deaf:                   # never reads
        deaf.bind(("127.0.0.1", 0))
        deaf.listen(1)
        threading.Timer(0.1, client.close).start()
        began = time.monotonic()
        with pytest.raises(ClientLeft):
            Caller().call(target_for("http://127.0.0.1:%d" % deaf.getsockname()[1]), b"x" * (1 << 25), Watch(served))
        assert time.monotonic() - began < 0.5
    served.close()


def test_keepalive_notices_a_dead_peer_within_90_seconds():
    with socket.socket() as sock:
        connection.set_options(sock)
        assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
        assert sock.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)
        if hasattr(socket, "TCP_KEEPIDLE"):
            idle, interval, probes = [sock.getsockopt(socket.IPPROTO_TCP, option) for option in (
                socket.TCP_KEEPIDLE, socket.TCP_KEEPINTVL, socket.TCP_KEEPCNT)]
            assert idle + interval * probes <= 90


# -- TLS and proxies

@pytest.fixture
def secure():
    made = certificates.need()
    with FakeProvider(server_context(made["cert"], made["key"])) as provider:
        yield provider, made["ca"]


@pytest.mark.skipif(not hasattr(ssl, "TLSVersion"), reason="not with this OpenSSL")
def test_tls_1_2_at_least():
    assert tls_context().minimum_version == tls_context(strict=False).minimum_version == ssl.TLSVersion.TLSv1_2


def test_an_unknown_authority_is_refused(secure):
    provider, _ = secure
    with pytest.raises(NotReached, match="could not be trusted"):
        Caller().call(target_for(provider.url), b"{}")


def test_a_certificate_for_another_name_is_refused(secure):
    provider, ca = secure
    with FakeProxy(provider.port) as proxy, pytest.raises(NotReached, match="could not be trusted"):
        Caller().call(target_for("https://other.test/v1", ca_file=ca, proxy=proxy.url), b"{}")


def test_plain_http_on_the_other_side_is_no_tls():
    made = certificates.need()
    with FakeProvider() as provider:
        target = target_for(provider.url.replace("http:", "https:"), ca_file=made["ca"], connect_seconds=0.2)
        with pytest.raises(NotReached, match="TLS"):
            Caller().call(target, b"{}")


def test_contexts_are_made_once_and_strictness_can_be_taken_off(secure, monkeypatch):
    def as_in_3_13(make=ssl.create_default_context):
        context = make()
        context.verify_flags |= ssl.VERIFY_X509_STRICT
        return context
    monkeypatch.setattr(ssl, "create_default_context", as_in_3_13)
    caller, (_, ca) = Caller(), secure
    strict = [caller._context(Provider("p", "https://x", ca_file=ca), "https://x") for _ in range(2)]
    lax = caller._context(Provider("p", "https://x", ca_file=ca, tls_strict=False), "https://x")
    assert strict[0] is strict[1] is not lax
    assert strict[0].minimum_version == ssl.TLSVersion.TLSv1_2
    assert strict[0].verify_flags & ssl.VERIFY_X509_STRICT
    assert not lax.verify_flags & ssl.VERIFY_X509_STRICT and lax.verify_mode == ssl.CERT_REQUIRED


def test_the_machines_authorities_are_trusted_and_a_ca_file_besides(secure, monkeypatch):
    provider, ca = secure
    target = target_for(provider.url.replace("127.0.0.1", "localhost"))
    with pytest.raises(NotReached, match="could not be trusted"):
        Caller().call(target, b"{}")
    monkeypatch.setenv("SSL_CERT_FILE", ca)
    with Caller().call(target, b"{}") as answer:
        assert answer.status == 200


def test_a_ca_file_that_is_none():
    with pytest.raises(NotReached, match="ca_file"):
        Caller().call(target_for("https://127.0.0.1:1", ca_file="/no/such/file"), b"{}")


def test_https_through_a_proxy_is_one_tunnel(secure):
    provider, ca = secure
    with FakeProxy(provider.port) as proxy:
        settings = {"ca_file": ca, "proxy": proxy.url.replace("//", "//me:secret@")}
        target, caller = target_for("https://provider.test:8443/v1", **settings), Caller()
        for _ in range(3):
            with caller.call(target, b'{"model": "text", "stream": true}') as answer:
                assert b"[DONE]" in answer.read(1 << 20)
    assert proxy.heads == ["CONNECT provider.test:8443 HTTP/1.1\r\nHost: provider.test:8443\r\n"
                           "Proxy-Authorization: Basic bWU6c2VjcmV0\r\n\r\n"]
    assert provider.connections == 1 and len(provider.requests) == 3
    assert "proxy-authorization" not in provider.requests[0].headers
    assert provider.requests[0].headers["host"] == "provider.test:8443"


def test_http_through_a_proxy_is_the_absolute_form():
    with FakeProxy() as proxy:
        with Caller().call(target_for("http://provider.test/v1", proxy=proxy.url), b"{}") as answer:
            assert answer.read(10) == b"{}"
    assert proxy.heads[0].startswith("POST http://provider.test/v1/chat/completions HTTP/1.1\r\nHost: provider.test\r\n")


def test_a_proxy_that_refuses():
    with FakeProxy(refusal=b"HTTP/1.1 407 Proxy Authentication Required\r\n\r\n") as proxy:
        with pytest.raises(NotReached, match="proxy refused .*407"):
            Caller().call(target_for("https://provider.test/v1", proxy=proxy.url), b"{}")


def test_the_environments_proxy_is_for_https_alone(secure, monkeypatch):
    provider, ca = secure
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY", "no_proxy", "NO_PROXY", "HTTPS_PROXY"):
        monkeypatch.delenv(name, raising=False)
    with FakeProxy(provider.port) as proxy:
        monkeypatch.setenv("https_proxy", proxy.url)
        monkeypatch.setenv("http_proxy", proxy.url)
        with Caller().call(target_for("https://provider.test/v1", ca_file=ca), b"{}") as answer:
            assert answer.status == 200
        assert len(proxy.heads) == 1
        for url, settings in (("http://no-such-name.invalid", {}), ("https://no-such-name.invalid", {"proxy": ""})):
            with pytest.raises(NotReached, match="resolve"):
                Caller().call(target_for(url, ca_file=ca, **settings), b"{}")
        monkeypatch.setenv("no_proxy", "no-such-name.invalid")
        with pytest.raises(NotReached, match="resolve"):
            Caller().call(target_for("https://no-such-name.invalid", ca_file=ca), b"{}")
        assert len(proxy.heads) == 1


def test_loopback_never_goes_through_a_proxy(way):
    with FakeProxy() as proxy:
        assert b"Hello" in way.read(proxy=proxy.url)
        assert not proxy.heads
