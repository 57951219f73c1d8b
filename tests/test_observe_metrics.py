"""What is counted, as Prometheus and the dashboard are told."""
import json
import re
import threading

import pytest

from claude_proxy import __version__, config
from claude_proxy.observe import Metrics, Record
from claude_proxy.observe.counters import Counter, Histogram, label_text

TREE = {
    "providers": {
        "deep": {"base_url": "https://deep.example/v1", "api_key": "sk-deep-0815-0815", "models": {
            "claude-*": {"model": "chat", "prices": {"input": 1, "output": 10, "cached": 0.1}}}},
        "a/b": {"base_url": "https://ab.example/v1", "api_key": "sk-ab-0815-0815-08", "models": {"default": "m"}},
        "keyless": {"base_url": "https://keyless.example/v1", "api_key": "${NO_KEY}"},
    }}
CONFIG = config.with_demo(config.read(json.dumps(TREE), {}), "http://127.0.0.1:9/v1")


class Clock:
    """A clock that stands still until it is told to go on."""

    def __init__(self, now=0.0):
        self.now = now

    def __call__(self):
        return self.now


def metrics_of(*records, **more):
    clock = more.get("clock") or Clock(1000.0)
    metrics = Metrics(clock, Clock(1767225600.0))
    if more.get("known", True):
        metrics.know(CONFIG)
    for record in records:
        metrics.begin(record)
        metrics.end(record)
    return metrics


def answer(**fields):
    usual = dict(provider="deep", model="chat", status=200, started=1000.0, first_byte=1000.3, ended=1002.0,
                 input_tokens=100, output_tokens=20, cached_tokens=5)
    return Record(**dict(usual, **fields))


def samples(metrics, name):
    return [line for line in metrics.prometheus().splitlines() if line.startswith(name) and "_bucket" not in line]


# (records) -> lines of a family
COUNTED = {
    "an answer": (
        [answer()], "claude_proxy_requests_total",
        ['claude_proxy_requests_total{provider="deep",model="chat",status="200"} 1']),
    "its tokens": (
        [answer(), answer(cached_tokens=0)], "claude_proxy_tokens_total",
        ['claude_proxy_tokens_total{provider="deep",model="chat",type="cached"} 5',
         'claude_proxy_tokens_total{provider="deep",model="chat",type="input"} 200',
         'claude_proxy_tokens_total{provider="deep",model="chat",type="output"} 40']),
    "its duration": (
        [answer()], "claude_proxy_request_duration_seconds",
        ['claude_proxy_request_duration_seconds_sum{provider="deep",model="chat"} 2',
         'claude_proxy_request_duration_seconds_count{provider="deep",model="chat"} 1']),
    "its first byte": (
        [answer()], "claude_proxy_time_to_first_chunk_seconds",
        ['claude_proxy_time_to_first_chunk_seconds_sum{provider="deep",model="chat"} 0.3',
         'claude_proxy_time_to_first_chunk_seconds_count{provider="deep",model="chat"} 1']),
    "no provider was asked": (
        [Record(status=404)], "claude_proxy_requests_total",
        ['claude_proxy_requests_total{provider="none",model="none",status="404"} 1']),
    "models that the configuration does not know": (
        [answer(model="m%d" % number) for number in range(50)], "claude_proxy_requests_total",
        ['claude_proxy_requests_total{provider="deep",model="other",status="200"} 50']),
    "providers that it does not know": (
        [answer(provider="gone")], "claude_proxy_requests_total",
        ['claude_proxy_requests_total{provider="other",model="other",status="200"} 1']),
    "requests of a client's key": (
        [answer(client_key="ci"), answer(client_key="ci", status=429), answer(), answer(client_key='a"b')],
        "claude_proxy_client_key_requests_total",
        ['claude_proxy_client_key_requests_total{client_key="a\\"b",status="200"} 1',
         'claude_proxy_client_key_requests_total{client_key="ci",status="200"} 1',
         'claude_proxy_client_key_requests_total{client_key="ci",status="429"} 1']),
    "tokens of a client's key": (
        [answer(client_key="ci"), answer()], "claude_proxy_client_key_tokens_total{",
        ['claude_proxy_client_key_tokens_total{client_key="ci",type="cached"} 5',
         'claude_proxy_client_key_tokens_total{client_key="ci",type="input"} 100',
         'claude_proxy_client_key_tokens_total{client_key="ci",type="output"} 20']),
    "clients that left": (
        [answer(client_left=True), answer()], "claude_proxy_client_disconnects_total",
        ["claude_proxy_client_disconnects_total 1"]),
    "tries that failed": (
        [answer(attempts=["a/b/m: 429", "a/b/m: 503", "deep/chat: refused the connection: x", "gone/x: 429"])],
        "claude_proxy_upstream_errors_total",
        ['claude_proxy_upstream_errors_total{provider="a/b",type="429"} 1',
         'claude_proxy_upstream_errors_total{provider="a/b",type="503"} 1',
         'claude_proxy_upstream_errors_total{provider="deep",type="connection"} 1',
         'claude_proxy_upstream_errors_total{provider="other",type="429"} 1']),
    "retries": (
        [answer(attempts=["deep/chat: 503"], retries=1)], "claude_proxy_retries_total",
        ["claude_proxy_retries_total 1"]),
    "a retry is no fallback": (
        [answer(attempts=["deep/chat: 503"], retries=1)], "claude_proxy_fallbacks_total",
        ["claude_proxy_fallbacks_total 0"]),
    "another provider is one": (
        [answer(attempts=["a/b/m: 503"])], "claude_proxy_fallbacks_total", ["claude_proxy_fallbacks_total 1"]),
    "another provider that failed as well is none": (
        [answer(attempts=["a/b/m: 503", "deep/chat: 503"], status=529)], "claude_proxy_fallbacks_total",
        ["claude_proxy_fallbacks_total 0"]),
    "nothing happened": ([], "claude_proxy_requests_in_progress", ["claude_proxy_requests_in_progress 0"]),
}


