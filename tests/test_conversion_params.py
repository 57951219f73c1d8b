"""Everything of a request that is neither messages nor tools: what is sent for it, and what is said of it."""
import pytest

from targets import HELLO, converted, target

SCHEMA = {"type": "object", "properties": {"a": {"type": "string"}}, "required": ["a"], "additionalProperties": False}
OPEN = {"type": "object", "properties": {"a": {"type": "string"}}}
FORMAT = {"type": "json_schema", "schema": SCHEMA}

BASE = {"model": "up-model", "max_tokens": 256}

SENT = {
    # the request, how the dialect differs, what is sent beside BASE, the warnings
    "nothing more": ({}, {}, {}, ()),
    "a stream": ({"stream": True}, {}, {"stream": True, "stream_options": {"include_usage": True}}, ()),
    "a stream without options": ({"stream": True}, {"stream_options": False}, {"stream": True}, ()),
    "no stream": ({"stream": False}, {}, {}, ()),
    "sampling": ({"temperature": 0.3, "top_p": 1}, {}, {"temperature": 0.3, "top_p": 1}, ()),
    "sampling that is refused": (
        {"temperature": 0.3, "top_p": 1}, {"drop_params": ("temperature", "top_p")}, {},
        ("dropped:temperature", "dropped:top_p")),
    "top_k": ({"top_k": 40}, {}, {}, ("dropped:top_k",)),
    "top_k where it is known": ({"top_k": 40}, {"extra_params": ("top_k",)}, {"top_k": 40}, ()),
    "stops": ({"stop_sequences": ["a", "b", "a"]}, {}, {"stop": ["a", "b"]}, ()),
    "no stops": ({"stop_sequences": []}, {}, {}, ()),
    "a stop of whitespace": ({"stop_sequences": [" \n", "a"]}, {}, {"stop": ["a"]}, ("dropped:stop_sequences",)),
    "a user, hashed": ({"metadata": {"user_id": "u-123"}}, {"user_field": "safety_identifier"}, {
        "safety_identifier": "50e80268bfa82fe11df25cc47a367503599a6aa203c178ee2cfa31fa13e1603e"}, ()),
    "a user that nobody asks for": ({"metadata": {"user_id": "u-123"}}, {}, {}, ()),
    "no user": ({"metadata": {"user_id": None}}, {"user_field": "user"}, {}, ()),
    "a tier": ({"service_tier": "auto"}, {"extra_params": ("service_tier",)}, {}, ()),
    "the standard tier": (
        {"service_tier": "standard_only"}, {"extra_params": ("service_tier",)}, {"service_tier": "default"}, ()),
    "a tier where there are none": ({"service_tier": "standard_only"}, {}, {}, ()),
    "a format": ({"output_config": {"format": FORMAT}}, {}, {"response_format": {
        "type": "json_schema", "json_schema": {"name": "output", "schema": SCHEMA, "strict": True}}}, ()),
    "its older name, an open schema": ({"output_format": dict(FORMAT, schema=OPEN)}, {}, {"response_format": {
        "type": "json_schema", "json_schema": {"name": "output", "schema": OPEN}}}, ()),
    "nulls": ({"output_config": {"format": None, "effort": None}, "thinking": None, "stop_sequences": None,
               "temperature": None, "top_k": None, "metadata": None, "system": None, "tool_choice": None,
               "stream": None, "thread": None}, {}, {}, ()),
    "what only Anthropic's servers read": (
        {"cache_control": {"type": "ephemeral"}, "diagnostics": {}, "betas": ["x"], "user_profile_id": "u",
         "workspace_id": "w", "mcp_servers": [], "speed": "standard", "output_config": {"task_budget": {"total": 9}},
         "safeguards": [{"type": "dangerous_tool_use", "classifier_context": {"cwd": "/home/me"}}],
         "context_management": {"edits": [{"type": "clear_thinking_20251015", "keep": "all"}]}}, {}, {}, ()),
    "what is missed": (
        {"inference_geo": "eu", "fallbacks": [{"model": "m"}], "speed": "fast", "container": "c_1",
         "context_management": {"edits": [{"type": "compact_20260112"}]}}, {}, {},
        ("dropped:container", "dropped:context_management.compact", "dropped:speed", "dropped:inference_geo",
         "dropped:fallbacks")),
    "keys that nobody knows": ({"frobnicate": 1, "n": 2, "bad key\r\n": 3}, {}, {}, (
        "unknown:frobnicate", "unknown:n", "unknown:bad_key__")),
    "members that the dialect always sends": ({}, {"extra_body": (("tool_stream", True),)}, {"tool_stream": True}, ()),
}


