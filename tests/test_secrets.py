"""Secrets in every place that can hold one, and a provider that echoes them: then all that the process wrote is read.

Everything below is a secret of its own; none may stand in an answer, a log line, the metrics, the status, the output of
another command, or on a command line.
"""
import base64
import json
import logging
import os
import pathlib
import re
import sys
from urllib.parse import quote

import pytest
from processes import Proxy, inside, stop

from claude_proxy import cli
from claude_proxy.config import Config, read, secrets_of
from claude_proxy.observe import hide_secrets, setup_logging
from fake_provider import FakeProvider

posix = pytest.mark.skipif(os.name == "nt", reason="file modes and shell commands as POSIX has them")

# Not one of them looks like a key of a known provider: they are hidden because they are known, not by their shape.
NAMES = (
    "literal", "listed-1", "listed-2", "from-env", "catalogue", "from-file", "from-command", "credential", "in-header",
    "in-cookie", "in-body", "in-query", "proxy-password", "env-proxy-password", "client-1", "client-2", "wrong-client",
    "client-cookie", "client-query", "in-prompt", "in-metadata", "in-path", "of-client-for-provider",
)
SECRET = {name: "Zq%02d.%s" % (number, base64.b32encode(os.urandom(15)).decode("ascii"))
          for number, name in enumerate(NAMES)}


def configuration(folder, url):
    """A file with a secret wherever there may be one."""
    def provider(**row):                # without retries: what is waited for between them proves nothing here
        return dict({"base_url": url, "models": {"default": "played"}, "max_retries": 0}, **row)

    write(folder / "key.txt", SECRET["from-file"])
    write(folder / "command.txt", SECRET["from-command"])
    write(folder / "credentials" / "cred", SECRET["credential"])
    return {
        "server": {"port": 0, "client_keys": [SECRET["client-1"], {"name": "ci", "key": "${CI_KEY}"}]},
        "providers": {
            "literal": provider(api_key=SECRET["literal"]),
            "listed": provider(api_key=[SECRET["listed-1"], SECRET["listed-2"]]),
            "env": provider(api_key="${MY_KEY}"),
            "file": provider(api_key_file=str(folder / "key.txt")),
            "command": provider(api_key_command="cat '%s'" % (folder / "command.txt")),
            "credential": provider(api_key_file="${CREDENTIALS_DIRECTORY}/cred"),
            "headers": provider(headers={"X-Team-Token": SECRET["in-header"], "Cookie": "session=" + SECRET["in-cookie"]},
                                body={"account": {"access_key": SECRET["in-body"]}},
                                quirks={"query": "version=1&key=" + SECRET["in-query"]}),
            "proxied": {"base_url": "http://provider.invalid/v1", "api_key": "none", "models": {"default": "played"},
                        "proxy": "http://me:%s@127.0.0.1:9" % SECRET["proxy-password"], "max_retries": 0},
            "unreachable": {"base_url": "https://provider.invalid/v1", "api_key": SECRET["literal"],
                            "models": {"default": "played"}, "max_retries": 0},
        },
        "default_provider": "literal",
    }


# What the configuration itself has: the rest is known once a file was read or a command has run.
KNOWN = ("literal", "listed-1", "listed-2", "from-env", "client-1", "client-2", "in-header", "in-cookie", "in-body", "in-query",
         "proxy-password")


def write(path, text):
    path.parent.mkdir(exist_ok=True)
    path.write_text(text + "\n", encoding="utf-8")
    path.chmod(0o600)


def variables(folder):
    return {"MY_KEY": SECRET["from-env"], "DEEPSEEK_API_KEY": SECRET["catalogue"], "CI_KEY": SECRET["client-2"],
            "CREDENTIALS_DIRECTORY": str(folder / "credentials"),
            "https_proxy": "http://me:%s@127.0.0.1:9" % SECRET["env-proxy-password"]}


def echo(request):
    """What was sent, headers, query and body, in each form that a provider may give it back."""
    body = {name: value for name, value in request.body.items() if name != "messages"}     # prompts are quoted below
    lines = ["%s: %s" % item for item in request.headers.items()] + [request.path, json.dumps(body)]
    return " ".join(lines + [quote(line, safe="") for line in lines])


