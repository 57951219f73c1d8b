"""A provider's errors: shapes, statuses, words, hints, retries, and no key in any of them."""
import json
from types import SimpleNamespace

import pytest

from claude_proxy.conversion import AnswerContext, AnswerStream, to_message
from claude_proxy.errors import ProxyError
from claude_proxy.providers.refusals import from_provider, in_stream, retry_after


def target(name="acme", base_url="https://api.acme.example/v1", key_hint="set ACME_API_KEY, or providers.acme.api_key",
           model="big", window=None):
    return SimpleNamespace(provider=SimpleNamespace(name=name, base_url=base_url, key_hint=key_hint), model=model,
                           row=SimpleNamespace(context_window=window))


def said(status, body, headers=None, secrets=(), **where):
    text = body if isinstance(body, str) else json.dumps(body)
    return from_provider(status, text, headers or {}, target(**where), secrets)


SEARCH = ("Set ENABLE_TOOL_SEARCH=true for Claude Code, which then sends few tools at a time (or use fewer MCP "
          "servers).")

# name: (status, body, our status and type, the message)
SHAPES = {
    "OpenAI's own": (
        400, {"error": {"message": "Nope.", "type": "invalid_request_error", "param": None, "code": None}},
        (400, "invalid_request_error"), "acme/big answered 400: Nope."),
    "a code and a message": (
        500, {"error": {"code": 500, "message": "Boom", "type": "server_error"}}, (502, "api_error"),
        'acme/big answered 500: Boom. The fault is at acme; a target under "fallbacks" takes over when it fails.'),
    "error as a string": (
        400, {"error": "bad thing"}, (400, "invalid_request_error"), "acme/big answered 400: bad thing."),
    "message at the top": (
        400, {"object": "error", "message": "top", "type": "BadRequestError", "code": 400},
        (400, "invalid_request_error"), "acme/big answered 400: top."),
    "message in an object": (
        422, {"object": "error", "message": {"detail": [{"loc": ["body", "n"], "msg": "too many"}]}},
        (400, "invalid_request_error"), "acme/big answered 422: n: too many."),
    "detail as a string": (
        422, {"detail": "no such thing here"}, (400, "invalid_request_error"),
        "acme/big answered 422: no such thing here."),
    "detail as a list": (
        422, {"detail": [{"loc": ["body", "tools"], "msg": "field required"}, {"loc": ["body", "x"], "msg": "bad"}]},
        (400, "invalid_request_error"), "acme/big answered 422: tools: field required | x: bad."),
    "a list of errors": (
        400, {"success": False, "errors": [{"code": 7, "message": "seven"}]}, (400, "invalid_request_error"),
        "acme/big answered 400: seven."),
    "an array around it": (
        400, [{"error": {"code": 400, "message": "two\nlines", "status": "INVALID_ARGUMENT"}}],
        (400, "invalid_request_error"), "acme/big answered 400: two lines."),
    "another provider's body inside": (
        400, {"error": {"message": "Provider returned error", "code": 400, "metadata": {
            "raw": '{"object":"error","message":"Inner words","code":"3230"}', "provider_name": "Mistral"}}},
        (400, "invalid_request_error"), "acme/big answered 400: Provider returned error | Inner words."),
    "a nested upstream_error": (
        500, {"error": {"message": "Oh", "upstream_error": {"message": "the real reason"}}}, (502, "api_error"),
        'acme/big answered 500: Oh | the real reason. The fault is at acme; a target under "fallbacks" takes over '
        'when it '
        'fails.'),
    "code and msg": (
        400, {"code": 1234, "msg": "参数错误", "data": None}, (400, "invalid_request_error"),
        "acme/big answered 400: 参数错误."),
    "base_resp": (
        400, {"base_resp": {"status_code": 2013, "status_msg": "invalid params"}}, (400, "invalid_request_error"),
        "acme/big answered 400: invalid params."),
    "a JSON string": (400, '"just words"', (400, "invalid_request_error"), "acme/big answered 400: just words."),
    "an SSE line": (
        400, 'data: {"error": {"message": "in a line"}}', (400, "invalid_request_error"),
        "acme/big answered 400: in a line."),
    "plain text": (
        503, "upstream connect error", (529, "overloaded_error"), "acme/big answered 503: upstream connect error."),
    "a web page": (
        502, "<html><head><title>502 Bad Gateway</title></head><body><h1>502</h1></body></html>", (502, "api_error"),
        'acme/big answered 502: 502 Bad Gateway. The fault is at acme; a target under "fallbacks" takes over when it '
        'fails.'),
    "a web page without a title": (
        400, "<!DOCTYPE html><body><p>Hello</p><script>x</script></body>", (400, "invalid_request_error"),
        "acme/big answered 400: Hello. That is a web page, not an API: check providers.acme.base_url."),
    "more tools than it takes": (
        400, {"error": {"message": "Invalid 'tools': array too long. Expected an array with maximum length 128, but got "
                                   "an array with length 131 instead.", "code": "array_above_max_length"}},
        (400, "invalid_request_error"),
        "acme/big answered 400: Invalid 'tools': array too long. Expected an array with maximum length 128, but got an "
        "array with length 131 instead. " + SEARCH),
    "more tools, in other words": (
        400, {"error": {"message": "at most 128 tools are supported"}}, (400, "invalid_request_error"),
        "acme/big answered 400: at most 128 tools are supported. " + SEARCH),
    "more tools, in Chinese": (
        400, {"error": {"message": "工具数量超过上限128"}}, (400, "invalid_request_error"),
        "acme/big answered 400: 工具数量超过上限128. " + SEARCH),
    "nothing": (
        500, "", (502, "api_error"),
        'acme/big answered 500: no reason given. The fault is at acme; a target under "fallbacks" takes over when it '
        'fails.'),
    "broken JSON": (400, '{"error": ', (400, "invalid_request_error"), 'acme/big answered 400: {"error":.'),
    "a number": (400, "17", (400, "invalid_request_error"), "acme/big answered 400: 17."),
}


