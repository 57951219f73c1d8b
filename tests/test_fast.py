"""fast: the quick way and the plain way give the same bytes, and the quick way is taken where it can be."""
import json
from dataclasses import replace

import pytest

import test_stream as cases
from answers import CONTEXT, call, calls, compact, cuts, end, say, sse, translate
from claude_proxy.conversion import AnswerStream
from claude_proxy.conversion.fast import CONTENT, FastPath, cut_around, is_certain, only_text
from claude_proxy.providers.dialects import GENERIC

KEYS = '{"id":"chatcmpl-1","model":"m","choices":[{"index":0,"delta":%s,"finish_reason":null}]}'
TEXTS = ["Sure", ", let", " me \"read\" `a.py`", ".\n\n", "", "é中😀\u2028", "\\", "\\\"", "a/b", "\x7f", "\t", "\x01",
         "<b>", "[1]"]
STOP = sse([end("stop")])


def envelope(delta):
    return b"data: " + (KEYS % json.dumps(delta, ensure_ascii=False)).encode() + b"\n\n"


def literal(raw, key='"content":'):
    """A chunk whose text is this raw JSON string literal."""
    return b"data: " + (KEYS % ("{%s%s}" % (key, raw))).encode() + b"\n\n"


def padded(size):
    """A chunk with padding, as OpenAI sends it."""
    return b"data: %s\n\n" % compact(dict(say(content="ab"), obfuscation="x" * size))


ALL = dict(cases.BLOCKS, **cases.CALLS)
ALL.update(cases.ENDINGS, **cases.CUTS)
BODIES = {name: sse(chunks, done=name not in cases.CUTS) for name, (chunks, _) in ALL.items()}
BODIES.update({
    "text in one envelope": b"".join(envelope({"content": text}) for text in TEXTS * 2) + STOP,
    "reasoning in one envelope": b"".join(envelope({"reasoning_content": text}) for text in TEXTS * 2) + STOP,
    "arguments in one envelope": sse([calls(call(0, "", "ls", "c1"))], False) + b"".join(
        envelope({"tool_calls": [{"index": 0, "function": {"arguments": piece}}]})
        for piece in ['{"a', '":', ' "x', "\\", 'n"', ",", ' "b":', "[1,", "2]", "}", "\n", " done"]) + STOP,
    "escapes that the writer does not use": b"".join(map(literal, [
        '"a"', '"b"', '"\\u0041"', '"\\/"', '"\\ud83d"', '"\\ude00"', '"c"', '"\\ud83d\\ude00"', '"d"'])) + STOP,
    "an escaped backslash before a letter": b"".join(map(literal, [
        '"a"', '"b"', r'"\\n"', r'"c\\u0041"', r'"\\/"', r'"\\\u0041"', r'"\\\/"', r'"d\\"', '"e"'])) + STOP,
    "literals that are none": b"".join(map(literal, ['"a"', '"b"'])) + literal('"c\\x"') + literal('"d"'),
    "a quote that ends the text early": b"".join(map(literal,
                                                     ['"a"', '"b"', '"c","content":"d"', '"e"', '"f"'])) + STOP,
    "a text that looks like its envelope": b"".join(map(literal, [
        '"assistant"', '"assistant"', '"\\"content\\":\\"x\\""', '"index"'])) + STOP,
    "the key twice": b"".join(map(literal, ['"a","content":"a"', '"a","content":"b"', '"c","content":"c"'])) + STOP,
    "bytes that are no UTF-8": b"".join(map(literal, ['"a"', '"b"'])) + literal('"é"').replace(b"\xc3", b"") + STOP,
    "padding that differs": b"".join(padded(size) for size in range(20)) + STOP,
    "padding that is no text": padded(3) + padded(4) + padded(5).replace(b'"xxxxx"', b'"x","x":"x"') + padded(2)
                               + padded(5).replace(b'"xxxxx"', b"5") + padded(2) + padded(7).replace(b'"xx',
                                                                                                     b'"\\n') * 2
                               + padded(3).replace(b"xxx", b"x\"x") + STOP,
    "a member that differs": b"".join(compact(dict(say(content="ab"), number=n)).join([b"data: ", b"\n\n"])
                                      for n in range(60)) + STOP,
    "usage in between": envelope({"content": "a"}) + sse([dict(say(content="a"), usage={"prompt_tokens": 7})], False)
                        + envelope({"content": "a"}) * 2 + STOP,
})
CONTEXTS = {
    "shown": CONTEXT,
    "kept for calls": replace(CONTEXT, show_thinking=False, dialect=replace(GENERIC, echo_reasoning="tool_turns")),
    "dropped": replace(CONTEXT, show_thinking=False),
    "sealed": replace(CONTEXT, omit_thinking_text=True),
    "local stops": replace(CONTEXT, local_stops=("D", "me")),
    "text calls": replace(CONTEXT, dialect=replace(GENERIC, text_tool_calls=True), declared_tools=frozenset(["ls"])),
}