def scripts(echoed, key):
    """Faults of a provider, each of which quotes `echoed`, or the key alone."""
    short = echoed[:2000]
    return [
        {"status": 401, "error": {"message": echoed}, "headers": {"WWW-Authenticate": short}},
        {"status": 400, "error": {"message": echoed, "code": short}},
        {"status": 429, "error": {"message": echoed}, "headers": {"Retry-After": key, "X-Request-Id": short}},
        {"status": 500, "body": echoed},
        {"status": 502, "body": "<html><title>%s</title>%s</html>" % (short, echoed),
                 "headers": {"Content-Type": "text/html"}},
        {"status": 307, "body": "", "headers": {"Location": "http://other.invalid/%s?key=%s" % (short, short)}},
        {"body": {"error": {"message": echoed, "type": short}}, "headers": {"Set-Cookie": short}},
        {"chunks": [{"error": {"message": echoed, "code": 500}}]},
        {"chunks": [{"delta": {"content": "so far"}}, {"error": {"message": echoed}}]},
        {"status": 400, "error": {"message": "Failed to call a function", "code": "tool_use_failed",
                                  "failed_generation": '{"name": "f", "arguments": {"x": "%s"}}' % short}},
        {"chunks": [{"delta": {"content": ""}, "finish_reason": "content_filter"}], "error": None},
        {"status": 400, "body": '{"error": {"message": "%s"}}' % "".join(
            "\\u%04x" % ord(character) for character in short)},
        {"head": b"NOT-HTTP " + short.encode("ascii", "replace") + b"\r\n"},
    ]


def drive(proxy, fake):
    """Ask everything of everybody -> all bytes of all answers."""
    seen = []

    def ask(method, path, body=None, **headers):
        headers.setdefault("x-api-key", SECRET["client-1"])
        status, fields, data = proxy.request(method, path, body, headers)
        seen.append(repr((status, fields)).encode("utf-8") + data)
        return status

    def message(model, **more):
        return dict({"model": model, "max_tokens": 9, "metadata": {"user_id": SECRET["in-metadata"]},
                     "messages": [{"role": "user", "content": SECRET["in-prompt"]}]}, **more)

    fake.script = {"text": "the answer"}
    for name in ("literal", "listed", "listed", "env", "file", "command", "credential", "headers"):
        assert ask("POST", "/%s/v1/messages" % name, message("played")) == 200
    for request in list(fake.requests):
        for fake.script in scripts(echo(request), request.headers.get("authorization", "").rpartition(" ")[2]):
            name = next(name for name in ("literal", "listed", "env", "file", "command", "credential", "headers")
                        if name in provider_of(request))
            for stream in (False, True):
                ask("POST", "/%s/v1/messages?api_key=%s" % (name, SECRET["client-query"]),
                    message("played", stream=stream), cookie="s=" + SECRET["client-cookie"],
                    authorization="Bearer " + SECRET["of-client-for-provider"])
    for name in ("proxied", "unreachable"):
        assert ask("POST", "/%s/v1/messages" % name, message("played")) >= 500
    assert ask("POST", "/v1/messages", message("played"), **{"x-api-key": SECRET["wrong-client"]}) == 401
    assert ask("POST", "/v1/messages", {"model": "played", "messages": SECRET["in-prompt"]}) == 400
    assert ask("POST", "/v1/messages", message("played", max_tokens=SECRET["in-prompt"])) == 400
    assert ask("GET", "/%s" % SECRET["in-path"]) == 404
    for path in ("/metrics", "/api/status", "/v1/models", "/", "/health", "/readyz"):
        ask("GET", path, **{"x-api-key": SECRET["client-2"]})
    return seen


def provider_of(request):
    """Whose key a request of the first round had."""
    authorization = request.headers.get("authorization", "")
    owner = {"literal": "literal", "listed-1": "listed", "listed-2": "listed", "from-env": "env", "from-file": "file",
             "from-command": "command", "credential": "credential"}
    return next((name for key, name in owner.items() if SECRET[key] in authorization), "headers")


FORMS = (lambda text: text, lambda text: quote(text, safe=""), lambda text: text[5:], lambda text: text[:20],
         lambda text: base64.b64encode(text.encode()).decode().rstrip("="))
ECHOED = {"in-path"}                    # the client's own words, in the answer to itself alone: never in the log


def leaks(data, allowed=()):
    """Which secrets stand in the bytes, in whatever form."""
    text = data.decode("utf-8", "replace")
    return [name for name in NAMES if name not in allowed and any(form(SECRET[name]) in text for form in FORMS)]


@posix
@pytest.mark.parametrize("log_format", ["text", "json"])
def test_secrets_of_all_kinds_are_in_nothing_that_the_process_writes(tmp_path, log_format):
    path = tmp_path / "config.json"
    with FakeProvider() as fake:
        write(path, json.dumps(configuration(tmp_path, fake.url)))
        with Proxy("serve", "--config", path, "--log-format", log_format, environ=variables(tmp_path)) as proxy:
            arguments = pathlib.Path("/proc/%d/cmdline" % proxy.process.pid)
            assert not (arguments.exists() and leaks(arguments.read_bytes()))
            for data in drive(proxy, fake):
                assert not leaks(data, ECHOED), data[:2000]
                assert b"set-cookie" not in data.lower()
            proxy.signal(1)                                             # SIGHUP: what a reload says
            proxy.wait_for("configuration reloaded")
            assert stop(proxy) == 0
    assert len(proxy.lines) > 150
    for line in proxy.lines:
        assert not leaks(line.encode("utf-8")), line
    sent = json.dumps([[request.path, request.headers, request.body] for request in fake.requests])
    received = [name for name in NAMES if SECRET[name] in sent]
    assert received == ["literal", "listed-1", "listed-2", "from-env", "from-file", "from-command", "credential", "in-header",
                        "in-cookie", "in-body", "in-query", "in-prompt"]


