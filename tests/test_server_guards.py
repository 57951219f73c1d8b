"""Who may come in: tables of names, pages and keys."""
import pytest
from server_harness import KEY, SECONDS, Client, ask, message, post, provider, proxy, until

from claude_proxy.config import ClientKey, Secret, Server
from claude_proxy.errors import InvalidRequest, ProxyError, RateLimited
from claude_proxy.server import routes
from claude_proxy.server.guards import Door, Places, check_content_type, host_allowed, origin_allowed

from fake_provider import FakeProvider

LISTED = ("proxy.example", "gate.example:8443")


@pytest.mark.parametrize("host, loopback, network, network_with_list", [
    ("localhost",                 True,  True,  True),
    ("LocalHost:8000",            True,  True,  True),
    ("127.0.0.1",                 True,  True,  True),
    ("127.0.0.1:8000",            True,  True,  True),
    ("[::1]",                     True,  True,  True),
    ("[::1]:8000",                True,  True,  True),
    ("proxy.example",             True,  True,  True),          # listed
    ("Proxy.Example:443",         True,  True,  True),
    ("gate.example:8443",         True,  True,  True),
    ("gate.example",              False, True,  False),         # listed with its port only
    ("192.168.1.5:8000",          False, True,  True),          # an address cannot be pointed elsewhere
    ("[fe80::1]",                 False, True,  True),
    ("other.example",             False, True,  False),
    ("0.0.0.0:8000",              False, True,  False),
    ("[::]:8000",                 False, True,  False),
    ("127.0.0.1.evil.example",    False, True,  False),
    ("localhost.evil.example",    False, True,  False),
    ("evil-localhost",            False, True,  False),
    ("localhost.",                False, True,  False),
    ("2130706433",                False, True,  False),         # 127.0.0.1, as some write it
    ("0x7f000001",                False, True,  False),
    ("127.1",                     False, True,  False),
    ("localhost@evil.example",    False, False, False),
    ("evil.example@localhost",    False, False, False),
    ("localhost:80@evil.example", False, False, False),
    ("localhost:8000:9000",       False, False, False),
    ("localhost:x",               False, False, False),
    ("localhost/x",               False, False, False),
    ("localhost, evil.example",   False, False, False),
    ("local host",                False, False, False),
    ("::1",                       False, False, False),
    ("[::1",                      False, False, False),
    ("",                          False, False, False),
])
def test_hosts(host, loopback, network, network_with_list):
    assert host_allowed(host, LISTED, True) is loopback
    assert host_allowed(host, LISTED, False) is network_with_list
    if host.lower() not in LISTED:
        assert host_allowed(host, (), False) is network


@pytest.mark.parametrize("origin, allowed", [
    ("http://localhost", True), ("http://localhost:3000", True), ("https://localhost:3000", True),
    ("http://127.0.0.1:5173", True), ("https://127.0.0.1", True), ("http://[::1]:3000", True),
    ("http://proxy.example:8000", True),                        # the server's own pages
    ("https://app.example", True),                              # listed
    ("https://app.example:8443", False), ("http://app.example", False), ("https://APP.example", False),
    ("http://proxy.example", False), ("http://proxy.example:8001", False), ("ftp://proxy.example:8000", False),
    ("null", False), ("", False), ("*", False), ("file://", False), ("http://", False), ("localhost", False),
    ("http://localhost.evil.example", False), ("http://localhost:3000.evil.example", False),
    ("http://localhost@evil.example", False), ("http://evil.example/localhost", False),
    ("http://127.0.0.1.evil.example", False), ("http://127.0.0.2", False), ("http://0.0.0.0:8000", False),
    ("http://192.168.1.5", False), ("https://evil.example", False), ("chrome-extension://abcdef", False),
    ("http://localhost:", False), ("http://localhost/", False), ("http://localhost:123456", False),
    ("http://localhost\n", False),
])
def test_origins(origin, allowed):
    assert origin_allowed(origin, "proxy.example:8000", ("https://app.example",)) is allowed


