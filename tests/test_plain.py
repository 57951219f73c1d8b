"""plain: a completion that is nothing but text, and all those that only look like one: the machine says the same."""
import json
import pathlib
import random

import pytest

from answers import CONTEXT
from claude_proxy.conversion.plain import only_text
from claude_proxy.conversion.response import by_the_machine
from claude_proxy.errors import ProxyError
from claude_proxy.providers.dialects import GENERIC
from claude_proxy.providers.records import replace
from test_response import ERRORS, MESSAGES, completion, function

LOCAL = replace(CONTEXT, dialect=replace(GENERIC, text_tool_calls=True), declared_tools=frozenset(["ls"]))
SILENT = replace(CONTEXT, show_thinking=False, dialect=replace(GENERIC, echo_reasoning="always"))
CONTEXTS = (CONTEXT, LOCAL, SILENT, replace(CONTEXT, stop_sequences=("END", "B")), replace(CONTEXT, local_stops=("END",)),
            replace(CONTEXT, dialect=replace(GENERIC, usage_adds_up=True)))


def machine(body, context):
    try:
        return by_the_machine(body, context)
    except ProxyError as exc:
        return exc.message


def check(body):
    """How many of the contexts see a message of nothing but text, each like the machine."""
    seen = [(only_text(body, context), context) for context in CONTEXTS]
    for message, context in seen:
        assert message is None or json.dumps(message) == json.dumps(machine(body, context)), body
    return sum(message is not None for message, _ in seen)


def text(content="A", usage=None, choice=None, **more):
    body = completion("stop", choice, content=content, role="assistant", **more)
    return dict(body, usage=usage) if usage is not None else body


PLAIN = {
    "a text": text(), "a long text": text("word " * 900), "another alphabet": text("你好 😀"), "spaces": text("  \n"),
    "empty members beside it": text(refusal="", tool_calls=[], reasoning_content=None, annotations=[], audio=None),
    "no counts": text(usage={}), "counts of the prompt alone": text(usage={"prompt_tokens": 4}),
    "zeros": text(usage={"prompt_tokens": 0, "completion_tokens": 0}), "a tier": dict(text(), service_tier="priority"),
    "reasoning that was counted": text(usage={"prompt_tokens": 4, "completion_tokens": 9, "completion_tokens_details": {
        "reasoning_tokens": 3}}),
    "nothing of logprobs": text(choice={"logprobs": None, "stop_reason": None}), "no index": text(choice={"index": None}),
}
OTHERS = {
    "a list of parts": text([{"type": "text", "text": "A"}]), "nothing": text(None), "an empty text": text(""),
    "a refusal": text(refusal="No"), "reasoning": text(reasoning="hm"), "a call": text(tool_calls=[function("{}")]),
    "a tag": text("<think>hm</think>A"), "the end of a turn": text("A<|im_end|>"), "half a character": text("A\ud83d"),
    "cut": completion("length", content="A"), "filtered": completion("content_filter", content="A"),
    "no word of its end": completion(None, content="A"), "a stop sequence": text(choice={"stop_reason": "END"}),
    "an error in the choice": text(choice={"error": {"message": "busy"}}), "another index": text(choice={"index": 1}),
    "an error": dict(text(), error={"message": "busy"}), "an odd state": dict(text(), base_resp={"status_code": 1}),
    "two choices": dict(text(), choices=text()["choices"] * 2), "choices in no list": dict(text(), choices={"a": 1}),
    "an object that says error": dict(text(), object="error"), "no object": "hello", "none": None,
}


@pytest.mark.parametrize("body", PLAIN.values(), ids=PLAIN.keys())
def test_nothing_but_text(body):
    assert check(body) == len(CONTEXTS) - 1                     # not where a stop sequence is ours to look for


@pytest.mark.parametrize("body", OTHERS.values(), ids=OTHERS.keys())
def test_more_than_text(body):
    assert check(body) == 0


@pytest.mark.parametrize("content", ['{"name": "ls", "arguments": {}}', ' [{"name": "ls"}]', 'Sure. [TOOL_CALLS]ls[ARGS]{}'])
def test_what_may_be_a_call_only_where_servers_write_them_as_text(content):
    assert only_text(text(content), LOCAL) is None and only_text(text(content), CONTEXT) is not None
    check(text(content))


def test_answers_of_other_tables():
    cases = [json.loads(path.read_text(encoding="utf-8"))
             for path in sorted((pathlib.Path(__file__).parent / "providers").glob("*.json"))]
    for body in [row[0] for row in (*MESSAGES.values(), *ERRORS.values())] + [case.get("answer") for case in cases]:
        check(body)


SCRAPS = ["A", " ", "\n", "é", "中", "😀", "<", "think>", "</think>", "[", "{", "`", "```", "END", "\ud83d", "\ude00", "<|im_end|>",
          "[TOOL_CALLS]", '"name": "ls"', "}", "]"]
ODD = [None, "", 0, 1, "stop", "A", [], {}, [{}], {"a": 1}, False, True]
NAMES = ["refusal", "reasoning", "reasoning_content", "reasoning_details", "tool_calls", "function_call", "audio", "odd"]


def test_random_completions():
    dice = random.Random(7)
    plain = 0
    for _ in range(400):
        body = text("".join(dice.choice(SCRAPS) for _ in range(dice.randint(0, 6))),
                    usage={name: dice.choice([0, 1, 7, None, 2.5, "3", True]) for name in (
                        "prompt_tokens", "completion_tokens", "output_tokens", "total_tokens") if dice.random() < 0.6})
        choice = body["choices"][0]
        for holder, names in ((choice["message"], NAMES), (choice, ["index", "finish_reason", "stop_reason", "error", "delta"]),
                              (body, ["object", "error", "base_resp", "service_tier", "message"])):
            if dice.random() < 0.2:
                holder[dice.choice(names)] = dice.choice(ODD)
        plain += check(body) > 0
    assert plain > 80
