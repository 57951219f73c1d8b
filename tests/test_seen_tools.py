"""Tools that are known again are written on as they came: the request says the same as without that."""
import json
import random

import pytest

from claude_proxy.conversion import (
    CLAUDE_CODE,
    SeenTools,
    count_tokens,
    seen_tools,
    spare_bytes,
    to_chat_request,
    with_lists,
    written,
)
from claude_proxy.conversion.tool_text import Functions, Tools
from claude_proxy.errors import InvalidRequest
from claude_proxy.providers.dialects import GENERIC
from claude_proxy.relay import dumps, dumps_ascii
from claude_proxy.server import body as reader
from fake_provider import FakeProvider
from server_harness import ask, message, post, provider, proxy
from targets import HELLO, target, user

LONG = "What it does, at length. \"Quoted\"\tand caf\u00e9, \\u0041 \u4e2d\u6587.\n" * 120
SCHEMA = {"$schema": "http://json-schema.org/draft-07/schema#", "type": "object", "additionalProperties": False,
          "properties": {"path": {"type": "string", "description": "Where } it ] is"}, "n": {"type": "number", "maximum": 1e3}},
          "required": ["path"]}
READ = {"name": "Read", "description": LONG, "input_schema": SCHEMA}
LIST = {"name": "list", "input_schema": {"properties": {}, "type": "object"}, "cache_control": {"type": "ephemeral"}}


def request_text(tools, compact=True, **more):
    separators = (",", ":") if compact else None
    return json.dumps(dict(HELLO, tools=tools, **more), ensure_ascii=not compact, separators=separators)


def parsed(text, known=None):
    """A request as the server reads it, the second time that its tools come by."""
    known = known or SeenTools()
    reader.parse_text(text, known)
    return reader.parse_text(text, known)


def chat(body, to=None, **keywords):
    return to_chat_request(body, to or target(), is_well_formed=True, **keywords)


FRAMED = {
    "two tools": [READ, LIST],
    "said to be custom": [dict(READ, type="custom")],
    "what only Anthropic's servers read": [dict(READ, eager_input_streaming=True, allowed_callers=["direct"], strict=False)],
    "no description, and an empty one": [READ, dict(LIST, description=""), dict(LIST, name="c", description=None)],
    "another order of members": [dict(reversed(list(READ.items())))],
    "a schema without a dialect": [dict(READ, input_schema={"type": "object", "properties": {}})],
    "a property that is called like a keyword": [
        dict(READ, input_schema={"type": "object", "properties": {"$schema": {"type": "string"}}})],
}
MORE_THAN_FRAMED = {
    "a dialect in the middle of a schema": [dict(READ, input_schema=dict({"type": "object"}, **SCHEMA))],
    "an identity": [dict(READ, input_schema=dict(SCHEMA, **{"$id": "x"}))],
    "no properties": [dict(READ, input_schema={"type": "object"})],
    "no type": [dict(READ, input_schema={"properties": {}})],
    "a name of 65 letters": [dict(READ, name="n" * 65)],
    "strict": [dict(READ, strict=True)],
    "to be loaded later": [dict(READ, defer_loading=True)],
    "examples": [dict(READ, input_examples=[{"path": "x"}])],
    "a tool that Anthropic defines": [READ, {"type": "bash_20250124", "name": "bash"}],
    "a tool that Anthropic runs": [READ, {"type": "web_search_20250305", "name": "web_search"}],
    "two of one name": [READ, READ],
    "a name that is none": [dict(READ, name="no name")],
    "no tools at all": [],
    "short ones": [LIST],
    "what is no tool": [READ, 1],
}