@pytest.mark.parametrize("status, body, ours, message", SHAPES.values(), ids=SHAPES.keys())
def test_shapes(status, body, ours, message):
    error = said(status, body)
    assert ((error.status, error.type), error.message) == (ours, message)


# status of theirs, body -> status and type of ours, x-should-retry
CLASSES = {
    "400": (400, "no", 400, "invalid_request_error", None),
    "400 for a key": (400, {"error": {"message": "API key not valid. Please pass a valid API key."}},
                      401, "authentication_error", "false"),
    "400 for an account": (400, {"error": {"code": "Arrearage", "message": "Access denied, please make sure your "
                                                                           "account is"
                                           " in good standing."}}, 402, "billing_error", "false"),
    "401": (401, "no", 401, "authentication_error", "false"),
    "402": (402, "no", 402, "billing_error", "false"),
    "403": (403, "", 403, "permission_error", "false"),
    "403 for an account": (403, {"error": {"message": "账户余额不足"}}, 402, "billing_error", "false"),
    "404 for a model": (404, {"error": {"message": "The model `x` does not exist"}}, 404, "not_found_error", "false"),
    "404 for an address": (404, "page not found", 400, "invalid_request_error", None),
    "405": (405, "no", 400, "invalid_request_error", None),
    "407": (407, "no", 502, "api_error", None),
    "408": (408, "no", 504, "timeout_error", None),
    "409": (409, "no", 409, "conflict_error", None),
    "413": (413, "no", 413, "request_too_large", None),
    "415": (415, "no", 400, "invalid_request_error", None),
    "422": (422, "no", 400, "invalid_request_error", None),
    "429": (429, "no", 429, "rate_limit_error", None),
    "429 for an account": (429, {"error": {"message": "You exceeded your current quota, please check your plan and "
                                                      "billing"
                                           " details.", "code": "insufficient_quota"}},
                           429, "rate_limit_error", "false"),
    "429 for an account, in Chinese": (429, {"error": {"code": "1113", "message": "您的账户已欠费，请充值后重试。"}},
                                       429, "rate_limit_error", "false"),
    "429 for a quota that comes back": (429, {"error": {"message": "You exceeded your current quota. Please retry in "
                                                                   "12.3s."}},
                                        429, "rate_limit_error", None),
    "498": (498, "no", 529, "overloaded_error", None),
    "500": (500, "no", 502, "api_error", None),
    "503": (503, "no", 529, "overloaded_error", None),
    "504": (504, "no", 504, "timeout_error", None),
    "524": (524, "no", 504, "timeout_error", None),
    "529": (529, "no", 529, "overloaded_error", None),
    "301": (301, "", 502, "api_error", None),
    "204": (204, "", 502, "api_error", None),
    "a content filter": (400, {"error": {"code": "content_filter", "message": "The response was filtered"}},
                         400, "invalid_request_error", "false"),
    "a content filter, in Chinese": (400, {"error": {"code": "1301", "message": "系统检测到输入可能包含敏感内容"}},
                                     400, "invalid_request_error", "false"),
}


