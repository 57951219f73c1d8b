"""`route`: where a request goes and why, the reasons as a table; nothing is asked, no key is shown."""
import functools
import io
import json
import sys

import pytest
from fake_provider import FakeProvider
from processes import inside
from server_harness import Client, Reply, message, post, provider, proxy

from claude_proxy import config as configuration
from claude_proxy import explaining, routing

SECRET = "sk-secret-0123456789"
CONFIG = {
    "providers": {
        "one": {"base_url": "http://127.0.0.1:9/v1", "api_key": SECRET, "headers": {"X-Org": "org-" + SECRET},
                "body": {"metadata": {"team_token": "token-4711-xyz"}},
                "models": {"claude-*haiku*": "small", "claude-opus-5": "large", "my-alias": "odd",
                           "default": {"model": "main", "context_window": 65536}}},
        "two": {"base_url": "https://api.deepseek.com", "api_key": SECRET, "models": {"claude-sonnet-4-5": "only", "rare": "r1"},
                "quirks": {"stop_limit": 2}},
        "three": {"base_url": "http://127.0.0.1:9/v1", "api_key": SECRET, "dialect": "qwen", "models": {"default": "q"}},
    },
    "default_provider": "one", "fallbacks": {"one": ["two"]},
}

# the model's name, the provider in the path -> where it goes, why this provider, why this model
REASONS = [
    ("claude-3-5-haiku-20241022", None, "one/small", "default provider: default_provider names it", "row claude-*haiku*"),
    ("claude-opus-5", None, "one/large", "default provider: default_provider names it", "row claude-opus-5"),
    ("claude-opus-4-1", None, "one/large", "default provider: default_provider names it", "row claude-opus-5: the same family"),
    ("claude-sonnet-5", None, "one/main", "default provider: default_provider names it", "row default"),
    ("main", None, "one/main", "default provider: default_provider names it", "asked for by its name"),
    ("my-alias", None, "one/odd", "default provider: default_provider names it", "row my-alias"),
    ("rare", None, "two/r1", "it has a row of this name", "row rare"),
    ("two/anything", None, "two/anything", "the model's name begins with it", "no row lists it, so it is taken as it is"),
    ("two,only", None, "two/only", "the model's name begins with it", "asked for by its name"),
    ("anthropic/two/r1", None, "two/r1", "the model's name begins with it", "asked for by its name"),
    ("claude-haiku-4-5", "two", "two/only", "the path names it", "no row for this family, the nearest is sonnet"),
    ("claude-haiku-4-5", "three", "three/q", "the path names it", "row default"),
]


@pytest.mark.parametrize("name, path, goes_to, provider, model", REASONS, ids=[row[0] for row in REASONS])
def test_reasons(name, path, goes_to, provider, model):
    config = configuration.read(json.dumps(CONFIG), {})
    target = routing.targets(config, name, path)[0]
    assert "%s/%s" % (target.provider.name, target.model) == goes_to
    assert (explaining.why_provider(config, target, path), explaining.why_model(config, target)) == (provider, model)


# the provider -> its dialect, why
DIALECTS = [
    ("one", "openai-compatible", "nothing special is known of the address"),
    ("two", "deepseek", "its address or name; quirks: stop_limit"),
    ("three", "qwen", "providers.three.dialect"),
]


@pytest.mark.parametrize("name, dialect, why", DIALECTS, ids=[row[0] for row in DIALECTS])
def test_dialects(name, dialect, why):
    target = routing.targets(configuration.read(json.dumps(CONFIG), {}), "m", name)[0]
    assert target.dialect.name == dialect or name == "three"
    assert explaining.why_dialect(target) == why
    assert ("stop_limit" in explaining.differences(target.dialect)) == (name == "two")


def test_one_line():
    config = configuration.read(json.dumps(CONFIG), {})
    target = routing.targets(config, "two/r1")[0]
    assert explaining.summary(config, target) == (
        "provider=two (the model's name begins with it); model=r1 (asked for by its name); "
        "dialect=deepseek (its address or name; quirks: stop_limit); key=providers.two.api_key")


# the model that is asked for, whether as a stream -> the answer's status
ANSWERS = [("fake/text", False, 200), ("fake/text", True, 200), ("fake/error-401", False, 401)]