@pytest.mark.parametrize("compact", [True, False])
@pytest.mark.parametrize("tools", FRAMED.values(), ids=FRAMED.keys())
def test_another_frame_is_all(tools, compact):
    body = parsed(request_text(tools, compact))
    assert isinstance(body["tools"], Tools) and list(body["tools"]) == tools and len(body["tools"]) == len(tools)
    made, usual = chat(body), chat(dict(body, tools=tools))
    assert isinstance(made.body["tools"], Functions) and with_lists(made.body) == usual.body
    for write in (dumps, dumps_ascii):
        data = written(made.body, write)
        assert json.loads(data) == usual.body and list(json.loads(data)) == list(usual.body)
        text = json.dumps(usual.body["tools"], ensure_ascii=False, separators=(",", ":"))
        assert len(data) - spare_bytes(made.body) == len(written(dict(usual.body, tools=0), write)) - 1 + len(text.encode())
    assert dict(made.answer.tool_schemas) == usual.answer.tool_schemas
    assert made.answer.declared_tools == usual.answer.declared_tools and made.warnings == usual.warnings
    assert count_tokens(body) == count_tokens(dict(body, tools=tools))


@pytest.mark.parametrize("tools", MORE_THAN_FRAMED.values(), ids=MORE_THAN_FRAMED.keys())
def test_more_than_a_frame(tools):
    assert parsed(request_text(tools, system="x" * 5000))["tools"] == tools


DIALECTS = {
    "a keyword that is refused": ({"drop_schema_keys": ("additionalProperties",)}, False),
    "the dialect is no keyword of a function": ({"drop_schema_keys": ("$schema",)}, True),
    "a keyword that is not there": ({"drop_schema_keys": ("pattern",)}, True),
    "schemas of another kind": ({"schema_style": "gemini"}, False),
    "no tools": ({"drop_params": ("tools",)}, False),
    "strict tools": ({"strict_tools": True}, True),
}


@pytest.mark.parametrize("dialect, as_it_came", DIALECTS.values(), ids=DIALECTS.keys())
def test_each_dialect_gets_what_it_takes(dialect, as_it_came):
    body = parsed(request_text([READ, LIST]))
    for _ in range(2):
        made, usual = chat(body, target(**dialect)), chat(dict(body, tools=[READ, LIST]), target(**dialect))
        assert isinstance(made.body.get("tools"), Functions) == as_it_came
        assert with_lists(made.body) == usual.body and made.warnings == usual.warnings


REQUESTS = {
    "any tool will do": ({"tool_choice": {"type": "auto"}}, True),
    "one at a time": ({"tool_choice": {"type": "auto", "disable_parallel_tool_use": True}}, False),
    "some tool": ({"tool_choice": {"type": "any"}}, False),
    "this tool": ({"tool_choice": {"type": "tool", "name": "Read"}}, False),
    "no tool": ({"tool_choice": {"type": "none"}}, False),
    "a tool more": ({"messages": [user("a"), {"role": "system", "content": [
        {"type": "tool_addition", "tool": {"name": "new", "definition": dict(LIST, name="new")}}]}]}, False),
    "a tool less": ({"messages": [user("a"), {"role": "system", "content": [
        {"type": "tool_removal", "tool": {"name": "Read"}}]}]}, False),
}


@pytest.mark.parametrize("more, as_it_came", REQUESTS.values(), ids=REQUESTS.keys())
def test_what_else_a_request_says_of_tools(more, as_it_came):
    body = parsed(request_text([READ, LIST], **more))
    assert isinstance(body["tools"], Tools)
    made, usual = chat(body, client=CLAUDE_CODE), chat(dict(body, tools=[READ, LIST]), client=CLAUDE_CODE)
    assert isinstance(made.body.get("tools"), Functions) == as_it_came and with_lists(made.body) == usual.body


KNOWN, HEAD = json.dumps([READ]), '{"model": "m", "max_tokens": 1, '
TEXTS = {
    "white space wherever it may be": (' \n{ "a" :1 ,\t"tools" : %s \r\n, "b": 2 } ', True),
    "before everything": ('{"tools":%s,"messages":[]}', True),
    "at the end": (HEAD + '"tools":%s}', True),
    "twice, the last one counts": (HEAD + '"tools": [], "tools":%s}', True),
    "twice, the first one does not": (HEAD + '"tools":%s, "tools": []}', False),
    "inside something else": (HEAD + '"metadata": {"tools":%s}, "tools": []}', False),
    "with an escape in the name": (HEAD + '"t\\u006fols":%s}', False),
    "beside a name with an escape": (HEAD + '"\\u0061": 1, "tools":%s}', False),
    "beside two hundred of one name": (HEAD + '"a": 1, ' * 200 + '"tools":%s}', False),
    "beside two hundred others": (HEAD + "".join('"%d": 1, ' % number for number in range(200)) + '"tools":%s}', False),
}


