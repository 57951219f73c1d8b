"""arguments: what goes out live, what is held, what can be mended."""
import json

import pytest

from claude_proxy.conversion.arguments import Arguments, FreeText

# text -> (what goes out live, the rest at the end; None: it cannot be mended)
TEXTS = {
    "an object": (
        '{"a": [1, -2.5e3, {"b": "\\u00e9\\n\\""}], "c": true, "d": {}}',
        '{"a": [1, -2.5e3, {"b": "\\u00e9\\n\\""}], "c": true, "d": {}}', ""),
    "nothing": ("", "", ""),
    "white space around": (' \n{"a":1} \n', '{"a":1}', ""),
    "null": ("null", "", ""),
    "an empty list, as PHP writes an empty object": ("[]", "", ""),
    "a code fence": ('```json\n{"a": 1}\n```', "", '{"a": 1}'),
    "a trailing comma": ('{"a": [1, ], }', '{"a": [1', " ] }"),
    "encoded twice": ('"{\\"a\\": 1}"', "", '{"a": 1}'),
    "encoded three times": (json.dumps(json.dumps('{"a": 1}')), "", '{"a": 1}'),
    "text behind the object": ('{"a": 1} That is all.', '{"a": 1}', ""),
    "the same object twice": ('{"a": 1}{"a": 1}', '{"a": 1}', ""),
    "a raw line break in a string": ('{"a": "x\ny"}', '{"a": "x', '\\ny"}'),
    "two objects": ('{"a": 1}{"b": 2}', '{"a": 1}', None),
    "a code fence that holds nothing": ("```json\n", "", None),
    "a missing brace": ('{"a": 1', '{"a": 1', None),
    "a missing quote": ('{"a": "x', '{"a": "x', None),
    "a comma and nothing": ('{"a": 1, ', '{"a": 1', None),
    "a list": ("[1,2]", "", None),
    "a string": ('"x"', "", None),
    "a number": ("5", "", None),
    "not a number": ('{"a": NaN}', '{"a": ', None),
    "Python's words": ('{"a": True}', '{"a": ', None),
    "single quotes": ("{'a': 1}", "{", None),
    "a leading zero": ('{"a": 01}', '{"a": ', None),
    "a key without a value": ('{"a"}', '{"a"', None),
    "brackets that do not match": ('{"a": [1}', '{"a": [1', None),
    "an escape that is none": ('{"a": "\\q"}', '{"a": "', None),
    "no object at all": ("let me see", "", None),
}


@pytest.mark.parametrize("text, live, rest", TEXTS.values(), ids=TEXTS.keys())
def test_arguments_in_one_piece(text, live, rest):
    arguments = Arguments()
    assert (arguments.add(text), arguments.finish()) == (live, rest)


@pytest.mark.parametrize("text, live, rest", TEXTS.values(), ids=TEXTS.keys())
def test_arguments_are_the_same_however_they_are_cut(text, live, rest):
    for size in (1, 2, 3, 5):
        arguments = Arguments()
        sent = "".join(arguments.add(text[at:at + size]) for at in range(0, len(text), size))
        last = arguments.finish()
        assert (sent + last if last is not None else None) == (live + rest if rest is not None else None)
        assert sent.startswith(live)            # a cut may let a little more through: half of a word, half of an escape
        assert text.lstrip().startswith(sent)
        assert sent + arguments.as_it_came() == text.lstrip()


# text -> (what goes out live, the rest), for a tool that has "path" and " odd "
KEYS = {
    "white space behind": ('{"path ": {"path ": 1}, "b ": "path "}', '{"path', '": {"path ": 1}, "b ": "path "}'),
    "white space before": ('{"b": 1, "  path": "x",}', '{"b": 1, "', 'path": "x"}'),
    "on both sides, in a fence": ('```json\n{" path ": [" path "]}\n```', "", '{"path": [" path "]}'),
    "encoded twice": (json.dumps('{"path ": 1}'), "", '{"path": 1}'),
    "a name that is like this": ('{" odd ": 1, "path": "x "}', '{" odd ": 1, "path": "x "}', ""),
    "a name that nobody knows": ('{"pa th ": 1, "": 2, " ": 3}', '{"pa th ": 1, "": 2, " ": 3}', ""),
}


@pytest.mark.parametrize("text, live, rest", KEYS.values(), ids=KEYS.keys())
def test_a_key_is_the_name_that_the_tool_has_but_for_white_space(text, live, rest):
    for size in (len(text), 1, 2, 3, 5):
        arguments = Arguments()
        arguments.knows({"properties": {"path": {}, " odd ": {}}})
        assert "".join(arguments.add(text[at:at + size]) for at in range(0, len(text), size)) == live
        assert arguments.complete and arguments.finish() == rest and arguments.as_it_came() == text[len(live):]


def test_a_comma_waits_for_what_follows():
    arguments = Arguments()
    assert [arguments.add(piece) for piece in ('{"a":1', ",", " ", '"b"', ":2}")] == ['{"a":1', "", "", ', "b"', ":2}"]


def test_complete_means_whole_or_mendable():
    arguments = Arguments()
    seen = []
    for piece in ('"{', '\\"a\\":', '1}', '"'):
        arguments.add(piece)
        seen.append(arguments.complete)
    assert seen == [False, False, False, True]


def test_free_text_is_the_input_of_a_custom_tool():
    text = FreeText()
    assert text.add('say "') + text.add('hi"\n') + text.finish() == '{"input":"say \\"hi\\"\\n"}'
    assert FreeText().finish() == '{"input":""}'
