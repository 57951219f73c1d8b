"""Reasoning in the signature of a thinking block: what the provider must get back travels with the client.

    signature   "cp1." + base64url(compact JSON) + "." + checksum
    JSON        {"p": provider, "m": its model, "f": field name,
                 "t": text, only where it is not the block's own,
                 "d": reasoning_details and the like, opaque,
                 "x": {the client's tool_use id: the call's extra_content}}

Clients return thinking blocks byte for byte, so no state is needed here, and it survives restarts. The checksum covers
the JSON and the block's text: a block that is not ours, or that somebody edited, is no reasoning of the provider's and
is dropped. Nothing is ever made up in its place.
https://docs.anthropic.com/en/docs/build-with-claude/extended-thinking#preserving-thinking-blocks
"""
import base64
import binascii
import json
from typing import Any, Dict, List, Mapping, Optional

from ..providers.records import dataclass, field

PREFIX = "cp1."


@dataclass(frozen=True)
class Reasoning:
    """What one thinking block holds of a provider's reasoning."""

    provider: str
    model: str = ""
    field_name: str = "reasoning_content"
    text: str = ""
    details: Optional[List[Any]] = None                            # opaque: `reasoning_details`
    extras: Mapping[str, Any] = field(default_factory=dict)        # tool_use id -> `extra_content` of the call


def sign(thinking: str, provider: str, field_name: str = "reasoning_content", *, model: str = "",
         text: Optional[str] = None, details: Optional[List[Any]] = None,
         extras: Optional[Mapping[str, Any]] = None) -> str:
    """The signature of a block whose visible text is `thinking`.

    `text` is the provider's reasoning where it is not the block's text (display: "omitted"); `model` the provider's
    name of the model; `extras` has the client's tool_use ids as keys.
    """
    kept: Dict[str, Any] = {"p": provider, "f": field_name}
    if model:
        kept["m"] = model
    if text is not None and text != thinking:
        kept["t"] = text
    if details:
        kept["d"] = details
    if extras:
        kept["x"] = dict(extras)
    packed = _b64(json.dumps(kept, separators=(",", ":")).encode("ascii"))
    return "%s%s.%s" % (PREFIX, packed, _checksum(packed, thinking))


def restore(signature: Any, thinking: str) -> Optional[Reasoning]:
    """The reasoning that sign() packed, or None: another signer's block, or one that was changed."""
    if not isinstance(signature, str) or not signature.startswith(PREFIX):
        return None
    packed, _, checksum = signature[len(PREFIX):].partition(".")
    if checksum != _checksum(packed, thinking):
        return None
    try:
        kept = json.loads(base64.urlsafe_b64decode(packed + "=" * (-len(packed) % 4)).decode("ascii"))
        return Reasoning(kept["p"], kept.get("m", ""), kept["f"], kept.get("t", thinking), kept.get("d"),
                         kept.get("x", {}))
    except (binascii.Error, ValueError, KeyError, AttributeError):
        return None


def _b64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode("ascii").rstrip("=")


def _checksum(packed: str, thinking: str) -> str:
    import hashlib                      # with OpenSSL behind it: not before it is needed
    digest = hashlib.sha256(("%s\0%s" % (packed, thinking)).encode("utf-8", "replace")).digest()
    return _b64(digest[:6])
