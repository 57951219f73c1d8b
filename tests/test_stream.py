"""stream: chunks in, the whole Messages stream out, as outlines (see answers.outline)."""
import json
import sys
from dataclasses import replace

import pytest

from answers import CONTEXT, accumulate, call, calls, compact, cuts, end, events_of, outline, say, sse, translate
from claude_proxy.conversion import ANY_CLIENT, CLAUDE_CODE, AnswerStream
from claude_proxy.conversion.arguments import mend
from claude_proxy.conversion.reasoning import restore
from claude_proxy.providers.dialects import GENERIC

STOP = end("stop")
CALLED = end("tool_calls")

BLOCKS = {
    "text": (
        [say(role="assistant", content=""), say(content="Hel"), say(content="lo"), STOP],
        "0+text 0:Hel 0:lo 0- =end_turn ."),
    "thinking, then text": (
        [say(reasoning_content="hm", content=""), say(reasoning_content=None, content="A"), say(content="B"), STOP],
        "0+thinking 0:hm 0~ 0- 1+text 1:A 1:B 1- =end_turn ."),
    "thinking and text in one chunk, thinking again": (
        [say(reasoning="hm", content="A"), say(reasoning="wait"), say(content="B"), STOP],
        "0+thinking 0:hm 0~ 0- 1+text 1:A 1- 2+thinking 2:wait 2~ 2- 3+text 3:B 3- =end_turn ."),
    "thinking in both fields counts once": (
        [say(reasoning="hm", reasoning_content="hm", reasoning_details=[{"type": "reasoning.text", "text": "hm"}]),
         STOP],
        "0+thinking 0:hm 0~ 0- =end_turn ."),
    "details behind the field repeat it": (
        [say(reasoning="hm"), say(reasoning_details=[{"type": "reasoning.text", "text": "hm"}]), STOP],
        "0+thinking 0:hm 0~ 0- =end_turn ."),
    "thinking only in details": (
        [say(reasoning_details=[{"type": "reasoning.text", "text": "h"},
                                {"type": "reasoning.summary", "summary": "m"}]),
         say(content="A"), STOP],
        "0+thinking 0:hm 0~ 0- 1+text 1:A 1- =end_turn ."),
    "content as a list of parts": (
        [say(content=[{"type": "thinking", "thinking": [{"type": "text", "text": "hm"}]},
                      {"type": "text", "text": "A"}]),
         say(content=[{"type": "reference", "reference_ids": [1]}, "B"]), STOP],
        "0+thinking 0:hm 0~ 0- 1+text 1:A 1:B 1- =end_turn ."),
    "thinking between tags": (
        [say(content="<thi"), say(content="nk>hm</think>"), say(content="\n\nA"), STOP],
        "0+thinking 0:hm 0~ 0- 1+text 1:A 1- =end_turn ."),
    "a tag that closes what came in a field of its own": (
        [say(reasoning_content="hm"), say(content="\n</thi"), say(content="nk>\n\nA"), STOP],
        "0+thinking 0:hm 0~ 0- 1+text 1:A 1- =end_turn ."),
    "a tag is text where reasoning has its own field": (
        [say(reasoning="hm"), say(content="<think>A"), STOP],
        "0+thinking 0:hm 0~ 0- 1+text 1:<think>A 1- =end_turn ."),
    "a tag that is never closed, cut by length": (
        [say(content="<think>hm"), end("length")],
        "0+thinking 0:hm 0~ 0- =max_tokens ."),
    "nothing at all": (
        [say(role="assistant"), STOP],
        "=end_turn ."),
    "white space is text": (
        [say(content=" \n"), STOP],
        "0+text 0: \n 0- =end_turn ."),
    "other choices were never asked for": (
        [{"choices": [{"index": 1, "delta": {"content": "no"}}, {"index": 0, "delta": {"content": "A"}}]}, STOP],
        "0+text 0:A 0- =end_turn ."),
    "halves of a character in two chunks": (
        [b'data: {"choices":[{"delta":{"content":"a\\ud83d"}}]}\n\n',
         b'data: {"choices":[{"delta":{"content":"\\ude00"}}]}\n\n',
         b'data: {"choices":[{"delta":{"content":"\\ude00b\\ud83d"}}]}\n\n', STOP],
        "0+text 0:a 0:😀 0:\ufffdb 0:\ufffd 0- =end_turn ."),
}