@pytest.mark.parametrize("text, known", TEXTS.values(), ids=TEXTS.keys())
def test_wherever_they_stand(text, known):
    text = text % KNOWN
    body = parsed(text)
    assert isinstance(body["tools"], Tools) == known
    assert dict(body, tools=list(body["tools"])) == json.loads(text)


@pytest.mark.parametrize("text", [
    HEAD + '"tools":%s', HEAD + '"tools":%s]', HEAD + '"tools":%s} x', HEAD + '"tools":%s,}', HEAD + '"tools":%s "a": 1}',
    HEAD + '"tools":%s, "a": NaN}', HEAD + '"a": ' + "[" * 300 + "]" * 300 + ', "tools":%s}',
    HEAD + '"a": ' + "[" * 100000 + ', "tools":%s}', HEAD + '"a": ' + "9" * 400 + ', "tools":%s}', "[%s]", '{"tools" %s}',
])
def test_what_is_wrong_with_a_body_is_said_as_ever(text):
    known = SeenTools()
    reader.parse_text('{"tools":%s}' % KNOWN, known)
    with pytest.raises(InvalidRequest) as usual:
        reader.parse_text(text % KNOWN)
    for _ in range(2):
        with pytest.raises(InvalidRequest) as found:
            reader.parse_text(text % KNOWN, known)
        assert str(found.value) == str(usual.value)


def test_half_characters_and_doubled_names_are_for_the_whole_way():
    for spoilt in (KNOWN.replace("caf", "\\ud83d caf"), KNOWN.replace('"n": {', '"path": {}, "n": {'),
                   KNOWN.replace('"Read"', '"R\\u0065ad"')):
        body = parsed('{"tools":%s}' % spoilt)
        assert body["tools"] == reader.parse_text('{"tools":%s}' % spoilt)["tools"] and isinstance(body["tools"], list)
    body = parsed('{"system": "\\ud83d", "tools":%s}' % KNOWN)
    assert body == {"system": "\ufffd", "tools": [READ]}


def test_levels_are_counted_in_tools_as_well():
    deep = KNOWN.replace('"n": {', '"n": ' + '{"items": ' * 250 + "{}" + "}" * 250 + ', "m": {')
    known = SeenTools()
    for _ in range(2):
        with pytest.raises(InvalidRequest, match="nested more than 200 levels"):
            reader.parse_text('{"tools":%s}' % deep, known)


def test_much_white_space_does_not_go_on():
    text = json.dumps(dict(HELLO, tools=[dict(READ, description="x" * 2000)]), indent=16)
    assert isinstance(parsed(text)["tools"], list)


def test_the_first_request_is_written_like_the_next_one():
    known = SeenTools()
    first, second = [written(chat(reader.parse_text(request_text([READ]), known)).body, dumps) for _ in range(2)]
    assert first == second and b'"tools":[{"type":"function","function":{"name":"Read",' in first


def test_nothing_of_the_tools_is_kept():
    known = SeenTools()
    parsed(request_text([READ, LIST]), known)
    chat(reader.parse_text(request_text([READ, LIST]), known))
    waiting, kinds = [known], set()
    while waiting:
        found = waiting.pop()
        if isinstance(found, str):                  # what the dialect refuses, which is no word of the client's
            assert found in GENERIC.drop_schema_keys
            continue
        kinds.add(type(found))
        waiting += (list(found) + list(found.values()) if isinstance(found, dict) else
                    list(found) if isinstance(found, (tuple, list, frozenset)) else
                    [found.start, found.stop, found.step] if isinstance(found, slice) else
                    list(vars(found).values()) if hasattr(found, "__dict__") else [])
    assert kinds <= {SeenTools, seen_tools.Layout, seen_tools.Place, dict, tuple, frozenset, slice, int, bool, type(None)}
    assert int in kinds and seen_tools.Place in kinds


