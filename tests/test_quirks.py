"""Every field of a dialect, set under `quirks` in a configuration: what the provider then gets, or the client sees."""
import json

import pytest
from answers import end, outline, say, sse, translate
from targets import PDF, PNG, assistant, result, system, text, use, user

from claude_proxy import config, routing
from claude_proxy.conversion import reasoning, to_chat_request
from claude_proxy.errors import InvalidRequest
from claude_proxy.providers.dialects import QUIRKS
from claude_proxy.upstream.call import address, header_fields
from claude_proxy.upstream.keys import Key

TOOLS = {"tools": [{"name": "ls", "input_schema": {
    "$schema": "x", "type": "object", "additionalProperties": False, "properties": {"a": {"type": "string"}},
    "required": ["a"]}, "strict": True}]}
THINK = {"thinking": {"type": "enabled", "budget_tokens": 1024}}
OFF = {"thinking": {"type": "disabled"}}
THOUGHT = {"type": "thinking", "thinking": "hm", "signature": reasoning.sign("hm", "mine", model="big")}


def talk(*messages, **more):
    return dict({"messages": list(messages)}, **more)


CALLED = [user("Go"), assistant([use("call_1", a="b")]), user([result("call_1", "c")])]
THOUGHTFUL = [user("Go"), assistant([THOUGHT, use("call_1", a="b")]), user([result("call_1", "c")])]
LATER = talk(user("Hi"), system("Be brief."), user("Go"))
SHOWN = talk(user("Go"), assistant([use("call_1")]), user([result("call_1", [PNG])]))
COUNTS = [say(content="Hi"), dict(end("stop"), usage={"prompt_tokens": 4, "completion_tokens": 1}),
          {"choices": [], "usage": {"prompt_tokens": 0, "completion_tokens": 2}}]