CALLS = {
    "a call in pieces": (
        [calls(call(0, "", "ls", "c1")), calls(call(0, '{"a"')), calls(call(0, ":1}")), CALLED],
        '0+ls 0:{"a" 0::1} 0- =tool_use .'),
    "a whole call in one chunk, with the finish_reason stop": (
        [dict(end("stop"), choices=[{"delta": calls(call(0, '{"a":1}', "ls", "c1"))["choices"][0]["delta"],
                                     "finish_reason": "stop"}])],
        '0+ls 0:{"a":1} 0- =tool_use .'),
    "text, then two calls": (
        [say(content="A"), calls(call(0, '{"a":1}', "ls", "c1")), calls(call(1, "{}", "cat", "c2")), CALLED],
        '0+text 0:A 0- 1+ls 1:{"a":1} 1- 2+cat 2:{} 2- =tool_use .'),
    "two calls, interleaved": (
        [calls(call(0, '{"a"', "ls", "c1"), call(1, '{"b"', "cat", "c2")), calls(call(0, ":1}"), call(1, ":2}")),
         CALLED],
        '0+ls 0:{"a" 0::1} 0- 1+cat 1:{"b" 1::2} 1- =tool_use .'),
    "two calls, interleaved from the first byte": (
        [calls(call(0, "", "ls", "c1"), call(1, "", "cat", "c2")), calls(call(1, '{"b":2}')), calls(call(0, '{"a":1}')),
         CALLED],
        '0+ls 0:{"a":1} 0- 1+cat 1:{"b":2} 1- =tool_use .'),
    "text between and behind": (
        [calls(call(0, '{"a"', "ls", "c1")), say(content="A"), calls(call(0, ":1}")), say(content="B"), CALLED],
        '0+ls 0:{"a" 0::1} 0- 1+text 1:A 1:B 1- =tool_use .'),
    "thinking between": (
        [calls(call(0, '{"a"', "ls", "c1")), say(reasoning="hm"), calls(call(0, ":1}")), CALLED],
        '0+ls 0:{"a" 0::1} 0- 1+thinking 1:hm 1~ 1- =tool_use .'),
    "no index: ids tell": (
        [calls(call(None, "", "ls", "c1")), calls(call(None, '{"a":1}', None, "c1")),
         calls(call(None, '{"b":2}', "cat", "c2")), CALLED],
        '0+ls 0:{"a":1} 0- 1+cat 1:{"b":2} 1- =tool_use .'),
    "no index and no id: places tell": (
        [calls(call(None, "", "ls", "c1"), call(None, "", "cat", "c2")),
         calls(call(None, '{"a":1}'), call(None, '{"b":2}')),
         CALLED],
        '0+ls 0:{"a":1} 0- 1+cat 1:{"b":2} 1- =tool_use .'),
    "no index and no id: names tell": (
        [calls(call(None, '{"a"', "ls")), calls(call(None, ":1}")), calls(call(None, "{}", "ls")), CALLED],
        '0+ls 0:{"a" 0::1} 0- 1+ls 1:{} 1- =tool_use .'),
    "no index and no id: the end of one and the beginning of the next": (
        [calls(call(None, "{}", "ls")), calls(call(None, '{"a":', "ls")), calls(call(None, "1}"), call(None, "{}", "cat")),
         CALLED],
        '0+ls 0:{} 0- 1+ls 1:{"a": 1:1} 1- 2+cat 2:{} 2- =tool_use .'),
    "no index and no id: two of one name in one chunk": (
        [calls(call(None, "", "ls"), call(None, "", "ls")), CALLED],
        "0+ls 0- 1+ls 1- =tool_use ."),
    "every call has index 0": (
        [calls(call(0, '{"a":1}', "ls", "c1")), calls(call(0, '{"b":2}', "cat", "c2")), CALLED],
        '0+ls 0:{"a":1} 0- 1+cat 1:{"b":2} 1- =tool_use .'),
    "no index, one id for two": (
        [calls(call(None, '{"a":1}', "ls", "c1"), call(None, '{"a":2}', "ls", "c1")), CALLED],
        '0+ls 0:{"a":1} 0- 1+ls 1:{"a":2} 1- =tool_use .'),
    "one index for two, each whole and without an id": (
        [calls(call(0, '{"a":1}', "ls", "")), calls(call(0, '{"a":2}', "ls", "")), CALLED],
        '0+ls 0:{"a":1} 0- 1+ls 1:{"a":2} 1- =tool_use .'),
    "one index and one id for two, the second in pieces": (
        [calls(call(0, '{"a":1}', "ls", "c1")), calls(call(0, '{"a"', "ls", "c1")), calls(call(0, ":2}")), CALLED],
        '0+ls 0:{"a":1} 0- 1+ls 1:{"a" 1::2} 1- =tool_use .'),
    "one index for two, begun without arguments": (
        [calls(call(0, "", "ls", "")), calls(call(0, '{"a":1}')), calls(call(0, "", "ls", "")), calls(call(0, "{}")), CALLED],
        '0+ls 0:{"a":1} 0- 1+ls 1:{} 1- =tool_use .'),
    "one id for two tools in one list, and their arguments behind": (
        [calls(call(None, "", "ls", "0"), call(None, "", "cat", "0")), calls(call(None, "{}"), call(None, '{"a":1}')), CALLED],
        '0+ls 0:{} 0- 1+cat 1:{"a":1} 1- =tool_use .'),
    "one id for two tools": (
        [calls(call(None, '{"a":1}', "ls", "0")), calls(call(None, "", "cat", "0")), calls(call(None, "{}", None, "0")),
         CALLED], '0+ls 0:{"a":1} 0- 1+cat 1:{} 1- =tool_use .'),
    "one index for two in one list": (
        [calls(call(0, '{"a":1}', "ls"), call(0, '{"a":2}', "ls")), CALLED],
        '0+ls 0:{"a":1} 0- 1+ls 1:{"a":2} 1- =tool_use .'),
    "name and id in every piece, and another call": (
        [calls(call(0, piece, "ls", "c1")) for piece in ('{"a"', ":", "1", "}", "", '{"a"', ":", "2", "}")] + [CALLED],
        '0+ls 0:{"a" 0:: 0:1 0:} 0- 1+ls 1:{"a" 1:: 1:2 1:} 1- =tool_use .'),
    "a whole call that is said twice": (
        [calls(call(0, '{"a":1}', "ls", "c1")), calls(call(0, '{"a":1}', "ls", "c1")), CALLED],
        '0+ls 0:{"a":1} 0- =tool_use .'),
    "one index and one id are one call": (
        [calls(call(0, '{"a":1}', "ls", "c1"), call(0, '{"a":1}', "ls", "c1")), CALLED], '0+ls 0:{"a":1} 0- =tool_use .'),
    "id and name repeated in every piece": (
        [calls(call(0, "", "ls", "c1")), calls(call(0, '{"a":', "ls", "c1")), calls(call(0, "1}", "ls", "c1")), CALLED],
        '0+ls 0:{"a": 0:1} 0- =tool_use .'),
    "empty id and name in later pieces": (
        [calls(call(0, '{"a":', "ls", "c1")), calls(call(0, "1}", "", "")), calls(call(0, "")), CALLED],
        '0+ls 0:{"a": 0:1} 0- =tool_use .'),
    "the id comes late": (
        [calls(call(0, "", "ls")), calls(call(0, "", None, "c1")), calls(call(0, "{}")), CALLED],
        "0+ls 0:{} 0- =tool_use ."),
    "the arguments come before the name": (
        [calls(call(0, '{"a":')), calls(call(0, "1}", "ls", "c1")), CALLED],
        '0+ls 0:{"a":1} 0- =tool_use .'),
    "text while the name is still missing": (
        [calls(call(0, '{"a":1}')), say(content="A"), calls(call(0, "", "ls", "c1")), CALLED],
        '0+ls 0:{"a":1} 0- 1+text 1:A 1- =tool_use .'),
    "a new id with an old index, and the name behind it": (
        [calls(call(0, '{"a":1}', "ls", "c1")), calls(call(0, "", None, "c2")), calls(call(0, "{}", "cat")), CALLED],
        '0+ls 0:{"a":1} 0- 1+cat 1:{} 1- =tool_use .'),
    "no arguments": (
        [calls(call(0, "", "ls", "c1")), CALLED],
        "0+ls 0- =tool_use ."),
    "null arguments": (
        [calls({"index": 0, "id": "c", "function": {"name": "ls", "arguments": None}}), CALLED],
        "0+ls 0- =tool_use ."),
    "arguments as an object": (
        [calls(call(0, {"a": [1, "é"]}, "ls", "c1")), CALLED],
        '0+ls 0:{"a":[1,"é"]} 0- =tool_use .'),
    "the legacy function_call": (
        [say(function_call={"name": "ls", "arguments": ""}), say(function_call={"arguments": '{"a":1}'}),
         end("function_call")],
        '0+ls 0:{"a":1} 0- =tool_use .'),
    "an empty function_call is no call": (
        [say(content="A", function_call={"name": "", "arguments": ""}, tool_calls=[{"index": 0, "function": {}}]),
         STOP],
        "0+text 0:A 0- =end_turn ."),
    "finish_reason tool_calls without a call": (
        [say(content="A"), CALLED],
        "0+text 0:A 0- =end_turn ."),
    "a trailing comma": (
        [calls(call(0, '{"a":1,', "ls", "c1")), calls(call(0, "}")), CALLED],
        '0+ls 0:{"a":1 0:} 0- =tool_use .'),
    "a code fence, and another call behind": (
        [calls(call(0, "```json\n", "ls", "c1")), calls(call(0, '{"a":1}\n```')), calls(call(1, "{}", "cat", "c2")),
         CALLED],
        '0+ls 0:{"a":1} 0- 1+cat 1:{} 1- =tool_use .'),
    "cut by length": (
        [calls(call(0, '{"a":1, "b', "ls", "c1")), end("length")],
        '0+ls 0:{"a":1, "b 0- =max_tokens .'),
    "arguments that are no JSON": (
        [say(content="A"), calls(call(0, '{"a": nope', "ls", "c1")), CALLED],
        '0+text 0:A 0- 1+ls 1:{"a":  error: acme called ls with arguments that are not JSON and cannot be mended'),
    "endless white space": (
        [calls(call(0, '{"a":', "ls", "c1"))] + [calls(call(0, " " * 999))] * 9,
        '0+ls 0:{"a": 0:%s 0:%s error: acme wrote endless white space into the arguments of ls' % (" " * 999,
                                                                                                   " " * 999)),
    "a call without a name": (
        [calls(call(0, "{}")), CALLED],
        "error: acme called a tool without naming it"),
    "halves of a character in arguments": (
        [calls(call(0, '{"a":"\ud83d', "ls", "c1")), calls(call(0, '\ude00"}')), CALLED],
        '0+ls 0:{"a":" 0:😀"} 0- =tool_use .'),
}

