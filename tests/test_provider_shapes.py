"""Whole streams in the shapes of single providers: framing, envelopes, endings and counts as they come together."""
import json

import pytest

from answers import CONTEXT, accumulate, cuts, events_of, outline, translate
from claude_proxy.conversion import message_from_stream


def lines(*payloads, start="data: ", end="\n\n"):
    """Payloads (dicts, or text as it is) as events."""
    texts = [payload if isinstance(payload, str) else json.dumps(payload, ensure_ascii=False) for payload in payloads]
    return "".join(start + text + end for text in texts).encode()


def chunk(delta, finish=None, **more):
    return dict({"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "m",
                 "choices": [{"index": 0, "delta": delta, "finish_reason": finish}]}, **more)


def counts(prompt, completion, **more):
    return dict({"prompt_tokens": prompt, "completion_tokens": completion, "total_tokens": prompt + completion}, **more)


def tool(index, arguments, name=None, tool_id=None, **more):
    return {"tool_calls": [dict({"index": index, "id": tool_id, "type": "function",
                                 "function": {"name": name, "arguments": arguments}}, **more)]}


TEXT = "0+text 0:Hel 0:lo 0- =end_turn ."

# provider -> (its stream, outline, (input, cache read, output))
SHAPES = {
    "openai: usage in a last chunk, padding": (
        lines(chunk({"role": "assistant", "content": "", "refusal": None}, usage=None, obfuscation="x"),
              chunk({"content": "Hel"}, usage=None, obfuscation="xxx"),
              chunk({"content": "lo"}, usage=None, obfuscation=""),
              chunk({}, "stop", usage=None), dict(chunk({}), choices=[], usage=counts(9, 2)), "[DONE]"),
        TEXT, (9, 0, 2)),
    "azure: filter results first, offsets without a delta": (
        lines({"choices": [], "created": 0, "id": "", "model": "", "object": "", "prompt_filter_results": [{}]},
              chunk({"content": "Hel"}), chunk({"content": "lo"}),
              {"choices": [{"content_filter_offsets": {"check_offset": 1}, "finish_reason": None, "index": 0}]},
              chunk({}, "stop"), "[DONE]"),
        TEXT, (5, 0, 2)),
    "deepseek: null beside text, usage in the finish chunk": (
        lines(chunk({"role": "assistant", "content": None, "reasoning_content": "hm"}),
              chunk({"content": "Hel", "reasoning_content": None}), chunk({"content": "lo", "reasoning_content": None}),
              chunk({"content": "", "reasoning_content": None}, "stop",
                    usage=counts(9, 2, prompt_cache_hit_tokens=8, prompt_cache_miss_tokens=1)), "[DONE]"),
        "0+thinking 0:hm 0~ 0- 1+text 1:Hel 1:lo 1- =end_turn .", (1, 8, 2)),
    "openrouter: comments, finish twice, reasoning twice": (
        b": OPENROUTER PROCESSING\n\n: OPENROUTER PROCESSING\n\n" +
        lines(chunk({"role": "assistant", "content": "", "reasoning": "hm",
                     "reasoning_details": [{"type": "reasoning.text", "text": "hm", "index": 0}]},
                    native_finish_reason=None),
              chunk({"role": "assistant", "content": "Hel"})) + b": OPENROUTER PROCESSING\n\n" +
        lines(chunk({"role": "assistant", "content": "lo"}), chunk({"role": "assistant", "content": ""}, "stop"),
              chunk({"role": "assistant", "content": ""}, "stop", usage=counts(9, 2)), "[DONE]"),
        "0+thinking 0:hm 0~ 0- 1+text 1:Hel 1:lo 1- =end_turn .", (9, 0, 2)),
    "groq: x_groq": (
        lines(chunk({"role": "assistant", "content": ""}, x_groq={"id": "r"}), chunk({"content": "Hel"}),
              chunk({"content": "lo"}), chunk({}, "stop", x_groq={"id": "r", "usage": counts(9, 2)}), "[DONE]"),
        TEXT, (9, 0, 2)),
    "perplexity: CR LF, message beside delta, running totals, no [DONE]": (
        lines(dict(chunk({"role": "assistant", "content": "Hel"}, usage=counts(9, 1)),
                   choices=[{"index": 0, "delta": {"content": "Hel"}, "message": {"content": "Hel"},
                             "finish_reason": None}]),
              dict(chunk({}, usage=counts(9, 2)), citations=["https://example.com"],
                   choices=[{"index": 0, "delta": {"content": "lo"}, "message": {"content": "Hello"},
                             "finish_reason": "stop"}]), end="\r\n\r\n"),
        TEXT, (9, 0, 2)),
    "mistral: parts, the last text in the finish chunk": (
        lines(chunk({"content": [{"type": "thinking", "thinking": [{"type": "text", "text": "hm"}]}]}),
              chunk({"content": [{"type": "text", "text": "Hel"}]}),
              chunk({"content": "lo"}, "stop", usage=counts(9, 2)),
              "[DONE]"),
        "0+thinking 0:hm 0~ 0- 1+text 1:Hel 1:lo 1- =end_turn .", (9, 0, 2)),
    "gemini: tags, all of it in one chunk": (
        lines(chunk({"role": "assistant", "content": "<thought>hm", "extra_content": {"google": {"thought": True}}}),
              chunk({"content": "</thought>Hello"}, "stop"), "[DONE]"),
        "0+thinking 0:hm 0~ 0- 1+text 1:Hello 1- =end_turn .", (5, 0, 2)),
    "moonshot: no index, usage in the choice": (
        lines(chunk({"role": "assistant", "content": ""}),
              chunk({"tool_calls": [{"id": "ls_0", "type": "function", "function": {"name": "ls", "arguments": ""}},
                                    {"id": "cat_1", "type": "function",
                                     "function": {"name": "cat", "arguments": ""}}]}),
              chunk({"tool_calls": [{"function": {"arguments": '{"a":1}'}}, {"function": {"arguments": '{"b":2}'}}]}),
              {"choices": [{"index": 0, "delta": {}, "finish_reason": "tool_calls", "usage": counts(9, 2)}]}, "[DONE]"),
        '0+ls 0:{"a":1} 0- 1+cat 1:{"b":2} 1- =tool_use .', (9, 0, 2)),
    "cloudflare: null everywhere, increments, totals without choices": (
        lines(chunk({"content": "", "role": "assistant"}, usage=counts(9, 0)),
              chunk(dict(tool(0, "", "ls", "c1"), content=None, role=None), usage=counts(0, 1)),
              chunk(dict(tool(0, '{"a":1}'), content=None, role=None), usage=counts(0, 1)),
              chunk({"reasoning_content": None}, "tool_calls", usage=counts(0, 0)),
              {"response": "", "usage": counts(9, 2, prompt_tokens_details={"cached_tokens": 8})}, "[DONE]"),
        '0+ls 0:{"a":1} 0- =tool_use .', (1, 8, 2)),
    "hunyuan: empty words all along": (
        lines({"choices": [{"index": 0, "delta": {"content": ""}, "finish_reason": ""}]},
              {"choices": [{"index": 0, "delta": tool(0, '{"a"', "ls", "c1"), "finish_reason": ""}]},
              {"choices": [{"index": 0, "delta": tool(0, ":1}", "", ""), "finish_reason": "tool_calls"}]}, "[DONE]"),
        '0+ls 0:{"a" 0::1} 0- =tool_use .', (5, 0, 3)),
    "vllm: usage in every chunk, an empty piece at the end": (
        lines(chunk({"role": "assistant", "content": ""}, usage=counts(9, 0)),
              chunk(tool(0, '{"a":1}', "ls", "c1"), usage=counts(9, 1)),
              chunk({"tool_calls": [{"index": 0, "function": {"arguments": ""}}]}, "tool_calls", usage=counts(9, 2)),
              {"choices": [], "usage": counts(9, 2)}, "[DONE]"),
        '0+ls 0:{"a":1} 0- =tool_use .', (9, 0, 2)),
    "zhipu: the whole call and the end in one chunk, an id that is a negative number": (
        lines(chunk(dict(tool(0, '{"a":1}', "ls", "call_-780"), role="assistant"), "tool_calls", usage=counts(9, 2)),
              "[DONE]"),
        '0+ls 0:{"a":1} 0- =tool_use .', (9, 0, 2)),
    "kimi behind a gateway: ids differ, text between calls": (
        lines(chunk({"role": "assistant"}), chunk(tool(0, "", "ls", "functions.ls:0"), id="g1"),
              chunk(tool(0, '{"a":1}'), id="g2"), chunk({"content": "   "}), chunk({}, "tool_calls"),
              chunk({}, "tool_calls", usage=counts(9, 2)), "[DONE]"),
        '0+ls 0:{"a":1} 0- 1+text 1:    1- =tool_use .', (9, 0, 2)),
    "spring: no space, id and retry": (
        lines(chunk({"content": "Hel"}), chunk({"content": "lo"}), chunk({}, "stop"), "[DONE]",
              start="id:1\nretry:3000\ndata:"),
        TEXT, (5, 0, 2)),
    "opencode: a bill behind [DONE]": (
        lines(chunk({"content": "Hel"}), chunk({"content": "lo"}), chunk({}, "stop"), "[DONE]",
              {"choices": [], "cost": "0"}),
        TEXT, (5, 0, 2)),
    "together: the text twice, an odd word at the end": (
        lines({"choices": [{"index": 0, "text": "Hel", "delta": {"content": "Hel"}, "finish_reason": None}]},
              {"choices": [{"index": 0, "text": "lo", "delta": {"content": "lo"}, "finish_reason": "eos"}]}, "[DONE]"),
        TEXT, (5, 0, 2)),
    "z.ai: choices and usage null": (
        lines(chunk({"content": "Hel"}), {"id": "", "choices": None, "usage": None}, chunk({"content": "lo"}),
              chunk({}, "stop"), "[DONE]"),
        TEXT, (5, 0, 2)),
}