@pytest.mark.parametrize("theirs, body, status, kind, retry", CLASSES.values(), ids=CLASSES.keys())
def test_classes(theirs, body, status, kind, retry):
    error = said(theirs, body)
    assert (error.status, error.type, error.headers.get("x-should-retry")) == (status, kind, retry)


HINTS = {
    "a key": (401, "Invalid API Key", {},
              "acme/big refused its configured API key (401): Invalid API Key. Mend it: set ACME_API_KEY, or "
              "providers.acme.api_key."),
    "a key of another region": (
        401, "Invalid", dict(name="siliconflow", base_url="https://api.siliconflow.cn/v1", key_hint=""),
        "siliconflow/big refused its configured API key (401): Invalid. Mend it: set providers.siliconflow.api_key. A "
        "key is"
        " made at https://cloud.siliconflow.cn/account/ak. If the key is of another region, set "
        "providers.siliconflow.base_url to https://api.siliconflow.com/v1."),
    "a hint that names the page already": (
        401, "no", dict(name="xai", base_url="https://api.x.ai/v1", key_hint="set XAI_API_KEY (https://console.x.ai)"),
        "xai/big refused its configured API key (401): no. Mend it: set XAI_API_KEY (https://console.x.ai)."),
    "a redirect": (
        302, "", {}, "acme/big answered 302: no reason given. Redirects (to https://www.acme.example/login) are not "
                     "followed,"
        " the key would travel: set providers.acme.base_url to the final address."),
    "an address": (
        404, "404 page not found", {}, "acme/big answered 404: 404 page not found. The address may be wrong: check "
        "providers.acme.base_url (now https://api.acme.example/v1), it usually ends in /v1."),
    "a model": (
        400, "Model Not Exist", {}, "acme/big answered 400: Model Not Exist. Set a model that acme has under "
        "providers.acme.models (`claude-proxy models` lists them)."),
    "credit": (
        402, "Insufficient Balance", {}, "acme/big answered 402: Insufficient Balance. The account at acme needs "
                                         "credit, or "
        'set another target under "fallbacks".'),
    "tools": (
        400, "This model does not support tool calling", {}, "acme/big answered 400: This model does not support tool "
                                                             "calling."
        " Claude Code cannot work without tools: choose a model that takes them under providers.acme.models."),
    "tools of llama.cpp": (
        500, "tools param requires --jinja flag", {}, "acme/big answered 500: tools param requires --jinja flag. Start "
        "llama-server with --jinja."),
    "tools of vLLM": (
        400, '"auto" tool choice requires --enable-auto-tool-choice and --tool-call-parser to be set', {},
        'acme/big answered 400: "auto" tool choice requires --enable-auto-tool-choice and --tool-call-parser to be '
        'set. '
        "Start vLLM with --enable-auto-tool-choice and the --tool-call-parser of the model."),
    "the wrong API": (
        404, "This model is only supported in v1/responses and not in v1/chat/completions.", {},
        "acme/big answered 404: This model is only supported in v1/responses and not in v1/chat/completions. This "
        "model needs"
        " OpenAI's Responses API for that: choose another one under providers.acme.models."),
    "an image": (
        404, "No endpoints found that support image input", {}, "could not process image: acme/big answered 404: No "
                                                                "endpoints"
        ' found that support image input. For a model without eyes set "images": false in its row of '
        'providers.acme.models.'),
    "a PDF": (
        400, "PDF files cannot be read", {}, "could not process pdf: acme/big answered 400: PDF files cannot be read."),
    "a content filter": (
        400, "Content Exists Risk", {}, "acme/big answered 400: Content Exists Risk. This is acme's content filter; "
                                        "another "
        "provider may answer it."),
    "words for a terminal": (400, "No \x1b[31m\x07\x9bway", {}, "acme/big answered 400: No ?[31m??way."),
    "a model for a terminal": (500, "No", {"model": "a\x1b[31m"}, "acme/a?[31m answered 500: No. The fault is at acme; a target "
                               'under "fallbacks" takes over when it fails.'),
    "a short wait": (
        429, "Slow down", {}, 'acme/big answered 429: Slow down. More keys (providers.acme.api_key takes a list) or '
        '"fallbacks" spread the load.'),
}


