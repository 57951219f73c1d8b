"""`check --live`: each planted fault is found, and nothing else; the lines that it prints mend it."""
import contextlib
import json
import os
import re
import ssl
import stat

import certificates
import planted
import pytest
from fake_provider import FakeProvider
from fake_proxy import FakeProxy
from processes import inside

SECRET = "sk-fake-0123456789"


@contextlib.contextmanager
def providers(scripts):
    """Rows of a configuration for these scripts, each on a server of its own."""
    with contextlib.ExitStack() as stack:
        rows = {}
        for name, script in scripts.items():
            server = stack.enter_context(FakeProvider())
            server.script, server.models = script, ["other", "planted-2"]
            rows[name] = {"base_url": server.url, "api_key": SECRET, "max_retries": 0,
                          "models": {"default": planted.GOOD_MODEL}}
        yield rows


def check_live(path, rows, *arguments):
    """Write the configuration and examine it -> (exit code, the report)."""
    path.write_text(json.dumps({"server": {"port": 1}, "providers": rows}))
    path.chmod(0o600)
    code, said, stderr = inside("check", "--config", str(path), "--live", "--json", *arguments)
    assert stderr == "" and SECRET not in said
    return code, json.loads(said)


def found(report):
    """{provider: [(finding, state)] of what is not as it should be}"""
    return {provider["name"]: [(finding["name"], finding["state"]) for finding in provider["findings"]
                               if finding["state"] not in ("ok", "off")] for provider in report["providers"]}


def merged(config, more):
    """`more` put into `config`, member by member."""
    for name, value in more.items():
        if isinstance(value, dict) and isinstance(config.get(name), dict):
            merged(config[name], value)
        else:
            config[name] = value
    return config


def test_each_fault_is_found_and_its_lines_mend_it(tmp_path):
    """Nothing else is found; with the lines in the configuration, what a line can mend is clean."""
    path = tmp_path / "c.json"
    with providers({name: fault[0] for name, fault in planted.FAULTS.items()}) as rows:
        _, report = check_live(path, rows)
        assert found(report) == {name: [fault[1:3]] for name, fault in planted.FAULTS.items()}
        lines = [(entry["provider"], entry["line"]) for entry in report["suggestions"]]
        config = {"providers": rows}
        for entry in report["suggestions"]:
            merged(config, entry["config"])
        _, again = check_live(path, config["providers"])
        left = {name: [] if fault[3] else [fault[1:3]] for name, fault in planted.FAULTS.items()}
        assert found(again) == left and again["suggestions"] == []
    assert sorted(lines) == [
        ("capped", '"quirks": {"max_max_tokens": 8192},'),
        ("ignores-forced", '"quirks": {"names_tool": false, "forces_tools": false},'),
        ("no-counts", '"quirks": {"stream_options": false},'),
        ("no-forced-tool", '"quirks": {"names_tool": false, "forces_tools": false},'),
        ("no-images", '"quirks": {"images": false},'),
        ("no-parallel", '"quirks": {"parallel_tool_calls": false},'),
        ("no-stream-options", '"quirks": {"stream_options": false},'),
        ("unknown-model", '"models": {"default": "planted-2"},'),
        ("wants-reasoning", '"quirks": {"echo_reasoning": "tool_turns", "missing_reasoning": "empty"},'),
    ]


def test_the_lines_can_be_pasted(tmp_path):
    """As text, as a person does it: behind the row's first brace."""
    path = tmp_path / "c.json"
    with providers({"capped": planted.FAULTS["capped"][0]}) as rows:
        path.write_text(json.dumps({"server": {"port": 1}, "providers": rows}, indent=2))
        path.chmod(0o600)
        code, said, _ = inside("check", "--config", str(path), "--live")
        assert code == 1 and "MENDED: capped: max_tokens: mended by max_max_tokens, after: " \
            "capped/planted answered 400: max_tokens must be at most 8192" in said
        line = re.search("in providers.capped: +(.*)", said).group(1)
        path.write_text(path.read_text().replace('"capped": {', '"capped": {' + line))
        code, said, _ = inside("check", "--config", str(path), "--live")
        assert code == 0 and "MENDED" not in said and "Lines that mend" not in said and said.endswith("All is well.\n")
    assert max(len(row) for row in said.splitlines() if row.startswith("max_tokens")) <= 80