def test_only_so_many_lists_are_remembered():
    known = SeenTools()
    texts = [request_text([dict(READ, name="tool%d" % number)]) for number in range(seen_tools.MOST + 1)]
    for text in texts:
        reader.parse_text(text, known)
    held = [known.at(text, text.index('"tools":') + 8) is not None for text in texts]
    assert held == [False] + [True] * seen_tools.MOST


def test_another_text_of_the_same_length_is_another_list():
    known = SeenTools()
    parsed(request_text([READ]), known)
    other = dict(READ, name="Reader", description=LONG[:-1])
    assert len(request_text([other])) == len(request_text([READ]))
    made = chat(reader.parse_text(request_text([other]), known))
    assert with_lists(made.body) == chat(dict(HELLO, tools=[other])).body


def test_json_does_not_lose_them():
    body = parsed(request_text([READ]))
    for value in (body, chat(body).body):
        with pytest.raises(TypeError):
            json.dumps(value)


def random_value(dice, depth=0):
    """JSON with everything that is hard in it."""
    kind = dice.randrange(8 if depth < 4 else 6)
    if kind < 3:
        return "".join(dice.choice(['"', "\\", "]", "}", ",", ":", "\n", "a", "é", "中", "😀", '"tools":', " "])
                       for _ in range(dice.randrange(9)))
    if kind < 6:
        return dice.choice([0, -1.5, 1e30, True, False, None, 12345678901234567890])
    if kind == 6:
        return [random_value(dice, depth + 1) for _ in range(dice.randrange(4))]
    names = ("type", "properties", "required", "$schema", "items", "tools", "\"", "é", "default", "pattern")
    return {dice.choice(names): random_value(dice, depth + 1) for _ in range(dice.randrange(4))}


def random_tool(dice, number):
    schema = {"type": "object", "properties": {"p%d" % key: {"type": "string", "default": random_value(dice)}
                                               for key in range(dice.randrange(4))}}
    if dice.random() < 0.5:
        schema = dict({"$schema": "x"}, **schema)
    schema["default"] = random_value(dice)
    return {"name": "t%d" % number, "description": dice.choice(["", LONG, "é\"\\"]), "input_schema": schema}


@pytest.mark.parametrize("seed", range(150))
def test_random_requests_say_the_same(seed, monkeypatch):
    monkeypatch.setattr(seen_tools, "WORTH", 0)
    monkeypatch.setattr(reader, "SMALL", 0)
    dice = random.Random(seed)
    tools = [random_tool(dice, number) for number in range(1 + dice.randrange(4))]
    to = target(drop_schema_keys=dice.choice([(), (), ("pattern",), ("default", "$schema")]))
    text = json.dumps(dict(HELLO, system=str(random_value(dice)), metadata={"x": random_value(dice)}, tools=tools),
                      ensure_ascii=dice.random() < 0.5, separators=dice.choice([(",", ":"), (", ", ": ")]))
    usual = chat(reader.parse_text(text), to)
    known = SeenTools()
    for _ in range(3):
        made = chat(reader.parse_text(text, known), to)
        assert json.loads(written(made.body, dice.choice([dumps, dumps_ascii]))) == usual.body
        assert dict(made.answer.tool_schemas) == usual.answer.tool_schemas


def test_on_the_wire_a_keyword_that_is_refused_is_left_out():
    """The tools are known from the first request on; what the provider says of them is mended as ever."""
    def script(body):
        if "additionalProperties" in json.dumps(body["tools"]):
            return {"status": 400, "error": {
                "message": "tools[0].function.parameters: additionalProperties is not supported"}}
        return {"tools": [("call_1", "Read", '{"path": "x", "n": "5"}')]}
    request = message(tools=[READ])
    with FakeProvider() as fake, proxy([provider(fake.url)]) as listener:
        fake.script = script
        replies = [ask(listener, post(request))[0] for _ in range(3)]
        assert [reply.status for reply in replies] == [200] * 3
        tools = [asked.body["tools"] for asked in fake.requests]
    without = {name: value for name, value in SCHEMA.items() if name not in ("$schema", "additionalProperties")}
    function = {"name": "Read", "description": LONG, "parameters": without}
    assert tools[1:] == [[{"type": "function", "function": function}]] * 3
    assert len(tools) == 4                          # the first one was asked twice