@pytest.mark.parametrize("model, stream, status", ANSWERS, ids=["%s %s" % row[:2] for row in ANSWERS])
def test_the_header(model, stream, status):
    """With every answer to a request that asks for it, errors too; without asking never."""
    with FakeProvider() as fake, proxy([provider(fake.url)]) as listener:
        body = message(model=model, stream=stream)
        reply = asked(listener, body, {"X-Claude-Proxy-Explain": "1"})
        assert reply.status == status and reply.headers["x-claude-proxy-route"] == (
            "provider=fake (the model's name begins with it); model=%s (no row lists it, so it is taken as it is); "
            "dialect=openai-compatible (nothing special is known of the address); key=none" % model[5:])
        assert "x-claude-proxy-explain" not in fake.requests[0].headers
        assert "x-claude-proxy-route" not in asked(listener, body, {}).headers


def asked(listener, body, headers):
    with Client(listener) as client:
        client.send(post(body, headers=dict(headers, Connection="close")))
        return Reply(client.read_all())


@pytest.fixture
def call(tmp_path, monkeypatch):
    return functools.partial(route, tmp_path, monkeypatch)


def route(tmp_path, monkeypatch, *arguments, stdin=""):
    """Run `route` -> (exit code, stdout, stderr)."""
    path = tmp_path / "c.json"
    path.write_text(json.dumps(CONFIG))
    path.chmod(0o600)
    monkeypatch.setattr(sys, "stdin", io.StringIO(stdin))
    code, said, complaint = inside("route", "--config", str(path), *arguments)
    for secret in (SECRET, "token-4711-xyz", "sk-of-the-user-0815"):
        assert secret not in said + complaint
    return code, said, complaint


def test_short(call):
    code, said, _ = call("claude-haiku-4-5", "two/x")
    assert code == 0 and [line.split()[:2] for line in said.splitlines()[1:]] == [
        ["claude-haiku-4-5", "one/small"], ["two/x", "two/x"]]
    code, said, _ = call()
    assert code == 0 and len(said.splitlines()) == 4


def test_what_would_be_sent(call):
    """A request from stdin: the very body, long texts cut unless asked for; the key is not in it."""
    request = {"model": "claude-haiku-4-5", "max_tokens": 10, "top_k": 3, "system": "s" * 500,
               "messages": [{"role": "user", "content": "Hello, my key is sk-of-the-user-0815"}]}
    code, said, _ = call("--file", "-", "--json", stdin=json.dumps(request))
    told = json.loads(said)
    assert (code, told["fallbacks"], told["warnings"]) == (0, ["two/only"], ["dropped:top_k"])
    sent = told["sent"]
    assert (sent["method"], sent["url"]) == ("POST", "http://127.0.0.1:9/v1/chat/completions")
    assert sent["headers"]["Authorization"] == "Bearer [key]" and SECRET not in sent["headers"]["X-Org"]
    assert sent["body"]["messages"][0]["content"] == "s" * 200 + "... (500 characters)"
    assert sent["body"]["messages"][1] == {"role": "user", "content": "Hello, my key is [key]"} and sent["body"]["model"] == "small"
    whole = json.loads(call("--file", "-", "--json", "--full", stdin=json.dumps(request))[1])
    assert whole["sent"]["body"]["messages"][0]["content"] == "s" * 500
    assert whole["sent"]["body"]["metadata"] == {"team_token": "[key]"} and whole["bytes"] > 600


def test_in_words(call):
    code, said, _ = call("--explain", "--path", "/two/v1/messages", "r1")
    assert code == 0
    for words in ("provider   two (the path names it)", "model      r1 (asked for by its name)", "dialect    deepseek",
                  "stop_limit: 2", "fallbacks  none", "POST https://api.deepseek.com/chat/completions", '"content": "Hello."'):
        assert words in said, words


# arguments, stdin -> exit code, what is said
REFUSED = [
    (["--path", "/nobody/v1/messages", "x"], "", 1, "no provider is called nobody"),
    (["--path", "/v1/models", "x"], "", 1, "/v1/models takes GET"),
    (["--file", "-"], "{", 1, "is not JSON"),
    (["--file", "-"], "[]", 1, "is no request"),
    (["--file", "-", "--json"], '{"model": "x", "messages": []}', 1, "invalid_request_error"),
]


@pytest.mark.parametrize("arguments, stdin, code, words", REFUSED, ids=[" ".join(row[0]) + row[1] for row in REFUSED])
def test_refused(call, arguments, stdin, code, words):
    ended, said, stderr = call(*arguments, stdin=stdin)
    assert ended == code and words in said + stderr, said + stderr