@pytest.mark.parametrize("value, taken", [
    (None, True), ("", False), ("application/json", True), ("Application/JSON; charset=utf-8", True),
    ("application/json;charset=utf-8", True), ("application/vnd.api+json", True), ("text/json", True),
    ("text/plain", False), ("text/plain; application/json", False), ("application/jsonp", False),
    ("application/x-www-form-urlencoded", False), ("multipart/form-data", False), ("json", False),
    ("application/json, text/plain", False),
])
def test_content_types(value, taken):
    try:
        check_content_type(value)
    except InvalidRequest as error:
        assert (error.status, taken) == (415, False)
    else:
        assert taken


def door(*keys):
    return Door(Server(client_keys=tuple(ClientKey("k%d" % n, Secret(key)) for n, key in enumerate(keys, 1))), True)


@pytest.mark.parametrize("headers, expected", [
    ({"x-api-key": "key-one"}, "k1"),
    ({"x-api-key": "key-two"}, "k2"),
    ({"authorization": "Bearer key-one"}, "k1"),
    ({"authorization": "bearer  key-two "}, "k2"),
    ({"authorization": "Bearer key-one", "x-api-key": "other"}, "k1"),
    ({"authorization": "Bearer other", "x-api-key": "key-one"}, "k1"),
    ({"x-api-key": "schl\xc3\xbcssel"}, "k3"),                  # UTF-8, as it comes off the wire
    ({}, 401), ({"x-api-key": ""}, 401), ({"x-api-key": "key-on"}, 401), ({"x-api-key": "key-one1"}, 401),
    ({"x-api-key": "KEY-ONE"}, 401), ({"x-api-key": "\xff\xfe"}, 401), ({"x-api-key": "key-one, key-one"}, 401),
    ({"authorization": "key-one"}, 401), ({"authorization": "Basic key-one"}, 401), ({"authorization": "Bearer"}, 401),
    ({"authorization": "Bearer "}, 401), ({"authorization": "Bearer Bearer key-one"}, 401),
    ({"cookie": "key-one"}, 401),
])
def test_keys(headers, expected):
    try:
        found = door("key-one", "key-two", "schl\u00fcssel").key_name(headers)
    except ProxyError as error:
        found = error.status
        assert "x-api-key" not in error.message                 # Claude Code shows that as «Not logged in»
        assert error.headers["x-should-retry"] == "false"
    assert found == expected


def test_every_key_is_compared_whole(monkeypatch):
    compared = []
    monkeypatch.setattr("hmac.compare_digest", lambda one, other: compared.append((one, other)) or one == other)
    assert door("key-one", "key-two", "key-3").key_name({"x-api-key": "key-one"}) == "k1"
    assert compared == [(b"key-one", b"key-one"), (b"key-one", b"key-two"), (b"key-one", b"key-3")]


def test_without_keys_none_is_asked_for():
    assert door().key_name({}) == door().key_name({"x-api-key": "whatever"}) == ""


def test_places():
    places = Places()
    with places.hold("a", 2), places.hold("a", 2), places.hold("b", 1), places.hold("", None):
        with pytest.raises(RateLimited):
            places.hold("a", 2).__enter__()
    with places.hold("a", 1):
        pass


# -- on the wire

def get(path, *fields, method="GET"):
    lines = ["%s %s HTTP/1.1" % (method, path)] + ["%s: %s" % field for field in fields]
    if not any(name == "Host" for name, _ in fields):
        lines.append("Host: localhost")
    return "\r\n".join(lines).encode("utf-8") + b"\r\n\r\n"


@pytest.fixture(scope="module")
def fake():
    with FakeProvider() as fake_provider:
        yield fake_provider


@pytest.fixture(scope="module")
def open_door(fake):
    with proxy([provider(fake.url)], allowed_origins=("https://app.example",), allowed_hosts=("proxy.example",)) as listener:
        yield listener


@pytest.fixture(scope="module")
def locked(fake):
    with proxy([provider(fake.url)], keys=(KEY,)) as listener:
        yield listener


@pytest.mark.parametrize("origin", ["http://localhost:3000", "https://127.0.0.1", "http://[::1]:1", "https://app.example"])
def test_allowed_pages_may_read_the_answer(open_door, origin):
    reply, _ = ask(open_door, get("/v1/models", ("Origin", origin)))
    assert (reply.status, reply.headers["access-control-allow-origin"]) == (200, origin)
    assert reply.headers["vary"] == "Origin"
    assert "request-id" in reply.headers["access-control-expose-headers"]
    assert "access-control-allow-credentials" not in reply.headers


