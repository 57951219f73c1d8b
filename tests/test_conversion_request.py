"""Whole requests: what goes to the provider, what stays for the answer, and that turns only ever add to it."""
import copy
import json
import random

import pytest

from claude_proxy.conversion import ANY_CLIENT, CLAUDE_CODE, has_images
from claude_proxy.conversion.context import AnswerContext
from claude_proxy.conversion.reasoning import sign
from claude_proxy.errors import InvalidRequest
from claude_proxy.providers.dialects import DIALECTS
from targets import HELLO, PNG, assistant, call, converted, result, system, target, text, tool, use, user

MARK = {"type": "ephemeral"}
READ = {"name": "Read", "description": "Reads a file.", "input_schema": {
    "$schema": "https://json-schema.org/draft/2020-12/schema", "type": "object",
    "properties": {"file_path": {"type": "string"}}, "required": ["file_path"], "additionalProperties": False}}


def test_a_turn_of_claude_code():
    made = converted({
        "model": "claude-opus-5-5",
        "messages": [
            user([text("<system-reminder>\nBranch: main\n</system-reminder>"), text("what is in a.txt?")]),
            system([text("Deferred tools: WebFetch", cache_control=MARK)], output_config={"effort": "medium"}),
            assistant([{"type": "thinking", "thinking": "read it", "signature": sign("read it", "deepseek")},
                       text("Reading."), use("call_1", "Read", file_path="/a.txt")]),
            user([dict(result("call_1", "1\talpha"), cache_control=MARK)]),
        ],
        "system": [text("x-anthropic-billing-header: cc_version=2.1.330.12c; cc_entrypoint=cli;"),
                   text("You are an agent.", cache_control=MARK), text("Be brief.", cache_control=MARK)],
        "tools": [READ, {"name": "DeferredToolPlaceholder", "defer_loading": True,
                         "input_schema": {"type": "object", "properties": {}}}],
        "metadata": {"user_id": "{\"session_id\":\"0\"}"},
        "max_tokens": 128000,
        "thinking": {"type": "adaptive", "display": "updates"},
        "context_management": {"edits": [{"type": "clear_thinking_20251015", "keep": "all"}]},
        "safeguards": [{"type": "dangerous_tool_use", "classifier_context": {"cwd": "/home/me"}}],
        "output_config": {"effort": "medium"},
        "stream": True,
    }, target("deepseek", "deepseek-v4", max_output_tokens=65536, thinking_style="thinking_effort",
              efforts=("high", "max"),
              echo_reasoning="tool_turns", stop_limit=16), client=CLAUDE_CODE, message_id="msg_1")
    assert made.body == {
        "model": "deepseek-v4",
        "stream": True,
        "stream_options": {"include_usage": True},
        "max_tokens": 65536,
        "thinking": {"type": "enabled"},
        "reasoning_effort": "high",
        "tools": [{"type": "function", "function": {"name": "Read", "description": "Reads a file.", "parameters": {
            "type": "object", "properties": {"file_path": {"type": "string"}}, "required": ["file_path"],
            "additionalProperties": False}}}],
        "messages": [
            system("You are an agent.\n\nBe brief."),
            user("<system-reminder>\nBranch: main\n</system-reminder>\n\nwhat is in a.txt?"),
            system("Deferred tools: WebFetch"),
            assistant("Reading.", reasoning_content="read it",
                      tool_calls=[call("call_1", "Read", '{"file_path": "/a.txt"}')]),
            tool("call_1", "1\talpha"),
        ],
    }
    assert made.warnings == ()
    assert made.answer == AnswerContext(
        message_id="msg_1", model="claude-opus-5-5", provider="deepseek", upstream_model="deepseek-v4",
        dialect=made.answer.dialect, client=CLAUDE_CODE, tool_names={}, declared_tools=frozenset({"Read"}),
        tool_schemas={"Read": made.body["tools"][0]["function"]["parameters"]}, used_tool_ids=frozenset({"call_1"}),
        show_thinking=True)


def test_the_smallest_request():
    made = converted({})
    assert made.body == {"model": "up-model", "max_tokens": 256, "messages": [user("Hello")]}
    assert made.answer == AnswerContext(
        model="claude-sonnet-5-5", provider="up", upstream_model="up-model", dialect=made.answer.dialect,
        client=ANY_CLIENT)


# -- a session of ten turns: each request begins with the bytes of the one before

def session(turns):
    """The requests of a tool loop as Claude Code sends them: marks move on, and what they leave becomes a string."""
    messages = [user([text("<system-reminder>\nhi\n</system-reminder>"), text("do it")]),
                system("The tools that can be loaded are these.")]
    requests = []
    for number in range(turns):
        requests.append(request_of(messages))
        messages += turn_of(number)
    return requests


