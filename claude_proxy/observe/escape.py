"""Foreign strings, made safe for one line of a log: no control character reaches a terminal or forges a line."""
import json
import re
from typing import Any

LONGEST_WORD = 100                      # characters of a foreign string in a log line
# C0, DEL, C1, the separators U+2028/9, what turns the direction of text, lone surrogates, BOM
_UNSAFE = "[\x00-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff\ufeff]"
_BARE = re.compile(r"[^\s\"'=\\|]+\Z")
_HARMLESS = re.compile(r"[A-Za-z0-9/._:,-]{1,%d}\Z" % LONGEST_WORD).match

_dumps = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


def escaped(text: str) -> str:
    r"""The text with its unsafe characters as \xNN or \uNNNN; a line break is \n."""
    return text if text.isprintable() else re.sub(_UNSAFE, _escape, text)


def _escape(match: Any) -> str:
    code = ord(match.group())
    if code == 10:
        return "\\n"
    return "\\x%02x" % code if code < 256 else "\\u%04x" % code


def shortened(text: str, longest: int = LONGEST_WORD) -> str:
    """At most `longest` characters of the text, escaped."""
    return escaped(text if len(text) <= longest else text[:longest - 1] + "…")


def word(text: str, longest: int = LONGEST_WORD) -> str:
    """The text as one word of a log line: in quotes where it could be taken for several."""
    if _HARMLESS(text):                     # most are
        return text
    safe = shortened(text, longest)
    return safe if _BARE.match(safe) else '"%s"' % safe.replace('"', '\\"')


def json_line(fields: Any) -> str:
    """JSON on one line; what is unsafe in it is escaped as JSON does, other letters stay readable."""
    text = _dumps(fields)
    return text if text.isprintable() else re.sub(_UNSAFE, lambda match: "\\u%04x" % ord(match.group()), text)
