"""/metrics before promtool and a real Prometheus: metrics_checks.py --proxy "python3 -m claude_proxy".

Prints a line for each check and ends with 1 if one failed.
"""
import argparse
import json
import pathlib
import shlex
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import traceback
import urllib.error
import urllib.parse
import urllib.request

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

import fake_provider  # noqa: E402
import sealed  # noqa: E402

KEY = "client-key-of-the-metrics"
SCRIPTS = {"text": {"text": "Hello there."}, "broken": {"status": 503, "error": {"message": 'no "room"\\ here'}},
           "cached": {"text": "Hi.", "usage": {"prompt_tokens": 900, "completion_tokens": 3, "total_tokens": 903,
                                               "prompt_tokens_details": {"cached_tokens": 800}}}}
PROMETHEUS = """\
global: {scrape_interval: 500ms, scrape_timeout: 400ms}
scrape_configs:
  - job_name: claude-proxy
    authorization: {type: Bearer, credentials: "%s"}
    static_configs: [{targets: ["%s"]}]
"""


def get(url, headers=None):
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(urllib.request.Request(url, headers=headers or {}), timeout=10) as answer:
        return answer.read()


def use(url):
    """Some of everything: answers, errors, both ways of asking."""
    for model, stream in (("text", True), ("text", False), ("cached", True), ("broken", True), ("claude-sonnet-5", True)):
        body = {"model": "fake/" + model if model in SCRIPTS else model, "max_tokens": 64, "stream": stream,
                "messages": [{"role": "user", "content": "hi"}]}
        request = urllib.request.Request(url + "/v1/messages", json.dumps(body).encode(), {
            "Content-Type": "application/json", "x-api-key": KEY})
        try:
            urllib.request.urlopen(request, timeout=30).read()
        except urllib.error.HTTPError as error:
            error.read()


def promtool_is_content(url, folder):
    text = get(url + "/metrics", {"x-api-key": KEY})
    done = subprocess.run(["promtool", "check", "metrics"], input=text, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    assert (done.returncode, done.stdout) == (0, b""), done.stdout.decode()


def prometheus_scrapes(url, folder):
    """A real Prometheus with the client's key finds the target up, and gives the numbers back."""
    port = free_port()
    (folder / "prometheus.yml").write_text(PROMETHEUS % (KEY, url.partition("//")[2]))
    with open(str(folder / "prometheus.log"), "wb") as log:
        server = subprocess.Popen(["prometheus", "--config.file=%s" % (folder / "prometheus.yml"), "--storage.tsdb.path=%s" %
                                   (folder / "data"), "--web.listen-address=127.0.0.1:%d" % port], stdout=log, stderr=log)
    try:
        address = "http://127.0.0.1:%d" % port
        assert ask(address, 'up{job="claude-proxy"}') == "1"
        assert ask(address, 'claude_proxy_requests_total{provider="fake",model="text",status="200"}') == "3"
        assert ask(address, 'claude_proxy_tokens_total{type="cached"}') == "800"
        assert ask(address, 'sum(claude_proxy_upstream_errors_total{type="503"})') == "1"
        assert ask(address, 'histogram_quantile(0.5, sum by (le) (claude_proxy_request_duration_seconds_bucket))') != "NaN"
        assert ask(address, "claude_proxy_requests_in_progress") == "0"
    finally:
        server.terminate()
        server.wait(30)


def ask(address, query, seconds=30):
    """The first value of a query, as soon as there is one."""
    url = address + "/api/v1/query?" + urllib.parse.urlencode({"query": query})
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        try:
            found = json.loads(get(url).decode())["data"]["result"]
        except (OSError, ValueError):
            found = []
        if found:
            return found[0]["value"][1]
        time.sleep(0.2)
    raise AssertionError("no answer: %s" % query)


def free_port():
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return sock.getsockname()[1]


def json_lines_speak_genai(url, folder):
    """The log of the requests above: one object a line, under OpenTelemetry's names."""
    lines = [json.loads(line) for line in (folder / "proxy.log").read_text().splitlines()]
    answers = [line for line in lines if line.get("http.route") == "/v1/messages"]
    assert len(answers) == 5 and all({"time", "level"} <= set(line) for line in lines), lines
    cached = next(line for line in answers if line.get("gen_ai.usage.cache_read.input_tokens"))
    wanted = {"gen_ai.operation.name": "chat", "gen_ai.provider.name": "fake", "gen_ai.request.model": "fake/cached",
              "gen_ai.response.model": "cached", "gen_ai.usage.input_tokens": 900, "gen_ai.usage.output_tokens": 3,
              "gen_ai.usage.cache_read.input_tokens": 800, "gen_ai.response.finish_reasons": ["end_turn"],
              "http.response.status_code": 200, "client.key": "key1"}
    assert {name: cached.get(name) for name in wanted} == wanted, cached
    assert any(line.get("error.type") for line in answers)
    assert KEY not in (folder / "proxy.log").read_text()


CHECKS = (promtool_is_content, prometheus_scrapes, json_lines_speak_genai)


def run_checks(url, folder):
    use(url)
    failed = 0
    for function in CHECKS:
        try:
            function(url, folder)
        except Exception:       # whatever goes wrong is a failed check, not the end of the others
            failed += 1
            print("FAIL metrics %s\n%s" % (function.__name__, traceback.format_exc(limit=-3)))
        else:
            print("pass metrics %s" % function.__name__.replace("_", " "), flush=True)
    return failed


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--proxy", required=True)
    options = parser.parse_args()
    if not (shutil.which("promtool") and shutil.which("prometheus")):
        print("metrics: skipped, no promtool and prometheus here")
        return 0
    folder = pathlib.Path(tempfile.mkdtemp(prefix="metrics-"))
    try:
        with fake_provider.FakeProvider() as provider:
            provider.scripts.update(SCRIPTS)
            config = folder / "config.json"
            config.write_text(json.dumps({
                "server": {"port": 0, "client_keys": [KEY], "log_format": "json"}, "default_provider": "fake",
                "providers": {"fake": {"base_url": provider.url, "api_key": "none", "max_retries": 0,
                                       "models": {"default": "text", "c": "cached", "b": "broken"}}}}))
            config.chmod(0o600)
            failed = sealed.with_proxy(shlex.split(options.proxy), config, folder, lambda url: run_checks(url, folder))
    finally:
        shutil.rmtree(str(folder), ignore_errors=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
