"""Tools and the choice among them."""
import pytest

from claude_proxy.conversion.clients import CLAUDE_CODE
from claude_proxy.errors import InvalidRequest
from targets import assistant, call, converted, system, target, use, user

CITY = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
WEATHER = {"name": "weather", "description": "Weather for a city", "input_schema": CITY}
CLOCK = {"name": "clock", "input_schema": {"type": "object"}}
WEATHER_FUNCTION = {"type": "function", "function": {
    "name": "weather", "description": "Weather for a city", "parameters": CITY}}
CLOCK_FUNCTION = {"type": "function", "function": {
    "name": "clock", "parameters": {"type": "object", "properties": {}}}}
SEARCH = {"type": "web_search_20250305", "name": "web_search", "max_uses": 8}


def tool_params(request, to=None, **keywords):
    """(the Chat parameters that have to do with tools, the warnings)"""
    made = converted(request, to, **keywords)
    names = ("tools", "tool_choice", "parallel_tool_calls", "web_search_options")
    return {name: made.body[name] for name in names if name in made.body}, made.warnings


TOOLS = {
    "an ordinary tool": ([WEATHER], [WEATHER_FUNCTION]),
    "the same, said to be custom": ([dict(WEATHER, type="custom")], [WEATHER_FUNCTION]),
    "no properties, no description": ([CLOCK], [CLOCK_FUNCTION]),
    "what only Anthropic's servers read": (
        [dict(WEATHER, cache_control={"type": "ephemeral"}, defer_loading=True, eager_input_streaming=True,
              allowed_callers=["direct"], strict=True)],
        [WEATHER_FUNCTION]),
    "examples are part of the description": (
        [dict(WEATHER, input_examples=[{"city": "Zürich"}])],
        [{"type": "function", "function": {
            "name": "weather", "description": 'Weather for a city\n\nExamples:\n{"city": "Zürich"}',
            "parameters": CITY}}]),
    "a search among tools goes silently, what it would find is sent": (
        [{"type": "tool_search_tool_regex_20251119", "name": "tool_search_tool_regex"},
         dict(WEATHER, defer_loading=True)],
        [WEATHER_FUNCTION]),
}


@pytest.mark.parametrize("tools, expected", TOOLS.values(), ids=TOOLS.keys())
def test_tools(tools, expected):
    assert tool_params({"tools": tools}) == ({"tools": expected}, ())


@pytest.mark.parametrize("request_", [
    {"tools": []}, {"tools": None}, {"tools": [], "tool_choice": {"type": "auto"}}, {"tool_choice": {"type": "none"}},
    {"tools": [], "tool_choice": {"type": "any", "disable_parallel_tool_use": True}}])
def test_without_tools_there_is_no_choice(request_):
    assert tool_params(request_) == ({}, ())


def test_the_placeholder_of_claude_code_is_no_tool():
    placeholder = {"name": "DeferredToolPlaceholder", "defer_loading": True, "input_schema": {"type": "object"}}
    assert tool_params({"tools": [WEATHER, placeholder]}, client=CLAUDE_CODE) == ({"tools": [WEATHER_FUNCTION]}, ())
    assert len(tool_params({"tools": [WEATHER, placeholder]})[0]["tools"]) == 2


def test_long_names_are_shortened_everywhere_and_mapped_back():
    long = "mcp__" + "a" * 80
    made = converted({"tools": [dict(WEATHER, name=long)], "tool_choice": {"type": "tool", "name": long}})
    short = made.body["tools"][0]["function"]["name"]
    assert len(short) == 64 and short.startswith("mcp__aaa")
    assert made.body["tool_choice"] == {"type": "function", "function": {"name": short}}
    assert made.answer.tool_names == {short: long}
    assert made.answer.declared_tools == {short}


TYPED = {
    "bash_20250124": ("bash", ["command", "restart"]),
    "text_editor_20250124": (
        "str_replace_editor", ["command", "path", "file_text", "old_str", "new_str", "insert_line", "view_range"]),
    "text_editor_20250728": (
        "str_replace_based_edit_tool",
        ["command", "path", "file_text", "old_str", "new_str", "insert_line", "insert_text", "view_range"]),
    "memory_20250818": (
        "memory", ["command", "path", "file_text", "old_str", "new_str", "insert_line", "insert_text", "view_range",
                   "old_path", "new_path"]),
    "computer_20241022": ("computer", ["action", "coordinate", "text", "start_coordinate"]),
    "computer_20250124": (
        "computer", ["action", "coordinate", "text", "start_coordinate", "scroll_direction", "scroll_amount",
                     "duration"]),
}


@pytest.mark.parametrize("kind, expected", TYPED.items(), ids=TYPED.keys())
def test_typed_tools_that_the_client_runs(kind, expected):
    made, _ = tool_params({"tools": [{"type": kind, "name": expected[0]}]})
    function = made["tools"][0]["function"]
    assert (function["name"], list(function["parameters"]["properties"])) == expected


def test_details_of_typed_tools():
    tools = [{"type": "text_editor_20250728", "name": "edit", "max_characters": 9000},
             {"type": "computer_20251124", "name": "computer", "display_width_px": 800, "display_height_px": 600,
              "enable_zoom": True}]
    edit, computer = [tool["function"] for tool in tool_params({"tools": tools})[0]["tools"]]
    assert edit["name"] == "edit" and "9000 characters" in edit["description"]
    assert "800 x 600" in computer["description"] and "region" in computer["parameters"]["properties"]


