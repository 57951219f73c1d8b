"""`run` and `env` with real children: the environment, the exit code, signals, and that nobody else may use the proxy."""
import json
import os
import signal
import subprocess
import sys
import threading

import pytest
from fake_provider import FakeProvider
from processes import SECONDS, environment, inside

POSIX = pytest.mark.skipif(os.name == "nt", reason="POSIX signals")

# A client of the Messages API in twenty lines: what the environment says is all that it knows.
CLIENT = r"""
import json, os, sys, urllib.request
def ask(key):
    body = {"model": os.environ["ANTHROPIC_MODEL"], "max_tokens": 50, "messages": [{"role": "user", "content": "hi"}]}
    call = urllib.request.Request(os.environ["ANTHROPIC_BASE_URL"] + "/v1/messages", json.dumps(body).encode(),
                                  {"content-type": "application/json", "authorization": "Bearer " + key})
    try:
        return json.loads(urllib.request.urlopen(call, timeout=20).read().decode())["content"][-1]["text"]
    except urllib.error.HTTPError as error:
        return error.code
print(json.dumps([ask(os.environ["ANTHROPIC_AUTH_TOKEN"]), ask("guess"), sys.argv[1:], dict(os.environ)]))
sys.exit(7)
"""


@pytest.fixture
def provider():
    with FakeProvider() as server:
        yield server


def arguments(provider, *more):
    return ["run", "--provider", provider.url, "--model", "text"] + list(more)


def command(provider, *more):
    return [sys.executable, "-m", "claude_proxy"] + arguments(provider, *more)


def test_a_child_gets_an_answer_and_its_exit_code_is_ours(provider):
    environ = environment(ANTHROPIC_API_KEY="sk-ant-real", HTTP_PROXY="http://127.0.0.1:9", HTTPS_PROXY="http://127.0.0.1:9",
                          KEPT="yes")
    done = subprocess.run(command(provider, "--", sys.executable, "-c", CLIENT, "--model", "its own"), env=environ, cwd="/",
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=SECONDS)
    assert done.returncode == 7, done.stderr
    answer, guessed, given, child = json.loads(done.stdout.decode("utf-8"))
    assert answer == "Hello from the provider."
    assert guessed == 401                                   # the key is this run's own
    assert given == ["--model", "its own"]
    assert child["ANTHROPIC_MODEL"] == child["ANTHROPIC_DEFAULT_HAIKU_MODEL"] == "local/text"
    assert child["KEPT"] == "yes" and "ANTHROPIC_API_KEY" not in child
    assert "127.0.0.1" in child["NO_PROXY"].split(",")
    assert b"local answers, through http://127.0.0.1:" in done.stderr and done.stderr.count(b"\n") == 1


def test_the_log_goes_to_a_file_on_demand(provider, tmp_path):
    assert inside(*arguments(provider, "--log-file", str(tmp_path / "log"), "--", sys.executable, "-c", CLIENT))[0] == 7
    said = (tmp_path / "log").read_text(encoding="utf-8")
    assert "POST /v1/messages 200" in said and "POST /v1/messages 401" in said


@POSIX
@pytest.mark.parametrize("ending, code", [
    ("import os, signal; os.kill(os.getpid(), signal.SIGTERM)", 143),
    ("import sys; sys.exit(0)", 0),
])
def test_how_the_child_ends(provider, ending, code):
    assert inside(*arguments(provider, "--", sys.executable, "-c", ending))[0] == code


WAITER = r"""
import os, signal, sys, threading
stopped = threading.Event()
def on_signal(number, frame):
    print(signal.Signals(number).name, flush=True)
    got.append(number)
    if len(got) == 4:
        os._exit(9)
got = []
for name in ("SIGTERM", "SIGHUP", "SIGUSR1", "SIGINT"):
    signal.signal(getattr(signal, name), on_signal)
print("ready", flush=True)
stopped.wait(20)
"""


@POSIX
def test_signals_go_to_the_child_which_decides(provider):
    """It hears each, and no proxy ends before it does."""
    process = subprocess.Popen(command(provider, "--", sys.executable, "-c", WAITER), env=environment(),
                               stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    guard = threading.Timer(SECONDS, process.kill)
    guard.start()
    try:
        assert process.stdout.readline() == b"ready\n"
        for name in ("SIGHUP", "SIGTERM", "SIGUSR1", "SIGINT"):
            process.send_signal(getattr(signal, name))
            assert process.stdout.readline() == name.encode() + b"\n"
        assert process.wait(SECONDS) == 9
    finally:
        guard.cancel()
        process.kill()
        process.wait()
        process.stdout.close()


@POSIX
def test_a_program_that_may_not_be_executed(provider, tmp_path):
    broken = tmp_path / "broken"
    broken.write_text("#!/no/such/interpreter\n")
    broken.chmod(0o755)
    code, _, said = inside(*arguments(provider, "--", str(broken)))
    assert code == 126 and str(broken) in said


# -- env

def test_env_for_settings_json_and_shells(tmp_path):
    config = tmp_path / "config.json"
    config.write_text(json.dumps({
        "server": {"host": "0.0.0.0", "port": 1, "client_keys": ["client-key-0123456789"]},
        "providers": {"mine": {"base_url": "https://mine.example/v1", "api_key": "sk-mine-0123456789",
                               "models": {"default": "m"}}}}))
    config.chmod(0o600)
    _, said, warned = inside("env", "--config", str(config), "--json")
    variables = json.loads(said)["env"]
    assert variables["ANTHROPIC_BASE_URL"] == "http://127.0.0.1:1"
    assert variables["ANTHROPIC_AUTH_TOKEN"] == "client-key-0123456789"
    assert "nothing listens on http://127.0.0.1:1" in warned
    for shell in ("bash", "fish", "powershell", "cmd"):
        _, said, _ = inside("env", "--config", str(config), "--shell", shell)
        assert "ANTHROPIC_DEFAULT_OPUS_MODEL" in said and "sk-mine" not in said
    vscode = json.loads(inside("env", "--config", str(config), "--vscode")[1])
    assert vscode["claudeCode.disableLoginPrompt"] is True
    assert {row["name"]: row["value"] for row in vscode["claudeCode.environmentVariables"]} == variables
    _, said, _ = inside("env", "--config", str(config), "--url", "https://proxy.example/")
    assert "ANTHROPIC_BASE_URL='https://proxy.example'" in said and "proxy.example'" in said
