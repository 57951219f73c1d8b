"""Providers that refuse whatever is not exactly theirs: scripts for FakeProvider that hold a tool session of their own.

Each answers with a thought and one or two calls, remembers both, and says 400 when a history does not bring back what
it wants, or brings back what nobody said. The rules are those of the provider's documentation.
"""
import json
import re

COMMON = ("model", "messages", "stream", "tools", "tool_choice")
MESSAGE = {"system": ("role", "content"), "developer": ("role", "content"), "user": ("role", "content"),
           "assistant": ("role", "content", "tool_calls"), "tool": ("role", "tool_call_id", "content")}


class Wrong(Exception):
    """Why a request is refused."""


def want(claim, why, *about):
    if not claim:
        raise Wrong(why % about if about else why)


class Strict:
    """The rules that all share; what differs is a class attribute or a method below. Call it with a request's body."""

    row, model = "openai", "gpt-4o"
    params = ("max_completion_tokens", "stream_options")
    assistant = ()                          # more fields of an assistant message
    call_ids = "call_%d"
    thinks = True                           # its answers have a thought

    def __init__(self, turns):
        self.turns, self.said, self.asked, self.refusals = turns, {}, 0, []
        self.dropped = False                # the client keeps no thinking: real reasoning cannot come back

    def __call__(self, body):
        try:
            self.check(body)
        except Wrong as wrong:
            self.refusals.append(str(wrong))
            return {"status": 400, "error": {"message": str(wrong), "type": "invalid_request_error"}}
        self.asked += 1
        turn = sum(message["role"] == "assistant" for message in body["messages"]) + 1
        message = self.answer(turn)
        for call in message.get("tool_calls", ()):
            self.said[self.known(call)] = message
        finish = "tool_calls" if message.get("tool_calls") else "stop"
        if body.get("stream"):
            return {"chunks": list(self.chunks(message)) + [{"finish": finish}]}
        return {"body": {"object": "chat.completion", "choices": [
            {"index": 0, "message": message, "finish_reason": finish}]}}

    # -- what it says

    def answer(self, turn):
        message = {"role": "assistant", "content": None}
        if turn < self.turns:
            message["tool_calls"] = [self.call(turn, number) for number in range(1 + turn % 2)]
        else:
            message["content"] = "All done."
        if self.thinks:
            self.think(message, turn)
        return message

    def call(self, turn, number):
        return {"id": self.call_ids % (2 * turn + number), "type": "function",
                "function": {"name": "Read", "arguments": json.dumps({"path": "%s-%d-%d" % (self.row, turn, number)})}}

    def think(self, message, turn):
        message["reasoning_content"] = "Thought %d of %s. " % (turn, self.row)

    def chunks(self, message):
        for field in ("reasoning_content", "content"):
            text = message.get(field) or ""
            for at in range(0, len(text), 5):
                yield {"delta": {field: text[at:at + 5]}}
        for index, call in enumerate(message.get("tool_calls", ())):
            arguments = call["function"]["arguments"]
            opened = dict(call, index=index, function=dict(call["function"], arguments=arguments[:7]))
            yield {"delta": {"tool_calls": [opened]}}
            yield {"delta": {"tool_calls": [{"index": index, "function": {"arguments": arguments[7:]}}]}}

    # -- what it takes

    def check(self, body):
        for name in body:
            want(name in COMMON + self.params, "Unrecognized request argument supplied: %s", name)
        before = []
        for index, message in enumerate(body["messages"]):
            allowed = MESSAGE[message["role"]] + (self.assistant if message["role"] == "assistant" else ())
            for name in message:
                want(name in allowed, "messages[%d]: unknown field `%s`", index, name)
            if message["role"] == "tool":
                want(message["tool_call_id"] in before, "messages[%d]: no such call %s", index, message["tool_call_id"])
                before.remove(message["tool_call_id"])
                continue
            want(not before, "messages[%d]: calls without results: %s", index, before)
            before = [call["id"] for call in message.get("tool_calls", ())]
            want(len(set(before)) == len(before), "messages[%d]: two calls with one id", index)
            if before:
                self.check_calls(message)
        want(not before, "the last calls have no results")

    def check_calls(self, message):
        said = self.said.get(self.known(message["tool_calls"][0]))
        for call in message["tool_calls"]:
            self.check_id(call, said)
        self.check_thought(message, said)

    @staticmethod
    def known(call):
        """A call of its own is known again by its arguments: they name the provider and the turn."""
        return call["function"]["arguments"]

    def check_id(self, call, said):
        want(not said or call["id"] in [own["id"] for own in said["tool_calls"]], "not the id it had: %s", call["id"])

    def check_thought(self, message, said):
        """Fields that must not be there are refused by `assistant` already."""


class OpenAI(Strict):
    """Some who serve its models show their thoughts; none takes them back."""

    model, params = "gpt-5.1", Strict.params + ("reasoning_effort",)

    def check_id(self, call, said):
        want(len(call["id"]) <= 40, "string too long: %s", call["id"])
        super().check_id(call, said)


class Unknown(Strict):
    """A careful server that nobody knows: it thinks in a field that it does not take back."""

    row, model, params = "openai-compatible", "acme-1", ("max_tokens", "stream_options")


