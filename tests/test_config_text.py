"""JSON with comments: what is blanked, what stays, where each value stands, what is said of broken text."""
import pytest

from claude_proxy.config.text import NotJson, dotted, plain_json, read_tree

PLAIN = {
    "a line comment": (
        '{"a": 1} // end',
        '{"a": 1}       '),
    "a block comment over two lines keeps its line break": (
        '{/* x\ny */"a": 1}',
        '{    \n    "a": 1}'),
    "comment signs in a string are text": (
        '{"url": "https://x/*y*/"} //',
        '{"url": "https://x/*y*/"}   '),
    "a quote behind a backslash does not end a string": (
        r'{"a": "\"//"}',
        r'{"a": "\"//"}'),
    "a trailing comma": (
        '{"a": [1, 2,],}',
        '{"a": [1, 2 ] }'),
    "a trailing comma before a comment": (
        '{"a": 1, // x\n}',
        '{"a": 1      \n}'),
    "a comma before a comment that holds a brace is none": (
        '{"a": 1, // {"b": 2}\n"c": 3}',
        '{"a": 1,            \n"c": 3}'),
    "a comma before a block comment that holds a brace is none": (
        '{"a": 1, /* } */ "c": 3 /* } */}',
        '{"a": 1,         "c": 3        }'),
    "a comma and a brace in a string are text": (
        '{"a": ",}"}',
        '{"a": ",}"}'),
    "a comment in a comment": (
        '{"a": 1 /* // */ }',
        '{"a": 1          }'),
}


@pytest.mark.parametrize("text, expected", PLAIN.values(), ids=PLAIN.keys())
def test_plain_json(text, expected):
    assert plain_json(text) == expected
    assert len(plain_json(text)) == len(text)


def test_where_values_stand():
    tree = read_tree('\ufeff{\n"a": {"b": 1,\n "c": [2,\n {"d": 3}]},\n "硅,": null, "a": 4}')
    assert tree.value == {"a": 4, "硅,": None}
    assert tree.lines == {(): 1, ("a",): 5, ("a", "b"): 2, ("a", "c"): 3, ("a", "c", 0): 3, ("a", "c", 1): 4,
                          ("a", "c", 1, "d"): 4, ("硅,",): 5}
    assert tree.twice == [("a",)]


BROKEN = {
    "a missing comma": (
        '{"a": 1\n"b": 2}',
        "line 2 column 1: Expecting ',' delimiter; a comma is missing before this, or a quote inside a string needs a "
        "backslash"),
    "single quotes": (
        "{'a': 1}",
        "line 1 column 2: Expecting property name enclosed in double quotes; names stand in double quotes"),
    "a brace too many": (
        '{"a": 1}}',
        "line 1 column 9: Extra data; the file holds one object; a brace closes too early"),
    "a string over two lines": (
        '{"a": "x\ny"}',
        "line 1 column 9: Invalid control character at; a string ends on its own line with a double quote"),
    "an empty file": (
        "",
        "line 1 column 1: Expecting value; a value is missing, or a string lacks its double quotes"),
    "a comment without an end": (
        '{"a": 1, /* x',
        "line 1 column 10: Expecting property name enclosed in double quotes; names stand in double quotes"),
    "NaN": ('{"a": NaN}', "NaN is no JSON number"),
    "an escape that JSON has not": (
        '["\\x"]',
        "line 1 column 3: Invalid \\escape; a backslash in a string is written twice"),
    "a thousand brackets": ("[" * 100000, "nested too deeply"),
}


@pytest.mark.parametrize("text, expected", BROKEN.values(), ids=BROKEN.keys())
def test_broken(text, expected):
    with pytest.raises(NotJson) as problem:
        read_tree(text)
    assert str(problem.value).startswith(expected)


def test_a_secret_is_not_in_the_message():
    with pytest.raises(NotJson) as problem:
        read_tree('{"api_key": "sk-secret" "x"}')
    assert "secret" not in str(problem.value)


PATHS = {
    (): "",
    ("server", "port"): "server.port",
    ("providers", "my.own", "models", "claude-*"): 'providers."my.own".models."claude-*"',
    ("server", "client_keys", 0, "key"): "server.client_keys[0].key",
    ("providers", "硅基流动"): "providers.硅基流动",
    ("a b",): '"a b"',
}


@pytest.mark.parametrize("path, expected", PATHS.items())
def test_dotted(path, expected):
    assert dotted(path) == expected
