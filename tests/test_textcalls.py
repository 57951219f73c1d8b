"""textcalls: calls that local models write as text."""
import json

import pytest

from claude_proxy.conversion.textcalls import MAX_HELD, TextCalls

DECLARED = ("ls", "write")
SCHEMAS = {"ls": {"properties": {"depth": {"type": "integer"}, "hidden": {"type": ["boolean", "null"]}}},
           "write": {"properties": {"content": {"type": "string"}, "tags": {"type": "array"}}}}

# text -> what it says: text as it is, calls as name{arguments}
TEXTS = {
    "Hermes": (
        'Sure. <tool_call>\n{"name": "ls", "arguments": {"path": "."}}\n</tool_call>',
        ["Sure. ", 'ls{"path":"."}']),
    "two in a row": (
        '<tool_call>{"name":"ls","arguments":{}}</tool_call>\n'
        '<tool_call>{"name":"ls","arguments":{"a":1}}</tool_call>\n',
        ["ls{}", 'ls{"a":1}']),
    "text behind": (
        '<tool_call>{"name":"ls"}</tool_call>\n\nDone.',
        ["ls{}", "Done."]),
    "arguments as a string": (
        '<tool_call>{"name":"ls","arguments":"{\\"a\\":1}"}</tool_call>',
        ['ls{"a":1}']),
    "the end is missing": (
        '<tool_call>{"name":"ls","arguments":{}}',
        ["ls{}"]),
    "GLM, typed by the schema": (
        "<tool_call>ls\n<arg_key>path</arg_key>\n<arg_value>.</arg_value>\n<arg_key>depth</arg_key>"
        "<arg_value>2</arg_value>\n</tool_call>",
        ['ls{"path":".","depth":2}']),
    "Qwen-Coder": (
        "<tool_call>\n<function=write>\n<parameter=content>\n{\"a\": 1}\n</parameter>\n"
        "<parameter=tags>\n[1]\n</parameter>\n</function>\n</tool_call>",
        ['write{"content":"{\\"a\\": 1}","tags":[1]}']),
    "Qwen-Coder without the outer tag": (
        "<function=ls><parameter=hidden>true</parameter></function>",
        ['ls{"hidden":true}']),
    "a value that its type does not fit": (
        "<function=ls><parameter=depth>deep</parameter></function>",
        ['ls{"depth":"deep"}']),
    "invoke": (
        '<minimax:tool_call>\n<invoke name="ls">\n<parameter name="path">a\nb</parameter>\n'
        "</invoke>\n</minimax:tool_call>",
        ['ls{"path":"a\\nb"}']),
    "Granite": ('<function_call>{"name":"ls","arguments":{}}</function_call>', ["ls{}"]),
    "Phi": ('<|tool_call|>[{"name":"ls","arguments":{"a":1}},{"name":"write","arguments":{}}]',
            ['ls{"a":1}', "write{}"]),
    "Llama": ('<|python_tag|>{"name":"ls","parameters":{}}', ["ls{}"]),
    "Llama, bare": ('{"name": "ls", "parameters": {"path": "."}}', ['ls{"path":"."}']),
    "bare, twice": ('{"name": "ls", "parameters": {}}\n{"name": "ls", "parameters": {}}', ["ls{}", "ls{}"]),
    "bare, as OpenAI has it": ('[{"type":"function","function":{"name":"ls","arguments":{}}}]', ["ls{}"]),
    "Mistral": ('[TOOL_CALLS][{"name":"ls","arguments":{}}]', ["ls{}"]),
    "Mistral, newer": ('[TOOL_CALLS]ls[ARGS]{"a":{"b":[1]}}', ['ls{"a":{"b":[1]}}']),
    "DeepSeek V3": (
        "<｜tool▁calls▁begin｜><｜tool▁call▁begin｜>function<｜tool▁sep｜>ls\n```json\n{\"a\":1}\n```<｜tool▁call▁end｜>\n"
        "<｜tool▁call▁begin｜>function<｜tool▁sep｜>write\n```json\n{}\n```<｜tool▁call▁end｜><｜tool▁calls▁end｜>",
        ['ls{"a":1}', "write{}"]),
    "DeepSeek V3.1": (
        '<｜tool▁calls▁begin｜><｜tool▁call▁begin｜>ls<｜tool▁sep｜>{"a":1}<｜tool▁call▁end｜><｜tool▁calls▁end｜>',
        ['ls{"a":1}']),
    "Kimi": (
        '<|tool_calls_section_begin|><|tool_call_begin|>functions.ls:0<|tool_call_argument_begin|>{"a":1}'
        "<|tool_call_end|><|tool_calls_section_end|>",
        ['ls{"a":1}']),
    "a tool that nobody declared": (
        '<tool_call>{"name":"rm","arguments":{}}</tool_call>',
        ['<tool_call>{"name":"rm","arguments":{}}</tool_call>']),
    "no JSON": ("<tool_call>ls, please</tool_call>", ["<tool_call>ls, please</tool_call>"]),
    "in a code fence": (
        '```\n<tool_call>{"name":"ls","arguments":{}}</tool_call>\n```\nok',
        ['```\n<tool_call>{"name":"ls","arguments":{}}</tool_call>\n```\nok']),
    "behind a backtick": ("say `<tool_call>` first", ["say `<tool_call>` first"]),
    "an answer in JSON": ('{"name": "Ann", "age": 5, "city": "Oslo"}', ['{"name": "Ann", "age": 5, "city": "Oslo"}']),
    "a list of numbers": ("[1, 2, 3]", ["[1, 2, 3]"]),
    "bare, but later": ('It is {"name":"ls","parameters":{}}', ['It is {"name":"ls","parameters":{}}']),
    "HTML": ("<table><tr>a < b</tr></table>", ["<table><tr>a < b</tr></table>"]),
    "white space": (" \n ", [" \n "]),
}
MORE_CALLS = {
    "Hermes, several lines": (
        '<tool_call>\n{\n  "name": "ls",\n  "arguments": {\n    "path": "."\n  }\n}\n</tool_call>',
        ['ls{"path":"."}']),
    "Hermes, arguments first": ('<tool_call>{"arguments":{"a":1},"name":"ls"}</tool_call>', ['ls{"a":1}']),
    "Hermes, brackets in a string": (
        '<tool_call>{"name":"ls","arguments":{"a":"}</b>{"}}</tool_call>', ['ls{"a":"}</b>{"}']),
    "Hermes, a list": ('<tool_call>[{"name":"ls"},{"name":"write"}]</tool_call>', ["ls{}", "write{}"]),
    "wide characters": (
        '好。<tool_call>{"name":"ls","arguments":{"路":"径"}}</tool_call>', ["好。", 'ls{"路":"径"}']),
    "text between two": ('<tool_call>{"name":"ls"}</tool_call>and<tool_call>{"name":"write"}</tool_call>',
                         ["ls{}", "and", "write{}"]),
    "behind a code fence that is closed": (
        '```\nx\n```\n<tool_call>{"name":"ls"}</tool_call>', ["```\nx\n```\n", "ls{}"]),
    "GLM without parameters": ("<tool_call>ls\n</tool_call>", ["ls{}"]),
    "Qwen-Coder, two parameters": (
        "<function=ls>\n<parameter=path>\na\n</parameter>\n<parameter=depth>\n3\n</parameter>\n</function>",
        ['ls{"path":"a","depth":3}']),
    "Mistral, two": ('[TOOL_CALLS][{"name":"ls","arguments":{}},{"name":"write","arguments":{}}]', ["ls{}", "write{}"]),
    "Kimi without a number": (
        "<|tool_calls_section_begin|><|tool_call_begin|>ls<|tool_call_argument_begin|>{}<|tool_call_end|>"
        "<|tool_calls_section_end|>", ["ls{}"]),
}
NO_CALLS = (
    "Use <tool_call> and </tool_call> around it.", "<tool_call></tool_call>", "<tool_call>{}</tool_call>",
    '<tool_call>{"name":"ls","arguments":[1]}</tool_call>', '<tool_call>{"name":"ls","arguments":"no"}</tool_call>',
    '<tool_call>{"name": "LS", "arguments": {}}</tool_call>', '<tool_call>{"name":"ls"} and more</tool_call>',
    '<tool_call>[{"name":"ls"},{"name":"rm"}]</tool_call>',
    "<tool_call>rm<arg_key>a</arg_key><arg_value>b</arg_value></tool_call>",
    "<function=rm><parameter=path>/</parameter></function>", "function=ls", "<function>ls</function>",
    '<invoke name="rm"><parameter name="path">/</parameter></invoke>', "[TOOL_CALLS] are what it writes.",
    '[TOOL_CALLS][{"name":"rm","arguments":{}}]', "[TOOL_CALLS]rm[ARGS]{}", "<|python_tag|>print(1)",
    '<|python_tag|>{"name":"rm","parameters":{}}', "<｜tool▁calls▁begin｜>is its mark<｜tool▁calls▁end｜>",
    "`<function=ls></function>` is Qwen's way", '```json\n{"name": "ls", "parameters": {}}\n```',
    '```xml\n<function=ls></function>\n```', '{"name": "rm", "parameters": {}}', '{"name": "ls", "parameters": 7}',
    '{"id": 1, "name": "x"}', '[{"name":"ls","arguments":{}}, {"city":"Oslo"}]', '["name", "ls"]', "{ls}",
    '{"type": "function"', 'Here: [{"name":"ls","arguments":{}}]', "a<b && c<d[0]", "ls{}", "<tool_call", "```<tool_call>",
)


