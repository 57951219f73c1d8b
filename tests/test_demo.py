"""The demo provider: what it answers, and that a real client of Chat Completions can read it."""
import json
import os
import urllib.error
import urllib.request

import pytest

from claude_proxy import demo
from claude_proxy.commands.serving import LateDemo

WEATHER = {"type": "function", "function": {"name": "get_weather", "parameters": {
    "type": "object", "properties": {"city": {"type": "string"}, "unit": {"enum": ["C", "F"]}, "days": {"type": "integer"}},
    "required": ["city", "unit", "days"]}}}
WRITE = {"type": "function", "function": {"name": "Write", "parameters": {"type": "object"}}}
BASH = {"type": "function", "function": {"name": "Bash", "parameters": {
    "type": "object", "properties": {"command": {"type": "string"}}, "required": ["command"]}}}


def user(content):
    return {"role": "user", "content": content}


# a request -> what the text says, the name of the called tool, its arguments
SCRIPTS = {
    "a question": (
        {"messages": [user("hi")]}, "You wrote: hi", None, None),
    "a question in Chinese": (
        {"messages": [user("你好")]}, "你写的是：你好", None, None),
    "the last text of several parts, without reminders": (
        {"messages": [user([{"type": "text", "text": "first"}, {"type": "text", "text": "second"},
                            {"type": "text", "text": "<system-reminder>use a tool</system-reminder>"}])]},
        "You wrote: second", None, None),
    "a tool, asked for": (
        {"messages": [user("please use the tool")], "tools": [WEATHER]}, "calls the tool get_weather", "get_weather",
        {"city": "Paris", "unit": "C", "days": 1}),
    "a tool, not asked for": (
        {"messages": [user("Write a poem")], "tools": [WRITE]}, "You wrote: Write a poem", None, None),
    "the plain one of several": (
        {"messages": [user("use a tool")], "tools": [WRITE, BASH]}, "Bash", "Bash", {"command": "echo hello from the demo"}),
    "the one that is named": (
        {"messages": [user("use the get_weather tool")], "tools": [BASH, WEATHER]}, "get_weather", "get_weather",
        {"city": "Paris", "unit": "C", "days": 1}),
    "forced": (
        {"messages": [user("hi")], "tools": [BASH, WEATHER], "tool_choice": {"function": {"name": "get_weather"}}},
        "get_weather", "get_weather", {"city": "Paris", "unit": "C", "days": 1}),
    "required": (
        {"messages": [user("hi")], "tools": [WEATHER], "tool_choice": "required"}, "get_weather", "get_weather",
        {"city": "Paris", "unit": "C", "days": 1}),
    "forbidden": (
        {"messages": [user("use a tool")], "tools": [WEATHER], "tool_choice": "none"}, "You wrote", None, None),
    "after the tool": (
        {"messages": [user("use a tool"), {"role": "assistant", "tool_calls": []}, {"role": "tool", "content": "22 C"}],
         "tools": [WEATHER]}, "it answered: 22 C", None, None),
    "a schema": (
        {"messages": [user("title")], "response_format": {"type": "json_schema", "json_schema": {"schema": {
            "type": "object", "properties": {"title": {"type": "string"}}, "required": ["title"]}}}},
        '{"title": "demo"}', None, None),
}


@pytest.mark.parametrize("request_body, text, tool, arguments", SCRIPTS.values(), ids=SCRIPTS.keys())
def test_script(request_body, text, tool, arguments):
    script = demo.script_for(request_body)
    call = script.call or {"name": None, "arguments": "null"}
    assert text in script.text
    assert (call["name"], json.loads(call["arguments"])) == (tool, arguments)


def test_max_tokens_ends_it():
    message = demo.completion({"messages": [user("hi")], "max_tokens": 3})
    assert message["choices"][0]["finish_reason"] == "length"
    assert message["usage"]["completion_tokens"] == 3


def test_words_are_the_whole_text():
    for text in (demo.ANSWER, demo.ANSWER_ZH, "  a  b\n\nc ", ""):
        assert "".join(demo.words(text)) == text


def ask(base_url, **request):
    """POST a request -> the body's text."""
    call = urllib.request.Request(base_url + "/chat/completions", json.dumps(request).encode("utf-8"))
    with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(call, timeout=10) as answer:
        return answer.read().decode("utf-8")


def test_streamed_and_plain_agree(monkeypatch):
    monkeypatch.setattr(demo, "PIECE_SECONDS", 0)
    with LateDemo() as provider:
        for content in ("hi", "use the tool"):
            plain = json.loads(ask(provider.base_url, messages=[user(content)], tools=[WEATHER]))
            lines = ask(provider.base_url, messages=[user(content)], tools=[WEATHER], stream=True).split("\n\n")
            assert lines[-2:] == ["data: [DONE]", ""]
            chunks = [json.loads(line[6:]) for line in lines[:-2]]
            deltas = [chunk["choices"][0]["delta"] for chunk in chunks if chunk["choices"]]
            message = plain["choices"][0]["message"]
            for field in ("content", "reasoning_content"):
                assert "".join(delta.get(field) or "" for delta in deltas) == message[field]
            assert chunks[-1]["usage"] == plain["usage"]
            assert chunks[-2]["choices"][0]["finish_reason"] == plain["choices"][0]["finish_reason"]


@pytest.mark.skipif(os.name == "nt", reason="files are not numbered so there")
def test_it_answers_in_a_process_with_more_than_a_thousand_files():
    import resource
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, 2048), hard))
    files = [os.open(os.devnull, os.O_RDONLY) for _ in range(1024)]
    try:
        with LateDemo() as provider:
            assert "hi" in ask(provider.base_url, messages=[user("hi")])
    finally:
        for file in files:
            os.close(file)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_what_is_no_request_is_a_400():
    with LateDemo() as provider, pytest.raises(urllib.error.HTTPError, match="400"):
        call = urllib.request.Request(provider.base_url + "/chat/completions", b"[]")
        urllib.request.build_opener(urllib.request.ProxyHandler({})).open(call, timeout=10)
