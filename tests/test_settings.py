"""Where the configuration is found, and what flags put over it."""
import argparse
import os
import pathlib
import re

import pytest

from claude_proxy.commands import outcome, settings


def options(**given):
    """What argparse would give."""
    names = ("config", "provider", "model", "api_key_env", "host", "port", "log_format")
    return argparse.Namespace(**dict(dict.fromkeys(names), **given))


@pytest.fixture
def home(tmp_path, monkeypatch):
    """A machine with no configuration anywhere; HOME is tmp_path."""
    monkeypatch.setattr(settings, "program_path", lambda: tmp_path / "program" / "claude-proxy.pyz")
    (tmp_path / "program").mkdir()
    return tmp_path


def environ(home, **more):
    return dict(more, HOME=str(home))


def write(path, text="{}", mode=0o600):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(text.encode("utf-8"))
    path.chmod(mode)
    return path


# -- where it is

def test_the_search_order(home, monkeypatch):
    user = write(home / ".config" / "claude-proxy" / "config.json")
    assert settings.find(None, environ(home))[0] == user
    beside = write(home / "program" / "config.json")
    assert settings.find(None, environ(home))[0] == beside
    variable = write(home / "variable.json")
    assert settings.find(None, environ(home, CLAUDE_PROXY_CONFIG=str(variable)))[0] == variable
    flag = write(home / "flag.json")
    assert settings.find(str(flag), environ(home, CLAUDE_PROXY_CONFIG=str(variable)))[0] == flag


def test_a_file_that_is_passed_over(home):
    """Without a key in the one that is found first, it is said that there is another."""
    user = write(home / ".config" / "claude-proxy" / "config.json")
    beside = write(home / "program" / "config.json")
    said = "%s is not read, because %s is found before it; name it with --config or $CLAUDE_PROXY_CONFIG" % (user, beside)
    assert settings.Settings(options(), environ(home)).read().warnings == (said,)
    assert settings.Settings(options(config=str(beside)), environ(home)).read().warnings == ()
    write(beside, '{"providers": {"deepseek": {}}}')
    assert settings.Settings(options(), environ(home, DEEPSEEK_API_KEY="sk-0123456789abcdef")).read().warnings == ()


def test_where_a_new_file_goes(home):
    assert settings.user_file(environ(home)) == home / ".config" / "claude-proxy" / "config.json"
    assert settings.user_file(environ(home, CLAUDE_PROXY_CONFIG="/x/y.json")) == pathlib.Path("/x/y.json")


def test_the_current_folder_is_never_read(home, monkeypatch):
    write(home / "strange" / "config.json")
    monkeypatch.chdir(str(home / "strange"))
    assert settings.find(None, environ(home))[0] is None


def test_xdg_config_home(home):
    there = write(home / "xdg" / "claude-proxy" / "config.json")
    assert settings.find(None, environ(home, XDG_CONFIG_HOME=str(home / "xdg")))[0] == there


def test_the_program_is_the_package_in_a_checkout():
    assert settings.program_path() == pathlib.Path(settings.__file__).resolve().parent.parent


# -- what is read

def test_none_at_all_is_the_catalogue_and_the_environment(home):
    config = settings.Settings(options(), environ(home, DEEPSEEK_API_KEY="sk-0123456789abcdef")).read()
    assert (config.default_provider, config.source) == ("deepseek", None)


def test_a_byte_order_mark_and_comments(home):
    path = write(home / "config.json", "\ufeff{// a comment\n\"server\": {\"port\": 9000,},}")
    config = settings.Settings(options(config=str(path)), environ(home)).read()
    assert config.server.port == 9000


