"""A configuration's text and environment -> Config, or every mistake at once."""
import json

import pytest

from claude_proxy import config
from claude_proxy.config import ConfigMistakes, KeySource, ModelRow, Prices, Secret

ENVIRON = {"DEEPSEEK_API_KEY": "sk-deepseek-0815", "EMPTY": "", "PORT": "9001", "HOME": "/home/me"}


def read(tree, environ=None, **more):
    """The Config of a tree or text."""
    text = tree if tree is None or isinstance(tree, str) else json.dumps(tree)
    return config.read(text, ENVIRON if environ is None else environ, **more)


def mistakes(tree, environ=None, **more):
    with pytest.raises(ConfigMistakes) as problem:
        read(tree, environ, **more)
    return problem.value.mistakes


def one(settings, name="x"):
    """A tree with one provider that is fine but for `settings`."""
    return {"providers": {name: dict({"base_url": "https://x.example/v1", "api_key": "sk-1"}, **settings)}}


# -- mistakes: the tree, and all that is said of it

MISTAKES = {
    "no object": ([], ["must be an object: {...}"]),
    "an unknown name at the top": (
        {"provider": {}}, ["provider: no such setting; did you mean providers?"]),
    "a name that belongs elsewhere": (
        {"port": 1}, ["port: no such setting; did you mean server.port?"]),
    "an unknown name that is like nothing": (
        {"server": {"zzz": 1}}, ["server.zzz: no such setting"]),
    "a comment as JSON has it": (
        {"_comment": "x"}, ["_comment: no such setting"]),
    "wrong types, all at once": (
        {"server": {"host": 1, "port": "80", "metrics_public": "yes", "ping_seconds": True, "client_keys": {}}},
        ["server.host: must be text, not 1",
         'server.port: must be a whole number from 0 to 65535, not "80"',
         'server.client_keys: must be a list of keys: texts, or {"name": ..., "key": ..., "max_concurrent": ...}, not '
         "an object",
         'server.metrics_public: must be true or false, not "yes"',
         "server.ping_seconds: must be a number of seconds from 0.01 to 86400, not true"]),
    "a word that is nearly right": (
        {"server": {"log_format": "jsn"}},
        ['server.log_format: must be "text" or "json", not "jsn"; did you mean "json"?']),
    "numbers out of their range": (
        {"server": {"port": 65536, "header_seconds": 0, "max_body_bytes": 1}},
        ["server.port: must be a whole number from 0 to 65535, not 65536",
         "server.max_body_bytes: must be a whole number from 1024 to 2147483647, not 1",
         "server.header_seconds: must be a number of seconds from 0.01 to 86400, not 0"]),
    "every origin": (
        {"server": {"allowed_origins": ["*"]}},
        ['server.allowed_origins[0]: "*" would let every web page spend your money; list the origins that may']),
    "a host with a scheme": (
        {"server": {"allowed_hosts": ["https://x.example"]}},
        ['server.allowed_hosts[0]: must be a host name, not "https://x.example"']),
    "half a certificate": (
        {"server": {"tls": {"cert_file": "/x.pem"}}}, ["server.tls: cert_file and key_file belong together"]),
    "client keys without a name, twice, and unset": (
        {"server": {"client_keys": ["client-key-0815", {"key": "k"}, "client-key-0815", "${CI_KEY}", "a b"]}},
        ["server.client_keys[3]: ${CI_KEY} is not set",
         "server.client_keys[1].name: is missing",
         "server.client_keys[2]: this key stands twice",
         "server.client_keys[4]: a client's key is made of visible ASCII characters"]),
    "a provider without an address": (
        {"providers": {"deepsek": {"api_key": "sk-1"}}},
        ["providers.deepsek.base_url: is missing: only a provider of the catalogue needs none; did you mean "
         "providers.deepseek?"]),
    "a provider of the catalogue whose address holds an account": (
        {"providers": {"azure-openai": {"api_key": "sk-1"}}},
        ["providers.azure-openai.base_url: is missing: it looks like https://RESOURCE.openai.azure.com"]),
    "an address without a scheme": (
        one({"base_url": "x.example/v1"}),
        ['providers.x.base_url: must be an http or https address, not "x.example/v1"; did it lose its https:// ?']),
    "an address that is no web address": (
        one({"base_url": "file:///etc/passwd"}),
        ['providers.x.base_url: must be an http or https address, not "file:///etc/passwd"']),
    "an address with a password": (
        one({"base_url": "https://me:secret@x.example/v1"}),
        ['providers.x.base_url: must be an http or https address, not "https://…@x.example/v1"; name and password '
         'belong into "headers"']),
    "an address with a query": (
        one({"base_url": "https://x.example/v1?api-version=1"}),
        ['providers.x.base_url: must be an http or https address, not "https://x.example/v1?…"; it must '
         'end with its path (a query belongs into "quirks": {"query": ...})']),
    "an address with a wrong port": (
        one({"base_url": "https://x.example:99999/v1"}),
        ['providers.x.base_url: "https://x.example:99999/v1" is no address: Port out of range 0-65535']),
    "names that are paths of the proxy": (
        {"providers": {"v1": {"base_url": "https://x.example"}, "Health": {"base_url": "https://x.example"}}},
        ['providers.v1: "v1" is a path of the proxy itself; give the provider another name',
         'providers.Health: "Health" is a path of the proxy itself; give the provider another name']),
    "names that cannot stand in an address": (
        {"providers": {"..": {"base_url": "https://x.example"}, " ": {"base_url": "https://x.example"}}},
        ['providers."..": is no name for a provider: it cannot stand in an address',
         'providers." ": is no name for a provider: it cannot stand in an address']),
    "a key with a line break": (
        one({"api_key": "sk-secret\n"}), ["providers.x.api_key: the key holds a line break"]),
    "a key of the environment with a line break": (
        one({"api_key": "${BROKEN}"}), ["providers.x.api_key: the key from BROKEN holds a line break"]),
    "one of several keys with a space": (
        one({"api_key": ["sk-1", "sk 2", 3]}),
        ['providers.x.api_key[2]: must be text, not 3',
         "providers.x.api_key[1]: the key holds a space or a character that no header can carry"]),
    "a key in a place that is shown": (
        one({"max_retries": "${DEEPSEEK_API_KEY}"}),
        ['providers.x.max_retries: must be a whole number from 0 to 10, not "sk-…15"']),
    "a key of the wrong type": (
        one({"api_key": {"key": "sk-secret"}}),
        ["providers.x.api_key: must be text, or a list of texts, not an object"]),
    "a key in the wrong place": (
        dict(one({}), default_provider="sk-secret-secret-0815", server={"log_format": "0815abcdef" * 5}),
        ['server.log_format: must be "text" or "json", not "081…ef"',
         'default_provider: "sk-…15": no such provider; there are: x']),
    "models": (
        one({"models": {"a": 1, "b": {"modl": "x"}, "c": {"model": "x", "context_window": 0, "prices": {"inpt": 1}}}}),
        ['providers.x.models.a: must be a model\'s name, or {"model": ..., "context_window": ..., ...}, not 1',
         "providers.x.models.b.modl: no such setting; did you mean providers.x.models.b.model?",
         "providers.x.models.b.model: is missing",
         "providers.x.models.c.context_window: must be a whole number from 1 to 2147483647, not 0",
         "providers.x.models.c.prices.inpt: no such setting; did you mean providers.x.models.c.prices.input?"]),
    "headers": (
        one({"headers": {"Host": "x", "a b": "x", "X-Token": "1\r\n2", "X-Ok": "fine"}}),
        ["providers.x.headers.Host: is no header that can be set",
         'providers.x.headers."a b": is no header that can be set',
         'providers.x.headers.X-Token: must be one line of text, not "…"']),
    "an unknown dialect": (
        one({"dialect": "opnai"}), ['providers.x.dialect: "opnai": no such dialect; did you mean openai?']),
    "an unknown default": (
        dict(one({}), default_provider="y"), ['default_provider: "y": no such provider; there are: x']),
    "fallbacks to nobody": (
        dict(one({}), fallbacks={"x/m": ["y", "x"], "z": "x"}),
        ['fallbacks."x/m": "y": no such provider; there are: x',
         'fallbacks.z: "z": no such provider; there are: x']),
    "a variable that is not set": (
        one({"headers": {"X-Team": "${TEAM}-${EMPTY}"}}),
        ["providers.x.headers.X-Team: ${TEAM}, ${EMPTY} is not set"]),
    "a variable that is none": (
        one({"vision_model": "${A-B}"}),
        ["providers.x.vision_model: ${ begins no variable; ${NAME} and ${NAME:-default} do, and $${ is a plain ${",
         'providers.x.vision_model: must be text, or null, not "…"'][:1]),
}


