"""How an answer ended: finish_reason and its neighbours -> stop_reason.

    refused, content_filter     "refusal"; "end_turn" with a note where the client would blame Anthropic for it
    length                      "max_tokens"
    any call                    "tool_use", whatever the word: several providers say "stop"
    a stop sequence, named      "stop_sequence": by vLLM's stop_reason, SGLang's matched_stop, or our own matcher
    all else                    "end_turn"

https://docs.anthropic.com/en/api/handling-stop-reasons
"""
from typing import Any, Mapping, Optional, Tuple

from .context import AnswerContext

CUT = ("length", "max_tokens", "MAX_TOKENS", "model_length")
FILTERED = ("content_filter", "content_filtered", "safety", "SAFETY", "sensitive", "RECITATION", "PROHIBITED_CONTENT")


class Ending:
    """What the chunks of one answer say of its end."""

    def __init__(self, context: AnswerContext) -> None:
        self._context = context
        self._word = ""                         # the first finish_reason that says anything
        self._named_stop: Optional[str] = None
        self._filters = ""                      # what the content filter objects to, where it says so
        self.refused = False                    # the model declined, in its own words

    @property
    def is_known(self) -> bool:
        """Whether there was a finish_reason."""
        return bool(self._word)

    @property
    def cut(self) -> bool:
        """Whether the output limit ended the answer."""
        return self._word in CUT

    @property
    def filtered(self) -> bool:
        """Whether the provider's filter ended the answer."""
        return self._word in FILTERED

    def read(self, choice: Mapping[str, Any]) -> None:
        """Take what a choice says."""
        word = finish_word(choice)
        if word and not self._word:
            self._word = word
            self._filters = filters_named(choice) if word in FILTERED else ""
        for key in ("stop_reason", "matched_stop"):
            if isinstance(choice.get(key), str):        # an integer is a token's id
                self._named_stop = choice[key]

    def note(self, after_text: bool) -> str:
        """What the client is told in the answer's text where its stop_reason does not say it; "" where it does."""
        if not self._context.client.blames_refusals or not (self.refused or self.filtered):
            return ""
        provider = self._context.provider or "the provider"
        if self.filtered:
            note = "[%s stopped this answer: content filter%s]" % (provider, self._filters and " (%s)" % self._filters)
        else:
            note = "[%s: the model declined to answer this]" % provider
        return "\n\n" + note if after_text else note

    def reason(self, called_a_tool: bool, matched: Optional[str]) -> Tuple[str, Optional[str]]:
        """(stop_reason, stop_sequence)"""
        if (self.refused or self.filtered) and not self._context.client.blames_refusals:
            return "refusal", None
        if self.cut:
            return "max_tokens", None
        if called_a_tool:
            return "tool_use", None
        if matched is None and self._named_stop in self._context.stop_sequences:
            matched = self._named_stop
        return ("stop_sequence" if matched is not None else "end_turn"), matched


def finish_word(choice: Mapping[str, Any]) -> str:
    """finish_reason, where it says something: null and "" are not set."""
    word = choice.get("finish_reason")
    return word if isinstance(word, str) else ""


def is_cut(choice: Mapping[str, Any]) -> bool:
    """Whether a choice says that the output limit ended it."""
    return finish_word(choice) in CUT


def filters_named(choice: Mapping[str, Any]) -> str:
    """The categories of Azure's content filter that were hit: "violence, hate"."""
    results = choice.get("content_filter_results")
    results = results if isinstance(results, dict) else {}
    return ", ".join(name for name, result in results.items() if isinstance(result, dict) and result.get("filtered"))