CONFIGURED = "// 端口\r\n{\"server\": {\"port\": 9000}}\r\n"
ENCODINGS = {                   # what editors and shells write -> the port that is read, or what is said
    "UTF-8": (CONFIGURED.encode("utf-8"), 9000),
    "UTF-8 with a mark (Notepad)": (CONFIGURED.encode("utf-8-sig"), 9000),
    "UTF-16 with a mark (PowerShell 5, Notepad's Unicode)": (b"\xff\xfe" + CONFIGURED.encode("utf-16-le"), 9000),
    "UTF-16, big end first": (b"\xfe\xff" + CONFIGURED.encode("utf-16-be"), 9000),
    "UTF-16 without a mark": (CONFIGURED.encode("utf-16-le"), 9000),
    "GBK (ANSI on a Chinese Windows)": (CONFIGURED.encode("gbk"), "line 1 is not UTF-8; the file was saved in "
                                        "another encoding (ANSI, GBK): save it as UTF-8 in your editor"),
    "GBK behind plain lines": (b'{"server": {},\n\n"x": "' + "硅基流动".encode("gbk") + b'"}', "line 3 is not UTF-8"),
    "half of UTF-16": (b"\xff\xfe" + CONFIGURED.encode("utf-16-le")[:-1], "is not whole UTF-16"),
    "nothing": (b"", "line 1 column 1"),
}


@pytest.mark.parametrize("data, expected", ENCODINGS.values(), ids=ENCODINGS.keys())
def test_encodings(home, data, expected):
    path = write(home / "config.json")
    path.write_bytes(data)
    chosen = settings.Settings(options(config=str(path)), environ(home))
    if isinstance(expected, int):
        assert chosen.read().server.port == expected
        return
    with pytest.raises(outcome.Failure, match=re.escape(expected)) as failed:
        chosen.read()
    assert failed.value.code == 78 and str(path) in failed.value.message


@pytest.mark.skipif(os.name == "nt", reason="modes are POSIX")
@pytest.mark.parametrize("text, mode, warned", [
    ('{"providers": {"a": {"base_url": "https://a.example/v1", "api_key": "sk-0123456789abcdef"}}}', 0o644, True),
    ('{"providers": {"a": {"base_url": "https://a.example/v1", "api_key": "sk-0123456789abcdef"}}}', 0o600, False),
    ('{"providers": {"a": {"base_url": "https://a.example/v1", "api_key": "${KEY}"}}}', 0o644, False),
    ('{"providers": {"a": {"base_url": "https://a.example/v1", "api_key": "sk-0123456789abcdef"}}}', 0o640, True),
    ('{"server": {"client_keys": ["0123456789abcdef"]}}', 0o644, True),
    ('{"providers": {"a": {"base_url": "https://a.example/v1", "headers": {"Authorization": "Bearer 0123"}}}}', 0o644, True),
    ('{"providers": {"a": {"base_url": "https://a.example/v1", "proxy": "http://me:word@proxy:1"}}}', 0o644, True),
    ('{"server": {"client_keys": ["0123456789abcdef"]}}', 0o640, True),
])
def test_keys_that_others_can_read(home, text, mode, warned):
    path = write(home / "config.json", text, mode)
    config = settings.Settings(options(config=str(path)), environ(home, KEY="sk-0123456789abcdef")).read()
    assert any("chmod 600" in warning for warning in config.warnings) is warned
    assert "0123456789abcdef" not in " ".join(config.warnings)


# -- flags

def test_server_flags_win(home):
    path = write(home / "config.json", '{"server": {"port": 9000, "host": "127.0.0.2"}}')
    config = settings.Settings(options(config=str(path), port=0, log_format="json"), environ(home)).read()
    assert (config.server.host, config.server.port, config.server.log_format) == ("127.0.0.2", 0, "json")
    assert (config.origins["server.host"], config.origins["server.port"]) == ("file", "flag")