@pytest.mark.parametrize("tree, expected", MISTAKES.values(), ids=MISTAKES.keys())
def test_mistakes(tree, expected):
    assert mistakes(tree, dict(ENVIRON, BROKEN="sk-1\r\n")) == expected


def test_a_quirk_that_no_dialect_has():
    told = mistakes(one({"quirks": {"max_token_field": "x", "stop_limit": "4"}}))
    assert [line.partition(": ")[0] for line in told] == [
        "providers.x.quirks.max_token_field", "providers.x.quirks.stop_limit"]


def test_mistakes_have_their_lines_and_the_file():
    with pytest.raises(ConfigMistakes) as problem:
        read('{\n"server": {\n  "prot": 1,\n  "host": 5\n},\n"server": {"prot": 1}}', source="/etc/x.json")
    assert str(problem.value) == ("/etc/x.json: 2 mistakes\n"
                                  "  line 6: server: stands twice\n"
                                  "  line 6: server.prot: no such setting; did you mean server.port?")


def test_text_that_is_no_json_is_one_mistake():
    assert str(pytest.raises(ConfigMistakes, read, '{"a" 1}').value) == (
        "config.json: 1 mistake\n  line 1 column 6: Expecting ':' delimiter; a name is followed by a colon")


@pytest.mark.parametrize("tree, expected", MISTAKES.values(), ids=MISTAKES.keys())
def test_no_message_shows_a_key(tree, expected):
    told = "\n".join(mistakes(tree, dict(ENVIRON, BROKEN="sk-secret\n")))
    assert "secret" not in told and "0815" not in told


