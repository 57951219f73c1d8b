"""`status`: a running proxy's numbers on a terminal."""
import json
import re
import threading
import urllib.request

from fake_provider import FakeProvider
from processes import SECONDS, Proxy, inside

KEY = "client-key-0123456789"


def while_one_streams(url, provider, look):
    """What `look` gives while an answer of 160 characters has no end yet."""
    gate = threading.Event()
    provider.scripts["gated"] = {"chunks": [{"delta": {"content": "one " * 40}}, ("wait", gate), {"finish": "stop"}]}
    body = {"model": "fake/gated", "max_tokens": 99, "stream": True, "messages": [{"role": "user", "content": "hi"}]}
    request = urllib.request.Request(url + "/v1/messages", json.dumps(body).encode(), {
        "Content-Type": "application/json", "x-api-key": KEY})
    with urllib.request.urlopen(request, timeout=SECONDS) as answer:
        try:
            while b"content_block_delta" not in answer.readline():
                continue
            return look()
        finally:
            gate.set()
            answer.read()


def test_status(tmp_path):
    path = tmp_path / "c.json"
    with FakeProvider() as provider:
        path.write_text(json.dumps({"server": {"port": 1, "client_keys": [KEY]}, "providers": {
            "fake": {"base_url": provider.url, "api_key": "sk-fake-0123456789", "models": {"default": "text"}, "max_retries": 0}}}))
        path.chmod(0o600)
        with Proxy("--config", str(path), "--port", 0) as proxy:
            headers = {"x-api-key": KEY}
            proxy.message(headers=headers)
            running = while_one_streams(proxy.url, provider, lambda: inside(
                "status", "--config", str(path), "--url", proxy.url)[1])
            proxy.message(headers=headers, model="fake/error-500")
            code, said, stderr = inside("status", "--config", str(path), "--url", proxy.url)
            data = json.loads(inside("status", "--config", str(path), "--url", proxy.url, "--json")[1])
            assert inside("status", "--url", proxy.url)[::2] == (69, "claude-proxy: %s: 401 authentication_error: %s\n" % (
                proxy.url, "this proxy does not know the client's key: give Claude Code one of server.client_keys as "
                           "ANTHROPIC_AUTH_TOKEN"))
    assert (code, stderr) == (0, "")
    assert said.startswith("claude-proxy ") and "3 requests, 0 under way, 1 errors" in said
    assert re.search(r"fake/gated +~\d+ +~40 +\d+ ms +\d+ ms +under way", running), running
    assert "fake *" in said and "failing" in said and "fake/text" in said and "the GPU is on fire" in said
    assert data["sums"]["requests"] == 3 and KEY not in said


def test_nobody_there():
    code, said, stderr = inside("status", "--url", "http://127.0.0.1:1")
    assert (code, said) == (69, "") and "nothing listens" in stderr
