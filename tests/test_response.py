"""response: whole completions, and the two crossings between stream and plain."""
from dataclasses import replace

import pytest

from answers import CONTEXT, accumulate, call, calls, end, events_of, say, sse
from claude_proxy import errors
from claude_proxy.conversion import CLAUDE_CODE, message_from_stream, stream_from_completion, to_message

USAGE = {"prompt_tokens": 10, "completion_tokens": 4, "prompt_tokens_details": {"cached_tokens": 8}}


def completion(finish_reason="stop", choice=None, **message):
    return {"id": "x", "object": "chat.completion", "usage": USAGE,
            "choices": [dict({"index": 0, "message": message, "finish_reason": finish_reason}, **choice or {})]}


def function(arguments, name="ls", tool_id="c1"):
    return {"id": tool_id, "type": "function", "function": {"name": name, "arguments": arguments}}


TEXT = {"type": "text", "text": "A"}
LS = {"type": "tool_use", "id": "c1", "name": "ls", "input": {"a": 1}}

# completion -> (content, without signatures; stop_reason)
MESSAGES = {
    "text": (completion(content="A"), [TEXT], "end_turn"),
    "nothing": (completion(content=None), [], "end_turn"),
    "an empty text is no block": (completion(content=""), [], "end_turn"),
    "no finish_reason": (completion(None, content="A"), [TEXT], "end_turn"),
    "thinking comes first": (
        completion(content="A", reasoning_content="hm"), [{"type": "thinking", "thinking": "hm"}, TEXT], "end_turn"),
    "thinking between tags": (
        completion(content="<think>hm</think>\n\nA"), [{"type": "thinking", "thinking": "hm"}, TEXT], "end_turn"),
    "a tag that is never closed": (
        completion("length", content="<think>hm"), [{"type": "text", "text": "<think>hm"}], "max_tokens"),
    "a list of parts": (
        completion(content=[{"type": "text", "text": "A"}, {"type": "text", "text": "B"}]),
        [{"type": "text", "text": "AB"}], "end_turn"),
    "a call, whatever finish_reason says": (
        completion(content="", tool_calls=[function('{"a": 1}')]), [LS], "tool_use"),
    "arguments as an object": (completion(tool_calls=[function({"a": 1})]), [LS], "tool_use"),
    "arguments that are mended": (completion(tool_calls=[function('```json\n{"a": 1,}\n```')]), [LS], "tool_use"),
    "no arguments": (completion(tool_calls=[function("")]), [dict(LS, input={})], "tool_use"),
    "two calls with one id": (
        completion(tool_calls=[function('{"a":1}', tool_id=""), function('{"a":1}', tool_id="")]),
        [dict(LS, id="toolu_1_1"), dict(LS, id="toolu_1_2")], "tool_use"),
    "two calls with one id that is there": (
        completion(tool_calls=[function('{"a":1}'), function('{"a":1}')]),
        [LS, dict(LS, id="cp1_YzE")], "tool_use"),
    "what was spoken is no text": (
        completion(content=None, audio={"id": "a", "transcript": "A", "data": "AA=="}), [], "end_turn"),
    "an empty recording is nothing": (
        completion(content=None, audio={"id": "", "transcript": ""}, tool_calls=[function({"a": 1})]), [LS], "tool_use"),
    "three calls alike": (
        completion(tool_calls=[dict(function("", tool_id=""), index=0)] * 3),
        [dict(LS, id="toolu_1_%d" % number, input={}) for number in (1, 2, 3)], "tool_use"),
    "a tag that is never closed, in a list of parts": (
        completion("length", content=[{"type": "text", "text": "<think>A"}]), [dict(TEXT, text="<think>A")], "max_tokens"),
    "a call that was cut is left out": (
        completion("length", content="A", tool_calls=[function('{"a": 1'), function('{"a": 1', tool_id="c2")]),
        [TEXT], "max_tokens"),
    "the legacy function_call": (
        completion("function_call", content=None, function_call={"name": "ls", "arguments": '{"a": 1}'}),
        [dict(LS, id="toolu_1_1")], "tool_use"),
    "placeholders are no calls": (
        completion("", content="A", function_call={"name": "", "arguments": ""},
                   audio={"data": "", "transcript": ""}, refusal=""), [TEXT], "end_turn"),
    "a refusal": (completion(content=None, refusal="A"), [TEXT], "refusal"),
    "a filtered answer has no calls": (
        completion("content_filter", content="A", tool_calls=[function('{"a": 1}')]), [TEXT], "refusal"),
    "filtered, without a message": (
        {"choices": [{"index": 0, "finish_reason": "content_filter"}], "usage": USAGE}, [], "refusal"),
    "a delta beside the message": (completion(choice={"delta": {"content": ""}}, content="A"), [TEXT], "end_turn"),
}