ODD = (None, True, 0, -1, 1e999, 10 ** 400, "", " ", "x", "\x00", "${", "${NO}", "https://[", [], [None], [[]], {},
       {"": {}}, {"default": None}, {"model": []}, "sk-\ud800")
WHOLE = {
    "server": {"host": "x", "port": 1, "client_keys": [{"name": "a", "key": "k", "max_concurrent": 1}],
               "allowed_hosts": ["x"], "allowed_origins": ["https://x"], "tls": {"cert_file": "x", "key_file": "x"},
               "log_format": "text"},
    "providers": {"x": {"base_url": "https://x.example", "api_key": ["k"], "api_key_file": "x", "api_key_command": "x",
                        "models": {"a": {"model": "m", "prices": {"input": 1}, "quirks": {}}, "default": "m"},
                        "dialect": "openai", "quirks": {"stop_limit": 1}, "headers": {"a": "b"}, "body": {"a": 1},
                        "proxy": "", "max_retries": 1}},
    "default_provider": "x",
    "fallbacks": {"x": ["x"]},
}


def mutations(tree):
    """The tree with each of its values, at any depth, replaced by each odd one."""
    yield from ODD
    for name in tree if isinstance(tree, dict) else range(len(tree)) if isinstance(tree, list) else ():
        for value in mutations(tree[name]):
            changed = dict(tree) if isinstance(tree, dict) else list(tree)
            changed[name] = value
            yield changed