ENDINGS = {
    "length": ([say(content="A"), end("length")], "0+text 0:A 0- =max_tokens ."),
    "an unknown word": ([say(content="A"), end("eos")], "0+text 0:A 0- =end_turn ."),
    "an empty word is no end": ([say(content="A"), end(""), say(content="B"), STOP], "0+text 0:A 0:B 0- =end_turn ."),
    "twice": ([say(content="A"), STOP, STOP, {"choices": [], "usage": {"prompt_tokens": 1}}],
              "0+text 0:A 0- =end_turn ."),
    "content behind the finish_reason": ([end("stop"), say(content="A")], "0+text 0:A 0- =end_turn ."),
    "twice, with different words": ([say(content="A"), end("length"), STOP], "0+text 0:A 0- =max_tokens ."),
    "[DONE], and nothing before it": ([], "error: acme ended its answer early"),
    "only [DONE]": ([say(content="A")], "0+text 0:A 0- =end_turn ."),
    "only [DONE], with a call": ([calls(call(0, "{}", "ls", "c1"))], "0+ls 0:{} 0- =tool_use ."),
    "a refusal": ([say(refusal="I "), say(refusal="won't."), STOP], "0+text 0:I  0:won't. 0- =refusal ."),
    "a refusal has no calls": (
        [say(refusal="No.", tool_calls=[call(0, "{}", "ls", "c1")]), calls(call(0, "", None)), STOP],
        "0+text 0:No. 0- =refusal ."),
    "a content filter": ([say(content="A"), end("content_filter")], "0+text 0:A 0- =refusal ."),
    "a content filter within a call": (
        [calls(call(0, '{"a', "ls", "c1")), end("content_filter")],
        '0+ls 0:{"a error: acme\'s content filter stopped the answer within a tool call'),
    "a stop sequence that vLLM names": ([say(content="A"), end("stop", stop_reason="END")],
                                        "0+text 0:A 0- =stop_sequence(END) ."),
    "a stop sequence that SGLang names": ([end("stop", matched_stop="END")], "=stop_sequence(END) ."),
    "a stop string that nobody asked for": ([end("stop", stop_reason="</s>")], "=end_turn ."),
    "a token's id": ([end("stop", stop_reason=2)], "=end_turn ."),
    "events behind [DONE]": (
        [say(content="A"), STOP, b"data: [DONE]\n\n", say(content="B")], "0+text 0:A 0- =end_turn ."),
    "an error in a chunk": (
        [say(content="A"), {"error": {"message": "boom", "code": 500}}, say(content="B")], "0+text 0:A error: *boom*"),
    "an error by the event's name": (
        [say(content="A"), b'event: error\ndata: {"message": "boom"}\n\n'], "0+text 0:A error: *boom*"),
    "an error beside choices and finish_reason": (
        [dict(say(content="A"), error={"message": "boom", "code": 400}), end("length")], "0+text 0:A error: *boom*"),
    "an error instead of a finish_reason": ([say(content="A"), end("error")], "0+text 0:A error: *"),
    "an error without a chunk's shape": ([{"object": "error", "message": "boom"}], "error: *boom*"),
    "a chunk that is cut off within": (
        [say(content="A"), b'data: {"choices":[{"del\n\n', STOP],
        "0+text 0:A error: acme sent a chunk that is not JSON: *"),
    "data that never was JSON": ([b"data: OK\n\n", say(content="A"), STOP], "0+text 0:A 0- =end_turn ."),
    "two events without a blank line between": (
        [sse([say(content="A")], False)[:-1] + sse([say(content="B"), STOP], False)], "0+text 0:A 0:B 0- =end_turn ."),
    "no blank line before [DONE]": (
        [sse([say(content="A"), STOP], False)[:-1]], "0+text 0:A 0- =end_turn ."),
    "no blank line anywhere, and a bill behind [DONE]": (
        [sse([say(content="A"), STOP]).replace(b"\n\n", b"\n") + b'data: {"choices":[{"delta":{"content":"B"}}]}\n'],
        "0+text 0:A 0- =end_turn ."),
}