def unsigned(content):
    return [{key: value for key, value in block.items() if key != "signature"} for block in content]


@pytest.mark.parametrize("body, content, stop_reason", MESSAGES.values(), ids=MESSAGES.keys())
def test_messages(body, content, stop_reason):
    message = to_message(body, CONTEXT)
    assert unsigned(message.pop("content")) == content
    assert message == {
        "id": "msg_1", "type": "message", "role": "assistant", "model": "claude-sonnet-4-5", "stop_reason": stop_reason,
        "stop_sequence": None, "usage": {"input_tokens": 2, "cache_creation_input_tokens": 0,
                                         "cache_read_input_tokens": 8, "output_tokens": 4}}


@pytest.mark.parametrize("body, content, stop_reason", MESSAGES.values(), ids=MESSAGES.keys())
def test_a_completion_for_a_streamed_request(body, content, stop_reason):
    message, error = accumulate(events_of(stream_from_completion(body, CONTEXT)))
    kept = [block for block in message["content"] if block.get("input", {}) is not None and (
        stop_reason != "refusal" or block["type"] != "tool_use")]       # the client has what a message leaves out
    assert (unsigned(kept), message["stop_reason"], error) == (content, stop_reason, None)


ERRORS = {
    "an error object": ({"error": {"message": "busy", "code": 429}}, errors.RateLimited, "busy"),
    "an error in a list": ([{"error": {"message": "bad", "code": 400}}], errors.InvalidRequest, "bad"),
    "an error in a choice": (completion("error", content="A"), errors.ProxyError, ""),
    "no choices": ({"hello": "world"}, errors.UpstreamFailed, "acme answered without any choice"),
    "empty choices": ({"choices": []}, errors.UpstreamFailed, "acme answered without any choice"),
    "no object": ("hello", errors.UpstreamFailed, "no completion"),
    "arguments that cannot be mended": (completion(tool_calls=[function("[1]")]), errors.UpstreamFailed, "not JSON"),
}


@pytest.mark.parametrize("body, kind, words", ERRORS.values(), ids=ERRORS.keys())
def test_errors(body, kind, words):
    for convert, client in ((to_message, CONTEXT.client), (to_message, CLAUDE_CODE),
                            (stream_from_completion, CONTEXT.client)):
        with pytest.raises(kind) as raised:
            convert(body, replace(CONTEXT, client=client))
        assert words in raised.value.message


def test_a_stream_for_a_plain_request():
    body = sse([say(reasoning="hm"), say(content="A"), calls(call(0, '{"a":1}', "ls", "c1")), end("tool_calls")])
    message = message_from_stream(body, CONTEXT)
    assert unsigned(message["content"]) == [{"type": "thinking", "thinking": "hm"}, TEXT, LS]
    assert (message["stop_reason"], message["usage"]["input_tokens"]) == ("tool_use", 5)
    with pytest.raises(errors.UpstreamFailed, match="ended its answer early"):
        message_from_stream(sse([say(content="A")], done=False), CONTEXT)


def test_an_estimate_where_nothing_was_counted():
    message = to_message(dict(completion(content="four words, no more"), usage=None), CONTEXT)
    assert message["usage"] == {"input_tokens": 5, "cache_creation_input_tokens": 0, "cache_read_input_tokens": 0,
                                "output_tokens": 5}