def test_no_tree_is_anything_but_a_config_or_its_mistakes():
    outcomes = {"read": 0, "refused": 0}
    for tree in mutations(WHOLE):
        text = json.dumps(tree).replace("Infinity", "1e999")
        try:
            config.read(text, ENVIRON)
            outcomes["read"] += 1
        except ConfigMistakes as problem:
            assert problem.mistakes and all(problem.mistakes)
            outcomes["refused"] += 1
    assert outcomes["read"] > 100 and outcomes["refused"] > 300


# -- what is read

def test_no_file_and_no_key():
    found = read(None, {})
    assert (found.source, found.default_provider, found.default_reason) == (
        None, "demo", "no provider has a key: the built-in demo answers")
    assert not any(provider.usable for provider in found.providers)
    assert found.provider("deepseek").key_hint == (
        "set DEEPSEEK_API_KEY, or providers.deepseek.api_key (a key: https://platform.deepseek.com/api_keys)")
    assert found.provider("ollama") is None


def test_no_file_and_one_key():
    found = read(None)
    assert (found.default_provider, found.default_reason) == ("deepseek", "the first provider with a key")
    provider = found.provider("deepseek")
    assert provider.keys == (KeySource("literal", Secret("sk-deepseek-0815"), "DEEPSEEK_API_KEY"),)
    assert provider.base_url == "https://api.deepseek.com" and provider.default_model is not None


def test_server_settings_alone_leave_the_catalogue():
    found = read({"server": {"port": 9000}})
    assert found.server.port == 9000 and found.default_provider == "deepseek"


def test_the_shape_of_the_original():
    found = read("""{
        // keys from https://platform.deepseek.com
        "server": {"host": "127.0.0.1", "port": 8080, "max_tokens": 4096},
        "providers": {
            "deepseek": {"base_url": "https://api.deepseek.com/v1/", "api_key": "sk-0815",
                         "models": {"claude-3-5-haiku-20241022": "deepseek-chat", "default": "deepseek-reasoner"}},
        },
        "default_provider": "deepseek",
    }""", {}, source="/srv/config.json")
    assert (found.server.port, found.server.max_tokens, found.server.host) == (8080, 4096, "127.0.0.1")
    provider, = found.providers
    assert provider.base_url == "https://api.deepseek.com/v1"
    assert provider.models == (("claude-3-5-haiku-20241022", ModelRow("deepseek-chat")),)
    assert provider.default_model == ModelRow("deepseek-reasoner")
    assert (found.default_provider, found.default_reason) == ("deepseek", "default_provider names it")
    assert found.source == "/srv/config.json"


def test_everything_that_a_provider_may_have():
    settings = {
        "base_url": "https://x.example/v1", "api_key": ["sk-1", "${DEEPSEEK_API_KEY}", "${MISSING}"],
        "api_key_file": "keys/x", "api_key_command": "pass show x",
        "models": {"claude-*": {"model": "m", "context_window": 1000, "max_output_tokens": 100, "images": False,
                                "prices": {"input": 1, "output": 2.5}, "quirks": {"stop_limit": 1}}},
        "dialect": "openai", "quirks": {"stop_limit": 2}, "headers": {"X-Team": "${EMPTY:-blue}"},
        "body": {"user": "$${x}", "n": [1, {"a": "${PORT}"}]},
        "connect_seconds": 1, "first_byte_seconds": 2.5, "idle_seconds": 3, "max_retries": 0, "heal": False,
        "vision_model": "v", "proxy": "", "ca_file": "~/ca.pem", "tls_strict": False, "max_concurrent": 4}
    provider, = read({"providers": {"硅基流动": settings}}, source="/srv/config.json").providers
    assert provider.keys == (
        KeySource("literal", Secret("sk-1"), "providers.硅基流动.api_key[0]"),
        KeySource("literal", Secret("sk-deepseek-0815"), "DEEPSEEK_API_KEY"),
        KeySource("file", "/srv/keys/x", "providers.硅基流动.api_key_file"),
        KeySource("command", "pass show x", "providers.硅基流动.api_key_command"))
    assert provider.models == (("claude-*", ModelRow("m", 1000, 100, False, Prices(1, 2.5, None), {"stop_limit": 1})),)
    assert (provider.dialect_name, provider.quirks) == ("openai", {"stop_limit": 2})
    assert provider.headers == {"X-Team": "blue"}
    assert provider.body == {"user": "${x}", "n": [1, {"a": "9001"}]}
    assert (provider.connect_seconds, provider.first_byte_seconds, provider.idle_seconds) == (1, 2.5, 3)
    assert (provider.max_retries, provider.heal, provider.vision_model, provider.proxy) == (0, False, "v", "")
    assert (provider.ca_file, provider.tls_strict, provider.max_concurrent) == ("/home/me/ca.pem", False, 4)
    assert provider.configured and provider.usable and provider.key_needed