CUTS = {
    "no finish_reason and no [DONE]": ([say(content="A")], "0+text 0:A error: acme ended its answer early"),
    "within a chunk": ([say(content="A"), b'data: {"choices":[{"finish_'], "0+text 0:A error: acme sent a chunk *"),
    "within a call": (
        [calls(call(0, '{"a":1}', "ls", "c1"))], '0+ls 0:{"a":1} error: acme ended its answer early'),
    "nothing": ([], "error: acme ended its answer early"),
    "no [DONE], but a finish_reason": ([say(content="A"), STOP], "0+text 0:A 0- =end_turn ."),
    "the last blank line is missing": ([say(content="A"), compact(STOP).join([b"data: ", b""])],
                                       "0+text 0:A 0- =end_turn ."),
    "a completion instead of events": (
        [compact({"choices": [{"message": {"content": "A"}, "finish_reason": "stop"}]})], "0+text 0:A 0- =end_turn ."),
}


def matches(seen, expected):
    """Whether an outline is the expected one; "*" stands for what refusals.py words."""
    parts = expected.split("*")
    return seen == expected if len(parts) == 1 else seen.startswith(parts[0]) and all(part in seen for part in parts)


@pytest.mark.parametrize("chunks, expected", BLOCKS.values(), ids=BLOCKS.keys())
def test_blocks(chunks, expected):
    assert outline(translate(sse(chunks))[0]) == expected


