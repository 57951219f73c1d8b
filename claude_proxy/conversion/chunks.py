"""Where things stand in a Chat Completions chunk or completion; whatever is missing, null or odd is simply not there.

    chunk         {"choices": [{"index", "delta": {...}, "finish_reason"}], "usage"}
    completion    {"choices": [{"index", "message": {...}, "finish_reason"}], "usage"}
    https://platform.openai.com/docs/api-reference/chat-streaming
"""
from typing import Any, Iterator, List, Mapping, Tuple

from .thoughts import plain_text


def first_choice(chunk: Mapping[str, Any]) -> Mapping[str, Any]:
    """The choice with index 0 ({} where there is none): others were never asked for."""
    choices = chunk.get("choices")
    for choice in choices if isinstance(choices, list) else ():
        if isinstance(choice, dict) and choice.get("index", 0) in (0, None):
            return choice
    return {}


def delta_of(choice: Mapping[str, Any], whole: bool = False) -> Mapping[str, Any]:
    """What a choice adds: a chunk's delta, a whole completion's message (Perplexity sends either beside the other)."""
    first, second = ("message", "delta") if whole else ("delta", "message")
    delta = choice.get(first)
    if delta is None:
        delta = choice.get(second)
    return delta if isinstance(delta, dict) else {}


def content_parts(delta: Mapping[str, Any]) -> Iterator[Tuple[str, str]]:
    """("text" | "thinking" | "refusal", its text) for what `content` and its neighbours say, in order.

    What an audio model has spoken is none of it: no request asks for sound.
    """
    content = delta.get("content")
    if isinstance(content, str):
        yield "text", content
    elif content is not None:
        for part in content if isinstance(content, list) else [content]:
            yield content_part(part)
    if isinstance(delta.get("refusal"), str):
        yield "refusal", delta["refusal"]


def content_part(part: Any) -> Tuple[str, str]:
    """One part of a content list (Mistral: {"type": "thinking", "thinking": [{"text"}]})."""
    kind = part.get("type") if isinstance(part, dict) else "text"
    if kind in ("thinking", "reasoning"):
        return "thinking", plain_text(part.get("thinking") or part.get("text") or part.get("summary"))
    if kind == "refusal":
        return "refusal", plain_text(part.get("refusal"))
    return "text", plain_text(part)


def call_pieces(delta: Mapping[str, Any]) -> List[Mapping[str, Any]]:
    """The pieces of tool calls; the legacy function_call is one with an index of its own."""
    calls = delta.get("tool_calls")
    listed = calls if isinstance(calls, list) else []
    pieces: List[Mapping[str, Any]] = [call for call in listed if isinstance(call, dict)]
    legacy = delta.get("function_call")
    if isinstance(legacy, dict) and (legacy.get("name") or legacy.get("arguments")):
        pieces.append({"index": -1, "function": legacy})
    return pieces


def error_in(chunk: Mapping[str, Any], choice: Mapping[str, Any], event_name: str = "") -> Any:
    """The error that a chunk carries, in whichever of the known shapes, or None."""
    found = chunk.get("error") or choice.get("error")
    if found:
        return found
    state = chunk.get("base_resp")
    if isinstance(state, dict) and state.get("status_code"):        # MiniMax; 0 is success
        return state
    if broken_call(choice):
        return {"message": "the model wrote a tool call that cannot be read (%s)" % broken_call(choice)}
    if event_name == "error" or (chunk.get("object") == "error") or choice.get("finish_reason") == "error":
        return {key: chunk[key] for key in ("message", "type", "code", "detail") if chunk.get(key)} or "error"
    words = next((chunk[key] for key in ("message", "detail", "msg", "error_msg") if chunk.get(key)), None)
    if words and "choices" not in chunk and "usage" not in chunk:
        return {"message": words, "code": chunk.get("code") or chunk.get("error_code")}
    return None


def broken_call(choice: Mapping[str, Any]) -> str:
    """The word of an end that Gemini's server gives a call it could not read itself; "" for any other end."""
    words = (choice.get("finish_reason"), choice.get("native_finish_reason"))
    return next((word for word in words if isinstance(word, str) and "malformed_function_call" in word.lower()), "")