@pytest.mark.parametrize("status, text, where, message", HINTS.values(), ids=HINTS.keys())
def test_hints(status, text, where, message):
    assert said(status, text, {"Location": "https://www.acme.example/login?key=abc"}, **where).message == message


# -- overflow

OVERFLOWS = {
    "OpenAI": ("This model's maximum context length is 128000 tokens. However, your messages resulted in 130001 "
               "tokens.",
               "prompt is too long: 130001 tokens > 128000 maximum"),
    "vLLM": ("This model's maximum context length is 32768 tokens. However, you requested 40000 tokens (39000 in the "
             "messages,"
             " 1000 in the completion).", "prompt is too long: 39000 tokens > 32768 maximum"),
    "vLLM, the sum alone": (
        "This model's maximum context length is 32768 tokens. However, you requested 40000 tokens (9000 in the "
        "messages, 31000"
        " in the completion).", "input length and `max_tokens` exceed context limit: 9000 + 31000 > 32768"),
    "OpenRouter, tools counted apart": (
        "This endpoint's maximum context length is 131072 tokens. However, you requested about 150000 tokens (120000 "
        "of text "
        "input, 10000 of tool input, 20000 in the output).",
        "input length and `max_tokens` exceed context limit: 130000 + 20000 > 131072"),
    "vLLM, max_tokens too large": (
        "'max_tokens' or 'max_completion_tokens' is too large: 32000. This model's maximum context length is 16384 "
        "tokens and "
        "your request has 500 input tokens (32000 > 16384 - 500).",
        "input length and `max_tokens` exceed context limit: 500 + 32000 > 16384"),
    "Gemini": ("The input token count (1200000) exceeds the maximum number of tokens allowed (1048576).",
               "prompt is too long: 1200000 tokens > 1048576 maximum"),
    "Moonshot": ("Invalid request: Your request exceeded model token limit: 262144 (requested: 270000)",
                 "prompt is too long: 270000 tokens > 262144 maximum"),
    "Mistral": ("Prompt contains 40000 tokens and 0 draft tokens, too large for model with 32768 maximum context "
                "length",
                "prompt is too long: 40000 tokens > 32768 maximum"),
    "xAI": ("This model's maximum prompt length is 131072 but the request contains 537812 tokens.",
            "prompt is too long: 537812 tokens > 131072 maximum"),
    "llama.cpp": ("request (12345 tokens) exceeds the available context size (4096 tokens), try increasing it",
                  "prompt is too long: 12345 tokens > 4096 maximum"),
    "Anthropic": ("prompt is too long: 208310 tokens > 200000 maximum",
                  "prompt is too long: 208310 tokens > 200000 maximum"),
    "TGI": ("`inputs` tokens + `max_new_tokens` must be <= 32769. Given: 30000 `inputs` tokens and 4096 "
            "`max_new_tokens`",
            "input length and `max_tokens` exceed context limit: 30000 + 4096 > 32769"),
    "SGLang": ("The input (20000 tokens) is longer than the model's context length (16384 tokens).",
               "prompt is too long: 20000 tokens > 16384 maximum"),
    "thousands": ("Your request is too long: 210,000 tokens exceeds the model's 200,000 token context",
                  "prompt is too long: 210000 tokens > 200000 maximum"),
    "by how much": ("prompt too long; exceeded max context length by 1000 tokens",
                    "prompt is too long: 101000 tokens > 100000 maximum"),
    "our own count": ("invalid params, context window exceeds limit (2013)",
                      "prompt is too long: 123456 tokens > 100000 maximum"),
    "our own count, their limit": ("Range of input length should be [1, 98304]",
                                   "prompt is too long: 123456 tokens > 98304 maximum"),
    "Chinese": ("输入长度超过模型限制", "prompt is too long: 123456 tokens > 100000 maximum"),
}


