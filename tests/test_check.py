"""`check`, `models` and `init` against real proxies and a scripted provider."""
import contextlib
import json
import os
import select
import stat
import subprocess
import sys
import time

import planted
import pytest
from fake_provider import FakeProvider
from processes import SECONDS, Proxy, environment, inside, served

from claude_proxy.commands import init


@pytest.fixture
def provider():
    with FakeProvider() as server:
        server.scripts["planted"] = planted.good
        yield server


def write_config(path, providers, **server):
    path.write_text(json.dumps({"server": dict({"port": 1}, **server), "providers": providers}))
    path.chmod(0o600)
    return str(path)


def row(provider, model="text"):
    return {"base_url": provider.url, "api_key": "sk-fake-0123456789", "max_retries": 0, "models": {"default": model}}


def test_a_running_proxy(tmp_path, provider):
    config = write_config(tmp_path / "c.json", {"fake": row(provider)}, client_keys=["client-key-0123456789"])
    with Proxy("--config", config, "--port", 0) as proxy:
        code, said, _ = inside("check", "--config", config, "--url", proxy.url, "--json")
        report = json.loads(said)
    assert (code, report["exit_code"]) == (0, 0)
    assert [probe["name"] for probe in report["checks"]] == [
        "listening", "health", "models", "/v1/messages", "/v1/messages (streamed)", "/fake/v1/messages",
        "/fake/v1/messages (streamed)"]
    assert all(probe["passed"] for probe in report["checks"])
    assert "fake/text: Hello from the provider." in [probe["detail"] for probe in report["checks"]]
    assert len(provider.requests) == 4
    settings = {entry["path"]: entry for entry in report["configuration"]["settings"]}
    assert settings["server.port"] == {"path": "server.port", "value": 1, "from": "file"}
    assert settings["server.open_seconds"]["from"] == "default"
    assert settings["server.client_keys"]["value"] == ["key1"]
    assert "sk-fake" not in said and "client-key" not in said


def test_no_running_proxy(tmp_path, provider):
    config = write_config(tmp_path / "c.json", {"fake": row(provider)})
    code, said, stderr = inside("check", "--config", config)
    assert (code, stderr) == (0, "")
    assert "\n-   listening" in said and "nothing listens on http://127.0.0.1:1" in said and "start it" in said
    assert said.count("\nok ") == 6 and "FAILED" not in said and "All is well." in said and "sk-fake" not in said


def test_no_proxy_where_one_was_named(tmp_path, provider):
    config = write_config(tmp_path / "c.json", {"fake": row(provider)})
    code, said, _ = inside("check", "--config", config, "--url", "http://127.0.0.1:1")
    assert code == 69 and "FAILED" in said and "nothing listens on http://127.0.0.1:1" in said
    assert provider.requests == []


def test_offline_asks_nobody(tmp_path, provider):
    config = write_config(tmp_path / "c.json", {"fake": row(provider)})
    code, said, _ = inside("check", "--config", config, "--offline")
    assert code == 0 and "The configuration can be used." in said and provider.requests == []


def test_a_refused_key_is_said_once(tmp_path, provider):
    config = write_config(tmp_path / "c.json", {"fake": row(provider, "error-401")})
    code, said, _ = inside("check", "--config", config)
    assert code == 1 and said.count("FAILED") == said.count("Incorrect API key") == 1
    assert said.count("not asked, since the key was refused") == 3 and len(provider.requests) == 1


# what is wrong -> the model that the fake answers with, exit code, what is said about it
LIVE = {
    "all is well": ("planted", 0, "ok"),
    "a wrong key": ("error-401", 1, "api_key"),
    "a wrong model": ("error-404", 1, "does not exist"),
    "no money": ("error-429", 1, "slow down"),
    "not an API": ("html", 69, "502"),
}


@pytest.mark.parametrize("model, code, words", LIVE.values(), ids=LIVE.keys())
def test_live(tmp_path, provider, model, code, words):
    config = write_config(tmp_path / "c.json", {"fake": row(provider, model)})
    with served(config) as url:
        ended, said, _ = inside("check", "--config", config, "--url", url, "--live", "--json")
    report = json.loads(said)
    assert [probe["name"] for probe in report["providers"]] == ["fake"]
    assert report["providers"][0]["passed"] is (code == 0)
    assert ended == code and words in json.dumps(report["providers"]) + "ok"
    assert "sk-fake-0123456789" not in said