@pytest.mark.parametrize("records, family, lines", COUNTED.values(), ids=COUNTED.keys())
def test_counted(records, family, lines):
    assert samples(metrics_of(*records), family) == lines


def test_in_progress_and_stale_retries():
    metrics = metrics_of()
    metrics.stale_retries = lambda: 3
    metrics.begin(answer())
    assert samples(metrics, "claude_proxy_requests_in_progress") == ["claude_proxy_requests_in_progress 1"]
    assert samples(metrics, "claude_proxy_stale_retries_total") == ["claude_proxy_stale_retries_total 3"]


def test_the_text_is_what_prometheus_reads():
    text = metrics_of(answer(), Record(status=404), answer(attempts=["a/b/m: 429"])).prometheus()
    assert text.endswith("\n")
    seen, typed = set(), {}
    for line in text.splitlines():
        if line.startswith("# "):
            found = re.match(r"# (HELP|TYPE) (claude_proxy_[a-z_]+) (.+)\Z", line)
            assert found and (found.group(1), found.group(2)) not in seen
            seen.add((found.group(1), found.group(2)))
            typed[found.group(2)] = found.group(3)
        else:
            found = re.match(r'(claude_proxy_[a-z_]+?)(_bucket|_sum|_count)?(\{[a-z_]+="[^"]*"(,[a-z_]+="[^"]*")*\})? '
                             r"[0-9.e+-]+\Z", line)
            assert found and found.group(1) in typed, line
    assert set(typed.values()) == {"counter", "gauge", "histogram"}
    assert all(name.endswith("_total") for name, kind in typed.items() if kind == "counter")
    assert 'claude_proxy_build_info{version="%s"' % __version__ in text


def test_buckets_are_cumulative():
    histogram = Histogram("h", "About.", ("a",), (1, 2.5))
    for value in (0.5, 1, 2, 100):
        histogram.observe(value, "x")
    assert list(histogram.samples()) == [
        "# HELP h About.", "# TYPE h histogram",
        'h_bucket{a="x",le="1"} 2', 'h_bucket{a="x",le="2.5"} 3', 'h_bucket{a="x",le="+Inf"} 4',
        'h_sum{a="x"} 103.5', 'h_count{a="x"} 4']


def test_labels_are_escaped():
    assert label_text(("a", "b"), ('x"\\\n', "硅\ud800")) == '{a="x\\"\\\\\\n",b="硅?"}'
    counter = Counter("c", "One\nline.", ("a",))
    counter.add(0.5, "x")
    assert list(counter.samples()) == ["# HELP c One\\nline.", "# TYPE c counter", 'c{a="x"} 0.5']


def test_many_threads_lose_nothing():
    metrics = metrics_of()

    def work():
        for _ in range(60):
            record = answer()
            metrics.begin(record)
            metrics.prometheus()
            metrics.status(CONFIG)
            metrics.end(record)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert samples(metrics, "claude_proxy_requests_total") == [
        'claude_proxy_requests_total{provider="deep",model="chat",status="200"} 240']
    assert metrics.status(CONFIG)["in_progress"] == 0


# -- the dashboard