@pytest.mark.parametrize("words, phrase", OVERFLOWS.values(), ids=OVERFLOWS.keys())
def test_a_full_context_is_said_so_that_the_client_compacts(words, phrase):
    body = json.dumps({"error": {"message": words}})
    error = from_provider(400, body, {}, target(window=100000), prompt_tokens=123456)
    assert (error.status, error.message) == (400, "%s (acme: %s)" % (phrase, words))


def test_a_full_context_without_any_number():
    assert said(413, "The total length of all messages is too long.").message == (
        "prompt is too long (acme: The total length of all messages is too long.)")
    assert said(500, "Context size has been exceeded.").status == 400


def test_an_overflow_by_its_fields():
    body = {"error": {"code": 400, "type": "exceed_context_size_error", "message": "exceeds the available context size",
                      "n_prompt_tokens": 5000, "n_ctx": 4096}}
    assert said(400, body).message.startswith("prompt is too long: 5000 tokens > 4096 maximum (acme: ")


@pytest.mark.parametrize("words", (
    "max_tokens is too large: 32000. This model supports at most 16384 completion tokens, whereas you provided 32000.",
    "Range of max_tokens should be [1, 8192]", "max_tokens参数超过上限", "Token limit reached",
    "Request too large for model `x` on tokens per minute (TPM): Limit 6000, Requested 10000",
    "Invalid 'messages[3].content': string too long. Expected a string with maximum length 10485760",
    "The tool name exceeds the maximum length of 64", "您的请求超过了每分钟 tokens 限制"))
def test_what_is_no_overflow(words):
    assert "prompt is too long" not in said(400, words).message


# -- waiting

WAITS = {
    "seconds": ({"Retry-After": "7"}, "", "7"),
    "any case": ({"retry-after": "7"}, "", "7"),
    "a fraction is rounded up": ({"retry-after": "1.2"}, "", "2"),
    "milliseconds": ({"retry-after-ms": "1500"}, "", "2"),
    "a date against the answer's own": (
        {"retry-after": "Wed, 21 Oct 2026 07:28:30 GMT", "date": "Wed, 21 Oct 2026 07:28:00 GMT"}, "", "30"),
    "a date that has passed": (
        {"retry-after": "Wed, 21 Oct 2026 07:28:00 GMT", "date": "Wed, 21 Oct 2026 07:29:00 GMT"}, "", "0"),
    "nonsense is handed on": ({"retry-after": "soon"}, "", "soon"),
    "not what is no header": ({"retry-after": "a\r\nb"}, "", None),
    "in words": ({}, "Please try again in 7.66s.", "8"),
    "minutes in words": ({}, "Rate limit reached. Please try again in 1m26.4s. Visit", "87"),
    "hours in words": ({}, "retry after 2 hours", "7200"),
    "milliseconds in words": ({}, "Please retry in 20ms", "1"),
    "nothing": ({}, "Slow down", None),
    "more digits than a number can have": ({"retry-after": "9" * 400}, "", None),
    "... in milliseconds": ({"retry-after-ms": "9" * 400}, "", None),
    "... in words": ({}, "Please try again in %ss." % ("9" * 400), None),
}