def request_of(messages):
    messages = copy.deepcopy(messages)
    content = messages[-1]["content"]
    if isinstance(content, str):
        messages[-1]["content"] = [text(content, cache_control=MARK)]
    else:
        content[-1]["cache_control"] = MARK
    return {"system": [text("x-anthropic-billing-header: cch=%05d;" % len(messages)),
                       text("You are.", cache_control=MARK)],
            "tools": [READ], "messages": messages, "stream": True, "thinking": {"type": "adaptive"}}


def turn_of(number):
    tool_id = "toolu_%02d" % number
    thought = "step %d" % number
    said = [{"type": "thinking", "thinking": thought, "signature": sign(thought, "up")}, text("Step %d." % number),
            use(tool_id, "Read", file_path="/%d.txt" % number)]
    if number % 3 == 0:
        said = said[2:]
    answers = [result(tool_id, [text("line"), PNG] if number % 4 == 1 else "line %d" % number,
                      is_error=number % 5 == 2)]
    if number % 4 == 2:
        answers.append(text("and then"))
    nudge = [system("Keep the user informed.")] if number % 5 == 4 else []
    return [assistant(said), user(answers)] + nudge


@pytest.mark.parametrize("name", sorted(DIALECTS))
def test_turns_only_add(name):
    to = target()
    to.dialect = DIALECTS[name]
    before = ""
    for request in session(10):
        data = json.dumps(converted(request, to, client=CLAUDE_CODE).body, ensure_ascii=False)
        assert data.endswith("]}") and data.startswith(before), name
        before = data[:-2]


def test_the_same_request_makes_the_same_bytes():
    request = session(6)[-1]
    first, second = (json.dumps(converted(copy.deepcopy(request)).body) for _ in range(2))
    assert first == second


def test_the_request_is_not_changed():
    request = dict(HELLO, **session(6)[-1])
    before = copy.deepcopy(request)
    converted(request, target(echo_reasoning="always"))
    assert request == before


# -- text that cannot be sent

def test_lone_surrogates_are_replaced_everywhere():
    half = "a\ud83d b"
    made = converted({"model": "m\udc00", "system": half, "messages": [
        user(half), assistant([use("t1", "n", **{half: [half]})]), user([result("t1", half)])]})
    data = json.dumps(made.body, ensure_ascii=False).encode("utf-8").decode("utf-8")
    assert data.count("a\ufffd b") == 5
    assert made.answer.model == "m\ufffd"


def test_whole_pairs_and_other_scripts_are_kept():
    words = "héllo 😀 中文 \u202e\0end"
    assert converted({"messages": [user(words)]}).body["messages"] == [user(words)]


# -- images

@pytest.mark.parametrize("messages, expected", [
    ([user("q")], False), ([user([text("a")])], False), ([user([PNG])], True),
    ([user([result("t", [text("a"), PNG])])], True), ("nonsense", False), ([None, {"content": [None]}], False)])
def test_has_images(messages, expected):
    assert has_images({"messages": messages}) is expected


# -- anything at all: an answer or a refusal, never a crash

JUNK = (None, 0, -1, 1.5, "", "x", [], {}, True, [None], {"type": "text"}, {"type": None}, ["x"], "\ud83d", [[]],
        {"type": ["a"]}, {"type": {}}, {"$ref": 1})


def places(value, path=()):
    """The path of everything inside a JSON value."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, child in inner:
        yield path + (key,)
        for place in places(child, path + (key,)):
            yield place


def spoiled(request, chance):
    """A copy of the request with one thing in it replaced or taken out."""
    request = copy.deepcopy(request)
    path = chance.choice(list(places(request)))
    holder = request
    for key in path[:-1]:
        holder = holder[key]
    if chance.random() < 0.2:
        del holder[path[-1]]
    else:
        holder[path[-1]] = copy.deepcopy(chance.choice(JUNK))
    return request


def test_spoiled_requests_are_refused_or_converted():
    chance, refused = random.Random(7), 0
    rows = [DIALECTS[name] for name in sorted(DIALECTS)]
    requests = [dict(HELLO, **request) for request in session(4)]
    for _ in range(1500):
        to = target()
        to.dialect = chance.choice(rows)
        try:
            json.dumps(converted(spoiled(chance.choice(requests), chance), to).body, ensure_ascii=False).encode("utf-8")
        except InvalidRequest as error:
            refused += 1
            assert ": " in error.message
    assert 300 < refused < 1400