@pytest.mark.parametrize("body", BODIES.values(), ids=BODIES.keys())
def test_both_ways_give_the_same_bytes(body):
    for name, context in CONTEXTS.items():
        expected, plain = translate(body, context, fast=False)
        for sizes in ([], [13] * (len(body) // 13), [700] * 9):
            data, answer = translate(body, context, sizes)
            assert data == expected, name
            assert answer.usage == plain.usage, name


@pytest.mark.parametrize("body", BODIES.values(), ids=BODIES.keys())
def test_a_cut_anywhere_makes_no_difference(body):
    expected, _ = translate(body)
    for at in cuts(body):
        assert translate(body, sizes=[at])[0] == expected


# One such literal among many plain ones: whole windows of events are looked at together.
ODD = [r'"\u0041"', r'"\u4f60\u597d\/"', r'"\ud83d\ude00"', r'"\ud83d"', r'"\ude00"', r'"\u00e9\ud83d"', r'"\\n"', r'"\\u0041"',
       r'"\\\u0041"', r'"a\\"', r'"\u005c"', r'"\u005cn"', r'"\\u005cn"', r'"\u0022"', r'"\u000a"', r'"\u0000"', r'"\u003ctool_call>"',
       '"<"', '""', '" "', '"a","content":"b"', '"\x7f"', '"é"', '"中"', '"😀"', '"\x01"', '"a\nb"', '"a\n\nb"', '5', 'null',
       r'"\x"', r'"\u12"', r'"\"', '"a"}}]}\n\ndata: {"choices":[{"delta":{"content":"b"']


@pytest.mark.parametrize("context", ["shown", "text calls"])
@pytest.mark.parametrize("key", ['"content":', '"reasoning_content":'])
def test_an_odd_literal_among_many(key, context):
    for odd in ODD:
        body = b"".join(literal('"piece %d\\n"' % n, key) if n % 45 != 44 else literal(odd, key) for n in range(99)) + STOP
        expected, plain = translate(body, CONTEXTS[context], fast=False)
        for sizes in ([], [3000] * 9):
            data, answer = translate(body, CONTEXTS[context], sizes)
            assert (data, answer.usage) == (expected, plain.usage), odd


@pytest.mark.parametrize("odd", [
    ["\\", "n"], ["\\", "x"], ["\\u", "00", "e9"], ["\\u00", "zz"], ["\\n", "é"], ["\\", "\\"], ["\\"], ['"', ',"b":"'],
    ['",', '"b":"'], ['",'], ["\n"], ['"}'], [" "]])
@pytest.mark.parametrize("before", range(30, 36))       # 32 pieces are looked at together
def test_odd_pieces_among_many_arguments(odd, before):
    pieces = ['{"a":"'] + ["word "] * before + odd + ["word "] * 32 + odd + ['"', ",", ' "c":1', ",", "}"]
    opening = sse([calls(call(0, "", "ls", "c1"))], False)
    body = opening + b"".join(envelope({"tool_calls": [{"index": 0, "function": {"arguments": piece}}]})
                              for piece in pieces) + STOP
    expected, _ = translate(body, fast=False)
    assert translate(body)[0] == translate(body, sizes=[7000])[0] == expected


def test_a_name_in_pieces_waits_for_its_end():
    context = replace(CONTEXT, declared_tools=frozenset(["ls"]), tool_schemas={"ls": {"properties": {"ab": {}}}})
    events = [sse([calls(call(0, piece))], False) for piece in ['{"', ' ', 'a', 'b', ' ', '":"', 'x', 'y', '"}']]
    events.insert(0, sse([calls(call(0, "", "ls", "c1"))], False))
    body = b"".join(events) + STOP
    expected, _ = translate(body, context, fast=False)
    for count in range(2, 6):
        assert translate(body, context, [len(b"".join(events[:2])), len(b"".join(events[2:2 + count]))])[0] == expected


def test_text_written_in_ascii_takes_the_quick_way(monkeypatch):
    parsed = []
    learn = FastPath.learn
    monkeypatch.setattr(FastPath, "learn", lambda self, *event: (parsed.append(event), learn(self, *event)))
    answer = AnswerStream(CONTEXT)
    for many in (1, 1, 1, 50):
        answer.feed(literal(r'"\u4f60\u597d caf\u00e9 <\/b> \ud83d\ude00"') * many)
    assert len(parsed) <= 1


def test_padding_is_no_hindrance(monkeypatch):
    parsed = []
    learn = FastPath.learn
    monkeypatch.setattr(FastPath, "learn", lambda self, *event: (parsed.append(event), learn(self, *event)))
    answer = AnswerStream(CONTEXT)
    for size in range(1, 50):
        answer.feed(padded(size))
    assert len(parsed) <= 2


@pytest.mark.parametrize("delta, opening", [
    (lambda text: {"content": text}, []),
    (lambda text: {"content": None, "reasoning_content": text}, []),
    (lambda text: {"tool_calls": [{"index": 0, "function": {"arguments": text}}]},
     [calls(call(0, '{"a":"', "ls", "c1"))]),
])
def test_the_quick_way_is_taken(monkeypatch, delta, opening):
    parsed = []
    learn = FastPath.learn
    monkeypatch.setattr(FastPath, "learn", lambda self, *event: (parsed.append(event), learn(self, *event)))
    answer = AnswerStream(CONTEXT)
    answer.feed(sse(opening, False))
    for text in ["one", "two", "three\n", 'fo"ur', "é"] * 10:
        answer.feed(envelope(delta(text)))
    assert len(parsed) <= 2 + len(opening)


def test_nothing_is_learned_where_the_place_is_not_certain():
    chunk = json.loads((KEYS % '{"role":"x","content":"x"}'))
    event = "data: " + KEYS % '{"role":"x","content":"x"}'
    before, after, rest = cut_around(event, chunk, CONTENT)
    assert before.endswith('{"role":"x","content":"') and after.startswith('"},"finish_reason"') and rest is None
    twice = "data: " + KEYS % '{"content" : "x","n":{"content":"x"}}'
    assert cut_around(twice, json.loads(twice[5:]), CONTENT) is None
    assert cut_around(event + "\n", chunk, CONTENT) is None


def test_a_place_is_not_certain_where_anything_else_would_change():
    assert is_certain('{"a":"?","b":1}', {"a": "x", "b": 1}, [("a",)])
    assert not is_certain('{"a":"?","b":2}', {"a": "x", "b": 1}, [("a",)])
    assert not is_certain('{"a":"?"', {"a": "x"}, [("a",)])


def test_a_call_that_waits_opens_as_soon_as_the_one_before_is_whole():
    answer = AnswerStream(CONTEXT)
    answer.feed(sse([calls(call(0, "", "ls", "c1"), call(1, "{}", "cat", "c2"))], False))
    pieces = [answer.feed(sse([calls(call(0, piece))], False)) for piece in ('{"a"', ":", "1", "}")]
    assert [b"content_block_start" in data for data in pieces] == [False, False, False, True]


@pytest.mark.parametrize("chunk", [
    say(content="a", refusal="b"), dict(say(content="a"), usage={"prompt_tokens": 1}), end("stop"), say(content=["a"]),
    dict(say(content="a"), error={"message": "x"}), {"choices": []}, say(), calls(call(0, "{}"), call(1, "{}")),
    say(content="a", reasoning="b"), {"choices": [{"index": 1, "delta": {"content": "a"}}]},
    end("stop", delta={"content": "a"}),
])
def test_chunks_that_say_more_than_one_text(chunk):
    assert only_text(chunk, ("reasoning",)) is None