@pytest.mark.parametrize("body, expected, usage", SHAPES.values(), ids=SHAPES.keys())
def test_shapes_at_every_cut(body, expected, usage):
    data, answer = translate(body)
    assert outline(data) == expected
    assert tuple(answer.usage[key] for key in ("input_tokens", "cache_read_input_tokens", "output_tokens")) == usage
    for at in cuts(body):
        assert translate(body, sizes=[at])[0] == data
    assert translate(body, sizes=[1] * len(body), fast=False)[0] == data
    message, error = accumulate(events_of(data))
    assert (message_from_stream(body, CONTEXT), error) == (message, None)


BROKEN = {
    "groq: an event of its own for the error": (
        lines(chunk({"reasoning": "hm"})) + b"event: error\n" +
        lines({"error": {"message": "Tool call validation failed", "code": "tool_use_failed", "status_code": 400}}),
        "0+thinking 0:hm error: ", "Tool call validation failed"),
    "openrouter: an error beside choices, after the finish_reason": (
        lines(chunk({"content": "", "reasoning": "hm"}, "length"),
              chunk({"content": ""}, error={"code": 400, "message": "Token limit reached"}), "[DONE]"),
        "0+thinking 0:hm error: ", "Token limit reached"),
    "openrouter: finish_reason error": (
        lines(chunk({"content": "A"}), chunk({"content": ""}, "error",
                                             error={"code": 502, "message": "Provider gone"})),
        "0+text 0:A error: ", "Provider gone"),
    "openrouter: finish_reason error, and no other word than the native one": (
        lines(chunk({"content": "A"}), {"choices": [{"index": 0, "delta": {}, "finish_reason": "error",
                                                     "native_finish_reason": "MALFORMED_FUNCTION_CALL"}]}),
        "0+text 0:A error: ", "MALFORMED_FUNCTION_CALL"),
    "gemini: a call that its own server could not read": (
        lines(chunk({"role": "assistant"}, "function_call_filter: MALFORMED_FUNCTION_CALL"), "[DONE]"),
        "error: ", "MALFORMED_FUNCTION_CALL"),
    "lm studio": (
        lines(chunk({"content": "A"}), {"error": {"message": "Compute error."}, "message": "Compute error."}),
        "0+text 0:A error: ", "Compute error."),
    "llama.cpp: a bare error for a stream": (
        b'{"error":{"code":400,"message":"the request exceeds the available context size"}}', "error: ",
        "context size"),
    "minimax: a status of its own": (
        lines({"choices": None, "base_resp": {"status_code": 1008, "status_msg": "insufficient balance"}}),
        "error: ", "insufficient balance"),
    "baidu": (lines({"error_code": 336003, "error_msg": "the max length is 5"}), "error: ", "the max length is 5"),
    "lm studio: nothing at all": (b"", "error: ", "ended its answer early"),
}


@pytest.mark.parametrize("body, begins, words", BROKEN.values(), ids=BROKEN.keys())
def test_broken_answers_end_in_the_providers_words_and_close_nothing(body, begins, words):
    for sizes in ([], [1] * len(body)):
        seen = outline(translate(body, sizes=sizes)[0])
        assert seen.startswith(begins) and words in seen