def test_live_where_nobody_listens(tmp_path, provider):
    providers = {"fake": row(provider, "planted"), "dead": {"base_url": "http://127.0.0.1:1/v1", "models": {"default": "x"},
                                                 "max_retries": 0}}
    config = write_config(tmp_path / "c.json", providers)
    code, said, _ = inside("check", "--config", config, "--live", "--json")
    report = json.loads(said)
    assert code == 69
    assert [(probe["name"], probe["passed"]) for probe in report["providers"]] == [("fake", True), ("dead", False)]


# -- models

def test_models(tmp_path, provider):
    config = write_config(tmp_path / "c.json", {"fake": dict(row(provider), models={
        "claude-*haiku*": "small", "default": {"model": "large", "context_window": 65536, "max_output_tokens": 8192}}),
        "deepseek": {}})
    code, said, _ = inside("models", "--config", config)
    lines = [line.split() for line in said.splitlines()]
    assert code == 0
    assert lines[1][:4] == ["fake", "*", "claude-*haiku*", "small"]
    assert lines[2] == ["default", "large", "65k", "8k"]
    assert "DEEPSEEK_API_KEY" in said and "sk-fake" not in said
    data = json.loads(inside("models", "--config", config, "--json")[1])
    assert data["default_provider"] == "fake"
    assert data["providers"][0]["models"][1] == {"name": "default", "model": "large", "context_window": 65536,
                                                 "max_output_tokens": 8192, "images": None}


# -- init

def test_init_with_flags(tmp_path, provider):
    target = tmp_path / "new" / "config.json"
    code, said, stderr = inside("init", "--provider", provider.url, "--model", "text", "--api-key-env", "KEY", "--output",
                              str(target), KEY="sk-fake-0123456789")
    assert code == 0, stderr
    assert stat.S_IMODE(os.stat(str(target)).st_mode) == 0o600
    text = target.read_text(encoding="utf-8")
    assert '"api_key": "${KEY}"' in text and "sk-fake" not in text + said + stderr
    assert provider.requests[0].headers["authorization"] == "Bearer sk-fake-0123456789"
    assert inside("models", "--config", str(target), KEY="x" * 20)[0] == 0
    again = inside("init", "--provider", provider.url, "--model", "text", "--no-key", "--output", str(target))
    assert (again[0], "--force" in again[2]) == (73, True)


def test_init_says_how_its_file_is_read(tmp_path):
    """By itself where it is found first; else by --config, and which one is in the way."""
    flags = ("--provider", "http://127.0.0.1:1/v1", "--model", "m", "--no-key", "--no-test")
    target = tmp_path / "own" / "claude-proxy" / "config.json"
    beside = {"CLAUDE_PROXY_CONFIG": str(target)}
    code, said, stderr = inside("init", *flags, "--output", str(target), **beside)
    assert (code, stderr) == (0, "") and said.splitlines()[1:] == [
        "start:   claude-proxy", "use:     claude-proxy run -- claude"]
    other = tmp_path / "other.json"
    code, said, stderr = inside("init", *flags, "--output", str(other), **beside)
    assert code == 0 and stderr == "" and said.splitlines()[1:3] == [
        "start:   claude-proxy --config %s" % other, "use:     claude-proxy run --config %s -- claude" % other]
    assert said.splitlines()[3:] == ["for good: set CLAUDE_PROXY_CONFIG to it; else %s is read, which is found before it" % target]


def test_init_writes_nothing_where_the_key_is_refused(tmp_path, provider):
    target = tmp_path / "config.json"
    code, _, stderr = inside("init", "--provider", provider.url, "--model", "error-401", "--api-key-env", "KEY", "--output",
                           str(target), KEY="sk-fake-0123456789")
    assert code == 69 and "refused" in stderr and not target.exists()
    assert "sk-fake-0123456789" not in stderr


def test_init_for_the_catalogue_keeps_its_rows(tmp_path):
    target = tmp_path / "config.json"
    code, _, stderr = inside("init", "--provider", "deepseek", "--api-key-env", "DEEPSEEK_API_KEY", "--output", str(target),
                           "--no-test")
    assert code == 0, stderr
    data = json.loads(inside("models", "--config", str(target), "--json", DEEPSEEK_API_KEY="sk-0123456789abcdef")[1])
    assert [row["name"] for row in data["providers"][0]["models"]][-1] == "default"
    assert len(data["providers"][0]["models"]) > 1