@pytest.mark.parametrize("chunks, expected", CALLS.values(), ids=CALLS.keys())
def test_calls(chunks, expected):
    assert outline(translate(sse(chunks))[0]) == expected


@pytest.mark.parametrize("chunks, expected", ENDINGS.values(), ids=ENDINGS.keys())
def test_endings(chunks, expected):
    seen = outline(translate(sse(chunks), replace(CONTEXT, stop_sequences=("END",)))[0])
    assert matches(seen, expected), seen


@pytest.mark.parametrize("chunks, expected", CUTS.values(), ids=CUTS.keys())
def test_cuts(chunks, expected):
    seen = outline(translate(sse(chunks, done=False))[0])
    assert matches(seen, expected), seen


# -- what depends on the context

def test_broken_arguments_are_not_mended_for_each_piece_that_names_its_call_again():
    pieces = [say(tool_calls=[call(0, text, "ls", "a")]) for text in ['```json\n{"a":"'] + ["b"] * 50 + ['"}\n```']]
    mended = []
    sys.setprofile(lambda frame, event, _: mended.append(event == "call" and frame.f_code is mend.__code__))
    try:
        found = outline(translate(sse(pieces + [end("tool_calls")]))[0])
    finally:
        sys.setprofile(None)
    assert found == '0+ls 0:{"a":"%s"} 0- =tool_use .' % ("b" * 50)
    assert sum(mended) < 5


