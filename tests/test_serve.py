"""`serve` as a process: what it says, whom it answers, how it reloads, and how it ends."""
import ast
import contextlib
import errno
import gc
import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time

import pytest
from fake_provider import FakeProvider
from processes import ROOT, SECONDS, Proxy, environment, inside, stop

from claude_proxy import config
from claude_proxy.commands import serve, serving

POSIX = pytest.mark.skipif(os.name == "nt", reason="POSIX signals")


def write_config(path, provider, **server):
    """A configuration with one provider, for us alone."""
    path.write_text(json.dumps({
        "server": dict({"port": 0}, **server),
        "providers": {"fake": {"base_url": provider.url, "api_key": "sk-fake-0123456789", "models": {"default": "text"}}}}))
    path.chmod(0o600)
    return path


@pytest.fixture
def provider():
    with FakeProvider() as server:
        yield server


# -- the start

@POSIX
def test_without_any_key_the_demo_answers_and_says_so():
    with Proxy("--port", 0, "--config", empty_config()) as proxy:
        assert proxy.url.startswith("http://127.0.0.1:")
        assert proxy.wait_for("DEMO")
        status, message = proxy.message()
        assert status == 200 and "built-in demo" in message["content"][-1]["text"]
        status, message = proxy.message("/demo/v1/messages", stream=False)
        assert status == 200
        assert stop(proxy) == 0


def empty_config():
    """A file without providers: the machine's own configuration must not come in."""
    path = ROOT / "build" / "tests-empty.json"
    path.parent.mkdir(exist_ok=True)
    path.write_text("{}")
    return path


def test_a_python_that_collects_in_its_own_way_is_left_alone(monkeypatch):
    monkeypatch.delattr(gc, "freeze")
    before = gc.get_threshold()
    serving.collect_less_often()
    assert gc.get_threshold() == before


@POSIX
def test_flags_alone_are_enough(tmp_path, provider):
    log = tmp_path / "log"
    with Proxy("--port", 0, "--provider", provider.url, "--model", "text", "--api-key-env", "SOME_KEY", "--log-file", log,
               environ={"SOME_KEY": "sk-some-0123456789"}) as proxy:
        status, message = proxy.message()
        assert (status, message["content"][-1]["text"]) == (200, "Hello from the provider.")
        assert provider.requests[0].headers["authorization"] == "Bearer sk-some-0123456789"
        assert "sk-some-0123456789" not in "\n".join(proxy.lines)
        assert stop(proxy) == 0
    assert "POST /v1/messages 200" in log.read_text() and not [line for line in proxy.lines if "POST" in line]