def test_status_of_a_start():
    status = metrics_of().status(CONFIG)
    assert status["version"] == __version__ and status["started"] == "2026-01-01T00:00:00.000Z"
    assert status["config"] == {"source": "config.json", "default_provider": "deep", "demo": False, "warnings": [],
                                "default_reason": "the first provider with a key"}
    assert [(provider["name"], provider["health"], provider["default"]) for provider in status["providers"]] == [
        ("deep", "unknown", True), ("a/b", "unknown", False), ("keyless", "no key", False)]
    assert status["providers"][2]["key_hint"] == "set NO_KEY, or providers.keyless.api_key"
    assert status["sums"] == {"requests": 0, "errors": 0, "input_tokens": 0, "output_tokens": 0, "cached_tokens": 0,
                              "cost": None, "retries": 0, "fallbacks": 0, "client_disconnects": 0}
    assert (status["recent"], status["running"], status["learned"], status["learned_warnings"]) == ([], [], [], [])
    json.dumps(status)


def test_status_of_a_demo():
    running = config.with_demo(config.read(None, {}), "http://127.0.0.1:9/v1")
    status = Metrics().status(running)
    assert status["config"]["demo"] and [provider["name"] for provider in status["providers"]] == ["demo"]


def test_status_counts_tokens_and_money():
    status = metrics_of(answer(), answer(status=529, error="no room", error_type="overloaded_error"),
                        answer(provider="a/b", model="m", client_left=True)).status(CONFIG)
    deep, other = status["providers"][:2]
    assert (deep["requests"], deep["errors"], deep["input_tokens"], deep["cached_tokens"], deep["last_error"]) == (
        2, 1, 200, 10, "no room")
    assert deep["cost"] == round((200 * 1 + 40 * 10 + 10 * 0.1) / 1e6, 6) and other["cost"] is None
    assert (status["sums"]["requests"], status["sums"]["errors"], status["sums"]["cost"]) == (3, 1, deep["cost"])
    assert status["sums"]["client_disconnects"] == 1 and other["health"] == "unknown"


def test_health_follows_the_last_answer():
    clock = Clock(1000.0)
    metrics = metrics_of(clock=clock)

    def health(**fields):
        clock.now += 1
        metrics.begin(answer())
        metrics.end(answer(**fields))
        return metrics.status(CONFIG)["providers"][0]["health"]

    assert [health(), health(status=500), health(client_left=True), health(), health(error_type="api_error")] == [
        "ok", "failing", "failing", "ok", "failing"]


def test_recent_requests_are_few_and_the_newest_comes_first():
    metrics = metrics_of(*[answer(request_id="req_%d" % number) for number in range(250)])
    recent = metrics.status(CONFIG)["recent"]
    assert len(recent) == 200 and (recent[0]["request_id"], recent[-1]["request_id"]) == ("req_249", "req_50")
    assert (recent[0]["duration_ms"], recent[0]["first_byte_ms"]) == (2000, 300)
    assert recent[0]["time"] == "2026-01-01T00:00:00.000Z"
    assert metrics.recent()[0].request_id == "req_249"


def test_what_runs():
    metrics = metrics_of()
    metrics.begin(Record(request_id="req_1", provider="deep", started=998.5))
    status = metrics.status(CONFIG)
    assert (status["in_progress"], status["running"][0]["duration_ms"]) == (1, 1500)
    assert status["providers"][0]["in_progress"] == 1 and "time" not in status["running"][0]


def test_the_tokens_so_far_of_what_runs():
    """They are asked for when they are shown; each change is worth telling; at the end only the numbers stay."""
    metrics, usage = metrics_of(), {"input_tokens": 36, "output_tokens": 0, "cache_read_input_tokens": 4}
    record = Record(request_id="req_1", provider="deep", started=998.5, so_far=lambda: usage)
    metrics.begin(record)
    before = metrics.mark()
    assert metrics.mark() == before
    usage["output_tokens"] = 80
    assert metrics.mark() != before
    shown = metrics.status(CONFIG)["running"][0]
    assert [shown[name] for name in ("input_tokens", "output_tokens", "cached_tokens")] == [36, 80, 4]
    metrics.end(record)
    assert record.so_far is None and metrics.status(CONFIG)["recent"][0]["output_tokens"] == 0


def test_the_series_forgets_what_is_old():
    clock = Clock(1000.0)
    metrics = metrics_of(clock=clock)

    def ask(seconds, **fields):
        clock.now = 1000.0 + seconds
        metrics.end(answer(**fields))

    ask(0)
    ask(5, status=500)
    ask(15)
    series = metrics.status(CONFIG)["series"]
    assert series["seconds"] == 10 and {len(series[name]) for name in ("requests", "errors", "output_tokens")} == {60}
    assert (series["requests"][-2:], series["errors"][-2:]) == ([2, 1], [1, 0])
    assert series["input_tokens"][-2:] == [210, 105]
    ask(600)
    assert sum(metrics.status(CONFIG)["series"]["requests"]) == 2
    clock.now += 1000
    assert sum(metrics.status(CONFIG)["series"]["requests"]) == 0


def test_no_key_is_shown():
    metrics = metrics_of(answer(error="x"))
    shown = json.dumps(metrics.status(CONFIG)) + metrics.prometheus()
    assert "0815" not in shown
