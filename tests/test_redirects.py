"""A provider that redirects: nobody follows, the key stays, and the error says what to do."""
import pytest
from fake_provider import FakeProvider
from server_harness import SECONDS, Client, Reply, ask, message, post, provider, proxy

from claude_proxy.config import KeySource, Secret

KEY = "Zq-of-the-owner-0815"


class World:
    """A provider with a key, another one that hopes for it, and the proxy."""

    def __init__(self, moved, other, listener):
        self.moved, self.other, self.listener = moved, other, listener


@pytest.fixture(scope="module")
def world():
    with FakeProvider() as moved, FakeProvider() as other:
        keys = (KeySource("literal", Secret(KEY), "providers.fake.api_key"),)
        with proxy([provider(moved.url, keys=keys)]) as listener:
            yield World(moved, other, listener)


# where it leads -> (Location for the addresses of the two providers, what the client is told of it)
PLACES = {
    "another host": ("{other}/chat/completions", " (to {other}/chat/completions)"),
    "another host, key and all": ("{other}/x?key=" + KEY, " (to {other}/x)"),
    "another host, with a password": ("http://me:Zq-password@host.invalid:81/x", " (to http://host.invalid:81/x)"),
    "another host, by two slashes": ("//host.invalid/x", " (to http://host.invalid/x)"),
    "the same host": ("{moved}/elsewhere", " (to {moved}/elsewhere)"),
    "another path": ("/elsewhere", " (to {root}/elsewhere)"),
    "a name of the machine in another scheme": ("https://localhost/v1", " (to https://localhost/v1)"),
    "a file": ("file:///etc/passwd", ""),
    "FTP": ("ftp://host.invalid/x", ""),
    "a script": ("javascript:alert(1)", ""),
    "nowhere that is an address": ("http://[", ""),
    "a control character": ("http://host.invalid/\x01\x1b[31mx", " (to http://host.invalid/"),
    "nowhere": (None, ""),
}


@pytest.mark.parametrize("status, stream", [(301, False), (302, False), (303, False), (307, False), (308, False), (308, True)])
@pytest.mark.parametrize("location, told", PLACES.values(), ids=PLACES.keys())
def test_a_redirect_ends_here(world, status, location, told, stream):
    places = {"other": world.other.url, "moved": world.moved.url, "root": world.moved.url[:-len("/v1")]}
    headers = {} if location is None else {"Location": location.format(**places)}
    world.moved.script = {"status": status, "headers": headers, "body": b""}
    before = len(world.moved.requests)
    reply, _ = ask(world.listener, post(message(stream=stream)))
    assert (reply.status, reply.error_type) == (502, "api_error")
    said = reply.json["error"]["message"]
    assert "fake/scripted answered %d" % status in said and "set providers.fake.base_url to the final address" in said
    assert ("Redirects" + told.format(**places)) in said and "are not followed" in said
    assert "location" not in reply.headers and "Zq-" not in repr((reply.headers, reply.body))
    assert not any(ord(character) < 32 for character in said)
    assert len(world.moved.requests) == before + 1 and world.other.connections == 0


@pytest.mark.parametrize("status", [300, 304, 305, 306, 399])
def test_other_statuses_of_that_kind_are_no_answer_either(world, status):
    world.moved.script = {"head": b"HTTP/1.1 %d Odd\r\nLocation: %s/x\r\nContent-Length: 0\r\n\r\n" % (
        status, world.other.url.encode()), "body": b""}
    reply, _ = ask(world.listener, post(message()))
    assert (reply.status, reply.error_type, world.other.connections) == (502, "api_error", 0)


# -- what goes to a provider, and what comes back from it

OF_CLIENTS = {
    "Authorization": "Bearer client", "x-api-key": "client", "Cookie": "session=1", "Proxy-Authorization": "Basic eA==",
    "X-Forwarded-For": "192.0.2.1", "X-Forwarded-Host": "evil.example", "X-Real-IP": "192.0.2.1", "Forwarded": "for=192.0.2.1",
    "Via": "1.1 evil", "TE": "trailers", "Upgrade": "h2c", "Keep-Alive": "timeout=9", "X-Named": "1",
    "Referer": "http://localhost/x", "User-Agent": "claude-cli/2.1.0", "X-Original-URL": "/x", "X-HTTP-Method-Override": "PUT",
    "anthropic-beta": "some-beta", "anthropic-version": "2023-06-01", "Accept": "x/y", "Accept-Encoding": "gzip, br"}


@pytest.mark.parametrize("stream", [False, True], ids=["plain", "stream"])
def test_nothing_that_a_client_sends_beside_its_body_goes_on(world, stream):
    world.moved.script = {"text": "fine"}
    with Client(world.listener) as client:
        asks = dict.fromkeys(("api_base", "base_url", "api_key", "proxy", "provider", "headers", "extra_body"), "http://evil.example")
        client.send(post(message(stream=stream, **asks), "/v1/messages?api_key=client&base_url=http://evil.example",
                         dict(OF_CLIENTS, Connection="close, X-Named")))
        assert Reply(client.read_all()).status == 200
    request = world.moved.requests[-1]
    assert request.path == "/v1/chat/completions"
    assert request.headers == {
        "host": "127.0.0.1:%d" % world.moved.port, "user-agent": request.headers["user-agent"],
        "accept": "text/event-stream" if stream else "application/json", "accept-encoding": "identity",
        "content-type": "application/json", "authorization": "Bearer " + KEY,
        "content-length": request.headers["content-length"]}
    assert request.headers["user-agent"].startswith("claude-proxy/") and "evil.example" not in repr(request.body)


OF_PROVIDERS = {
    "Set-Cookie": "a=b", "Location": "http://evil.example/", "Server": "nginx", "X-Powered-By": "php", "Refresh": "0; url=http://x",
    "Access-Control-Allow-Origin": "*", "Access-Control-Allow-Credentials": "true", "WWW-Authenticate": "Basic",
    "Content-Disposition": "attachment", "Content-Security-Policy": "none", "Alt-Svc": "h3=\":443\"", "X-Key": KEY}


@pytest.mark.parametrize("script", [{"text": "fine"}, {"status": 400, "error": {"message": "no"}},
                                    {"status": 503, "error": {"message": "no"}}], ids=["answer", "400", "503"])
@pytest.mark.parametrize("stream", [False, True], ids=["plain", "stream"])
def test_none_of_a_providers_own_headers_comes_back(world, script, stream):
    world.moved.script = dict(script, headers=OF_PROVIDERS)
    with proxy([provider(world.moved.url, max_retries=0)]) as quick, Client(quick) as client:
        client.sock.settimeout(SECONDS)
        client.send(post(message(stream=stream), headers={"Connection": "close"}))
        reply = Reply(client.read_all())
    own = {"content-type", "content-length", "transfer-encoding", "date", "server", "vary", "request-id", "connection",
           "cache-control", "x-accel-buffering", "x-content-type-options", "x-claude-proxy-target", "x-should-retry"}
    assert set(reply.headers) <= own and reply.headers["server"] == "claude-proxy"