def test_client_keys_and_names():
    server = read({"server": {"client_keys": ["client-key-0815", {"name": "ci", "key": "${PORT}", "max_concurrent": 2}],
                              "allowed_hosts": ["Proxy.Example:8000", "[::1]"],
                              "allowed_origins": "https://App.Example/"}}).server
    assert [(key.name, key.key.reveal(), key.max_concurrent) for key in server.client_keys] == [
        ("key1", "client-key-0815", None), ("ci", "9001", 2)]
    assert server.allowed_hosts == ("proxy.example", "[::1]") and server.allowed_origins == ("https://app.example",)


def test_numbers_and_truths_may_come_from_the_environment():
    server = read({"server": {"port": "${PORT}", "open_seconds": "${S:-2.5}", "metrics_public": "${M:-true}"}}).server
    assert (server.port, server.open_seconds, server.metrics_public) == (9001, 2.5, True)


def test_flags_are_stronger_than_the_file_and_origins_say_so():
    flags = {"server.port": 9000, "default_provider": "llama.cpp",
             "providers.llama.cpp": {"api_key": "${DEEPSEEK_API_KEY}"}}
    found = read({"server": {"port": 1, "host": "${H:-127.0.0.1}"}}, flags=flags)
    assert found.server.port == 9000 and found.default_provider == "llama.cpp"
    assert found.provider("llama.cpp").keys[0].value == Secret("sk-deepseek-0815")
    paths = ("server.port", "server.host", "server.ping_seconds", "default_provider")
    assert [found.origins[path] for path in paths] == ["flag", "environment", "default", "flag"]


def test_a_file_that_must_exist():
    tree = {"server": {"tls": {"cert_file": "cert.pem", "key_file": "/key.pem"}}}
    assert mistakes(tree, source="/srv/c.json", files=lambda path: path == "/key.pem") == [
        'server.tls.cert_file: there is no file "/srv/cert.pem"']


# -- keys: (settings of the provider "deepseek" or "x", environment) -> (origins of its keys, needed, hint)