@pytest.mark.parametrize("request_, dialect, expected, warnings", SENT.values(), ids=SENT.keys())
def test_what_is_sent(request_, dialect, expected, warnings):
    made = converted(request_, target(**dialect))
    assert {name: value for name, value in made.body.items() if name != "messages"} == dict(BASE, **expected)
    assert made.warnings == warnings


LIMITS = {
    "as asked": (1000, {}, None, {"max_tokens": 1000}),
    "the other field": (1000, {"max_tokens_field": "max_completion_tokens"}, None, {"max_completion_tokens": 1000}),
    "room for reasoning": (1, {"min_max_tokens": 4096}, None, {"max_tokens": 4096}),
    "the dialect's cap": (128000, {"max_max_tokens": 8192}, None, {"max_tokens": 8192}),
    "the model's cap": (128000, {"max_output_tokens": 65536}, None, {"max_tokens": 65536}),
    "the smaller cap": (128000, {"max_max_tokens": 8192, "max_output_tokens": 65536}, None, {"max_tokens": 8192}),
    "a cap wins over the floor": (1, {"min_max_tokens": 4096, "max_output_tokens": 2048}, None, {"max_tokens": 2048}),
    "no number is too large": (10 ** 30, {}, None, {"max_tokens": 2 ** 31 - 1}),
    "the server's own number": (128000, {}, 16384, {"max_tokens": 16384}),
    "within the model's": (1, {"max_output_tokens": 8192}, 16384, {"max_tokens": 8192}),
}


@pytest.mark.parametrize("asked, dialect, override, expected", LIMITS.values(), ids=LIMITS.keys())
def test_limits(asked, dialect, override, expected):
    body = converted({"max_tokens": asked}, target(**dialect), max_tokens_override=override).body
    assert {name: value for name, value in body.items() if name.startswith("max_")} == expected


STOPS = {
    "all are sent": (4, (), ["a", "b", "c"], ()),
    "those beyond the limit are kept": (2, (), ["a", "b"], ("c",)),
    "none is taken": (0, (), None, ("a", "b", "c")),
    "the parameter is refused": (4, ("stop",), None, ("a", "b", "c")),
}


@pytest.mark.parametrize("limit, refused, sent, local", STOPS.values(), ids=STOPS.keys())
def test_stops_are_sent_or_kept(limit, refused, sent, local):
    made = converted({"stop_sequences": ["a", "b", "c"]}, target(stop_limit=limit, drop_params=refused))
    assert (made.body.get("stop"), made.answer.local_stops,
            made.answer.stop_sequences) == (sent, local, ("a", "b", "c"))
    assert made.warnings == ()


def test_a_format_in_words():
    words = ('Answer with one JSON value that matches this JSON Schema, and with nothing else:\n{"type": "object", '
             '"properties": {"a": {"type": "string"}}}')
    request = {"system": "Be brief.", "output_config": {"format": dict(FORMAT, schema=OPEN)}}
    for style, expected in (("json_object", {"type": "json_object"}), ("", None)):
        body = converted(request, target(response_format=style)).body
        assert body.get("response_format") == expected
        assert body["messages"][0] == {"role": "system", "content": "Be brief.\n\n" + words}


def test_members_of_the_configuration_go_as_they_are():
    to = target(body={"provider": {"order": ["a"]}, "max_tokens": 7, "é": None}, extra_body=(("tool_stream", True),))
    assert converted({}, to).body == {
        "model": "up-model", "max_tokens": 7, "tool_stream": True, "provider": {"order": ["a"]}, "é": None,
        "messages": HELLO["messages"]}
