"""Stop sequences that the provider does not take are enforced here, on the text as it streams by.

https://docs.anthropic.com/en/api/messages#body-stop-sequences
"""
from typing import Optional, Sequence


class StopMatcher:
    """Lets text through up to the first stop sequence, wherever the pieces are cut.

    >>> matcher = StopMatcher(["END"])
    >>> matcher.feed("one E"), matcher.feed("N"), matcher.feed("D two"), matcher.matched
    ('one ', '', '', 'END')
    """

    def __init__(self, stops: Sequence[str]) -> None:
        self._stops = [stop for stop in stops if stop]
        self._held = ""                             # may be the beginning of a stop sequence
        self.matched: Optional[str] = None

    @property
    def holds(self) -> bool:
        """Whether something waits for what comes next."""
        return bool(self._held)

    def feed(self, text: str) -> str:
        """What is certain to come before any stop sequence."""
        if self.matched is not None:
            return ""
        text, self._held = self._held + text, ""
        found = [(text.find(stop) + len(stop), -len(stop), stop) for stop in self._stops if stop in text]
        if found:                                   # the one that was complete first
            end, _, self.matched = min(found)
            return text[:end - len(self.matched)]
        keep = max(overlap(text, stop) for stop in self._stops)
        if keep:
            text, self._held = text[:-keep], text[-keep:]
        return text

    def finish(self) -> str:
        """What was held and is no stop sequence after all."""
        held, self._held = self._held, ""
        return held


def overlap(text: str, word: str) -> int:
    """How many characters at the end of `text` are a beginning of `word` (fewer than all of it)."""
    for size in range(min(len(text), len(word) - 1), 0, -1):
        if word.startswith(text[-size:]):
            return size
    return 0