@pytest.mark.parametrize("origin", ["https://evil.example", "null", "http://localhost.evil.example"])
def test_other_pages_are_refused_whatever_they_ask(open_door, fake, origin):
    for data in (get("/v1/models", ("Origin", origin)), get("/health", ("Origin", origin)),
                 post(message(), headers={"Origin": origin}),
                 get("/v1/messages", ("Origin", origin), ("Access-Control-Request-Method", "POST"), method="OPTIONS")):
        reply, _ = ask(open_door, data)
        assert (reply.status, reply.error_type) == (403, "permission_error")
        assert not [name for name in reply.headers if name.startswith("access-control")]
        assert reply.headers["vary"] == "Origin"
    assert not fake.requests


def test_preflight(open_door):
    reply, closed = ask(open_door, get(
        "/v1/messages", ("Origin", "http://localhost:3000"), ("Access-Control-Request-Method", "POST"),
        ("Access-Control-Request-Headers", "content-type,x-api-key,x-stainless-os"),
        ("Access-Control-Request-Private-Network", "true"), method="OPTIONS"))
    assert (reply.status, reply.body, closed) == (204, b"", False)
    assert {name: value for name, value in reply.headers.items() if name.startswith("access-control")} == {
        "access-control-allow-origin": "http://localhost:3000",
        "access-control-allow-methods": "GET, HEAD, POST, OPTIONS",
        "access-control-allow-headers": "content-type,x-api-key,x-stainless-os",
        "access-control-expose-headers": reply.headers["access-control-expose-headers"],
        "access-control-max-age": "600"}


def test_preflight_repeats_nothing_but_names(open_door):
    reply, _ = ask(open_door, get(
        "/v1/messages", ("Origin", "http://localhost"), ("Access-Control-Request-Method", "POST"),
        ("Access-Control-Request-Headers", "a; b=<script>"), method="OPTIONS"))
    assert reply.headers["access-control-allow-headers"].startswith("authorization, content-type")


def test_options_without_a_page(open_door):
    reply, _ = ask(open_door, get("/v1/messages", method="OPTIONS"))
    assert (reply.status, reply.headers["allow"]) == (204, "POST, OPTIONS")
    assert ask(open_door, get("/nothing", method="OPTIONS"))[0].status == 404


VISIT = [("Sec-Fetch-Site", "cross-site"), ("Sec-Fetch-Mode", "navigate"), ("Sec-Fetch-Dest", "document")]


@pytest.mark.parametrize("fields, status", [
    ([("Sec-Fetch-Site", "cross-site")], 403),
    ([("Sec-Fetch-Site", "cross-site"), ("Sec-Fetch-Mode", "no-cors"), ("Sec-Fetch-Dest", "script")], 403),
    ([("Sec-Fetch-Site", "cross-site"), ("Origin", "https://app.example")], 200),
    (VISIT, 403),
    ([("Sec-Fetch-Site", "same-origin")], 200),
    ([("Sec-Fetch-Site", "none")], 200),
    ([("Host", "proxy.example")], 200),
    ([("Host", "proxy.example:1"), ("Origin", "http://proxy.example:1")], 200),
    ([("Host", "other.example")], 403),
    ([("Host", "other.example"), ("Origin", "http://other.example")], 403),
])
def test_pages_and_names(open_door, fields, status):
    assert ask(open_door, get("/health", *fields))[0].status == status


def test_a_link_leads_to_the_shell_alone(open_door):
    assert ask(open_door, get("/", *VISIT))[0].status == 200
    for data in (get("/", VISIT[0]), get("/", *VISIT[:2]), get("/v1/models", *VISIT), get("/api/status", *VISIT),
                 get("/?", *VISIT, method="POST"), post(message(), headers=dict(VISIT))):
        assert ask(open_door, data)[0].status == 403


