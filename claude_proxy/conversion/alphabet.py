"""How the letters of a request are written: as JSON's ASCII escapes, or as UTF-8."""
from typing import Any, Dict, List

BEGINNING = 65536           # characters of a text that tell how it is written
FEW = 16                    # one more byte of UTF-8 in so many characters


def begins_in_ascii(messages: List[Dict[str, Any]]) -> bool:
    """Whether few characters of a Chat conversation, to the end of its first question, are others.

    How a request is written is decided by this, and not by its whole: the turns of one session must be written alike.
    """
    looked = others = 0
    for message in messages:
        for words in _texts(message.get("content")):
            words = words[:BEGINNING]
            looked += len(words)
            others += 0 if words.isascii() else len(words.encode("utf-8", "replace")) - len(words)
        if message["role"] == "user":
            break
    return others * FEW <= looked


def _texts(content: Any) -> List[str]:
    if content.__class__ is str:
        return [content]
    return [part["text"] for part in content or () if part["type"] == "text"]
