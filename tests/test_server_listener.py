"""Where it listens: addresses, inherited sockets, TLS; and what it shows there."""
import base64
import hashlib
import os
import random
import re
import socket
import ssl
import threading
from dataclasses import replace

import certificates
import pytest
from server_harness import KEY, SECONDS, Client, Reply, ask, message, post, proxy

from claude_proxy.config import Server
from claude_proxy.server.sockets import bind, tls_context

HEALTH = b"GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n"


def get(path, fields=""):
    return ("GET %s HTTP/1.1\r\nHost: localhost\r\n%s\r\n" % (path, fields)).encode()


# -- addresses

def test_a_port_that_is_taken_is_an_error():
    with proxy() as listener:
        with pytest.raises(OSError):
            with proxy(port=listener.address[1]):
                pass


def test_what_is_set_on_sockets():
    waiting = bind("127.0.0.1", 0)[0]
    socks = [socket.create_connection(waiting.getsockname(), 0.5) for _ in range(100)]      # nobody accepts them
    for sock in socks + [waiting]:
        sock.close()
    with proxy() as listener, Client(listener) as client:
        client.send(HEALTH)
        client.read_reply()
        served = next(iter(listener._connections))._sock
        assert served.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
        assert served.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)


def test_localhost_is_all_its_addresses():
    with proxy(host="localhost") as listener:
        port = listener.address[1]
        for family in (socket.AF_INET, socket.AF_INET6):
            host = "127.0.0.1" if family == socket.AF_INET else "::1"
            if any(sock.family == family for sock in listener._sockets):
                with socket.create_connection((host, port), SECONDS) as sock:
                    sock.sendall(HEALTH)
                    assert sock.recv(65536).startswith(b"HTTP/1.1 200 ")


def has_ipv6():
    try:
        with socket.socket(socket.AF_INET6) as sock:
            sock.bind(("::1", 0))
    except OSError:
        return False
    return True


@pytest.mark.skipif(not has_ipv6(), reason="no IPv6 here")
def test_ipv6():
    with proxy(host="::1") as listener:
        assert listener.url == "http://[::1]:%d" % listener.address[1]
        assert ask(listener, HEALTH.replace(b"localhost", b"[::1]:1"))[0].status == 200


def test_every_address_is_no_loopback():
    with proxy(host="0.0.0.0", keys=(KEY,)) as listener:
        assert listener.url == "http://127.0.0.1:%d" % listener.address[1]
        assert not listener.app.door.loopback
        assert ask(listener, HEALTH.replace(b"localhost", b"any.example"))[0].status == 200


def test_inherited_sockets():
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        sock.listen(8)
        with proxy(sockets=[sock], port=1) as listener:
            assert listener.address == sock.getsockname()
            assert ask(listener, HEALTH)[0].status == 200


@pytest.mark.skipif(not hasattr(socket, "AF_UNIX"), reason="no Unix sockets here")
def test_a_unix_socket(tmp_path):
    path = str(tmp_path / "proxy.sock")
    with socket.socket(socket.AF_UNIX) as sock:
        sock.bind(path)
        sock.listen(8)
        with proxy(sockets=[sock]) as listener, socket.socket(socket.AF_UNIX) as client:
            assert listener.address == ("", 0) and listener.app.door.loopback
            client.connect(path)
            client.sendall(HEALTH)
            assert client.recv(65536).startswith(b"HTTP/1.1 200 ")


def test_another_configuration_holds_from_the_next_request_on():
    with proxy() as listener, Client(listener) as client:
        client.send(get("/v1/models"))
        assert client.read_reply().status == 200
        app = listener.app
        with proxy(keys=(KEY,)) as other:
            app.replace_config(other.app.config)
        client.send(get("/v1/models"))
        assert client.read_reply().status == 401


def test_draining_before_serving_closes_the_socket():
    with proxy() as listener:
        address = listener.address
        assert listener.drain(1)
        with pytest.raises(OSError):
            socket.create_connection(address, 1)
        listener.serve()                            # a thread that comes too late finds nothing to do