@posix
@pytest.mark.parametrize("command", [["check"], ["models"], ["models", "--all"], ["route", "claude-sonnet-5"], ["service"]])
def test_no_command_shows_a_secret(tmp_path, command):
    path = tmp_path / "config.json"
    with FakeProvider() as fake:
        fake.script = {"status": 401, "error": {"message": "no: " + " ".join(SECRET[name] for name in KNOWN if "client" not in name)}}
        write(path, json.dumps(configuration(tmp_path, fake.url)))
        said = "".join(inside(*command, "--config", str(path), **variables(tmp_path))[1:])
    assert said and "Traceback" not in said, said
    assert not leaks(said.encode("utf-8")), said


S = SECRET["literal"]
MISTAKES = {
    "line break in a key": {"providers": {"x": {"base_url": "http://h/v1", "api_key": S + "\r\n" + S}}},
    "name of a setting": {"providers": {"x": {"base_url": "http://h/v1", S: 1}}},
    "misspelled setting": {"providers": {"x": {"base_url": "http://h/v1", "api_keyy": S}}},
    "number for a key": {"providers": {"x": {"base_url": "http://h/v1", "api_key": {"a": S}}}},
    "key for an address": {"providers": {"x": {"base_url": S}}},
    "password in an address": {"providers": {"x": {"base_url": "http://me:%s@h/v1" % S}}},
    "query in an address": {"providers": {"x": {"base_url": "http://h/v1?key=" + S}}},
    "https proxy": {"providers": {"x": {"base_url": "http://h/v1", "proxy": "https://me:%s@h" % S}}},
    "line break in a header": {"providers": {"x": {"base_url": "http://h/v1", "headers": {"X-Key": "a\n" + S}}}},
    "name of a header": {"providers": {"x": {"base_url": "http://h/v1", "headers": {"X Key": S}}}},
    "key for a time": {"server": {"drain_seconds": S}},
    "key for a list": {"server": {"client_keys": {"key": S}}},
    "client key with a line break": {"server": {"client_keys": [S + "\n" + S]}},
    "client key in a wrong member": {"server": {"client_keys": [{"name": "a", "secret": S}]}},
    "key for the default": {"default_provider": S},
    "key for a dialect": {"providers": {"x": {"base_url": "http://h/v1", "dialect": S}}},
    "key for the providers": {"providers": S},
    "key for a file": {"providers": {"x": {"base_url": "http://h/v1", "ca_file": S}}},
}


@pytest.mark.parametrize("written", list(MISTAKES.values()) + ["{\"a\": \"%s\" x}" % S, '"%s"' % S, "{%s: 1}" % S, S],
                         ids=list(MISTAKES) + ["after a string", "no object", "bare name", "no JSON"])
def test_no_mistake_in_a_configuration_is_told_with_its_secret(tmp_path, capsys, written):
    path = tmp_path / "config.json"
    write(path, written if isinstance(written, str) else json.dumps(written))
    assert cli.main(["serve", "--port", "0", "--config", str(path)]) == 78
    told = "".join(capsys.readouterr())
    assert "config.json" in told and "Traceback" not in told
    assert S not in told and S[5:20] not in told


@posix
def test_no_repr_shows_a_secret(tmp_path):
    environ = variables(tmp_path)
    text = json.dumps(configuration(tmp_path, "http://127.0.0.1:1/v1"))
    config = read(text, environ, files=os.path.isfile)
    for shown in (repr(config), str(config), "%r" % (config.providers,), repr([p.keys for p in config.providers])):
        assert not leaks(shown.encode("utf-8"))
    known = secrets_of(config)
    assert [name for name in KNOWN if SECRET[name] not in known] == []
    assert secrets_of(Config()) == ()


def test_a_traceback_does_not_show_a_secret_either(capsys):
    setup_logging("text", sys.stderr)
    hide_secrets(lambda: (S,))
    try:
        raise ValueError("header: Bearer " + S)
    except ValueError:
        logging.getLogger("claude_proxy.server").exception("request %s failed", "req_1")
    said = capsys.readouterr().err
    assert "ValueError: header: Bearer [key]" in said and S not in said
    setup_logging("text", sys.stderr)
    assert re.search("Traceback", said)