def at_a_terminal(arguments, answers, **environ):
    """Run a command on a pseudo terminal and type `answers`, (prompt, text) each -> (exit code, what was on the screen)."""
    import pty          # not on Windows
    terminal, theirs = pty.openpty()
    process = subprocess.Popen([sys.executable, "-m", "claude_proxy"] + arguments, env=environment(**environ), cwd="/",
                               stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True)
    os.close(theirs)
    screen, ends = b"", time.monotonic() + SECONDS
    try:
        for prompt, text in answers:
            while prompt not in screen and time.monotonic() < ends:
                if select.select([terminal], [], [], 0.1)[0]:
                    screen += os.read(terminal, 1000)
            assert prompt in screen, screen
            os.write(terminal, text.encode() + b"\n")
        with contextlib.suppress(OSError):          # Linux ends a terminal's output in EIO
            while select.select([terminal], [], [], SECONDS)[0]:
                data = os.read(terminal, 1000)
                if not data:
                    break
                screen += data
        return process.wait(SECONDS), screen.decode("utf-8")
    finally:
        process.kill()
        process.wait()
        os.close(terminal)


TYPED = {           # at "Key" -> what the file has, what is said
    "a key": ("sk-fake-0123456789", '"api_key": "sk-fake-0123456789"', "answered in"),
    "a variable's name": ("$mine", '"api_key": "${mine}"', "mine is the name of a variable"),
    "nothing, for a server of one's own": ("", "// no key is needed", "answered in"),
}


@pytest.mark.skipif(os.name == "nt", reason="needs a pseudo terminal")
@pytest.mark.parametrize("typed, written, said", TYPED.values(), ids=TYPED.keys())
def test_init_asks(tmp_path, provider, typed, written, said):
    """The three questions at a terminal; the key is typed unseen, and the prompt says where to get one."""
    target = tmp_path / "config.json"
    code, screen = at_a_terminal(["init", "--output", str(target)], [
        (b"Provider", provider.url), (b"Key, not shown; empty: it asks for none", typed), (b"Model", "")],
        mine="sk-fake-9876543210")
    assert code == 0 and said in screen and "sk-fake" not in screen
    assert "Model (text, tools) [text]: " in screen
    text = target.read_text(encoding="utf-8")
    assert written in text and '"default": "text"' in text


LISTED = {          # a row of /v1/models -> the model's row in the file, whether its window is too small for Claude Code
    "nothing but its name": ({}, '"default": "m"', False),
    "vLLM": ({"max_model_len": 131072}, '"default": {"model": "m", "context_window": 131072}', False),
    "llama.cpp": ({"meta": {"n_ctx": 65536, "n_ctx_train": 8192}, "architecture": {"input_modalities": ["text"]}},
                  '"default": {"model": "m", "images": false, "context_window": 65536}', False),
    "OpenRouter": ({"context_length": 262144, "architecture": {"input_modalities": ["text", "image"]}},
                   '"default": {"model": "m", "context_window": 262144}', False),
    "too small": ({"meta": {"n_ctx": 8192}}, '"default": "m"', True),
    "odd": ({"max_model_len": "many", "meta": [], "architecture": {"input_modalities": None}}, '"default": "m"', False),
}


@pytest.mark.parametrize("facts, written, small", LISTED.values(), ids=LISTED.keys())
def test_init_takes_what_the_server_lists(tmp_path, provider, facts, written, small):
    target = tmp_path / "config.json"
    provider.models = [dict(facts, id="m")]
    code, _, stderr = inside("init", "--provider", provider.url, "--no-key", "--output", str(target))
    assert code == 0, stderr
    assert written in target.read_text(encoding="utf-8")
    assert ("m is served with a context of 8192 tokens, and Claude Code's own prompt needs about 32000" in stderr) == small


def test_names_of_variables():
    named = {"$my_key": "my_key", "${MY_KEY}": "MY_KEY", "%MY_KEY%": "MY_KEY", "$env:MY_KEY": "MY_KEY", "KEPT": "KEPT",
             "MY_API_KEY": "MY_API_KEY", "sk-1": "", "A0B1C2D3E4F5A6B7": "", "gsk_0123456789abcdef": "", "": ""}
    assert {typed: init.variable_named(typed, {"KEPT": "x"}) for typed in named} == named


@pytest.mark.parametrize("command", [["init", "--output", "/nowhere/c.json"], ["check"]])
def test_a_key_in_place_of_its_variable_is_not_repeated(command):
    code, said, stderr = inside(*command, "--provider", "deepseek", "--api-key-env", "sk-fake-0123456789")
    assert code == 2 and "takes the name of a variable" in stderr and "sk-fake" not in said + stderr
