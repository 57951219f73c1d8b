"""An estimate of a request's tokens, for count_tokens, message_start and providers that report no usage.

Everything that the provider will read as text is collected and measured at once (text_tokens.py); what frames it
(roles, tool calls) has a price each. Images count by their size in pixels, never by the length of their base64.

https://docs.anthropic.com/en/docs/build-with-claude/token-counting
"""
import json
from typing import Any, Dict, Iterator, Tuple

MESSAGE_TOKENS = 4              # role and separators of a message
REQUEST_TOKENS = 3              # what primes the answer
TOOL_TOKENS = 8                 # what frames a tool's declaration or call
IMAGE_TOKENS = 1600             # an image of unknown size: the most that one costs
PDF_BYTES_PER_TOKEN = 6


def estimate_request(body: Dict[str, Any], family: str = "") -> int:
    """Tokens of a Messages request: at least 1. Malformed parts count as nothing."""
    texts, extra = [], REQUEST_TOKENS
    for text, tokens in _request_parts(body, family):
        texts.append(text)
        extra += tokens
    return max(1, estimate_text("\n".join(filter(None, texts)), family) + extra)


def estimate_text(text: str, family: str = "") -> int:
    """Tokens of a text for a tokenizer family: "o200k", "deepseek", "qwen"; any other is one that is not known."""
    from .text_tokens import text_tokens        # tables: not before something is counted
    return text_tokens(text, family)


def quick_estimate(body_bytes: int, base64_bytes: int, bytes_per_token: float) -> int:
    """Tokens of a request from the length of its JSON without its base64, in constant time."""
    return max(1, int((body_bytes - base64_bytes) / max(bytes_per_token, 0.5)))


def base64_bytes(data: bytes) -> int:
    """How many bytes of a request are images and documents, not text."""
    total, at = 0, data.find(b";base64,")
    while at >= 0:
        end = data.find(b'"', at)
        total += end - at
        at = data.find(b";base64,", end) if end >= 0 else -1
    return max(0, total)


# -- walking a request: each part is (text, tokens beside the text)

Part = Tuple[str, int]


def _request_parts(body: Dict[str, Any], family: str) -> Iterator[Part]:
    for part in _content_parts(body.get("system"), family):
        yield part
    for tool in body.get("tools") or ():
        yield _json(tool), TOOL_TOKENS
    for message in _list(body.get("messages")):
        yield "", MESSAGE_TOKENS
        for part in _content_parts(message.get("content") if isinstance(message, dict) else None, family):
            yield part


def _content_parts(content: Any, family: str) -> Iterator[Part]:
    """Parts of a content: a string, a list of blocks, or nothing."""
    if isinstance(content, str):
        yield content, 0
    for block in _list(content):
        if isinstance(block, dict):
            for part in PARTS.get(_string(block.get("type")), _other)(block, family):
                yield part


def _text(block: Dict[str, Any], family: str) -> Iterator[Part]:
    yield _string(block.get("text")), 0


def _thinking(block: Dict[str, Any], family: str) -> Iterator[Part]:
    yield _string(block.get("thinking")), 0


def _nothing(block: Dict[str, Any], family: str) -> Iterator[Part]:
    return iter(())


def _image(block: Dict[str, Any], family: str) -> Iterator[Part]:
    from .image_size import image_size, image_tokens
    source = block.get("source")
    data = source.get("data") if isinstance(source, dict) else None
    size = image_size(data) if isinstance(data, str) else None
    yield "", image_tokens(size[0], size[1], family) if size else IMAGE_TOKENS


def _document(block: Dict[str, Any], family: str) -> Iterator[Part]:
    source: Any = block.get("source") if isinstance(block.get("source"), dict) else {}
    yield _string(block.get("title")) + _string(block.get("context")), MESSAGE_TOKENS
    if source.get("type") == "base64":
        yield "", len(_string(source.get("data"))) * 3 // 4 // PDF_BYTES_PER_TOKEN
    elif source.get("type") == "content":
        for part in _content_parts(source.get("content"), family):
            yield part
    else:
        yield _string(source.get("data")) + _string(source.get("url")), 0


def _tool_use(block: Dict[str, Any], family: str) -> Iterator[Part]:
    yield _string(block.get("name")) + _json(block.get("input")), TOOL_TOKENS


def _tool_result(block: Dict[str, Any], family: str) -> Iterator[Part]:
    yield "", TOOL_TOKENS
    for part in _content_parts(block.get("content"), family):
        yield part


def _other(block: Dict[str, Any], family: str) -> Iterator[Part]:
    yield _json(block), 0


PARTS = {
    "text": _text,
    "thinking": _thinking,
    "redacted_thinking": _nothing,
    "image": _image,
    "document": _document,
    "tool_use": _tool_use,
    "tool_result": _tool_result,
}


def _list(value: Any) -> list:
    return value if isinstance(value, list) else []


def _string(value: Any) -> str:
    return value if isinstance(value, str) else ""


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