@pytest.mark.parametrize("headers, words, seconds", WAITS.values(), ids=WAITS.keys())
def test_retry_after(headers, words, seconds):
    assert said(429, words or "no", headers).headers.get("retry-after") == seconds


def test_a_wait_is_passed_on_for_overload_but_not_for_a_wrong_request():
    assert said(503, "no", {"retry-after": "5"}).headers == {"retry-after": "5"}
    assert said(400, "no", {"retry-after": "5", "retry-after-ms": "5000"}).headers == {}
    assert said(429, "no", {"retry-after-ms": "250"}).headers == {"retry-after": "1", "retry-after-ms": "250"}
    assert said(429, "no", {"retry-after": "1", "retry-after-ms": "soon"}).headers == {"retry-after": "1"}
    assert retry_after({}) is None


def test_a_long_wait_is_said_because_the_client_gives_up():
    error = said(429, "Daily limit", {"retry-after": "3600"})
    assert "Daily limit. It wants a pause of 60 minutes, longer than the client waits." in error.message
    assert "pause" not in said(429, "Limit", {"retry-after": "60"}).message


# -- keys

KEYS = {
    "a configured key": ("Invalid key abcd1234efgh given", ["abcd1234efgh"], "Invalid key [key] given"),
    "an escaped key": ("key a%2Fb%2Bcdefgh is wrong", ["a/b+cdefgh"], "key [key] is wrong"),
    "one key that begins another": ("abcd1234efgh", ["abcd1234", "abcd1234efgh"], "[key]"),
    "a short key as a word": ("key k1 in k12", ["k1"], "key [key] in k12"),
    "a word is no secret": ("ollama says none", ["ollama", "none"], "ollama says none"),
    "what follows Bearer": ("got Bearer abc.def-1 there", (), "got Bearer [key] there"),
    "not the word auth": ("use Bearer auth here", (), "use Bearer auth here"),
    "a key by its shape": ("This key: sk-proj-a1b2c3d4. See", (), "This key: [key]. See"),
    "a masked key": ("provided: sk-abc***wxyz.", (), "provided: [key]."),
    "Groq's": ("key gsk_a1b2c3d4e5f6 bad", (), "key [key] bad"),
    "Google's": ("key AIzaSyA1234567890abcdefghijklmno bad", (), "key [key] bad"),
    "a token": ("eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2ln bad", (), "[key] bad"),
    "in an address": ("at https://user:pass@host/x?key=abc&a=1", (), "at https://[key]@host/x?key=[key]&a=1"),
    "words with hyphens stay": ("task-based sk8 desk-1 xai-model", (), "task-based sk8 desk-1 xai-model"),
}


@pytest.mark.parametrize("words, secrets, shown", KEYS.values(), ids=KEYS.keys())
def test_keys_are_taken_out(words, secrets, shown):
    assert said(400, {"error": {"message": words}}, secrets=secrets).message.startswith(
        "acme/big answered 400: %s" % shown)


def test_nothing_sounds_as_if_the_user_were_not_logged_in():
    assert "x-api-key" not in said(401, "Missing X-API-Key header").message.lower()


# -- inside a stream