# the flags, the environment, a file -> name, base_url, the default row's model, whether it can be asked
PROVIDERS = {
    "a URL and a model are enough": (
        dict(provider="http://127.0.0.1:9999/v1", model="qwen3"), {}, None,
        ("local", "http://127.0.0.1:9999/v1", "qwen3", True)),
    "a URL with a key": (
        dict(provider="https://api.example.com/v1/", model="m", api_key_env="KEY"), {"KEY": "sk-0123456789abcdef"}, None,
        ("example", "https://api.example.com/v1", "m", True)),
    "a URL of the catalogue finds its key": (
        dict(provider="https://api.siliconflow.com/v1", model="m"), {"SILICONFLOW_API_KEY": "sk-0123456789abcdef"}, None,
        ("siliconflow", "https://api.siliconflow.com/v1", "m", True)),
    "a name of the catalogue": (
        dict(provider="deepseek", model="deepseek-chat"), {"DEEPSEEK_API_KEY": "sk-0123456789abcdef"}, None,
        ("deepseek", "https://api.deepseek.com", "deepseek-chat", True)),
    "a local name of the catalogue": (
        dict(provider="ollama", model="qwen3"), {}, None,
        ("ollama", "http://127.0.0.1:11434/v1", "qwen3", True)),
    "a name of the file": (
        dict(provider="Mine"), {}, '{"providers": {"mine": {"base_url": "http://127.0.0.1:1/v1", "models": {"default": "x"}}}}',
        ("mine", "http://127.0.0.1:1/v1", "x", True)),
    "a model over the default provider": (
        dict(model="y"), {}, '{"providers": {"mine": {"base_url": "http://127.0.0.1:1/v1", "models": {"a*": "x"}}}}',
        ("mine", "http://127.0.0.1:1/v1", "y", True)),
    "a URL beside the providers of a file": (
        dict(provider="http://127.0.0.1:2/v1", model="z"), {},
        '{"providers": {"mine": {"base_url": "http://127.0.0.1:1/v1", "models": {"default": "x"}}}}',
        ("local", "http://127.0.0.1:2/v1", "z", True)),
}


@pytest.mark.parametrize("flags, variables, text, expected", PROVIDERS.values(), ids=PROVIDERS.keys())
def test_provider_flags(home, flags, variables, text, expected):
    if text:
        flags = dict(flags, config=str(write(home / "config.json", text)))
    config = settings.Settings(options(**flags), environ(home, **variables)).read()
    provider = config.provider(config.default_provider)
    found = (provider.name, provider.base_url, provider.default_model.model, provider.usable)
    assert found == expected
    assert not flags.get("model") or provider.models == ()


def test_a_known_model_brings_its_window(home):
    config = settings.Settings(options(provider="http://127.0.0.1:1/v1", model="deepseek-v3.2"), environ(home)).read()
    assert config.provider("local").default_model.context_window == 131072


def test_demo_by_name(home):
    config = settings.Settings(options(provider="demo"), environ(home, DEEPSEEK_API_KEY="sk-0123456789abcdef")).read()
    assert config.default_provider == "demo"


@pytest.mark.skipif(os.name == "nt", reason="modes are POSIX")
@pytest.mark.parametrize("folder, mode, warned", [("keys", 0o644, True), ("keys", 0o640, True), ("keys", 0o600, False),
                                                  ("credentials", 0o644, False)])
def test_a_key_file_that_others_can_read(home, folder, mode, warned):
    (home / folder).mkdir()
    key = write(home / folder / "deepseek", "sk-0123456789abcdef\n", mode)
    path = write(home / "config.json", '{"providers": {"deepseek": {"api_key_file": "%s"}}}' % key, 0o644)
    variables = environ(home, CREDENTIALS_DIRECTORY=str(home / "credentials"))
    config = settings.Settings(options(config=str(path)), variables).read()
    assert [warning for warning in config.warnings if "chmod" in warning] == [
        "%s holds keys, and others can read it; run: chmod 600 %s" % (key, key)] * warned


def test_the_key_is_mended_where_it_was_given(home):
    given = options(provider="https://api.example.com/v1", model="m", api_key_env="SOME_KEY")
    config = settings.Settings(given, environ(home, SOME_KEY="sk-0123456789abcdef")).read()
    assert config.provider(config.default_provider).key_hint == "set SOME_KEY"


def test_a_known_name_with_a_key_in_another_variable(home):
    given = options(provider="deepseek", api_key_env="SOME_KEY")
    config = settings.Settings(given, environ(home, SOME_KEY="sk-0123456789abcdef")).read()
    assert (config.default_provider, config.provider("deepseek").keys[0].origin) == ("deepseek", "SOME_KEY")