def test_claude_code_sees_arguments_that_cannot_be_mended():
    body = sse([calls(call(0, '{"a": nope', "ls", "c1")), CALLED])
    seen = outline(translate(body, replace(CONTEXT, client=CLAUDE_CODE))[0])
    assert seen == '0+ls 0:{"a":  0:nope 0- =tool_use .'


def test_names_of_arguments_lose_white_space_that_the_tool_does_not_have():
    context = replace(CONTEXT, tool_schemas={"ls": {"type": "object", "properties": {"path": {"type": "string"}}}})
    pieces = [call(None, '{"pat', "ls", "c1"), call(None, 'h '), call(None, '":"x'), call(None, '"}')]
    body = sse([calls(piece) for piece in pieces] + [CALLED])
    for sizes in [()] + [(at,) for at in cuts(body)]:
        assert outline(translate(body, context, sizes)[0]) == '0+ls 0:{"pat 0:h 0:":"x"} 0- =tool_use .'


@pytest.mark.parametrize("client, chunks, expected", [
    (CLAUDE_CODE, [say(content="A"), end("content_filter", content_filter_results={
        "violence": {"filtered": True}, "hate": {"filtered": False}})],
     "0+text 0:A 0:\n\n[acme stopped this answer: content filter (violence)] 0- =end_turn ."),
    (CLAUDE_CODE, [end("content_filter")], "0+text 0:[acme stopped this answer: content filter] 0- =end_turn ."),
    (CLAUDE_CODE, [say(refusal="No."), STOP],
     "0+text 0:No. 0:\n\n[acme: the model declined to answer this] 0- =end_turn ."),
    (ANY_CLIENT, [say(refusal="No."), STOP], "0+text 0:No. 0- =refusal ."),
])
def test_who_is_told_of_a_refusal_and_how(client, chunks, expected):
    assert outline(translate(sse(chunks), replace(CONTEXT, client=client))[0]) == expected


THOUGHT = [say(reasoning_content="hm"), say(content="A")]
THEN_CALL = [calls(call(0, "{}", "ls", "c1")), CALLED]


@pytest.mark.parametrize("changes, echo, chunks, expected", [
    ({}, "", THOUGHT, "0+thinking 0:hm 0~ 0- 1+text 1:A 1- =end_turn ."),
    ({"omit_thinking_text": True}, "", THOUGHT, "0+thinking 0~ 0- 1+text 1:A 1- =end_turn ."),
    ({"show_thinking": False}, "", THOUGHT, "0+text 0:A 0- =end_turn ."),
    ({"show_thinking": False}, "", THOUGHT + THEN_CALL, "0+text 0:A 0- 1+ls 1:{} 1- =tool_use ."),
    ({"show_thinking": False}, "always", THOUGHT, "0+text 0:A 0- 1+thinking 1~ 1- =end_turn ."),
    ({"show_thinking": False}, "always", THOUGHT + THEN_CALL,
     "0+text 0:A 0- 1+thinking 1~ 1- 2+ls 2:{} 2- =tool_use ."),
    ({"show_thinking": False}, "tool_turns", THOUGHT, "0+text 0:A 0- =end_turn ."),
    ({"show_thinking": False}, "tool_turns", THOUGHT + THEN_CALL,
     "0+text 0:A 0- 1+thinking 1~ 1- 2+ls 2:{} 2- =tool_use ."),
    ({"show_thinking": False}, "", [say(content="<think>hm</think>A")], "0+text 0:A 0- =end_turn ."),
    ({"show_thinking": False}, "", [say(content="<think>hm"), STOP], "0+text 0:<think>hm 0- =end_turn ."),
    ({"show_thinking": False}, "", [say(content="<think>hm"), end("length")], "=max_tokens ."),
])
def test_who_sees_reasoning(changes, echo, chunks, expected):
    context = replace(CONTEXT, dialect=replace(GENERIC, echo_reasoning=echo), **changes)
    data, _ = translate(sse(chunks), context)
    assert outline(data) == expected
    thoughts = [restore(block["signature"], block["thinking"]) for block in accumulate(events_of(data))[0]["content"]
                if block["type"] == "thinking"]
    assert all((thought.provider, thought.model, thought.text) == ("acme", "acme-1", "hm") for thought in thoughts)