IN_STREAM = {
    "a number as code": ({"message": "Upstream error", "code": 502}, (502, "api_error"),
                         'acme/big answered 502: Upstream error. The fault is at acme; a target under "fallbacks" '
                         'takes '
                         'over when it fails.'),
    "a number as text": ({"message": "busy", "code": "429"}, (429, "rate_limit_error"),
                         'acme/big answered 429: busy. More keys (providers.acme.api_key takes a list) or "fallbacks" '
                         'spread the load.'),
    "a type": ({"message": "bad call", "type": "invalid_request_error", "code": "tool_use_failed"},
               (400, "invalid_request_error"), "acme/big reported an error: bad call."),
    "overload by type": ({"message": "later", "type": "overloaded_error"}, (529, "overloaded_error"),
                         "acme/big reported an error: later."),
    "overload by words": ({"message": "server busy", "type": None}, (529, "overloaded_error"),
                          "acme/big reported an error: server busy."),
    "MiniMax's numbers": ({"status_code": 1004, "status_msg": "login fail"}, (401, "authentication_error"),
                          "acme/big reported an error: login fail. Mend it: set ACME_API_KEY, or "
                          "providers.acme.api_key."),
    "a full context": ({"message": "This model's maximum context length is 10 tokens. However, your messages resulted "
                                   "in 20 "
                        "tokens."}, (400, "invalid_request_error"),
                       "prompt is too long: 20 tokens > 10 maximum (acme: This model's maximum context length is 10 "
                       "tokens. "
                       "However, your messages resulted in 20 tokens.)"),
    "a string": ("it broke", (502, "api_error"),
                 'acme/big reported an error: it broke. The fault is at acme; a target under "fallbacks" takes over '
                 'when it '
                 'fails.'),
    "nothing": ({}, (502, "api_error"),
                'acme/big reported an error: no reason given. The fault is at acme; a target under "fallbacks" takes '
                'over '
                'when it fails.'),
}


@pytest.mark.parametrize("error, ours, message", IN_STREAM.values(), ids=IN_STREAM.keys())
def test_in_stream(error, ours, message):
    found = in_stream(error, target())
    assert ((found.status, found.type), found.message) == (ours, message)


IN_A_200 = {
    "an error": ({"error": {"message": "busy", "code": 429}}, (429, "rate_limit_error")),
    "MiniMax": ({"choices": None, "base_resp": {"status_code": 1008, "status_msg": "insufficient balance"}},
                (402, "billing_error")),
    "Zhipu": ({"code": 1302, "msg": "并发过高", "success": False}, (429, "rate_limit_error")),
    "FastAPI": ({"detail": "Model overloaded"}, (529, "overloaded_error")),
    "vLLM": ({"object": "error", "message": "no", "code": 400}, (400, "invalid_request_error")),
}


@pytest.mark.parametrize("body, ours", IN_A_200.values(), ids=IN_A_200.keys())
def test_an_error_in_a_200_body_is_one_plain_and_streamed(body, ours):
    context = AnswerContext(provider="acme", upstream_model="big")
    with pytest.raises(ProxyError) as plain:
        to_message(body, context)
    stream = AnswerStream(context)
    stream.feed(b"data: %s\n\n" % json.dumps(body).encode())
    stream.finish()
    assert [(error.status, error.type) for error in (plain.value, stream.error)] == [ours, ours]


def test_success_of_minimax_is_no_error():
    body = {"choices": [{"message": {"content": "hi"}, "finish_reason": "stop"}],
            "base_resp": {"status_code": 0, "status_msg": ""}}
    assert to_message(body, AnswerContext())["content"] == [{"type": "text", "text": "hi"}]


def test_a_target_may_be_a_mere_name_or_an_answer_s_context():
    assert from_provider(409, "x", {}, "acme").message == "acme answered 409: x."
    context = SimpleNamespace(provider="acme", model="claude-x", upstream_model="big")
    assert in_stream("x", context).message.startswith("acme/big reported an error: x.")


def test_hostile_bodies_come_to_an_end():
    for text in ("[" * 100000, '{"error":' * 5000, "超" * 60000, "exceed " * 9000, '{"message": %s}' % ("9" * 4000),
        "\x00"):
        assert from_provider(400, text, {}, target()).status == 400
