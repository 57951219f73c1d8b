"""`status`: a running proxy's numbers on a terminal."""
import json

from fake_provider import FakeProvider
from processes import Proxy, inside

KEY = "client-key-0123456789"


def test_status(tmp_path):
    path = tmp_path / "c.json"
    with FakeProvider() as provider:
        path.write_text(json.dumps({"server": {"port": 1, "client_keys": [KEY]}, "providers": {
            "fake": {"base_url": provider.url, "api_key": "sk-fake-0123456789", "models": {"default": "text"}, "max_retries": 0}}}))
        path.chmod(0o600)
        with Proxy("--config", str(path), "--port", 0) as proxy:
            headers = {"x-api-key": KEY}
            proxy.message(headers=headers)
            proxy.message(headers=headers, model="fake/error-500")
            code, said, stderr = inside("status", "--config", str(path), "--url", proxy.url)
            data = json.loads(inside("status", "--config", str(path), "--url", proxy.url, "--json")[1])
            assert inside("status", "--url", proxy.url)[::2] == (69, "claude-proxy: %s: 401 authentication_error: %s\n" % (
                proxy.url, "this proxy does not know the client's key: give Claude Code one of server.client_keys as "
                           "ANTHROPIC_AUTH_TOKEN"))
    assert (code, stderr) == (0, "")
    assert said.startswith("claude-proxy ") and "2 requests, 0 under way, 1 errors" in said
    assert "fake *" in said and "failing" in said and "fake/text" in said and "the GPU is on fire" in said
    assert data["sums"]["requests"] == 2 and KEY not in said


def test_nobody_there():
    code, said, stderr = inside("status", "--url", "http://127.0.0.1:1")
    assert (code, said) == (69, "") and "nothing listens" in stderr