@POSIX
@pytest.mark.parametrize("arguments", [["--config", "repository"], ["--config", "none"]])
def test_one_key_in_the_environment_is_enough(arguments):
    """With the repository's file and without any, a request leaves for DeepSeek: seen at a forward proxy."""
    config = ROOT / "config.json" if arguments[1] == "repository" else empty_config()
    with socket.socket() as forward:
        forward.bind(("127.0.0.1", 0))
        forward.listen(5)
        forward.settimeout(SECONDS)
        address = "http://127.0.0.1:%d" % forward.getsockname()[1]
        with Proxy("--port", 0, "--config", config, environ={
                "DEEPSEEK_API_KEY": "sk-0123456789abcdef", "HTTPS_PROXY": address}) as proxy:
            asking = threading.Thread(target=without_an_answer, args=(proxy,))
            asking.start()
            connection, _ = forward.accept()
            with connection:
                assert connection.recv(100).startswith(b"CONNECT api.deepseek.com:443 ")
                connection.sendall(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n")
            forward.close()
        asking.join(SECONDS)


def without_an_answer(proxy):
    """Ask, and be hung up on."""
    with contextlib.suppress(OSError, http.client.HTTPException):
        proxy.message()


@POSIX
def test_json_lines(tmp_path, provider):
    with Proxy("--config", write_config(tmp_path / "c.json", provider), "--log-format", "json") as proxy:
        proxy.message()
        assert stop(proxy) == 0
        assert all(isinstance(json.loads(line), dict) for line in proxy.lines)


# -- starts that fail

def failed_start(*arguments):
    """Start what must not start -> (exit code, stderr)."""
    code, said, complaint = inside(*arguments)
    assert said == ""
    return code, complaint


def test_a_taken_port():
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen(1)
        port = other.getsockname()[1]
        done = subprocess.run([sys.executable, "-m", "claude_proxy", "--port", str(port)], env=environment(), cwd="/",
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=SECONDS)
    code, said = done.returncode, done.stderr.decode("utf-8")
    assert code == 69
    assert said.count("\n") == 1 and "port %d is taken" % port in said and "--port" in said


PORTS = {               # why it cannot listen, the system -> what is said
    "below 1024": (errno.EACCES, "posix", "ports below 1024 are for root: choose another, --port 8000"),
    "reserved by Windows": (errno.EACCES, "nt", "netsh interface ipv4 show excludedportrange protocol=tcp"),
    "taken": (errno.EADDRINUSE, "nt", "127.0.0.1 port 8000 is taken by another program"),
    "no address of ours": (errno.EADDRNOTAVAIL, "posix", "server.host: 127.0.0.1 is no address of this machine"),
}


@pytest.mark.parametrize("number, platform, said", PORTS.values(), ids=PORTS.keys())
def test_why_a_port_cannot_be_had(number, platform, said):
    assert said in serving.refused(config.read("{}", {}), OSError(number, "no"), platform).message


@pytest.mark.parametrize("arguments, server, words", [
    (["--host", "0.0.0.0", "--port", "0"], {}, "0.0.0.0 can be reached from other machines"),
    (["--port", "0"], {"allowed_hosts": ["proxy.example.com"]}, "proxy.example.com leads here"),
])
def test_an_open_door_without_a_key(tmp_path, provider, arguments, server, words):
    config = write_config(tmp_path / "c.json", provider, **server)
    code, said = failed_start("--config", str(config), *arguments)
    assert code == 78
    assert words in said and '"client_keys": ["' in said and "--insecure-no-key" in said


@POSIX
def test_the_open_door_on_demand(tmp_path, provider):
    config = write_config(tmp_path / "c.json", provider, allowed_hosts=["proxy.example.com"])
    with Proxy("--config", config, "--insecure-no-key") as proxy:
        assert proxy.wait_for("WARNING        --insecure-no-key")


@pytest.mark.parametrize("host, code", [("no.such.name.invalid", 78), ("192.0.2.1", 78)])
def test_an_address_that_is_not_ours(tmp_path, provider, host, code):
    config = write_config(tmp_path / "c.json", provider, client_keys=["0123456789abcdef"])
    ended, said = failed_start("--config", str(config), "--host", host)
    assert (ended, said.count("\n")) == (code, 1) and host in said


def test_a_certificate_that_is_not_there(tmp_path, provider):
    config = write_config(tmp_path / "c.json", provider, tls={"cert_file": "/nowhere.pem", "key_file": "/nowhere.key"})
    code, said = failed_start("--config", str(config))
    assert code == 78 and "/nowhere.pem" in said and "Traceback" not in said


def test_a_certificate_that_is_none(tmp_path, provider):
    (tmp_path / "x.pem").write_text("no certificate")
    config = write_config(tmp_path / "c.json", provider, tls={"cert_file": "x.pem", "key_file": "x.pem"})
    code, said = failed_start("--config", str(config))
    assert code == 78 and "server.tls" in said and "Traceback" not in said


# -- the end

def held_stream(proxy, provider):
    """Open a stream whose provider waits for an event -> (the event, a thread that reads it, what it has read)."""
    event, read, begun = threading.Event(), [], threading.Event()
    provider.scripts["text"] = {"chunks": [{"delta": {"content": "one "}}, ("wait", event), {"delta": {"content": "two"}},
                                  {"finish": "stop"}]}

    def reading():

        connection = http.client.HTTPConnection("127.0.0.1", int(proxy.url.rpartition(":")[2]), timeout=SECONDS)
        body = {"model": "x", "max_tokens": 9, "stream": True, "messages": [{"role": "user", "content": "hi"}]}
        connection.request("POST", "/v1/messages", json.dumps(body), {"content-type": "application/json"})
        answer = connection.getresponse()
        while True:
            try:
                line = answer.readline()
            except OSError:
                line = b""
            read.append(line)
            begun.set()
            if not line:
                break
        connection.close()
    thread = threading.Thread(target=reading)
    thread.start()
    assert begun.wait(SECONDS)
    return event, thread, read


@POSIX
@pytest.mark.parametrize("number, code", [(signal.SIGTERM, 0), (signal.SIGINT, 130)])
def test_a_signal_lets_answers_end(tmp_path, provider, number, code):
    with Proxy("--config", write_config(tmp_path / "c.json", provider)) as proxy:
        event, thread, read = held_stream(proxy, provider)
        proxy.signal(number)
        proxy.wait_for("stopping")
        with pytest.raises(OSError):
            for _ in range(100):                # the listener closes at once, but not in the same instant
                socket.create_connection(("127.0.0.1", int(proxy.url.rpartition(":")[2])), 1).close()
                threading.Event().wait(0.02)
        event.set()
        thread.join(SECONDS)
        assert b"message_stop" in b"".join(read), "\n".join(proxy.lines)
        assert proxy.wait() == code
        assert not [line for line in proxy.lines if "Traceback" in line]


@POSIX
@pytest.mark.parametrize("number, code", [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_a_second_signal_ends_at_once(tmp_path, provider, number, code):
    with Proxy("--config", write_config(tmp_path / "c.json", provider)) as proxy:
        event, thread, _ = held_stream(proxy, provider)
        proxy.signal(number)
        proxy.wait_for("stopping")
        proxy.signal(number)
        assert proxy.wait() == code
        event.set()
        thread.join(SECONDS)


@POSIX
def test_what_outlasts_the_drain_ends_in_an_error(tmp_path, provider):
    with Proxy("--config", write_config(tmp_path / "c.json", provider, drain_seconds=0)) as proxy:
        event, thread, read = held_stream(proxy, provider)
        proxy.signal(signal.SIGTERM)
        assert proxy.wait() == 0
        thread.join(SECONDS)
        event.set()
        assert b"event: error" in b"".join(read) and b"message_stop" not in b"".join(read)


# -- reloads

@POSIX
def test_hangup_reloads_and_a_broken_file_changes_nothing(tmp_path, provider):
    config = write_config(tmp_path / "c.json", provider)
    with Proxy("--config", config) as proxy:
        assert proxy.message()[0] == 200
        config.write_text('{"providers": {"fake": {"base_url": "%s", "models": {"default": "reasoning"}}}}' % provider.url)
        proxy.signal(signal.SIGHUP)
        proxy.wait_for("configuration reloaded")
        assert proxy.message()[1]["content"][-1]["text"] == "42"
        config.write_text('{"server": {"prot": 1}}')
        proxy.signal(signal.SIGHUP)
        assert "did you mean server.port?" in "\n".join([proxy.wait_for("the old one stays"), proxy.wait_for("server.prot")])
        assert proxy.message()[1]["content"][-1]["text"] == "42"
        assert stop(proxy) == 0


@POSIX
def test_a_changed_file_reloads(tmp_path, provider):
    config = write_config(tmp_path / "c.json", provider)
    often = {"WATCHDOG_USEC": "200000"}             # a service manager that wants a sign this often: so often it looks
    with Proxy("--config", config, environ=often) as proxy:
        config.write_text('{"providers": {"fake": {"base_url": "%s", "models": {"default": "reasoning"}}}}' % provider.url)
        proxy.wait_for("configuration reloaded")
        assert proxy.message()[1]["content"][-1]["text"] == "42"


@POSIX
def test_a_reload_says_what_needs_a_start_and_never_opens_the_door(tmp_path, provider):
    config = write_config(tmp_path / "c.json", provider, client_keys=["0123456789abcdef"])
    with Proxy("--config", config) as proxy:
        write_config(config, provider, port=1, client_keys=["0123456789abcdef"])
        proxy.signal(signal.SIGHUP)
        proxy.wait_for("server.port has changed; that needs a new start")
        write_config(config, provider, allowed_hosts=["proxy.example.com"])
        proxy.signal(signal.SIGHUP)
        proxy.wait_for("the old one stays")
        assert proxy.message()[0] == 401


# -- under a service manager

@POSIX
def test_a_life_under_systemd(tmp_path, provider):
    config = write_config(tmp_path / "c.json", provider)
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(tmp_path / "notify"))
        manager.settimeout(SECONDS)

        def told(words):
            end = time.monotonic() + SECONDS            # its watchdog's signs would go on for ever
            while True:
                said = manager.recv(4096).decode("utf-8")
                if words in said:
                    return said
                assert time.monotonic() < end, words
        with Proxy("--config", config, environ={"NOTIFY_SOCKET": str(tmp_path / "notify"), "WATCHDOG_USEC": "200000"}) as proxy:
            assert "STATUS=Listening on %s" % proxy.url in told("READY=1")
            told("WATCHDOG=1")
            proxy.signal(signal.SIGHUP)
            assert "MONOTONIC_USEC=" in told("RELOADING=1")
            told("READY=1")
            proxy.signal(signal.SIGTERM)
            told("STOPPING=1")
            assert proxy.wait() == 0


@POSIX
def test_an_inherited_socket(tmp_path, provider):
    """As systemd does it: the socket is descriptor 3, and listened before the program was there."""
    config = write_config(tmp_path / "c.json", provider)
    starter = ("import os, sys\nos.dup2(int(sys.argv[1]), 3)\nos.set_inheritable(3, True)\n"
               "os.environ.update(LISTEN_FDS='1', LISTEN_PID=str(os.getpid()))\n"
               "os.execv(sys.executable, [sys.executable, '-m', 'claude_proxy', '--config', sys.argv[2]])")
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen(5)
        command = [sys.executable, "-c", starter, str(listening.fileno())]
        with Proxy(config, command=command, pass_fds=(listening.fileno(),)) as proxy:
            assert proxy.url == "http://127.0.0.1:%d" % listening.getsockname()[1]
            assert proxy.message()[0] == 200
            assert stop(proxy) == 0


# -- a log that cannot be written

@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="no /dev/full here")
def test_a_full_disk_is_no_reason_not_to_start(monkeypatch):
    full = open("/dev/full", "w")
    monkeypatch.setattr(sys, "stderr", full)
    serve.announce(["claude-proxy: listening"], "text")
    monkeypatch.undo()
    with pytest.raises(OSError):
        full.close()


# -- what a start does not wait for

def test_what_comes_late_is_loaded_once_it_serves():
    missing = set()
    for path in (ROOT / "claude_proxy").rglob("*.py"):
        if "commands" in path.parts or path.name == "cli.py":
            continue
        for function in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(function, (ast.FunctionDef, ast.AsyncFunctionDef)):
                missing |= {name.name for node in ast.walk(function) if isinstance(node, ast.Import) for name in node.names}
    assert missing - set(serving.LATER) <= {"resource"}         # which the listener asks for as it begins
    assert serving.load_the_rest() and "claude_proxy.providers.complaints" in sys.modules