def test_a_server_tool_beside_others_is_left_out_and_said():
    assert tool_params({"tools": [WEATHER, SEARCH]}) == (
        {"tools": [WEATHER_FUNCTION]}, ("dropped:web_search_20250305",))


@pytest.mark.parametrize("request_", [
    {"tools": [SEARCH]}, {"tools": [WEATHER, SEARCH], "tool_choice": {"type": "tool", "name": "web_search"}}])
def test_a_server_tool_alone_is_refused(request_):
    with pytest.raises(InvalidRequest) as caught:
        converted(request_)
    assert caught.value.message.endswith(
        ": 'web_search_20250305' is run by Anthropic's own servers, and up has nothing like it")


def test_web_search_where_the_model_has_its_own():
    to = target(extra_params=("web_search_options",))
    here = dict(SEARCH, user_location={"type": "approximate", "city": "Oslo", "country": "NO"})
    assert tool_params({"tools": [SEARCH]}, to)[0] == {"web_search_options": {}}
    assert tool_params({"tools": [here]}, to)[0] == {"web_search_options": {
        "user_location": {"type": "approximate", "approximate": {"city": "Oslo", "country": "NO"}}}}


def test_tools_that_come_and_go_during_the_conversation():
    come = {"type": "tool_addition", "tool": {"type": "tool_definition", "definition": CLOCK}}
    go = {"type": "tool_removal", "tool": {"type": "tool_reference", "name": "weather"}}
    known = {"type": "tool_addition", "tool": {"type": "tool_reference", "name": "weather"}}
    for changes, expected in (([come], [WEATHER_FUNCTION, CLOCK_FUNCTION]), ([go, come], [CLOCK_FUNCTION]),
                              ([known], [WEATHER_FUNCTION]), ([come, come], [WEATHER_FUNCTION, CLOCK_FUNCTION]),
                              ([go, come, known], [WEATHER_FUNCTION, CLOCK_FUNCTION])):
        request = {"tools": [WEATHER], "messages": [user("q"), system(changes)]}
        assert tool_params(request)[0]["tools"] == expected


def test_tools_that_came_and_went_before_a_compaction():
    changes = [{"type": "tool_addition", "tool": {"type": "tool_definition", "definition": CLOCK}},
               {"type": "tool_removal", "tool": {"type": "tool_reference", "name": "weather"}}, {"type": "new"}]
    summed_up = {"type": "compaction", "content": "so far", "tool_changes": changes}
    request = {"tools": [WEATHER], "messages": [assistant([summed_up]), user("q")]}
    assert tool_params(request)[0]["tools"] == [CLOCK_FUNCTION]


ONE = {"type": "function", "function": {"name": "clock"}}
BOTH = [WEATHER_FUNCTION, CLOCK_FUNCTION]
SEVERAL = {"type": "auto", "disable_parallel_tool_use": True}

CHOICES = {
    "auto is the default": ({"type": "auto"}, {}, {"tools": BOTH}, ()),
    "any": ({"type": "any"}, {}, {"tools": BOTH, "tool_choice": "required"}, ()),
    "one": ({"type": "tool", "name": "clock"}, {}, {"tools": BOTH, "tool_choice": ONE}, ()),
    "none": ({"type": "none"}, {}, {"tools": BOTH, "tool_choice": "none"}, ()),
    "one call at a time": (SEVERAL, {}, {"tools": BOTH, "parallel_tool_calls": False}, ()),
    "any, one at a time": (
        {"type": "any", "disable_parallel_tool_use": True}, {},
        {"tools": BOTH, "tool_choice": "required", "parallel_tool_calls": False}, ()),
    "one at a time, where that cannot be said": (
        SEVERAL, {"parallel_tool_calls": False}, {"tools": BOTH}, ("dropped:disable_parallel_tool_use",)),
    "any, where nothing can be forced": (
        {"type": "any"}, {"forces_tools": False}, {"tools": BOTH}, ("replaced:tool_choice",)),
    "one, where only some call can be forced": (
        {"type": "tool", "name": "clock"}, {"names_tool": False},
        {"tools": [CLOCK_FUNCTION], "tool_choice": "required"}, ()),
    "one, where nothing can be chosen": (
        {"type": "tool", "name": "clock"}, {"tool_choice": False}, {"tools": [CLOCK_FUNCTION]},
        ("replaced:tool_choice",)),
    "none, where nothing can be chosen": ({"type": "none"}, {"tool_choice": False}, {}, ()),
    "tools that are refused altogether": ({"type": "any"}, {"drop_params": ("tools",)}, {}, ("dropped:tools",)),
}


@pytest.mark.parametrize("choice, dialect, expected, warnings", CHOICES.values(), ids=CHOICES.keys())
def test_choices(choice, dialect, expected, warnings):
    assert tool_params({"tools": [WEATHER, CLOCK], "tool_choice": choice}, target(**dialect)) == (expected, warnings)


def test_strict_where_it_is_taken_and_the_schema_qualifies():
    closed = dict(CITY, additionalProperties=False)
    for schema, dialect, expected in ((closed, True, True), (CITY, True, None), (closed, False, None)):
        tools = [dict(WEATHER, strict=True, input_schema=schema)]
        made, _ = tool_params({"tools": tools}, target(strict_tools=dialect))
        assert made["tools"][0]["function"].get("strict") is expected


def test_a_history_of_calls_needs_no_tools():
    made = converted({"messages": [user("q"), assistant([use("t1")])]}).body
    assert made["messages"][1]["tool_calls"] == [call("t1")] and "tools" not in made