AT_HOME = "https://api.deepseek.com"
KEYS = {
    "the catalogue's variable": (
        "deepseek", {}, {"DEEPSEEK_API_KEY": "sk-1"}, ["DEEPSEEK_API_KEY"], True, None),
    "nothing set": (
        "deepseek", {}, {}, [], True, "set DEEPSEEK_API_KEY, or providers.deepseek.api_key"),
    "null is as good as nothing": (
        "deepseek", {"api_key": None}, {"DEEPSEEK_API_KEY": "sk-1"}, ["DEEPSEEK_API_KEY"], True, None),
    "a placeholder, and the variable": (
        "deepseek", {"api_key": "sk-your-deepseek-key"}, {"DEEPSEEK_API_KEY": "sk-1"}, ["DEEPSEEK_API_KEY"], True,
        None),
    "a placeholder alone": (
        "deepseek", {"api_key": "your_deepseek_key_here"}, {}, [], True, "set DEEPSEEK_API_KEY, or"),
    "a variable that holds a placeholder": (
        "deepseek", {}, {"DEEPSEEK_API_KEY": "sk-..."}, [], True,
        "set DEEPSEEK_API_KEY to a key (it holds a placeholder), or providers.deepseek.api_key"),
    "another variable that is missing": (
        "deepseek", {"api_key": "${MY_KEY}"}, {}, [], True, "set MY_KEY, or providers.deepseek.api_key"),
    "another variable that is empty": (
        "deepseek", {"api_key": "${MY_KEY}"}, {"MY_KEY": ""}, [], True, "set MY_KEY, or providers.deepseek.api_key"),
    "the catalogue's variable goes to no other address": (
        "deepseek", {"base_url": "http://127.0.0.1:9/v1"}, {"DEEPSEEK_API_KEY": "sk-1"}, [], False, None),
    "a server of one's own without a key": (
        "x", {"base_url": "http://127.0.0.1:9/v1"}, {}, [], False, None),
    "a server of one's own with an empty one": (
        "x", {"base_url": "http://127.0.0.1:9/v1", "api_key": ""}, {}, [], False, None),
    "a server of one's own that takes none": (
        "x", {"base_url": "http://127.0.0.1:9/v1", "api_key": "none"}, {}, [], False, None),
    "a server of one's own whose variable is missing": (
        "x", {"base_url": "http://127.0.0.1:9/v1", "api_key": "${MY_KEY}"}, {}, [], True, "set MY_KEY, or"),
    "a placeholder for a server of one's own": (
        "x", {"base_url": "http://127.0.0.1:9/v1", "api_key": "<key>"}, {}, [], True, "set providers.x.api_key"),
    "a provider that takes none": (
        "ollama", {}, {}, [], False, None),
    "a variable that is set, should its key be refused": (
        "deepseek", {"api_key": "${MY_KEY}"}, {"MY_KEY": "sk-1"}, ["MY_KEY"], True,
        "set MY_KEY, or providers.deepseek.api_key"),
    "a key in the file, should it be refused": (
        "deepseek", {"api_key": "sk-1"}, {}, ["providers.deepseek.api_key"], True,
        "set providers.deepseek.api_key (a key: https://"),
    "a command": (
        "x", {"base_url": "https://x.example", "api_key_command": "pass x"}, {}, ["providers.x.api_key_command"], True,
        "look at what the command of providers.x.api_key_command prints"),
    "a file whose folder is not set": (
        "x", {"base_url": "https://x.example", "api_key_file": "${CREDENTIALS_DIRECTORY}/x"}, {}, [], True,
        "set CREDENTIALS_DIRECTORY, or"),
    "a file that is there": (
        "x", {"base_url": "https://x.example", "api_key_file": "/run/there"}, {}, ["providers.x.api_key_file"], True,
        None),
    "a file that is not there": (
        "x", {"base_url": "https://x.example", "api_key_file": "/run/x"}, {}, [], True,
        "put it into /run/x, which providers.x.api_key_file names"),
}


@pytest.mark.parametrize("name, settings, environ, origins, needed, hint", KEYS.values(), ids=KEYS.keys())
def test_keys(name, settings, environ, origins, needed, hint):
    found = read({"providers": {name: settings}}, environ, files=lambda path: path == "/run/there")
    provider, = found.providers
    assert [source.origin for source in provider.keys] == origins
    assert provider.key_needed == needed
    assert provider.usable == bool(origins or not needed)
    assert hint is None or provider.key_hint.startswith(hint)
    assert (found.default_provider == "demo") == (not provider.usable)


DEFAULTS = {
    "the first with a key, in the file's order": ("auto", ["a", "b"], ["b", "c"], "b"),
    "no word is auto": (None, ["a"], ["b"], "b"),
    "the one that is named": ("c", [], ["a", "b", "c"], "c"),
    "the one that is named, though it has no key": ("a", ["a"], ["b"], "a"),
    "nobody has a key": ("a", ["a", "b"], [], "demo"),
    "the demo, on purpose": ("demo", [], ["a"], "demo"),
    "letter case": ("A", [], ["a"], "a"),
}


