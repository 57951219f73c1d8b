"""How thinking is switched on, off and up, in each style."""
import pytest

from claude_proxy.conversion.effort import STYLES, nearest_effort
from claude_proxy.providers.dialects import THINKING_STYLES
from targets import converted, target, user

ASKED = {
    "nothing": {},
    "off": {"thinking": {"type": "disabled"}},
    "adaptive": {"thinking": {"type": "adaptive"}},
    "budget": {"thinking": {"type": "enabled", "budget_tokens": 8000}, "max_tokens": 32000},
    "effort": {"output_config": {"effort": "max"}},
    "both": {"thinking": {"type": "adaptive"}, "output_config": {"effort": "low"}},
    "off and effort": {"thinking": {"type": "disabled"}, "output_config": {"effort": "high"}},
}

ON, OFF = {"type": "enabled"}, {"type": "disabled"}

SENT = {
    "": {},
    "effort": {
        "off": {"reasoning_effort": "none"}, "budget": {"reasoning_effort": "medium"},
        "effort": {"reasoning_effort": "high"},
        "both": {"reasoning_effort": "low"}, "off and effort": {"reasoning_effort": "none"}},
    "disable_reasoning": {
        "off": {"disable_reasoning": True}, "budget": {"reasoning_effort": "medium"},
        "effort": {"reasoning_effort": "high"}, "both": {"reasoning_effort": "low"},
        "off and effort": {"disable_reasoning": True}},
    "enable_thinking": {
        "off": {"enable_thinking": False}, "adaptive": {"enable_thinking": True},
        "budget": {"enable_thinking": True, "thinking_budget": 8000}, "both": {"enable_thinking": True},
        "off and effort": {"enable_thinking": False}},
    "thinking": {
        "off": {"thinking": OFF}, "adaptive": {"thinking": ON}, "budget": {"thinking": ON}, "both": {"thinking": ON},
        "off and effort": {"thinking": OFF}},
    "thinking_effort": {
        "off": {"thinking": OFF}, "adaptive": {"thinking": ON},
        "budget": {"thinking": ON, "reasoning_effort": "medium"}, "effort": {"reasoning_effort": "high"},
        "both": {"thinking": ON, "reasoning_effort": "low"}, "off and effort": {"thinking": OFF}},
    "reasoning": {
        "off": {"reasoning": {"enabled": False}}, "adaptive": {"reasoning": {"enabled": True}},
        "budget": {"reasoning": {"max_tokens": 8000}}, "effort": {"reasoning": {"effort": "high"}},
        "both": {"reasoning": {"effort": "low"}}, "off and effort": {"reasoning": {"enabled": False}}},
    "template": {
        asked: {"chat_template_kwargs": {"enable_thinking": on, "thinking": on}}
        for asked, on in (("off", False), ("adaptive", True), ("budget", True), ("both", True),
                          ("off and effort", False))},
    "reasoning_split": {asked: {"reasoning_split": True} for asked in ASKED},
}


def sent(request, **dialect):
    names = ("reasoning_effort", "disable_reasoning", "enable_thinking", "thinking_budget", "thinking", "reasoning",
             "chat_template_kwargs", "reasoning_split")
    body = converted(request, target(**dialect)).body
    return {name: body[name] for name in names if name in body}


@pytest.mark.parametrize("asked", ASKED)
@pytest.mark.parametrize("style", SENT)
def test_styles(style, asked):
    assert sent(ASKED[asked], thinking_style=style, effort_off="none") == SENT[style].get(asked, {})


def test_every_style_of_the_dialects_is_here():
    assert set(STYLES) == set(THINKING_STYLES) == set(SENT)


@pytest.mark.parametrize("effort, efforts, expected", [
    ("medium", ("low", "medium", "high"), "medium"), ("xhigh", ("low", "high"), "high"), ("max", ("max",), "max"),
    ("low", ("high", "max"), "high"), ("medium", ("low", "high"), "low"), ("low", ("none",), None), ("low", (), None)])
def test_the_nearest_effort(effort, efforts, expected):
    assert nearest_effort(effort, efforts) == expected


def test_an_effort_that_nobody_knows_is_dropped():
    made = converted({"output_config": {"effort": "galactic"}}, target(thinking_style="effort"))
    assert ("reasoning_effort" not in made.body, made.warnings) == (True, ("dropped:output_config.effort",))


def test_a_budget_leaves_room_for_the_answer():
    request = {"thinking": {"type": "enabled", "budget_tokens": 31999}, "max_tokens": 8000}
    assert sent(request, thinking_style="enable_thinking") == {"enable_thinking": True, "thinking_budget": 7999}


TOOL = {"name": "t", "input_schema": {"type": "object"}}


def test_some_must_not_think_where_a_tool_is_forced():
    forced = dict(ASKED["adaptive"], tools=[TOOL], tool_choice={"type": "any"})
    free = dict(forced, tool_choice={"type": "auto"})
    for request, on in ((forced, OFF), (free, ON)):
        assert sent(request, thinking_style="thinking", forces_in_thinking=False) == {"thinking": on}


def test_some_think_only_in_streams():
    for stream, on in ((True, True), (False, False)):
        request = dict(ASKED["adaptive"], stream=stream)
        assert sent(request, thinking_style="enable_thinking", thinks_only_streaming=True) == {"enable_thinking": on}


def test_some_take_only_one_effort_beside_tools():
    dialect = dict(thinking_style="effort", effort_with_tools="none")
    assert sent(dict(ASKED["both"], tools=[TOOL]), **dialect) == {"reasoning_effort": "none"}
    assert sent({"tools": [TOOL]}, **dialect) == {"reasoning_effort": "none"}
    assert sent(ASKED["both"], **dialect) == {"reasoning_effort": "low"}


@pytest.mark.parametrize("thinking, shown, omitted", [
    (None, False, False), ({"type": "disabled"}, False, False), ({"type": "adaptive"}, True, False),
    ({"type": "between_tools"}, True, False), ({"type": "adaptive", "display": "updates"}, True, False),
    ({"type": "enabled", "budget_tokens": 2000, "display": "omitted"}, True, True)])
def test_what_the_answer_shows(thinking, shown, omitted):
    answer = converted({"thinking": thinking, "messages": [user("q")]}).answer
    assert (answer.show_thinking, answer.omit_thinking_text) == (shown, omitted)