@pytest.mark.parametrize("text, expected", MORE_CALLS.values(), ids=MORE_CALLS.keys())
def test_more_calls_at_every_cut(text, expected):
    for at in range(len(text)):
        assert cut_at(text, at) == expected
    assert told(text, 1) == expected


@pytest.mark.parametrize("text", NO_CALLS)
def test_no_call_at_every_cut(text):
    for at in range(len(text)):
        assert cut_at(text, at) == [text]
    assert told(text, 1) == [text]


def test_there_are_thirty_of_each():
    calls = [name for name, (text, expected) in list(TEXTS.items()) + list(MORE_CALLS.items()) if expected != [text]]
    assert len(calls) >= 30 and len(NO_CALLS) >= 30


def run(text, size, cut=False):
    calls = TextCalls(DECLARED, SCHEMAS)
    return [piece for at in range(0, len(text), size) for piece in calls.feed(text[at:at + size])] + calls.finish(cut)


def cut_at(text, at):
    calls = TextCalls(DECLARED, SCHEMAS)
    return joined(calls.feed(text[:at]) + calls.feed(text[at:]) + calls.finish(False))


def told(text, size, cut=False):
    return joined(run(text, size, cut))


def joined(pieces):
    out = []
    for kind, piece in pieces:
        if kind == "text" and out and out[-1][0] == "text":
            out[-1] = ("text", out[-1][1] + piece)
        else:
            out.append((kind, piece))
    return [piece if kind == "text" else "%s%s" % piece for kind, piece in out]


