"""One line for each request, for people and for machines; no foreign string forges one."""
import json

import pytest

from claude_proxy.observe import Record, access_line, escaped, has_failed
from claude_proxy.observe.escape import json_line, word

FULL = dict(request_id="req_1", method="POST", route="/v1/messages", client_key="ci", session="3f-00",
            requested_model="claude-haiku-4-5", provider="deepseek", model="deepseek-chat", status=200, input_tokens=12,
            output_tokens=57, cached_tokens=640, started=100.0, first_byte=100.4124, ended=101.9, bytes_in=5120,
            bytes_out=2210, stop_reason="end_turn")

LINES = {
    "an answer": (
        FULL,
        "POST /v1/messages 200 claude-haiku-4-5 -> deepseek/deepseek-chat in=12 cached=640 out=57 end_turn first=412ms "
        "total=1900ms bytes=5120/2210 key=ci session=3f-00 req_1",
        {"http.request.method": "POST", "http.route": "/v1/messages", "http.response.status_code": 200,
         "request.id": "req_1", "client.key": "ci", "session.id": "3f-00", "gen_ai.operation.name": "chat",
         "gen_ai.request.model": "claude-haiku-4-5", "gen_ai.provider.name": "deepseek",
         "gen_ai.response.model": "deepseek-chat", "gen_ai.usage.input_tokens": 652, "gen_ai.usage.output_tokens": 57,
         "gen_ai.usage.cache_read.input_tokens": 640, "gen_ai.response.finish_reasons": ["end_turn"],
         "first_byte_ms": 412, "duration_ms": 1900, "bytes_in": 5120, "bytes_out": 2210}),
    "a failure after two tries, warned of": (
        dict(method="POST", route="/v1/messages", status=529, provider="a", model="m", error_type="overloaded_error",
             error="a: no room", attempts=["a/m: 529", "a/m: 529"], retries=2, warnings=["family:opus"], started=1.0,
             ended=2.0),
        'POST /v1/messages 529 -> a/m error=overloaded_error "a: no room" after="a/m: 529, a/m: 529" '
        "warnings=family:opus total=1000ms bytes=0/0",
        {"http.request.method": "POST", "http.route": "/v1/messages", "http.response.status_code": 529,
         "gen_ai.operation.name": "chat", "gen_ai.provider.name": "a", "gen_ai.response.model": "m",
         "error.type": "overloaded_error", "error.message": "a: no room", "retries": 2,
         "attempts": ["a/m: 529", "a/m: 529"], "warnings": ["family:opus"], "duration_ms": 1000, "bytes_in": 0,
         "bytes_out": 0}),
    "a client that left": (
        dict(method="GET", route="/v1/models", status=0, client_left=True),
        "GET /v1/models 0 client-left bytes=0/0",
        {"http.request.method": "GET", "http.route": "/v1/models", "http.response.status_code": 0, "client_left": True,
         "bytes_in": 0, "bytes_out": 0}),
    "a request that was no request": (
        dict(status=400),
        "- - 400 bytes=0/0",
        {"http.response.status_code": 400, "bytes_in": 0, "bytes_out": 0}),
}


@pytest.mark.parametrize("fields, text, found", LINES.values(), ids=LINES.keys())
def test_lines(fields, text, found):
    record = Record(**fields)
    assert access_line(record) == access_line(record, "text") == text
    assert json.loads(access_line(record, "json")) == found


EVIL = "x\r\n2026 forged\x1b[31m\x7f\x85\u2028\u2029\u202e\ud800\x00\"'= \\"


@pytest.mark.parametrize("log_format", ["text", "json"])
@pytest.mark.parametrize("field", ["requested_model", "model", "provider", "session", "client_key", "error",
                                   "error_type", "stop_reason", "request_id", "route", "method"])
def test_no_field_forges_a_line(field, log_format):
    line = access_line(Record(**dict(FULL, **{field: EVIL})), log_format)
    assert line.isprintable() and len(line.splitlines()) == 1
    line.encode("utf-8")
    assert log_format == "text" or json.loads(line)


def test_long_strings_are_cut():
    record = Record(requested_model="m" * 100000, error="e" * 100000, attempts=["a" * 100000] * 50)
    assert len(access_line(record)) < 1000 and len(access_line(record, "json")) < 8000


WORDS = {
    "claude-opus-5": "claude-opus-5",
    "硅基流动/Qwen": "硅基流动/Qwen",
    "": '""',
    "a b": '"a b"',
    "status=200": '"status=200"',
    'say "x"': '"say \\"x\\""',
    "a\nb": '"a\\nb"',
    "tab\there": '"tab\\x09here"',
    "\x9b31m": '"\\x9b31m"',
    "a\u2028b": '"a\\u2028b"',
    "\udcff": '"\\udcff"',
    "x" * 200: "x" * 99 + "…",
}


@pytest.mark.parametrize("text, expected", WORDS.items())
def test_word(text, expected):
    assert word(text) == expected


def test_escaped_keeps_what_is_harmless():
    assert escaped("Grüße, 世界 🙂\n") == "Grüße, 世界 🙂\\n"


def test_json_line_is_json():
    assert json.loads(json_line({"a": EVIL})) == {"a": EVIL}
    assert json_line({"a": "世界\u2028"}) == '{"a":"世界\\u2028"}'


# a request's end -> whether the operator is warned: by 5xx, and by streams that ended in an error
FAILED = {
    "an answer": (dict(status=200), False),
    "the client's mistake": (dict(status=400, error_type="invalid_request_error"), False),
    "a wrong key": (dict(status=401, error_type="authentication_error"), False),
    "too many": (dict(status=429, error_type="rate_limit_error"), False),
    "an odd request": (dict(status=501, error_type="invalid_request_error"), False),
    "no room": (dict(status=529, error_type="overloaded_error"), True),
    "a broken provider": (dict(status=502, error_type="api_error"), True),
    "a stream that broke off": (dict(status=200, error_type="api_error"), True),
    "a client that left": (dict(status=200, error_type="api_error", client_left=True), False),
}


@pytest.mark.parametrize("record, failed", FAILED.values(), ids=FAILED.keys())
def test_what_is_a_warning(record, failed):
    assert has_failed(Record(**record)) is failed