# field -> (value, request, chunks of the answer, what is there with the quirk and is not there without it)
FIELDS = {
    "max_tokens_field": ("max_completion_tokens", {}, (), '"max_completion_tokens":50'),
    "min_max_tokens": (4096, {}, (), '"max_tokens":4096'),
    "max_max_tokens": (20, {}, (), '"max_tokens":20'),
    "drop_params": (["temperature"], {"temperature": 1}, (), '"dropped:temperature"'),
    "extra_params": (["top_k"], {"top_k": 3}, (), '"top_k":3'),
    "extra_body": ({"tool_stream": True}, {}, (), '"tool_stream":true'),
    "stop_limit": (1, {"stop_sequences": ["a", "b"]}, (), '"stop":["a"]'),
    "stream_options": (False, {"stream": True}, (), '"stream":true,"max_tokens"'),
    "user_field": ("user", {"metadata": {"user_id": "me"}}, (), '"user":"2744ccd1'),
    "response_format": ("json_object", {"output_config": {"format": {"type": "json_schema", "schema": {}}}}, (),
                        '"response_format":{"type":"json_object"}'),
    "thinking_style": ("enable_thinking", THINK, (), '"enable_thinking":true'),
    "efforts": (["low"], {"output_config": {"effort": "max"}}, (), '"reasoning_effort":"low"'),
    "effort_off": ("none", OFF, (), '"reasoning_effort":"none"'),
    "effort_with_tools": ("none", TOOLS, (), '"reasoning_effort":"none"'),
    "thinks_only_streaming": (True, THINK, (), '"reasoning_effort":"minimal"'),
    "system_role": ("developer", {"system": "Be brief."}, (), '"role":"developer"'),
    "system_anywhere": (False, LATER, (), "<system-reminder>"),
    "user_first": (True, talk(assistant("Hello"), user("Hi")), (), '"messages":[{"role":"user","content":"…"}'),
    "user_after_tool": (False, talk(*(CALLED[:2] + [user([result("call_1", "c"), text("And?")])])), (),
                        '"content":"c\\n\\nAnd?"'),
    "prefill_mark": ("prefix", talk(user("Hi"), assistant("He")), (), '"prefix":true'),
    "images": (False, talk(user([PNG])), (), "[image left out"),
    "images_in_tool_results": (True, SHOWN, (), '"tool_call_id":"call_1","content":[{"type":"image_url"'),
    "files": (True, talk(user([PDF])), (), '"type":"file"'),
    "empty_content": ("", talk(*CALLED), (), '"content":"","tool_calls"'),
    "tool_id_style": ("alnum9", talk(*CALLED), (), '"tool_call_id":"74196fe72"'),
    "echo_reasoning": ("always", talk(*THOUGHTFUL), (), '"reasoning_content":"hm"'),
    "reasoning_field": ("reasoning", talk(*THOUGHTFUL), (), '"reasoning":"hm"'),
    "missing_reasoning": ("empty", talk(*CALLED), (), '"reasoning_content":""'),
    "forces_tools": (False, dict(TOOLS, tool_choice={"type": "any"}), (), '"replaced:tool_choice"'),
    "names_tool": (False, dict(TOOLS, tool_choice={"type": "tool", "name": "ls"}), (), '"tool_choice":"required"'),
    "forces_in_thinking": (False, dict(TOOLS, tool_choice={"type": "any"}, **THINK), (),
                           '"reasoning_effort":"minimal"'),
    "tool_choice": (False, dict(TOOLS, tool_choice={"type": "any"}), (), '"replaced:tool_choice"'),
    "parallel_tool_calls": (False, dict(TOOLS, tool_choice={"type": "auto", "disable_parallel_tool_use": True}), (),
                            '"dropped:disable_parallel_tool_use"'),
    "strict_tools": (True, TOOLS, (), '"strict":true'),
    "drop_schema_keys": (["additionalProperties"], TOOLS, (), '"type":"object","properties"'),
    "schema_style": ("gemini", TOOLS, (), '"parameters":{"properties"'),
    "reasoning_fields": (["thoughts"], THINK, [say(thoughts="hm"), end("stop")], "0:hm"),
    "think_tags": (False, {}, [say(content="<think>hm</think>Hi"), end("stop")], "0:<think>"),
    "text_tool_calls": (True, TOOLS, [say(content='<tool_call>{"name":"ls"}</tool_call>'), end("stop")], "0+ls"),
    "usage_adds_up": (True, {}, COUNTS, '"output_tokens":3'),
    "tokenizer": ("o200k", {}, (), '"o200k"'),
    "path": ("/v2/{model}", {}, (), "/v1/v2/big"),
    "query": ("api-version=7", {}, (), "?api-version=7"),
    "auth_header": ("api-key", {}, (), '["api-key","Bearer k-0123456789"]'),
    "auth_scheme": ("", {}, (), '["Authorization","k-0123456789"]'),
    "extra_headers": ({"X-Mine": "1"}, {}, (), '["X-Mine","1"]'),
}
# what has to be set beside a field for it to count
BESIDE = {
    "efforts": {"thinking_style": "effort"}, "effort_off": {"thinking_style": "effort"},
    "thinks_only_streaming": {"thinking_style": "effort", "effort_off": "minimal"},
    "forces_in_thinking": {"thinking_style": "effort", "effort_off": "minimal"},
    "reasoning_field": {"echo_reasoning": "always"}, "missing_reasoning": {"echo_reasoning": "tool_turns"},
    "text_tool_calls": {"text_tool_calls": False},
}


def told(quirks, request, chunks):
    """All that a configuration with these quirks comes to, as one text."""
    read = config.read(json.dumps({"providers": {"mine": {
        "base_url": "https://llm.example.com/v1", "api_key": "k-0123456789", "models": {"default": "big"},
        "quirks": quirks}}}), {})
    target = routing.targets(read, "claude-sonnet-5")[0]
    body = dict({"model": "claude-sonnet-5", "max_tokens": 50, "messages": [user("Hi")]}, **request)
    try:
        chat = to_chat_request(body, target)
    except InvalidRequest as error:
        return error.message
    data, answer = translate(sse(list(chunks) or [say(content="x"), end("stop")]), chat.answer)
    fields = header_fields(target.provider, target.dialect, Key("k-0123456789"), True)
    url = address(target.provider, target.dialect, target.model)
    everything = [chat.body, chat.warnings, url, fields, outline(data), answer.usage, target.dialect.tokenizer]
    return json.dumps(everything, ensure_ascii=False, separators=(",", ":"))


@pytest.mark.parametrize("field", FIELDS)
def test_a_quirk_counts(field):
    value, request, chunks, words = FIELDS[field]
    beside = BESIDE.get(field, {})
    assert words not in told(beside, request, chunks)
    assert words in told(dict(beside, **{field: value}), request, chunks)


def test_no_field_is_left_out():
    assert set(FIELDS) == set(QUIRKS)