@pytest.mark.parametrize("text, expected", TEXTS.values(), ids=TEXTS.keys())
def test_calls_at_every_cut(text, expected):
    for size in range(1, len(text) + 1):
        assert told(text, size) == expected


def test_a_call_that_the_output_limit_cut_is_text():
    text = '<tool_call>{"name":"ls","arguments":{}}'
    assert told(text, 5, cut=True) == [text]


def test_text_waits_for_so_long_and_no_longer():
    calls = TextCalls(DECLARED)
    assert calls.feed("<tool_call>") + calls.feed("x" * MAX_HELD) != []
    assert calls.feed(" more") == [("text", " more")]


def test_a_long_call_in_small_pieces_takes_no_squared_time():
    text = '{"name":"write","parameters":{"content":"%s"}}' % ("if (x) { y[0] = {}; }\\n" * 2000)
    assert [name for name, _ in (piece[1] for piece in run(text, 4))] == ["write"]


def test_no_call_is_looked_for_where_text_only_goes_through():
    calls = TextCalls(DECLARED)
    seen = []
    for piece in ("Hello", " there, and so on and on", " <", "b>", " `", "x", "```", "code"):
        calls.feed(piece)
        seen.append(calls.idle)
    assert seen == [True, True, False, True, False, True, False, True]
    assert json.loads(told('{"name":"ls","parameters":{"a":"é"}}', 3)[0][2:]) == {"a": "é"}
