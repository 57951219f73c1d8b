"""The environment for clients: the set, what of the user's own wins, and each shell's words, run by that shell."""
import json
import shutil
import subprocess
import sys

import pytest
from processes import inside

from claude_proxy import config as configuration
from claude_proxy.commands import launch

TEXT = json.dumps({"providers": {"mine": {
    "base_url": "https://mine.example/v1", "api_key": "sk-provider-0123456789",
    "models": {"claude-*haiku*": "small", "default": {"model": "large", "context_window": 65536}}}}})


def config_of(text=TEXT, **environ):
    return configuration.with_demo(configuration.read(text, environ), "http://127.0.0.1:1/v1")


def test_the_launch_set():
    assert launch.launch_set(config_of(), "http://127.0.0.1:8000", "client-key", {}) == {
        "ANTHROPIC_BASE_URL": "http://127.0.0.1:8000",
        "ANTHROPIC_AUTH_TOKEN": "client-key",
        "ANTHROPIC_API_KEY": "",
        "ANTHROPIC_MODEL": "mine/large",
        "ANTHROPIC_DEFAULT_OPUS_MODEL": "mine/large",
        "ANTHROPIC_DEFAULT_SONNET_MODEL": "mine/large",
        "ANTHROPIC_DEFAULT_HAIKU_MODEL": "mine/small",
        "ANTHROPIC_DEFAULT_FABLE_MODEL": "mine/large",
        "CLAUDE_CODE_MAX_CONTEXT_TOKENS": "65536",
        "CLAUDE_CODE_AUTO_COMPACT_WINDOW": "100000",        # Claude Code takes no smaller one
        "CLAUDE_CODE_DISABLE_1M_CONTEXT": "1",
        "CLAUDE_CODE_AUTO_MODE_SERVER": "0",
        "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
        "CLAUDE_CODE_ENABLE_GATEWAY_MODEL_DISCOVERY": "1",
        "CLAUDE_CODE_ATTRIBUTION_HEADER": "0",
        "API_FORCE_IDLE_TIMEOUT": "0",
        "NO_PROXY": "localhost,127.0.0.1,::1",
        "no_proxy": "localhost,127.0.0.1,::1",
    }


def test_an_unknown_window_is_not_invented():
    variables = launch.model_variables(config_of(None))
    assert variables["ANTHROPIC_MODEL"] == "demo/demo"
    assert "CLAUDE_CODE_MAX_CONTEXT_TOKENS" not in variables


@pytest.mark.parametrize("window, expected", [
    (31999, ["mine/large has a context_window of 31999, and Claude Code starts no conversation in less than about 32000; "
             "give the model a larger one (and the server, where it is your own), or take context_window out"]),
    (32000, []),
    (None, []),
])
def test_a_window_that_is_too_small_for_claude_code(window, expected):
    text = TEXT.replace("65536", json.dumps(window)) if window else TEXT.replace(', "context_window": 65536', "")
    assert launch.narrow_window(config_of(text)) == expected


def test_run_and_env_say_that_the_window_is_too_small(tmp_path):
    (tmp_path / "config.json").write_text(TEXT.replace("65536", "8192"))
    (tmp_path / "config.json").chmod(0o600)
    flags = ["--config", str(tmp_path / "config.json")]
    for command in (["env"] + flags, ["run"] + flags + ["--", sys.executable, "-c", ""]):
        code, printed, complaint = inside(*command)
        said = [line for line in complaint.splitlines() if "context_window of 8192" in line]
        assert (code, len(said)) == (0, 1)
        assert said[0].startswith("claude-proxy: warning: mine/large has a context_window of 8192")
        assert "context_window of" not in printed


def test_the_names_that_are_given_lead_back_to_the_target():
    config = config_of(None, OPENROUTER_API_KEY="sk-or-0123456789abcdef")
    variables = launch.model_variables(config)
    for family in launch.FAMILIES:
        wanted = launch.family_target(config, family)
        found = launch.routing.targets(config, variables["ANTHROPIC_DEFAULT_%s_MODEL" % family.upper()])[0]
        assert (found.provider.name, found.model) == (wanted.provider.name, wanted.model)


@pytest.mark.parametrize("environ, expected", [
    ({}, "localhost,127.0.0.1,::1,proxy.example"),
    ({"NO_PROXY": "corp.example, 127.0.0.1"}, "corp.example,127.0.0.1,localhost,::1,proxy.example"),
    ({"no_proxy": "corp.example"}, "corp.example,localhost,127.0.0.1,::1,proxy.example"),
    ({"NO_PROXY": "*"}, "*"),
])
def test_no_proxy(environ, expected):
    assert launch.no_proxy(environ, "proxy.example") == expected


HIDDEN = [          # the environment -> whether a client that was started in it looks for us behind another proxy
    ({}, False),
    ({"NO_PROXY": ""}, False),
    ({"HTTPS_PROXY": "http://p:1"}, True),
    ({"http_proxy": "http://p:1", "no_proxy": "corp.example, localhost"}, True),
    ({"HTTPS_PROXY": "http://p:1", "NO_PROXY": "localhost, 127.0.0.1"}, False),
    ({"HTTPS_PROXY": "http://p:1", "NO_PROXY": "*"}, False),
]


