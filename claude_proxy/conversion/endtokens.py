"""Tokens that end a model's turn, where a server of one's own hands them on as text: `Done.<|im_end|>`.

Only at the very end of the text are they dropped; further in, a model may be talking about them. `</s>` is none of
them: HTML ends with it.
"""
import re

from .stops import overlap

TOKENS = ("<|im_end|>", "<|endoftext|>", "<|eot_id|>", "<|eom_id|>", "<|end|>", "<|end_of_text|>", "<end_of_turn>",
          "<｜end▁of▁sentence｜>")
AT_END = re.compile(r"(?:(?:%s)\s{0,16})+\Z" % "|".join(re.escape(token) for token in TOKENS))


class EndTokens:
    """Text in pieces -> the text without such tokens at its end.

    >>> tokens = EndTokens()
    >>> tokens.feed("Done.<|im"), tokens.feed("_end|>"), tokens.finish()
    ('Done.', '', '')
    """

    def __init__(self) -> None:
        self._held = ""                             # may be the end of the text

    @property
    def holds(self) -> bool:
        """Whether something waits for what comes next."""
        return bool(self._held)

    def feed(self, text: str) -> str:
        """What is certain to be no token at the end."""
        text = self._held + text
        size = len(text) - max(overlap(text, token) for token in TOKENS)
        found = AT_END.search(text, 0, size)
        size = found.start() if found else size
        self._held = text[size:]
        return text[:size]

    def finish(self) -> str:
        """What was held and is no whole token after all."""
        held, self._held = self._held, ""
        return AT_END.sub("", held)
