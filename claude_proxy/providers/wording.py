"""What a provider says in an error body, whatever its shape: the words for people, the codes for us.

    {"error": {"message", "type", "code", "param"}}     OpenAI and most others; code may be a number or a word
    {"error": "…"}, {"message": "…"}, {"detail": "…"}    Ollama, vLLM, FastAPI
    {"detail": [{"loc": [...], "msg": "…"}]}             FastAPI's validation, also inside "message"
    {"errors": [{"message"}]}, [{"error": {...}}]        Cloudflare, Gemini
    {"error": {"metadata": {"raw": "{…}"}}}              OpenRouter: another provider's body, as text
    {"base_resp": {"status_code", "status_msg"}}         MiniMax
    "…", plain text, HTML, nothing
"""
import json
import re
from typing import Any, Callable, Dict, List, Match, Optional, Tuple, Union

from .records import dataclass

MAX_WORDS = 4000        # characters of a provider's text that go into a message

# Where sentences stand, best first.
SENTENCES = ("message", "msg", "error", "detail", "error_message", "errorMessage", "error_msg", "errorMsg",
             "status_msg", "error_description", "err_msg", "reason", "raw", "title")
CODES = ("code", "type", "status", "error_code", "error_type", "status_code", "err_code")
NESTED = ("error", "errors", "detail", "details", "message", "metadata", "upstream_error", "base_resp", "data",
          "inner_error", "innererror", "previous_errors", "raw", "response", "body")


@dataclass(frozen=True)
class Said:
    """An error body, read."""

    words: str = ""                 # the provider's own sentences, the best first; "" where it said nothing
    codes: Tuple[str, ...] = ()     # every code, type and status word in it, in lower case
    numbers: Tuple[int, ...] = ()   # those that are numbers
    param: str = ""                 # the parameter that it blames
    fields: Any = None              # the body's own numbers: {"n_ctx": 4096}
    html: bool = False

    def any_code(self, *codes: str) -> bool:
        """Whether one of `codes` is among its own."""
        return any(code in self.codes for code in codes)

    @property
    def everything(self) -> str:
        """Words, codes and parameter in one lower-case text, to search in."""
        return " ".join((self.words,) + self.codes + (self.param,)).lower()


class Pattern:
    """A regular expression that is compiled when it is first asked: a start without an error needs none of them."""

    def __init__(self, source: str, flags: int = 0) -> None:
        self._source, self._flags = source, flags
        self._search: Optional[Callable[[str], Optional[Match[str]]]] = None

    def search(self, text: str) -> Optional[Match[str]]:
        """As re.Pattern has it."""
        if self._search is None:
            self._search = re.compile(self._source, self._flags).search
        return self._search(text)


def any_of(*patterns: str) -> Pattern:
    """A pattern for any of several, without regard to case; no sentence is crossed where a pattern says [^.]."""
    return Pattern("|".join("(?:%s)" % pattern for pattern in patterns), re.I)


def read(text: Any) -> Said:
    """The Said of an error body (text; a JSON value already parsed is taken as it is)."""
    if not isinstance(text, str):
        return _from_json(text)
    text = text.strip().lstrip("\ufeff")
    value = _json(text[5:] if text.startswith("data:") else text)
    if value is not None and not isinstance(value, (int, float)):
        return _from_json(value)
    if re.match(r"(?is)\s*<(!doctype|html|\?xml|head|body)", text):
        return Said(_html_words(text), html=True)
    return Said(text[:MAX_WORDS])


def _json(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return None
    except RecursionError:      # nested beyond sense: as good as no JSON
        return None


def _html_words(text: str) -> str:
    title = re.search(r"(?is)<title[^>]*>(.*?)</title>", text)
    if title and title.group(1).strip():
        return " ".join(title.group(1).split())[:300]
    bare = re.sub(r"(?is)<(script|style).*?</\1>|<[^>]*>", " ", text)
    return " ".join(bare.split())[:300]


def _from_json(value: Any) -> Said:
    found: Dict[str, Any] = {"sentences": [], "codes": [], "param": [], "fields": {}}
    _collect(value, found, 0)
    return Said(
        words=_joined(found["sentences"]),
        codes=tuple(str(code).lower() for code in found["codes"]),
        numbers=tuple(number for number in map(_number, found["codes"]) if number is not None),
        param=next(iter(found["param"]), ""),
        fields=found["fields"],
    )


def _collect(value: Any, found: Dict[str, Any], depth: int) -> None:
    """Walk a body; sentences are gathered in the order of SENTENCES at every level."""
    if depth > 8:
        return
    if isinstance(value, str):
        _sentence(value, found, depth)
    elif isinstance(value, list):
        for item in value[:20]:
            _collect(item, found, depth + 1)
    elif isinstance(value, dict):
        _collect_object(value, found, depth)


def _collect_object(value: Dict[str, Any], found: Dict[str, Any], depth: int) -> None:
    where = value.get("loc")
    if isinstance(where, list) and isinstance(value.get("msg"), str):     # FastAPI's validation
        path = ".".join(str(step) for step in where if step != "body")
        found["sentences"].append("%s: %s" % (path, value["msg"]) if path else value["msg"])
        found["param"].append(path)
        return
    for name in SENTENCES:
        if isinstance(value.get(name), str):
            _sentence(value[name], found, depth)
    for name in CODES:
        if isinstance(value.get(name), (str, int)) and not isinstance(value.get(name), bool):
            found["codes"].append(value[name])
    if isinstance(value.get("param"), str) and value["param"]:
        found["param"].append(value["param"])
        if " " in value["param"]:           # some put the real sentence there
            found["sentences"].append(value["param"])
    found["fields"].update((name, number) for name, number in value.items()
                           if isinstance(number, int) and not isinstance(number, bool))
    for name, inner in value.items():
        if isinstance(inner, (dict, list)) and (name in NESTED or depth == 0):
            _collect(inner, found, depth + 1)


def _sentence(text: str, found: Dict[str, Any], depth: int) -> None:
    text = text.strip()
    inner = _json(text) if text[:1] in ("{", "[") else None
    if inner is not None:
        _collect(inner, found, depth + 1)
    elif text:
        found["sentences"].append(text)


def _joined(sentences: List[str]) -> str:
    """Sentences that say something of their own, the first one first, within MAX_WORDS."""
    kept: List[str] = []
    for sentence in sentences:
        if not any(sentence in other for other in kept):
            kept.append(sentence)
    kept = [one for one in kept if len(kept) == 1 or not re.match(r"^[A-Za-z_]*(error|Error)$", one)] or kept[:1]
    if kept and max(map(len, kept)) > len(kept[0]) and len(" ".join(kept)) > MAX_WORDS:
        kept.insert(0, max(kept, key=len))
    return " | ".join(kept)[:MAX_WORDS]


def _number(code: Union[int, str]) -> Optional[int]:
    try:
        return int(code)
    except (TypeError, ValueError):
        return None