def test_what_is_opaque_travels_in_signatures():
    details = [{"type": "reasoning.encrypted", "data": "x", "index": 0}]
    chunks = [say(reasoning_details=[{"type": "reasoning.text", "text": "h", "index": 1}]),
              say(reasoning_details=[{"type": "reasoning.text", "text": "m", "index": 1, "signature": "s"}]),
              say(content="A"), say(reasoning_details=details),
              calls(call(0, "{}", "ls", "c1", extra_content={"google": {"thought_signature": "t"}})), CALLED]
    context = replace(CONTEXT, dialect=replace(GENERIC, reasoning_field="reasoning_details", echo_reasoning="always"))
    data, _ = translate(sse(chunks), context)
    assert outline(data) == ("0+thinking 0:h 0:m 0~ 0- 1+text 1:A 1- 2+thinking 2~ 2- 3+ls 3:{} 3- =tool_use .")
    blocks = accumulate(events_of(data))[0]["content"]
    first, second = (restore(blocks[at]["signature"], blocks[at]["thinking"]) for at in (0, 2))
    assert first.details == [{"type": "reasoning.text", "text": "hm", "index": 1, "signature": "s"}]
    assert (second.details, second.extras) == (details, {"c1": {"google": {"thought_signature": "t"}}})


@pytest.mark.parametrize("text, stops, expected", [
    ("one END two", ("END",), "0+text 0:one  0- =stop_sequence(END) ."),
    ("one EN", ("END",), "0+text 0:one  0:EN 0- =end_turn ."),
])
def test_local_stop_sequences(text, stops, expected):
    data, answer = translate(sse([say(content=text), say(content=""), end("length") if "D" in text else STOP]),
                             replace(CONTEXT, local_stops=stops, stop_sequences=stops))
    assert outline(data).replace("max_tokens", "stop_sequence") == expected
    assert answer.done


def test_text_calls_only_where_the_dialect_has_them_and_the_tool_is_declared():
    body = sse([say(content="Sure.\n<tool_"), say(content='call>{"name":"ls","arguments":{}}</tool_call>'), STOP])
    local = replace(CONTEXT, dialect=replace(GENERIC, text_tool_calls=True), declared_tools=frozenset(["ls"]))
    assert outline(translate(body, local)[0]) == "0+text 0:Sure.\n 0- 1+ls 1:{} 1- =tool_use ."
    plain = '0+text 0:Sure.\n<tool_ 0:call>{"name":"ls","arguments":{}}</tool_call> 0- =end_turn .'
    assert outline(translate(body, replace(local, dialect=GENERIC))[0]) == plain


def test_names_and_ids():
    chunks = [calls(call(0, "{}", "short", "functions.ls:0"), call(1, "{}", "ls", ""), call(2, "{}", "ls", "c1"),
                    call(3, "{}", "ls", "c1"), call(4, "{}", "ls", "used")), CALLED]
    context = replace(CONTEXT, tool_names={"short": "the_long_name"}, used_tool_ids=frozenset(["used"]))
    blocks = accumulate(events_of(translate(sse(chunks), context)[0]))[0]["content"]
    assert [block["name"] for block in blocks] == ["the_long_name", "ls", "ls", "ls", "ls"]
    ids = [block["id"] for block in blocks]
    assert ids[:3] == ["cp1_ZnVuY3Rpb25zLmxzOjA", "toolu_1_1", "c1"]
    assert len(set(ids + ["used"])) == 6


def test_names_in_pieces_count_where_the_whole_is_declared():
    chunks = [calls(call(0, "", "get_", "c1")), calls(call(0, "", "weather")), calls(call(0, "{}")), CALLED]
    context = replace(CONTEXT, declared_tools=frozenset(["get_weather"]))
    assert outline(translate(sse(chunks), context)[0]) == "0+get_weather 0:{} 0- =tool_use ."