def test_behind_a_proxy_that_inspects_tls(tmp_path):
    """Its authority is found where other programs are told of it; with the printed line, all is well."""
    made = certificates.need()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(made["cert"], made["key"])
    with FakeProvider(context) as server, FakeProxy(server.port) as proxy:
        server.script, server.models = planted.good, [planted.GOOD_MODEL]
        row = {"base_url": "https://provider.test/v1", "api_key": SECRET, "max_retries": 0, "proxy": proxy.url,
               "models": {"default": planted.GOOD_MODEL}}
        path = tmp_path / "c.json"
        path.write_text(json.dumps({"server": {"port": 1}, "providers": {"work": row}}))
        path.chmod(0o600)
        code, said, _ = inside("check", "--config", str(path), "--live", NODE_EXTRA_CA_CERTS=made["ca"])
        assert server.requests[0].path == "/v1/models" and "authorization" not in server.requests[0].headers
        assert code == 69 and "connection: 502 api_error: work could not be trusted: the certificate of provider.test: " in said
        assert "ca_file names the certificate authority of a company's own servers or proxy" in said
        line = re.search("in providers.work: +(.*)", said).group(1)
        assert line == '"ca_file": "%s",' % made["ca"]
        path.write_text(path.read_text().replace('"work": {', '"work": {' + line))
        code, said, _ = inside("check", "--config", str(path), "--live")
        assert code == 0 and said.endswith("All is well.\n") and "FAILED" not in said


def test_all_is_well(tmp_path):
    with providers({"good": planted.good, "also-good": planted.good}) as rows:
        _, report = check_live(tmp_path / "c.json", rows)
    assert found(report) == {"good": [], "also-good": []} and report["suggestions"] == []
    assert [finding["name"] for finding in report["providers"][0]["findings"]] == [
        "DNS", "HTTP proxy", "connection", "key", "model", "answer", "stream", "token counts", "tools", "parallel tools",
        "forced tool", "reasoning", "reasoning back", "image", "max_tokens"]
    details = {finding["name"]: finding["detail"] for finding in report["providers"][0]["findings"]}
    assert details["parallel tools"] == "2 calls at once" and details["tools"] == 'get_weather {"city": "Paris"}'
    assert details["token counts"] == "in 11, out 7" and details["max_tokens"] == "32000" and details["image"] == "red"


# where the way there is blocked -> (base_url, the last finding, what is said about it)
BLOCKED = {
    "no name": ("http://no-such-host.invalid/v1", "DNS", "providers.x.base_url"),
    "nobody listens": ("http://127.0.0.1:1/v1", "connection", "could not be reached"),
}


@pytest.mark.parametrize("url, finding, words", BLOCKED.values(), ids=BLOCKED.keys())
def test_the_way_is_blocked(tmp_path, url, finding, words):
    code, report = check_live(tmp_path / "c.json", {"x": {"base_url": url, "api_key": SECRET, "models": {"default": "m"}}})
    last = report["providers"][0]["findings"][-1]
    assert (code, last["name"], last["state"], words in last["detail"]) == (69, finding, "failed", True)


def test_report(tmp_path):
    """Without a key in it, not even in what the provider quotes; for its owner alone."""
    target = tmp_path / "report.json"
    quoting = planted.refusing(lambda body: True, "Incorrect API key: %s" % SECRET, 401)
    with providers({"leaky": quoting}) as rows:
        rows["leaky"]["headers"] = {"X-Extra-Key": "header-secret-0815"}
        path = tmp_path / "c.json"
        path.write_text(json.dumps({"server": {"port": 1, "client_keys": ["client-secret-4711"]}, "providers": rows}))
        path.chmod(0o600)
        inside("check", "--config", str(path), "--live", "--report", str(target), DEEPSEEK_API_KEY="sk-env-secret-1234567",
               HTTPS_PROXY="http://user:proxy-secret@127.0.0.1:1")
    text = target.read_text(encoding="utf-8")
    assert stat.S_IMODE(os.stat(str(target)).st_mode) == 0o600
    for secret in (SECRET, "client-secret-4711", "header-secret-0815", "sk-env-secret-1234567", "proxy-secret"):
        assert secret not in text, secret
    report = json.loads(text)
    assert {"about", "configuration", "checks", "providers", "suggestions"} <= set(report)
    assert "DEEPSEEK_API_KEY" in report["about"]["keys_in_environment"]
