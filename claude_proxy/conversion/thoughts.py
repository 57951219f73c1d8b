"""What a chunk says of the model's reasoning: the text to show, and what must go back to the provider as it is.

    delta.reasoning_content | delta.reasoning       text (dialect.reasoning_fields; the first that is filled counts)
    delta.reasoning_details                         [{"type": "reasoning.text", "text", "index", "signature"?}, or
                                                      {"type": "reasoning.summary", "summary"}, or
                                                      {"type": "reasoning.encrypted", "data"}]
                                                    https://openrouter.ai/docs/use-cases/reasoning-tokens
    call.extra_content                              Gemini's signature of a call

The details often say again what the field has said; their text counts only where no field ever had any.
"""
from typing import Any, Dict, List, Mapping, Optional

from ..providers.dialects import Dialect
from .reasoning import sign

TEXTS = ("text", "summary", "data")                 # members of a detail that grow from chunk to chunk


class Thoughts:
    """The reasoning of one answer, apart from its place among the blocks."""

    def __init__(self, provider: str, model: str, dialect: Dialect) -> None:
        self._provider, self._model = provider, model
        self._fields = dialect.reasoning_fields
        self._keeps_details = dialect.reasoning_field == "reasoning_details"    # they go back as they are
        self._field = ""                            # where the text came
        self._default_field = dialect.reasoning_field
        self._details: List[Dict[str, Any]] = []    # not signed yet
        self._extras: Dict[str, Any] = {}           # not signed yet: tool_use id -> extra_content

    @property
    def unsigned(self) -> bool:
        """Whether something opaque waits for a thinking block to travel in."""
        return bool(self._details or self._extras)

    @property
    def in_a_field(self) -> bool:
        """Whether reasoning came in a field of its own: then tags in the text are text."""
        return bool(self._field)

    def read(self, delta: Mapping[str, Any]) -> str:
        """The text of the reasoning in a delta; its opaque parts are kept."""
        text = ""
        for name in self._fields:
            text = plain_text(delta.get(name))
            if text:
                self._field = name
                break
        details = delta.get("reasoning_details")
        if isinstance(details, list):
            told = "".join(self._keep(detail) for detail in details if isinstance(detail, dict))
            if not self._field:
                text = told
        return text

    def keep_extra(self, tool_id: str, extra: Any) -> None:
        """Keep what belongs to a call: a tool_use block has no place for it."""
        self._extras[tool_id] = extra

    def signature(self, shown: str, text: Optional[str] = None) -> str:
        """The signature of a thinking block: `shown` is the block's text, `text` the reasoning where it differs."""
        details, self._details = self._details, []
        extras, self._extras = self._extras, {}
        return sign(shown, self._provider, self._field or self._default_field, model=self._model, text=text,
                    details=details or None, extras=extras or None)

    def _keep(self, detail: Dict[str, Any]) -> str:
        """Add a detail, or the next piece of one; gives its text."""
        told = plain_text(detail.get("text")) or plain_text(detail.get("summary"))
        if not self._keeps_details:
            return told
        last = self._details[-1] if self._details else None
        same = last and "index" in detail and all(
            last.get(key) == detail.get(key, last.get(key)) for key in ("type", "index", "id"))
        if last and same:
            for key, value in detail.items():
                if key in TEXTS and isinstance(value, str) and isinstance(last.get(key), str):
                    last[key] += value
                elif value is not None:
                    last[key] = value
        else:
            self._details.append(dict(detail))
        return told


def plain_text(value: Any, depth: int = 4) -> str:
    """The text of a string, of a part ({"text"}), or of a list of them."""
    if isinstance(value, str):
        return value
    if not depth:
        return ""
    if isinstance(value, list):
        return "".join(plain_text(item, depth - 1) for item in value)
    return plain_text(value.get("text"), depth - 1) if isinstance(value, dict) else ""