@pytest.mark.parametrize("method, path, status", [
    ("GET", "/health", 200), ("GET", "/healthz", 200), ("GET", "/livez", 200), ("GET", "/readyz", 200),
    ("GET", "/", 200),
    ("GET", "/api/hello", 200), ("HEAD", "/v1/models", 200), ("HEAD", "/", 200), ("OPTIONS", "/v1/messages", 204),
    ("HEAD", "/v1/messages", 405), ("HEAD", "/nothing/x", 404), ("HEAD", "/api/status", 200), ("HEAD", "/metrics", 200),
    ("GET", "/v1/models", 401), ("GET", "/v1/models/x", 401), ("GET", "/metrics", 401), ("GET", "/api/status", 401),
    ("GET", "/nothing", 401), ("PUT", "/v1/messages", 401),
])
def test_what_needs_a_key(locked, method, path, status):
    reply, _ = ask(locked, get(path, method=method), head_only=method == "HEAD")
    assert reply.status == status
    with_key, _ = ask(locked, get(path, ("x-api-key", KEY), method=method), head_only=method == "HEAD")
    assert with_key.status != 401


FREE = {"alive", "ready", "dashboard", "probe"}        # handlers that tell nothing but that the process is there


@pytest.mark.parametrize("route", routes.ROUTES, ids=lambda route: route.path)
def test_each_route_asks_for_the_key_before_anything_is_done(locked, fake, route):
    body = b"Content-Length: 2\r\nConnection: close\r\n\r\n{}"
    for shown in ([], [("x-api-key", KEY + "x")], [("Authorization", "Bearer " + KEY[:-1])], [("x-api-key", "")]):
        reply, _ = ask(locked, get(route.path, *shown, method=route.method)[:-2] + body)
        assert reply.status == (200 if route.handler in FREE else 401)
        assert route.handler not in FREE or route.path == "/" or reply.json == {"status": "ok"}
    head, _ = ask(locked, get(route.path, method="HEAD"), head_only=True)
    assert head.status == (405 if route.method == "POST" else 200)
    assert ask(locked, get(route.path, method="OPTIONS"))[0].status == 204
    assert not fake.requests


def test_a_key_is_known_by_its_name_everywhere(locked, caplog):
    caplog.set_level("INFO", "claude_proxy.access")
    assert ask(locked, get("/v1/models", ("x-api-key", KEY)))[0].status == 200
    until(lambda: "key=k1" in caplog.text)
    numbers = locked.app.metrics
    status = numbers.status(locked.app.config)
    assert status["recent"][0]["client_key"] == "k1"
    assert 'claude_proxy_client_key_requests_total{client_key="k1",status="200"}' in numbers.prometheus()
    assert KEY not in caplog.text + repr(status) + numbers.prometheus()


def test_who_has_no_key_learns_no_providers_name(locked):
    assert [ask(locked, get("/" + name, method="HEAD"), head_only=True)[0].status for name in ("fake", "nope")] == [200, 200]
    with_key = get("/nope", ("x-api-key", KEY), method="HEAD")
    assert ask(locked, with_key, head_only=True)[0].status == 404


def test_the_key_is_asked_for_before_the_body(locked):
    head = post(message(), headers={"Expect": "100-continue"}).partition(b"\r\n\r\n")[0] + b"\r\n\r\n"
    reply, closed = ask(locked, head)
    assert (reply.status, reply.error_type, closed) == (401, "authentication_error", True)


def test_metrics_may_be_public():
    with proxy(keys=(KEY,), metrics_public=True) as listener:
        assert ask(listener, get("/metrics"))[0].status == 200
        assert ask(listener, get("/api/status"))[0].status == 401


def test_a_key_has_its_share():
    with FakeProvider() as fake:
        fake.scripts["hang"] = {"before": [("silence", 30)]}
        keys = (ClientKey("small", Secret(KEY), 1), "another-key")
        with proxy([provider(fake.url)], keys=keys) as listener, Client(listener) as client:
            client.send(post(message(model="fake/hang"), headers={"x-api-key": KEY}))
            fake.wait_for(1)
            reply, closed = ask(listener, post(message(), headers={"x-api-key": KEY}))
            assert (reply.status, reply.error_type, closed) == (429, "rate_limit_error", True)
            assert ask(listener, post(message(), headers={"x-api-key": "another-key"}))[0].status == 200
        assert fake.requests[0].left.wait(SECONDS)