# -- TLS

@pytest.fixture(scope="module")
def secure():
    made = certificates.need()
    with proxy(tls_cert_file=made["cert"], tls_key_file=made["key"], header_seconds=2) as listener:
        yield listener


def dial(listener, **versions):
    context = ssl.create_default_context(cafile=certificates.need()["ca"])
    for name, value in versions.items():
        setattr(context, name, value)
    sock = context.wrap_socket(socket.create_connection(listener.address, SECONDS), server_hostname="localhost")
    sock.settimeout(SECONDS)
    return sock


def answer_of(sock, data):
    sock.sendall(data)
    raw = b""
    while b"\r\n\r\n" not in raw:
        raw += sock.recv(65536) or pytest.fail("no whole head came")
    reply_length = int(re.search(rb"content-length: ([0-9]+)", raw).group(1))
    while len(raw.partition(b"\r\n\r\n")[2]) < reply_length:
        raw += sock.recv(65536) or pytest.fail("no whole body came")
    return Reply(raw)


def test_tls(secure):
    assert secure.url.startswith("https://127.0.0.1:")
    with dial(secure) as sock:
        for _ in range(3):
            assert answer_of(sock, HEALTH).status == 200
        assert answer_of(sock, HEALTH * 2).status == 200        # pipelined: the second is in the TLS layer already


def test_tls_large_body_and_goodbye(secure):
    with dial(secure) as sock:
        reply = answer_of(sock, post(message(system="x" * 3000000), "/x/v1/messages/count_tokens",
                                     {"Connection": "close"}))
        assert reply.status == 400                              # no such provider; the body was read all the same
        assert sock.recv(1) == b""                              # close_notify: an end, not a cut


def test_plain_http_at_a_tls_port_is_told_so(secure):
    with Client(secure) as client:
        client.send(HEALTH)
        reply = Reply(client.read_all())
    assert (reply.status, reply.error_type) == (400, "invalid_request_error")
    assert "https://" in reply.json["error"]["message"]


@pytest.mark.skipif(not hasattr(ssl, "TLSVersion"), reason="not with this OpenSSL")
def test_tls_1_2_at_least():
    made = certificates.need()
    context = tls_context(Server(tls_cert_file=made["cert"], tls_key_file=made["key"]))
    assert context.minimum_version == ssl.TLSVersion.TLSv1_2


@pytest.mark.filterwarnings("ignore:ssl.TLSVersion")
def test_old_tls_is_refused(secure):
    with pytest.raises((ssl.SSLError, OSError)):
        with dial(secure, maximum_version=getattr(ssl, "TLSVersion").TLSv1_1):
            pass


def test_garbage_and_silence_at_a_tls_port_end(secure):
    with Client(secure) as client:
        client.send(b"\x16\x03\x01\x00\x05hello")
        client.read_all()
    app, config = secure.app, secure.app.config
    app.replace_config(replace(config, server=replace(config.server, header_seconds=0.2)))
    try:
        with Client(secure) as silent:
            assert silent.read_all() == b""
    finally:
        app.replace_config(config)


def test_a_new_certificate_is_taken_and_a_broken_one_is_not(secure, tmp_path, caplog):
    app, config = secure.app, secure.app.config
    for path, expected in ((str(tmp_path / "missing.pem"), "missing.pem"), (certificates.make()["cert"], "")):
        app.replace_config(replace(config, server=replace(config.server, tls_cert_file=path)))
        with dial(secure) as sock:
            assert answer_of(sock, HEALTH).status == 200
        assert expected in caplog.text


def test_a_missing_certificate_names_its_file(tmp_path):
    with pytest.raises(FileNotFoundError) as caught:
        with proxy(tls_cert_file=str(tmp_path / "none.pem"), tls_key_file=None):
            pass
    assert caught.value.filename == str(tmp_path / "none.pem")


# -- what it shows

@pytest.fixture(scope="module")
def listener():
    with proxy() as listening:
        yield listening


