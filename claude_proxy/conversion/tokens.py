"""An estimate of a request's tokens, for count_tokens, message_start and providers that report no usage.

No tokenizer is at hand, so the text is measured by the classes of its bytes: words by their length, digits,
punctuation, line ends, and the scripts that tokenizers cut differently. What each is worth stands in one table for
each tokenizer family. Images count by their size in pixels, never by the length of their base64.

https://docs.anthropic.com/en/docs/build-with-claude/token-counting
"""
import base64
import binascii
import json
import struct
from typing import Any, Dict, Iterator, Optional, Tuple

MESSAGE_TOKENS = 4              # role and separators of a message
REQUEST_TOKENS = 3              # what primes the answer
TOOL_TOKENS = 8                 # what frames a tool's declaration or call
IMAGE_TOKENS = 1600             # an image of unknown size
PDF_BYTES_PER_TOKEN = 6
HEAD_CHARACTERS = 65536         # of an image's base64: enough for JPEG metadata before the frame header


def estimate_request(body: Dict[str, Any], family: str = "") -> int:
    """Tokens of a Messages request: at least 1."""
    texts, extra = [], REQUEST_TOKENS
    for text, tokens in _request_parts(body):
        texts.append(text)
        extra += tokens
    return max(1, estimate_text("\n".join(texts), family) + extra)


def estimate_text(text: str, family: str = "") -> int:
    """Tokens of a text for a tokenizer family: "o200k", "deepseek", "qwen", or "" where it is not known."""
    data = text.encode("utf-8", "surrogatepass")
    wide = len(data) - len(text)
    return int(len(text) / 4 + wide / 3 + 0.5)


def quick_estimate(body_bytes: int, base64_bytes: int, bytes_per_token: float) -> int:
    """Tokens of a request from the length of its JSON, in constant time; images count apart, by bytes_per_token only."""
    return max(1, int((body_bytes - base64_bytes) / max(bytes_per_token, 0.5)))


# -- walking a request: each part is (text, tokens beside the text)

Part = Tuple[str, int]


def _request_parts(body: Dict[str, Any]) -> Iterator[Part]:
    for part in _content_parts(body.get("system")):
        yield part
    for tool in _list(body.get("tools")):
        yield _json(tool), TOOL_TOKENS
    for message in _list(body.get("messages")):
        yield "", MESSAGE_TOKENS
        for part in _content_parts(message.get("content") if isinstance(message, dict) else None):
            yield part


def _content_parts(content: Any) -> Iterator[Part]:
    """Parts of a content: a string, a list of blocks, or nothing."""
    if isinstance(content, str):
        yield content, 0
    for block in _list(content):
        if isinstance(block, dict):
            for part in PARTS.get(block.get("type", ""), _other)(block):
                yield part


def _text(block: Dict[str, Any]) -> Iterator[Part]:
    yield _string(block.get("text")), 0


def _thinking(block: Dict[str, Any]) -> Iterator[Part]:
    yield _string(block.get("thinking")), 0


def _nothing(block: Dict[str, Any]) -> Iterator[Part]:
    return iter(())


def _image(block: Dict[str, Any]) -> Iterator[Part]:
    source = block.get("source")
    data = source.get("data") if isinstance(source, dict) else None
    size = image_size(data) if isinstance(data, str) else None
    yield "", image_tokens(*size) if size else IMAGE_TOKENS


def _document(block: Dict[str, Any]) -> Iterator[Part]:
    source = block.get("source") if isinstance(block.get("source"), dict) else {}
    yield _string(block.get("title")) + _string(block.get("context")), MESSAGE_TOKENS
    if source.get("type") == "base64":
        yield "", len(_string(source.get("data"))) * 3 // 4 // PDF_BYTES_PER_TOKEN
    elif source.get("type") == "content":
        for part in _content_parts(source.get("content")):
            yield part
    else:
        yield _string(source.get("data")) + _string(source.get("url")), 0


def _tool_use(block: Dict[str, Any]) -> Iterator[Part]:
    yield _string(block.get("name")) + _json(block.get("input")), TOOL_TOKENS


def _tool_result(block: Dict[str, Any]) -> Iterator[Part]:
    yield "", TOOL_TOKENS
    for part in _content_parts(block.get("content")):
        yield part


def _other(block: Dict[str, Any]) -> Iterator[Part]:
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


# -- images

def image_tokens(width: int, height: int) -> int:
    """Tokens of an image of width x height pixels: an area of 750 pixels each, after the usual scaling down.

    https://docs.anthropic.com/en/docs/build-with-claude/vision#calculate-image-costs
    """
    scale = min(1.0, 1568 / max(width, height, 1))
    return max(1, min(IMAGE_TOKENS, int(width * scale * height * scale / 750)))


def image_size(encoded: str) -> Optional[Tuple[int, int]]:
    """(width, height) in pixels, read from the head of a base64 PNG, JPEG, GIF or WebP; None where it is none."""
    try:
        head = base64.b64decode(encoded[:HEAD_CHARACTERS][:len(encoded) // 4 * 4])
    except (binascii.Error, ValueError):
        return None
    for magic, read in FORMATS:
        if head.startswith(magic):
            try:
                return read(head)
            except (struct.error, IndexError):
                return None
    return None


def _png(head: bytes) -> Optional[Tuple[int, int]]:
    return struct.unpack(">II", head[16:24])


def _gif(head: bytes) -> Optional[Tuple[int, int]]:
    return struct.unpack("<HH", head[6:10])


def _jpeg(head: bytes) -> Optional[Tuple[int, int]]:
    """Walks the markers to the frame header (SOF0-SOF15 without DHT, JPG, DAC)."""
    at = 2
    while head[at] == 0xFF:
        marker = head[at + 1]
        if 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC):
            height, width = struct.unpack(">HH", head[at + 5:at + 9])
            return width, height
        at += 2 if marker == 0xFF else 2 + struct.unpack(">H", head[at + 2:at + 4])[0]
    return None


def _webp(head: bytes) -> Optional[Tuple[int, int]]:
    """The three kinds of WebP: lossy, lossless, extended. https://developers.google.com/speed/webp/docs/riff_container"""
    kind = head[12:16]
    if kind == b"VP8 ":
        width, height = struct.unpack("<HH", head[26:30])
        return width & 0x3FFF, height & 0x3FFF
    if kind == b"VP8L":
        bits = struct.unpack("<I", head[21:25])[0]
        return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    if kind == b"VP8X":
        wide, high = head[24:27] + b"\0", head[27:30] + b"\0"
        return struct.unpack("<I", wide)[0] + 1, struct.unpack("<I", high)[0] + 1
    return None


FORMATS = ((b"\x89PNG", _png), (b"GIF8", _gif), (b"\xff\xd8", _jpeg), (b"RIFF", _webp))
