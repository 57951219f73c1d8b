"""What a provider's 200 really holds: a stream or a completion, whatever was asked for, whatever its headers say."""
from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Dict, Iterator, Mapping

from ..errors import UpstreamFailed

if TYPE_CHECKING:
    from ..routing import Target

BLANK = b" \t\r\n\xef\xbb\xbf"


def first_of(pieces: Iterator[bytes]) -> bytes:
    """The first piece with something in it but blanks, without those before it; b"" for an empty body."""
    for piece in pieces:
        head = piece.lstrip(BLANK)
        if head:
            return head
    return b""


def looks_like_events(data: bytes, headers: Mapping[str, str]) -> bool:
    """Whether a body is a stream of events, by its first bytes; its Content-Type is often wrong."""
    start = data.lstrip(BLANK)[:1]
    if start in (b"{", b"[", b"<"):
        return False
    said = "event-stream" in headers.get("content-type", "")
    return bool(start) and (said or start in (b"d", b":", b"e", b"i", b"r"))


def completion_of(data: bytes, target: Target) -> Dict[str, Any]:
    """The chat.completion that a body holds; raises what its error says, UpstreamFailed where it is no completion."""
    name = target.provider.name
    if not data.strip(BLANK):
        raise UpstreamFailed("%s answered 200 with an empty body" % name)
    try:
        found = json.loads(data.strip(BLANK).decode("utf-8", "replace"))
    except (ValueError, RecursionError):
        kind = "a web page" if data.lstrip(BLANK)[:1] == b"<" else "something that is not JSON"
        raise UpstreamFailed("%s answered 200 with %s; check providers.%s.base_url" % (name, kind, name))
    if isinstance(found, dict) and found.get("error") and not found.get("choices"):
        from ..providers import refusals
        raise refusals.in_stream(found["error"], target)
    if not isinstance(found, dict):
        raise UpstreamFailed("%s answered 200 with JSON that is no chat completion" % name)
    return found