@pytest.mark.parametrize("named, without, having, expected", DEFAULTS.values(), ids=DEFAULTS.keys())
def test_default_provider(named, without, having, expected):
    providers = {name: {"base_url": "https://%s.example" % name, "api_key": "${NO_KEY}"} for name in without}
    providers.update({name: {"base_url": "https://%s.example" % name, "api_key": "sk-1"} for name in having})
    tree = {"providers": {name: providers[name] for name in sorted(providers)}}
    found = read(dict(tree, default_provider=named) if named else tree, {})
    assert found.default_provider == expected and found.default_reason


WARNINGS = {
    "a key over http to another machine": (
        one({"base_url": "http://x.example/v1"}),
        ["providers.x.base_url: the key goes over http, readable on its way; use https where the provider has it"]),
    "a key over http on this machine": (one({"base_url": "http://127.0.0.1:1/v1"}), []),
    "http without a key": ({"providers": {"x": {"base_url": "http://10.0.0.1/v1"}}}, []),
    "an address with the endpoint in it": (
        one({"base_url": "https://x.example/v1/chat/completions"}),
        ["providers.x.base_url: ends before /chat/completions; that part was left off"]),
    "an address for Claude Code itself": (
        one({"base_url": "https://api.deepseek.com/anthropic"}),
        ["providers.x.base_url: is an address of the Messages API; this proxy asks for Chat Completions, at "
         "https://api.deepseek.com"]),
    "the same of a stranger": (
        one({"base_url": "https://x.example/v1/messages"}),
        ["providers.x.base_url: is an address of the Messages API; this proxy asks for Chat Completions, at an address "
         "such as https://x.example/v1"]),
    "a query and a fragment with nothing in them": (one({"base_url": "https://x.example/v1/?#"}), []),
    "a fallback without a key": (
        {"providers": dict(one({})["providers"], openai={"api_key": "${NO}"}), "fallbacks": {"x": ["openai"]}},
        ["fallbacks.x: openai has no key and is passed over: set NO, or providers.openai.api_key (a key: "
         "https://platform.openai.com/api-keys)"]),
}


@pytest.mark.parametrize("tree, expected", WARNINGS.values(), ids=WARNINGS.keys())
def test_warnings(tree, expected):
    assert list(read(tree, {}).warnings) == expected


def test_with_demo():
    found = config.with_demo(config.with_demo(read(None, {}), "http://127.0.0.1:1/v1"), "http://127.0.0.1:2/v1")
    assert [provider.base_url for provider in found.providers if provider.name == "demo"] == ["http://127.0.0.1:2/v1"]
    assert found.provider("demo").usable


def test_providers_are_found_by_any_letter_case_where_that_is_clear():
    found = read({"providers": {"Kimi": {"base_url": "https://x.example"}, "a": {"base_url": "https://x.example"},
                                "A": {"base_url": "https://y.example"}}})
    assert found.provider("kimi").name == "Kimi" and found.provider("A").base_url == "https://y.example"


def test_a_secret_hides_itself():
    secret = Secret("sk-0123456789abcdef")
    assert (str(secret), repr(secret), "%s" % secret, secret.reveal()) == (
        "sk-…ef", "Secret(sk-…ef)", "sk-…ef", "sk-0123456789abcdef")
    assert str(Secret("short")) == "…" and not Secret("") and secret == Secret("sk-0123456789abcdef")
    assert "0123456789" not in repr(read(one({"api_key": "sk-0123456789abcdef"})))


def test_every_setting_has_its_words():
    rows = list(config.settings())
    assert len({row.path for row in rows}) == len(rows) > 45
    assert all(row.says and row.help and row.default for row in rows)
    assert [row for row in rows if row.path == "server.port"] == [
        ("server.port", "a whole number from 0 to 65535", "8000", "port to listen on; 0: any free one")]
