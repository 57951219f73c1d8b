"""What the process does to the machine while it serves, as Python's own audit hook sees it: PEP 578.

Nothing is written to disk, nothing is started but a key's command, and nobody is connected to but the configured providers.
"""
import ast
import json
import os
import sys

import pytest
from processes import Proxy, stop

from fake_provider import FakeProvider

pytestmark = pytest.mark.skipif(sys.version_info < (3, 8) or os.name == "nt", reason="audit hooks came with Python 3.8")

WATCHED = r"""
import os, sys
WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
CHANGES = ("os.mkdir", "os.rename", "os.remove", "os.rmdir", "os.link", "os.symlink", "os.chmod", "os.chown", "os.truncate",
           "os.utime", "os.setxattr", "shutil.", "tempfile.", "sqlite3.", "pty.", "syslog.", "os.putenv")
STARTS = ("subprocess.Popen", "os.system", "os.exec", "os.posix_spawn", "os.startfile", "os.fork")
NETWORK = ("socket.connect", "socket.sendto", "socket.sendmsg", "socket.getaddrinfo", "socket.bind", "urllib.Request",
           "http.client.connect", "ftplib.", "smtplib.")
told = []
def hook(event, arguments):
    if event == "open":
        path, mode, flags = arguments
        if (flags or 0) & WRITING or any(letter in (mode or "") for letter in "wax+"):
            tell("write", path)
    elif event.startswith(CHANGES):
        tell("change", event, *map(str, arguments))
    elif event.startswith(STARTS):
        tell("start", *map(str, arguments[:2]))
    elif event.startswith(NETWORK):
        tell("network", event, *[item for item in arguments if isinstance(item, (str, bytes, int, tuple, list))])
def tell(*what):
    os.write(2, ("AUDIT %r\n" % (what,)).encode())
sys.addaudithook(hook)
from claude_proxy.cli import main
sys.exit(main(sys.argv[1:]))
"""


def watched(proxy):
    """What the hook has told, each once, until the proxy was told to stop (the demo then connects to itself, to wake)."""
    end = next(number for number, line in enumerate(proxy.lines) if "stopping:" in line)
    found = [ast.literal_eval(line[6:]) for line in proxy.lines[:end] if line.startswith("AUDIT ")]
    return {kind: sorted({entry[1:] for entry in found if entry[0] == kind}, key=str)
            for kind in ("write", "change", "start", "network")}


def drive(proxy):
    for path in ("/v1/messages", "/second/v1/messages", "/moved/v1/messages", "/proxied/v1/messages"):
        for stream in (False, True):
            body = {"model": "text", "max_tokens": 9, "stream": stream, "messages": [{"role": "user", "content": "hi"}]}
            proxy.request("POST", path, body)
    for path in ("/v1/models", "/metrics", "/api/status", "/", "/health", "/readyz", "/nothing", "/v1/models/text"):
        proxy.request("GET", path)
    image = {"type": "image", "source": {"type": "url", "url": "http://192.0.2.1/x.png"}}
    proxy.request("POST", "/v1/messages", {"model": "http://192.0.2.2/v1", "max_tokens": 9,
                                           "messages": [{"role": "user", "content": [image]}]})
    proxy.request("POST", "/v1/messages/count_tokens", {"model": "text", "messages": [{"role": "user", "content": "hi"}]})


def test_nothing_is_written_and_nobody_else_is_asked(tmp_path):
    (tmp_path / "key").write_text("from-the-command")
    path = tmp_path / "config.json"
    with FakeProvider() as fake, FakeProvider() as second, FakeProvider() as moved, FakeProvider() as elsewhere:
        moved.script = {"status": 302, "body": "", "headers": {"Location": elsewhere.url + "/chat/completions"}}
        path.write_text(json.dumps({"server": {"port": 0}, "providers": {
            "fake": {"base_url": fake.url, "api_key": "sk-of-the-owner", "models": {"default": "text"}},
            "second": {"base_url": second.url, "api_key_command": "cat '%s'" % (tmp_path / "key"), "models": {"default": "text"}},
            "moved": {"base_url": moved.url, "api_key": "sk-other", "models": {"default": "text"}},
            "proxied": {"base_url": "http://192.0.2.3/v1", "api_key": "none", "proxy": "http://127.0.0.1:9", "max_retries": 0,
                        "models": {"default": "text"}}}}))
        before = sorted(entry.name for entry in tmp_path.iterdir())
        environ = {"http_proxy": "http://192.0.2.4:1", "PYTHONDONTWRITEBYTECODE": "1"}
        with Proxy("serve", "--config", path, command=[sys.executable, "-c", WATCHED], environ=environ) as proxy:
            drive(proxy)
            assert stop(proxy) == 0
        found = watched(proxy)
        assert len(fake.requests) > 2 and second.requests and moved.requests and not elsewhere.requests
        assert set(found["write"]) <= {(os.devnull,)} and found["change"] == []     # where a command's errors go
        assert [entry for entry in found["start"] if str(tmp_path / "key") not in entry[1]] == [] != found["start"]
        asked = {entry[1] for entry in found["network"] if entry[0] in ("socket.connect", "socket.sendto", "socket.sendmsg")}
        assert asked == {("127.0.0.1", fake.port), ("127.0.0.1", second.port), ("127.0.0.1", moved.port), ("127.0.0.1", 9)}
        bound = {entry[1][0] for entry in found["network"] if entry[0] == "socket.bind"}
        looked_up = {entry[1] for entry in found["network"] if entry[0] == "socket.getaddrinfo"}
        assert bound == {"127.0.0.1"} and looked_up == {b"127.0.0.1"}
        assert sorted(entry.name for entry in tmp_path.iterdir()) == before