def test_dashboard(listener):
    reply, _ = ask(listener, get("/"))
    assert (reply.status, reply.headers["content-type"]) == (200, "text/html; charset=utf-8")
    policy = reply.headers["content-security-policy"]
    assert policy.startswith("default-src 'none'; ") and "frame-ancestors 'none'" in policy and "unsafe" not in policy
    for style in re.findall(rb"<style[^>]*>(.*?)</style>", reply.body, re.S):
        digest = base64.b64encode(hashlib.sha256(style).digest()).decode()
        assert "'sha256-%s'" % digest in policy
    again, closed = ask(listener, get("/", "If-None-Match: %s\r\n" % reply.headers["etag"]))
    assert (again.status, again.body, closed) == (304, b"", False)


def test_metrics_and_status(listener):
    reply, _ = ask(listener, get("/metrics"))
    assert (reply.status, reply.headers["content-type"]) == (200, "text/plain; version=0.0.4; charset=utf-8")
    assert b"claude_proxy_build_info" in reply.body
    reply, _ = ask(listener, get("/api/status"))
    assert (reply.status, reply.headers["cache-control"]) == (200, "no-store")
    assert isinstance(reply.json, dict)


@pytest.mark.parametrize("query, status", [
    ("", 200), ("?limit=5", 200), ("?beta=true&limit=1000", 200), ("?limit=0", 400), ("?limit=1001", 400),
    ("?limit=abc", 400), ("?limit=-1", 400), ("?limit=%D9%A1", 400), ("?limit=", 400), ("?after_id=", 200),
    ("?x=%ff", 200),
])
def test_models_query(listener, query, status):
    reply, _ = ask(listener, get("/v1/models" + query))
    assert reply.status == status
    if status == 400:
        assert reply.json["error"]["message"].startswith("limit: ")


def test_a_bug_is_a_500_with_its_traceback_in_the_log(listener, caplog):
    broken = listener.app.metrics.prometheus
    listener.app.metrics.prometheus = None
    try:
        reply, closed = ask(listener, get("/metrics"))
    finally:
        listener.app.metrics.prometheus = broken
    assert (reply.status, reply.error_type, closed) == (500, "api_error", False)
    assert "TypeError" in caplog.text and reply.headers["request-id"] in caplog.text
    assert "TypeError" not in reply.body.decode()


# -- whatever comes

def test_mutations_are_answered_in_form(listener):
    """A thousand broken requests: each is answered with JSON, or the connection ends; and the proxy lives."""
    chance = random.Random(11)
    seeds = [post(message(), "/v1/messages/count_tokens"), HEALTH, get("/v1/models?limit=3", "x-api-key: a\r\n"),
             b"POST /v1/messages/count_tokens HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n"
             b"2;a=b\r\n{}\r\n0\r\n\r\n"]
    for _ in range(1000):
        data = bytearray(chance.choice(seeds))
        for _ in range(chance.randint(1, 4)):
            at = chance.randrange(len(data))
            data[at:at + chance.randint(0, 2)] = bytes(chance.choice(b"\0\r\n :;,/%\x80\xff\t0aA{") for _ in range(
                chance.randint(0, 3)))
        with Client(listener) as client:
            client.send(bytes(data))
            client.sock.shutdown(socket.SHUT_WR)
            rest = client.read_all().replace(b"<reset>", b"")
            while rest:
                reply = Reply(rest)
                assert reply.status != 500, bytes(data)
                assert reply.status < 400 or reply.error_type, bytes(data)
                rest = reply.rest
    assert ask(listener, HEALTH)[0].status == 200


def test_nothing_is_left_behind():
    before = threading.active_count(), len(os.listdir("/proc/self/fd")) if os.path.isdir("/proc/self/fd") else 0
    with proxy() as listener:
        for _ in range(30):
            ask(listener, HEALTH)
    after = threading.active_count(), len(os.listdir("/proc/self/fd")) if os.path.isdir("/proc/self/fd") else 0
    assert after[0] <= before[0] + 2 and after[1] <= before[1] + 2