class DeepSeek(Strict):
    """https://api-docs.deepseek.com/guides/thinking_mode#tool-calls"""

    row, model = "deepseek", "deepseek-v4-pro"
    params = ("max_tokens", "stream_options", "thinking", "reasoning_effort")
    assistant = ("reasoning_content",)

    def check_thought(self, message, said):
        want("reasoning_content" in message, "The reasoning_content in the thinking mode must be passed back.")
        real = said["reasoning_content"] if said and not self.dropped else ""
        want(message["reasoning_content"] == real, "nobody said %r", message["reasoning_content"])


class MiMo(DeepSeek):
    row, model, params = "mimo", "mimo-v2-flash", ("max_completion_tokens", "stream_options", "thinking")


class Moonshot(Strict):
    """Real reasoning comes back, none is ever made up; ids are what its template reads."""

    row, model = "moonshot", "kimi-k2.5"
    params, assistant = ("max_tokens", "stream_options", "thinking"), ("reasoning_content",)
    call_ids = "functions.Read:%d"

    def check_thought(self, message, said):
        real = said["reasoning_content"] if said and not self.dropped else None
        want(message.get("reasoning_content") == real, "nobody said %r", message.get("reasoning_content"))


class Zhipu(Moonshot):
    row, model = "zhipu", "glm-5.2"
    params = ("max_tokens", "thinking", "tool_stream")
    call_ids = "call_-78054%d"

    def check(self, body):
        want(body.get("tool_choice", "auto") == "auto", "tool_choice: only auto")
        super().check(body)


class DashScope(Strict):
    row, model = "dashscope", "qwen3-max"
    params = ("max_tokens", "stream_options", "enable_thinking")

    def check(self, body):
        want(body.get("stream") or body.get("enable_thinking") is False,
             "parameter.enable_thinking must be set to false for non-streaming calls")
        super().check(body)


class Mistral(Strict):
    row, model, params, thinks = "mistral", "mistral-large-latest", ("max_tokens",), False
    call_ids = "Ab3dE%04d"

    def check(self, body):
        roles = [message["role"] for message in body["messages"]]
        want("system" not in roles[1:] and ("tool", "user") not in zip(roles, roles[1:]), "Unexpected role after role tool")
        super().check(body)

    def check_id(self, call, said):
        want(re.match(r"[A-Za-z0-9]{9}\Z", call["id"]), "Tool call id was %s but must be a-z, A-Z, 0-9, with a length "
             "of 9", call["id"])
        super().check_id(call, said)


class OpenRouter(Strict):
    """https://openrouter.ai/docs/use-cases/reasoning-tokens#preserving-reasoning-blocks"""

    row, model = "openrouter", "openai/gpt-5"
    params, assistant = ("max_tokens", "stream_options", "reasoning"), ("reasoning_details",)
    call_ids = "toolu_vrtx_of_a_maker_that_likes_long_ids_%d"

    def think(self, message, turn):
        message["reasoning_details"] = [
            {"type": "reasoning.summary", "summary": "Thought %d." % turn, "format": "openai-responses-v1", "index": 0},
            {"type": "reasoning.encrypted", "data": "c2VjcmV0%d==" % turn, "id": "rs_%d" % turn, "index": 1,
             "format": "openai-responses-v1"}]

    def chunks(self, message):
        first, last = message["reasoning_details"]
        for part in (first["summary"][:4], first["summary"][4:]):
            yield {"delta": {"reasoning": part, "reasoning_details": [dict(first, summary=part)]}}
        yield {"delta": {"reasoning_details": [last]}}
        yield from super().chunks(message)

    def check_thought(self, message, said):
        real = said["reasoning_details"] if said and not self.dropped else None
        want(message.get("reasoning_details") == real, "not what was said: %s", json.dumps(message))


class MiniMax(OpenRouter):
    row, model, params = "minimax", "MiniMax-M2.5", ("max_tokens", "stream_options", "reasoning_split")

    def think(self, message, turn):
        message["reasoning_details"] = [{"type": "reasoning.text", "text": "Thought %d." % turn, "id": "r%d" % turn,
                                         "format": "MiniMax-response-v1", "index": 0}]

    def chunks(self, message):
        detail = message["reasoning_details"][0]
        for part in (detail["text"][:4], detail["text"][4:]):
            yield {"delta": {"reasoning_details": [dict(detail, text=part)]}}
        yield from Strict.chunks(self, message)

    def check(self, body):
        roles = [message["role"] for message in body["messages"]]
        want("system" not in roles[1:], "invalid params, system must come first (2013)")
        super().check(body)


class Gemini(Strict):
    """https://ai.google.dev/gemini-api/docs/thought-signatures: the first call of each step has one, as it was."""

    row, model = "gemini", "gemini-3-pro-preview"
    params = ("max_tokens", "stream_options", "reasoning_effort")
    dummy = {"google": {"thought_signature": "skip_thought_signature_validator"}}
    call_ids = "function-call-%d"

    def call(self, turn, number):
        signature = {} if number else {"extra_content": {"google": {"thought_signature": "c2ln%d+/==" % turn}}}
        return dict(super().call(turn, number), **signature)

    def think(self, message, turn):
        """Its thoughts stay there."""

    def check_thought(self, message, said):
        signatures = [call.get("extra_content") for call in message["tool_calls"]]
        if said and not self.dropped:
            real = [call.get("extra_content") for call in said["tool_calls"]]
        else:
            real = [self.dummy] + [None] * (len(signatures) - 1)
        want(signatures == real, "Function call is missing a thought_signature, or has another's: %s", signatures)


ALL = (OpenAI, Unknown, DeepSeek, MiMo, Moonshot, Zhipu, DashScope, Mistral, OpenRouter, MiniMax, Gemini)
