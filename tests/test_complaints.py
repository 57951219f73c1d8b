"""Healing: a refusal is mended by asking once more, and is not met again; what nobody knows passes."""
import json
from dataclasses import replace
from types import SimpleNamespace

import pytest

from claude_proxy.conversion import to_chat_request
from claude_proxy.providers.complaints import MAX_REMEDIES, Remedy, remedy
from claude_proxy.providers.dialects import GENERIC, dialect_for, quirk_mistakes
from claude_proxy.providers.learned import Learned

PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
REQUEST = {
    "model": "m", "max_tokens": 32000, "stream": True, "temperature": 0.5, "top_p": 0.9, "top_k": 5,
    "stop_sequences": ["a", "b", "c"], "thinking": {"type": "enabled", "budget_tokens": 20000}, "system": "Be brief.",
    "output_config": {"format": {"type": "json_schema", "schema": {"type": "object", "properties": {}}}},
    "tool_choice": {"type": "tool", "name": "ls", "disable_parallel_tool_use": True},
    "metadata": {"user_id": "someone"},
    "tools": [{"name": "ls", "strict": True, "input_schema": {
        "type": "object", "required": ["at"], "additionalProperties": False,
        "properties": {"at": {"type": "string", "format": "uri", "pattern": "^a"}}}}],
    "messages": [
        {"role": "user", "content": "look"},
        {"role": "assistant", "content": [{"type": "tool_use", "id": "call_1", "name": "ls", "input": {"at": "a"}}]},
        {"role": "user", "content": [
            {"type": "tool_result", "tool_use_id": "call_1", "content": "file"},
            {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": PIXEL}}]},
        {"role": "system", "content": "Mind the time."},
    ],
}
# A dialect that sends all that can be refused.
BOLD = replace(GENERIC, name="bold", thinking_style="effort", strict_tools=True, extra_params=("top_k",),
               user_field="user", drop_schema_keys=(), echo_reasoning="tool_turns", missing_reasoning="empty")


def chat(dialect, request=None):
    """The body that a provider of this dialect gets."""
    provider = SimpleNamespace(name="acme", body={})
    target = SimpleNamespace(provider=provider, model="big", row=SimpleNamespace(images=None, max_output_tokens=None),
                             dialect=dialect)
    return to_chat_request(request or REQUEST, target).body


def sent(name):
    return lambda body: name in body


def dumped(text):
    return lambda body: text in json.dumps(body)


def roles(body):
    return [message["role"] for message in body["messages"]]


def function(body):
    return body["tools"][0]["function"]


# name: (changes to BOLD, changes to REQUEST, what the provider refuses, its words, the remedy's name)
HEALED = {
    "OpenAI: the other name of max_tokens": (
        {}, {}, sent("max_tokens"),
        "Unsupported parameter: 'max_tokens' is not supported with this model. Use 'max_completion_tokens' instead.",
        "max_tokens_field"),
    "OpenAI: a cap": (
        {}, {}, lambda body: body["max_tokens"] > 16384,
        "max_tokens is too large: 32000. This model supports at most 16384 completion tokens, whereas you provided "
        "32000.",
        "max_max_tokens"),
    "DeepSeek: a cap": (
        {}, {}, lambda body: body["max_tokens"] > 8192,
        "Invalid max_tokens value, the valid range of max_tokens is [1, 8192]", "max_max_tokens"),
    "DashScope: a cap": (
        {}, {}, lambda body: body["max_tokens"] > 8192,
        "<400> InternalError.Algo.InvalidParameter: Range of max_tokens should be [1, 8192]", "max_max_tokens"),
    "Doubao: a cap": (
        {}, {}, lambda body: body["max_tokens"] > 12288,
        "The parameter `max_tokens` specified in the request are not valid: integer above maximum value, expected a "
        "value "
        "<= 12288, but got 32000 instead. Request id: 0217752964393142fa50", "max_max_tokens"),
    "Groq: a cap, with a number in the model's name": (
        {}, {}, lambda body: body["max_tokens"] > 8000,
        "max_tokens for `llama-3.1-8b-instant` must be less than or equal to 8000", "max_max_tokens"),
    "Chinese: a cap": (
        {}, {}, lambda body: body["max_tokens"] > 4096, "max_tokens 参数非法：取值范围为 [1, 4096]", "max_max_tokens"),
    "a cap that is not told": (
        {}, {}, lambda body: body["max_tokens"] > 16384, "max_tokens参数超过上限", "max_max_tokens"),
    "a cap under the other name": (
        {"max_tokens_field": "max_completion_tokens"}, {}, lambda body: body["max_completion_tokens"] > 8192,
        "max_completion_tokens is too large: the maximum value is 8192", "max_max_tokens"),
    "OpenAI: a least": (
        {}, {"max_tokens": 1, "thinking": {"type": "disabled"}}, lambda body: body["max_tokens"] < 16,
        "Invalid 'max_output_tokens': integer below minimum value. Expected a value >= 16, but got 1 instead.",
        "min_max_tokens"),
    "OpenAI: temperature": (
        {}, {}, sent("temperature"),
        "Unsupported value: 'temperature' does not support 0.5 with this model. Only the default (1) value is "
        "supported.",
        "drop_params+temperature"),
    "Anthropic's models: temperature and top_p": (
        {}, {}, lambda body: "temperature" in body and "top_p" in body,
        "`temperature` and `top_p` cannot both be specified for this model. Please use only one.", "drop_params+top_p"),
    "OpenAI: top_p": (
        {}, {}, sent("top_p"), "Unsupported parameter: 'top_p' is not supported with this model.", "drop_params+top_p"),
    "Chinese: temperature": ({}, {}, sent("temperature"), "参数 temperature 不支持", "drop_params+temperature"),
    "Azure: stream_options": (
        {}, {}, sent("stream_options"), "Unrecognized request argument supplied: stream_options", "stream_options"),
    "Mistral: stream_options": (
        {}, {}, sent("stream_options"),
        {"detail": [{"type": "extra_forbidden", "loc": ["body", "stream_options"],
                     "msg": "Extra inputs are not permitted"}]}, "stream_options"),
    "Gemini: top_k": (
        {}, {}, sent("top_k"),
        [{"error": {"code": 400, "message": "Invalid JSON payload. Unknown name \"top_k\": Cannot find field."}}],
        "extra_params"),
    "OpenAI: parallel_tool_calls": (
        {}, {}, sent("parallel_tool_calls"), "Unsupported parameter: 'parallel_tool_calls' is not supported with this "
                                             "model.",
        "parallel_tool_calls"),
    "LM Studio: a tool by name": (
        {}, {}, lambda body: isinstance(body.get("tool_choice"), dict),
        "Invalid tool_choice type: 'object'. Supported string values: none, auto, required", "names_tool"),
    "only auto": (
        {}, {}, lambda body: isinstance(body.get("tool_choice"), dict), "tool_choice: only 'auto' is supported", "names_tool"),
    "Kimi: a forced tool beside thinking": (
        {"thinking_style": "thinking"}, {},
        lambda body: "tool_choice" in body and body.get("thinking", {}).get("type") != "disabled",
        "tool_choice 'specified' is incompatible with thinking enabled", "forces_in_thinking"),
    "Qwen: a forced tool beside thinking": (
        {"thinking_style": "enable_thinking"}, {}, lambda body: "tool_choice" in body and body.get("enable_thinking"),
        "<400> InternalError.Algo.InvalidParameter: The tool_choice parameter does not support being set to required "
        "or object"
        " in thinking mode", "forces_in_thinking"),
    "DeepSeek: reasoning must come back": (
        {"echo_reasoning": "", "missing_reasoning": "omit"}, {},
        lambda body: any("tool_calls" in one and "reasoning_content" not in one for one in body["messages"]),
        "The reasoning_content in the thinking mode must be passed back to the API.", "echo_reasoning, "
                                                                                      "missing_reasoning"),
    "Kimi: reasoning is missing": (
        {"echo_reasoning": "tool_turns", "missing_reasoning": "omit"}, {},
        lambda body: any("tool_calls" in one and "reasoning_content" not in one for one in body["messages"]),
        "thinking is enabled but reasoning_content is missing in assistant tool call message at index 2",
            "missing_reasoning"),
    "Groq: reasoning must not come back": (
        {}, {}, dumped("reasoning_content"),
        "'messages.2' : for 'role:assistant' the following must be satisfied[('messages.2' : property "
        "'reasoning_content' is "
        "unsupported)]", "echo_reasoning"),
    "Gemini: a signature is missing": (
        {"echo_reasoning": ""}, {}, lambda body: "skip_thought_signature" not in json.dumps(body),
        "Function call is missing a thought_signature in functionCall parts. This is required for tools to work "
        "correctly",
        "echo_reasoning, missing_reasoning, reasoning_field"),
    "OpenAI: no effort beside tools": (
        {}, {}, lambda body: body.get("reasoning_effort") != "none",
        "Function tools with reasoning_effort are not supported for gpt-5.6 in /v1/chat/completions. To use function "
        "tools, "
        "use /v1/responses or set reasoning_effort to 'none'.", "effort_with_tools"),
    "OpenAI: another effort": (
        {}, {}, lambda body: body.get("reasoning_effort") == "high",
        "Unsupported value: 'reasoning_effort' does not support 'high' with this model. Supported values are: 'low' "
        "and "
        "'medium'.", "efforts"),
    "Ollama: a model that does not think": (
        {}, {}, sent("reasoning_effort"), '"qwen2.5:7b" does not support thinking', "thinking_style"),
    "xAI: no effort": (
        {}, {}, sent("reasoning_effort"), "Argument not supported on this model: reasoning_effort", "thinking_style"),
    "an unknown thinking": (
        {"thinking_style": "thinking"}, {}, sent("thinking"), "Unknown parameter: 'thinking'", "thinking_style"),
    "Qwen: thinks only in streams": (
        {"thinking_style": "enable_thinking"}, {"stream": False}, lambda body: body.get("enable_thinking") is not False,
        "parameter.enable_thinking must be set to false for non-streaming calls", "thinks_only_streaming"),
    "OpenAI: strict": (
        {}, {}, lambda body: "strict" in function(body),
        "Invalid schema for function 'ls': In context=(), 'additionalProperties' is required to be supplied and to be "
        "false.",
        "strict_tools"),
    "Together: strict": (
        {}, {}, lambda body: "strict" in function(body), "tools.0.function.strict: Extra inputs are not permitted",
        "strict_tools"),
    "OpenAI: a format": (
        {"strict_tools": False}, {}, dumped('"format"'),
        "Invalid schema for function 'ls': In context=('properties', 'at'), 'format' is not permitted.",
        "drop_schema_keys+format"),
    "a camel-case keyword": (
        {"strict_tools": False}, {}, dumped("additionalProperties"),
        "tools[0].function.parameters: additionalProperties is not supported", "drop_schema_keys+additionalProperties"),
    "llama.cpp: a grammar": (
        {"strict_tools": False}, {}, dumped('"pattern"'), "failed to parse grammar",
        "drop_schema_keys+pattern+format+additionalProperties"),
    "Gemini: a schema": (
        {}, {}, dumped("additionalProperties"),
        "Invalid JSON payload received. Unknown name \"additionalProperties\" at "
        "'tools[0].function_declarations[0].parameters.properties[0]"
        ".value': Cannot find field.", "schema_style"),
    "Mistral: ids": (
        {}, {}, dumped('"call_1"'), "Tool call id was call_1 but must be a-z, A-Z, 0-9, with a length of 9.",
        "tool_id_style"),
    "DeepSeek behind OpenRouter: reasoning that the client has lost": (
        {"echo_reasoning": "always", "missing_reasoning": "omit", "reasoning_field": "reasoning_details"}, {},
        lambda body: "reasoning_content" not in json.dumps(body["messages"]),
        "The `reasoning_content` in the thinking mode must be passed back to the API.", "missing_reasoning"),
    "OpenAI behind a gateway: ids": (
        {}, {"messages": [dict(message, content=json.loads(json.dumps(message["content"]).replace("call_1", "c" * 50)))
                          for message in REQUEST["messages"]]}, dumped('"%s"' % ("c" * 50)),
        "Invalid 'messages[2].tool_calls[0].id': string too long. Expected a string with maximum length 40, but got a "
        "string with length 50 instead.", "tool_id_style"),
    "Mistral behind a gateway: an answer that is begun": (
        {}, {"messages": REQUEST["messages"] + [{"role": "assistant", "content": "It"}]},
        lambda body: "prefix" not in body["messages"][-1],
        "Expected last role User or Tool (or Assistant with prefix True) for serving but got assistant",
        "prefill_mark"),
    "DeepSeek: an image": (
        {}, {}, dumped("image_url"),
        "Failed to deserialize the JSON body into the target type: messages[4]: unknown variant `image_url`, expected "
        "`text`",
        "images"),
    "OpenRouter: an image": ({}, {}, dumped("image_url"), "No endpoints found that support image input", "images"),
    "Chinese: an image": ({}, {}, dumped("image_url"), "该模型不支持图片输入", "images"),
    "llama.cpp: an image": (
        {}, {}, dumped("image_url"),
        "image input is not supported - hint: if this is unexpected, you may need to provide the mmproj", "images"),
    "a gateway: the developer": (
        {"system_role": "developer"}, {}, lambda body: "developer" in roles(body),
        "'developer' is not one of ['system', 'assistant', 'user', 'tool'] - 'messages.0.role'", "system_role"),
    "OpenAI: the system": (
        {}, {}, lambda body: "system" in roles(body),
        "Unsupported value: 'messages[0].role' does not support 'system' with this model.", "system_role"),
    "Qwen's template: the system in the middle": (
        {}, {}, lambda body: "system" in roles(body)[1:], "System message must be at the beginning.",
        "system_anywhere"),
    "MiniMax: the system in the middle": (
        {}, {}, lambda body: "system" in roles(body)[1:], "invalid params, invalid role: system (2013)",
        "system_anywhere"),
    "Qwen's template: no user first": (
        {}, {"messages": [{"role": "assistant", "content": "hi"}, {"role": "user", "content": "x"}]},
        lambda body: roles(body)[1] == "assistant", "No user query found in messages.", "system_anywhere, user_first"),
    "Mistral: a user after a tool": (
        {}, {}, lambda body: "tool user" in " ".join(roles(body)), "Unexpected role 'user' after role 'tool'",
        "user_after_tool"),
    "Cloudflare: null": (
        {}, {}, lambda body: any(one["content"] is None for one in body["messages"]),
        "AiError: Bad input: Type mismatch of '/messages/2/content', 'string' not in 'null'", "empty_content"),
    "DeepSeek: a schema for the answer": (
        {}, {}, lambda body: body.get("response_format", {}).get("type") == "json_schema",
        "This response_format type is unavailable now", "response_format"),
    "Groq: JSON beside tools": (
        {}, {}, sent("response_format"), "json mode cannot be combined with tool/function calling", "response_format"),
    "OpenAI: stop": ({}, {}, sent("stop"), "Unsupported parameter: 'stop' is not supported with this model.",
        "stop_limit"),
    "Zhipu: too many stops": (
        {}, {}, lambda body: len(body.get("stop", ())) > 1,
        "Invalid 'stop': array too long. Expected an array with maximum length 1, but got an array with length 3 "
        "instead.",
        "stop_limit"),
    "Groq: user": ({}, {}, sent("user"), "property 'user' is unsupported", "user_field"),
    "the prompt fits, the answer does not": (
        {}, {}, lambda body: body["max_tokens"] > 12768,
        "This model's maximum context length is 32768 tokens. However, you requested 52000 tokens (20000 in the "
        "messages, "
        "32000 in the completion).", "shorter answer"),
}


@pytest.mark.parametrize("bold, asked, refuses, words, name", HEALED.values(), ids=HEALED.keys())
def test_one_more_question_heals_and_the_next_time_none_is_needed(bold, asked, refuses, words, name):
    dialect, request = replace(BOLD, **bold), dict(REQUEST, **asked)
    body = chat(dialect, request)
    assert refuses(body)
    text = json.dumps({"error": {"message": words}} if isinstance(words, str) else words)
    found = remedy(400, text, body, dialect)
    assert found.name == name
    healed = replace(dialect, **found.changes)
    assert not refuses(chat(healed, request))
    learned = Learned()
    assert learned.remember("acme", "big", found) is found.lasting
    later = replace(dialect, **learned.quirks_for("acme", "big"))
    assert later == (healed if found.lasting else dialect)


@pytest.mark.parametrize("words", (
    "", "Test error", "Model Not Exist", "Invalid API key", "Content Exists Risk", "Insufficient Balance",
    "Web search options not supported with this model.",
    "Tool call validation failed: parameters for tool ls did not match schema: errors: [missing properties: 'at', "
    "additionalProperties 'x' not allowed]",
    "This model does not support tool calling", "Invalid image data", "image exceeds 5 MB maximum",
    "An assistant message with 'tool_calls' must be followed by tool messages responding to each 'tool_call_id'.",
    "This model's maximum context length is 128000 tokens. However, your messages resulted in 130001 tokens.",
    "Internal system error, cannot continue", "Unknown parameter: 'nothing_that_was_sent'"))
def test_what_nobody_can_mend_passes(words):
    assert remedy(400, json.dumps({"error": {"message": words}}), chat(BOLD), BOLD) is None


def test_only_refusals_of_a_request_are_mended():
    words = "Unsupported parameter: 'top_p'"
    assert remedy(400, words, chat(BOLD), BOLD) and remedy(422, words, chat(BOLD), BOLD)
    assert [remedy(status, words, chat(BOLD), BOLD) for status in (401, 402, 403, 429, 502, 503)] == [None] * 6


def test_what_was_not_sent_is_not_the_cause():
    bare = chat(GENERIC, {"model": "m", "max_tokens": 10, "messages": [{"role": "user", "content": "hi"}]})
    for words in ("Unsupported parameter: 'top_p'", "tool_choice is not supported", "image input is not supported",
                  "Unknown parameter: stream_options", "does not support thinking"):
        assert remedy(400, words, bare, GENERIC) is None


def test_a_weaker_wish_each_time_and_then_an_end():
    dialect, names = BOLD, []
    for _ in range(9):
        found = remedy(400, "this model does not support this tool_choice", chat(dialect), dialect)
        if found is None:
            break
        names.append(found.name)
        dialect = replace(dialect, **found.changes)
    assert names == ["names_tool", "forces_tools"]
    assert len(names) < MAX_REMEDIES


def test_different_parameters_are_different_remedies():
    first = remedy(400, "Unsupported parameter: 'top_p'", chat(BOLD), BOLD)
    mended = replace(BOLD, **first.changes)
    second = remedy(400, "Unsupported parameter: 'temperature'", chat(mended), mended)
    assert (first.name, second.name) == ("drop_params+top_p", "drop_params+temperature")
    assert second.changes == {"drop_params": ("top_p", "temperature")}


def test_the_line_that_makes_it_permanent_is_what_the_configuration_takes():
    found = remedy(400, "Unsupported parameter: 'top_p'", chat(BOLD), BOLD)
    line = found.line("硅基流动")
    assert line == '"providers": {"硅基流动": {"quirks": {"drop_params": ["top_p"]}}}'
    quirks = json.loads("{%s}" % line)["providers"]["硅基流动"]["quirks"]
    assert quirk_mistakes(quirks) == []
    assert dialect_for("x", "http://h/v1", "m", None, quirks).drop_params == ("top_p",)


def test_a_remedy_is_plain_data():
    assert Remedy("x", {"images": False}) == Remedy("x", {"images": False}, True)