@pytest.mark.parametrize("environ, warned", HIDDEN)
def test_a_proxy_that_hides_us(environ, warned):
    said = launch.unexempted(environ, "http://127.0.0.1:8000")
    assert bool(said) == warned and all("NO_PROXY lacks 127.0.0.1" in line for line in said)


def test_the_child_keeps_what_its_user_has_set():
    variables = launch.launch_set(config_of(), "http://127.0.0.1:1", "key", {})
    environ = {"PATH": "/bin", "ANTHROPIC_BASE_URL": "https://elsewhere", "ANTHROPIC_API_KEY": "sk-ant-real",
               "ANTHROPIC_MODEL": "claude-opus-5", "API_FORCE_IDLE_TIMEOUT": "1"}
    child = launch.child_environment(variables, environ, False)
    assert child["PATH"] == "/bin"
    assert (child["ANTHROPIC_BASE_URL"], child["ANTHROPIC_AUTH_TOKEN"]) == ("http://127.0.0.1:1", "key")
    assert "ANTHROPIC_API_KEY" not in child
    assert (child["ANTHROPIC_MODEL"], child["API_FORCE_IDLE_TIMEOUT"]) == ("claude-opus-5", "1")
    assert launch.child_environment(variables, environ, True)["ANTHROPIC_MODEL"] == "mine/large"


def test_settings_that_would_win_are_named(tmp_path):
    """Claude Code lets the "env" of its settings files win over the environment of its process."""
    user, project = tmp_path / "user", tmp_path / "project" / ".claude"
    user.mkdir()
    project.mkdir(parents=True)
    (user / "settings.json").write_text('{"env": {"ANTHROPIC_BASE_URL": "https://elsewhere", "OTHER": "1"}}')
    (project / "settings.local.json").write_text('{"env": {"ANTHROPIC_MODEL": "x"}}')
    (project / "settings.json").write_text("no JSON")
    environ = {"CLAUDE_CONFIG_DIR": str(user)}
    said = launch.warnings(environ, "http://127.0.0.1:1", str(project.parent))
    assert [line.partition(" in its")[0] for line in said] == [
        "%s sets ANTHROPIC_BASE_URL" % (user / "settings.json"),
        "%s sets ANTHROPIC_MODEL" % (project / "settings.local.json")]
    assert launch.warnings(environ, "https://elsewhere") == []
    assert launch.warnings({"HOME": str(tmp_path)}, "http://127.0.0.1:1") == launch.warnings({}, "http://127.0.0.1:1") == []


def test_a_provider_key_is_in_none_of_it():
    config = config_of()
    variables = launch.launch_set(config, "http://127.0.0.1:1", launch.client_key(config), {})
    assert "sk-provider-0123456789" not in json.dumps(variables)
    assert variables["ANTHROPIC_AUTH_TOKEN"] == launch.PLACEHOLDER_KEY


# -- in the words of a shell

HARD = {"PLAIN": "value", "EMPTY": "", "QUOTES": "it's \"x\"", "SIGNS": "$HOME `id` \\n %PATH% !x", "中文": "模型"}
QUOTED = {
    "bash": "export QUOTES='it'\\''s \"x\"'",
    "zsh": "export QUOTES='it'\\''s \"x\"'",
    "fish": "set -gx QUOTES 'it\\'s \"x\"'",
    "powershell": "$env:QUOTES = 'it''s \"x\"'",
    "cmd": 'set "QUOTES=it\'s "x""',
}


@pytest.mark.parametrize("shell", sorted(launch.SHELLS))
def test_quoting(shell):
    lines = launch.in_shell(shell, HARD).splitlines()
    assert len(lines) == 1 + len(HARD)
    assert QUOTED[shell] in lines


@pytest.mark.parametrize("shell", ["bash", "sh", "zsh", "fish"])
def test_the_shell_itself_reads_it(shell):
    if shutil.which(shell) is None:
        pytest.skip("no %s here" % shell)
    hard = {name: value for name, value in HARD.items() if name != "中文"}     # names are ASCII
    script = launch.in_shell("bash" if shell == "sh" else shell, hard) + "\nenv -0"
    said = subprocess.check_output([shell, "-c", script]).decode("utf-8").split("\0")
    assert {"%s=%s" % pair for pair in hard.items()} <= set(said)


@pytest.mark.parametrize("environ, platform, expected", [
    ({"SHELL": "/bin/zsh"}, "posix", "bash"), ({"SHELL": "/usr/bin/fish"}, "posix", "fish"), ({}, "posix", "bash"),
    ({"PSModulePath": "x"}, "nt", "powershell"), ({"PSModulePath": "x", "PROMPT": "$P$G"}, "nt", "cmd"),
])
def test_guess_shell(environ, platform, expected):
    assert launch.guess_shell(environ, platform) == expected
