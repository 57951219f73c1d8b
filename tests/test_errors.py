"""errors.py: an error leaves nothing behind that only a collection of garbage would find."""
import gc

import pytest
from fake_provider import FakeProvider
from server_harness import provider, proxy
from test_relay import World

from claude_proxy import relay
from claude_proxy.config import KeySource

PDF = [{"role": "user", "content": [{"type": "document", "source": {
    "type": "base64", "media_type": "application/pdf", "data": "AA=="}}]}]

# a model, found under its name among the scripts of fake_provider.py or here -> what the answers are
ENDINGS = {
    "text": "200", "error-400": "400", "error-401": "401", "error-500": "502", "overflow": "400", "drop": "502",
    "reset": "200 error", "cut": "200 error", "error-in-stream": "200 error", "error-in-200": "429", "html": "502",
    "garbage": "502", "empty": "502", "again": "200", "cut-behind-its-end": "200", "no-room-for-a-pdf": "400",
    "nobody/x": "502", "nowhere/x": "502", "keyless/x": "401",
}
OWN = {
    "again": [{"status": 503}, {"text": "Hello"}, {"status": 503}, {"text": "Hello"}],
    "cut-behind-its-end": {"chunks": [{"delta": {"content": "Hel"}}, {"finish": "stop"}, ("cut",)]},
    "no-room-for-a-pdf": {},
}


@pytest.fixture
def world():
    with FakeProvider() as fake:
        fake.scripts.update(OWN)
        rows = [provider(fake.url), provider("http://127.0.0.1:1/v1", "nobody", max_retries=0),
                provider("http://nowhere.invalid/v1", "nowhere", max_retries=0),
                provider(fake.url, "keyless", keys=(KeySource("command", "exit 3", "api_key_command"),))]
        with proxy(rows) as listener:
            yield World(listener, [fake])


def ended(world, model, stream):
    """How the answer of a model ends: its status, "error" where that was 200. Its thread is done with it."""
    more = {"messages": PDF} if model.endswith("pdf") else {}
    with world.connect() as sock:
        path = "/v1/messages" if "/" not in model else "/%s/v1/messages" % model.partition("/")[0]
        world.send(sock, model.rpartition("/")[2], stream, path=path, **more)
        sock.sendall(b"GET /health HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        said = b"".join(iter(lambda: sock.recv(65536), b""))
    status = said.split(b" ", 2)[1].decode()
    return "error" if b"event: error" in said else status


def test_no_request_is_left_in_a_circle(world, monkeypatch):
    monkeypatch.setattr("claude_proxy.upstream.attempts.FIRST_DELAY_SECONDS", 0.0)
    gc.disable()
    try:
        seen = {model: " ".join(dict.fromkeys(ended(world, model, stream) for stream in (False, True))) for model in ENDINGS}
        left = {thing.body["model"] for thing in gc.get_objects() if isinstance(thing, relay.Turn)}
    finally:
        gc.enable()
    assert (seen, left) == (ENDINGS, set())