def test_custom_calls_count_for_declared_tools():
    chunks = [calls({"index": 0, "id": "c1", "type": "custom", "custom": {"name": "sum", "input": "4 "}}),
              calls({"index": 0, "custom": {"input": "+ 4"}}), CALLED]
    context = replace(CONTEXT, declared_tools=frozenset(["sum"]))
    assert outline(translate(sse(chunks), context)[0]) == '0+sum 0:{"input":"4  0:+ 4 0:"} 0- =tool_use .'
    assert outline(translate(sse(chunks))[0]) == "=end_turn ."
    cut = sse(chunks[:1] + [end("length")])
    assert outline(translate(cut, context)[0]) == '0+sum 0:{"input":"4  0- =max_tokens .'


# -- the doorways

def test_nothing_is_given_out_before_there_is_something_real():
    answer = AnswerStream(CONTEXT)
    data = answer.feed(b": hello\n\n" + sse([say(role="assistant", content="")], False))
    assert (data, answer.started) == (b"", False)
    data = answer.feed(sse([say(content="A")], False))
    kinds = [event["type"] for event in events_of(data)]
    assert kinds == ["message_start", "content_block_start", "content_block_delta"]
    assert (answer.started, answer.relayed, answer.start()) == (True, True, b"")


def test_message_start():
    start = events_of(AnswerStream(CONTEXT).start())[0]["message"]
    assert start == {
        "id": "msg_1", "type": "message", "role": "assistant", "model": "claude-sonnet-4-5", "content": [],
        "stop_reason": None, "stop_sequence": None,
        "usage": {"input_tokens": 5, "cache_creation_input_tokens": 0, "cache_read_input_tokens": 0,
                  "output_tokens": 0}}


def test_signs_of_life():
    answer = AnswerStream(CONTEXT)
    data = answer.start() + answer.ping() + answer.nudge() + answer.nudge()
    assert outline(data) == "ping 0+thinking 0: 0:"
    assert not answer.relayed
    data += answer.feed(sse([say(content="A")], False)) + answer.nudge() + answer.feed(sse([STOP])) + answer.finish()
    assert outline(data) == "ping 0+thinking 0: 0: 0~ 0- 1+text 1:A 1: 1- =end_turn ."


def test_a_sign_of_life_in_the_middle_changes_nothing_else():
    body = [sse([say(content=text)], False) for text in "ABC"]
    answer = AnswerStream(CONTEXT)
    data = b"".join(answer.feed(piece) + answer.nudge() for piece in body)
    assert outline(data) == "0+text 0:A 0: 0:B 0: 0:C 0:"


def test_a_block_of_a_broken_provider_is_never_closed():
    for chunks in ([say(content="A")], [say(reasoning="hm")], [calls(call(0, "{}", "ls", "c1"))]):
        answer = AnswerStream(CONTEXT)
        data = answer.feed(sse(chunks, False))
        assert (answer.finish(), answer.error.status, answer.error.type) == (b"", 502, "api_error")
        assert not any(event["type"] == "content_block_stop" for event in events_of(data))


def test_the_kind_of_error_is_the_providers():
    answer = AnswerStream(CONTEXT)
    assert answer.feed(sse([{"error": {"message": "slow down", "code": 429}}], False)) == b""
    assert (answer.error.type, answer.error.status, answer.finish()) == ("rate_limit_error", 429, b"")
    event = events_of(answer.error_event(answer.error))[0]
    assert event["error"]["type"] == "rate_limit_error" and "slow down" in event["error"]["message"]


def test_a_chunk_of_any_shape_is_survived():
    odd = [None, 5, "x", [], {}, [[]], {"a": None}, True, 1e999]
    for value in odd:
        for chunk in ({"choices": value}, {"choices": [value]}, {"choices": [{"delta": value}]}, {"usage": value},
                      say(content=value), say(tool_calls=value), say(tool_calls=[value]), say(reasoning_content=value),
                      say(function_call=value), say(reasoning_details=value), say(reasoning_details=[value]),
                      say(refusal=value), say(audio=value), calls({"index": value, "id": value, "function": value}),
                      calls(call(0, value, "ls", "c1")), end(value), end("stop", index=value), {"service_tier": value},
                      dict(say(), usage={"prompt_tokens": value, "prompt_tokens_details": value})):
            data, _ = translate(sse([json.dumps(chunk).encode().join([b"data: ", b"\n\n"]), say(content="A"), STOP]))
            accumulate([{"type": "message_start", "message": {"stop_reason": None}}] * (b"message_start" not in data)
                       + events_of(data))
