"""Reasoning between tags at the start of the text: <think>, <thinking>, <thought> (DeepSeek-R1, Qwen, Gemini).

Only a tag that the answer begins with counts; further on, a model may be talking about tags. The same tag ends it,
however late, and the white space around the tags is theirs. A closing tag that nothing has opened is text, but not at
the very start: there the reasoning was empty, or came another way.

A tag that never closes: where the output limit cut the answer, it was all reasoning. Where the answer ended by itself
and the client sees no reasoning, the model forgot to close it, and what it said is given as text. A plain answer, which
is known whole, keeps such a tag as text.
"""
from typing import List, Tuple

from .stops import overlap

TAGS = ("think", "thinking", "thought")
OPENING = tuple("<%s>" % tag for tag in TAGS)
CLOSING = tuple("</%s>" % tag for tag in TAGS)
SPACE = " \t\r\n"
MAX_SPACE = 256                                     # so much white space before a tag is waited for, no more


def is_unclosed(text: str) -> bool:
    """Whether a whole text begins with a tag that it never closes."""
    if not text.lstrip(SPACE).startswith(OPENING):
        return False
    splitter = TagSplitter()
    splitter.feed(text)
    return splitter.inside


class TagSplitter:
    """Text in pieces -> [("thinking" or "text", piece)].

    >>> splitter = TagSplitter()
    >>> splitter.feed("<th"), splitter.feed("ink>hm</thi"), splitter.feed("nk>\\n\\nYes")
    ([], [('thinking', 'hm')], [('text', 'Yes')])
    """

    def __init__(self) -> None:
        self._held = ""
        self.opening = ""                           # the tag that has begun the reasoning
        self._closing = ""                          # and the one that ends it
        self._step = self._before
        self.opens = True                           # whether an opening tag counts at all
        self.plain = False                          # nothing but text can come any more

    @property
    def inside(self) -> bool:
        """Whether the reasoning has begun and not ended."""
        return self._step == self._within

    def feed(self, text: str) -> List[Tuple[str, str]]:
        """The pieces that are certain."""
        if self.plain:
            return [("text", text)]
        text, self._held = self._held + text, ""
        return [piece for piece in self._step(text) if piece[1]]

    def finish(self) -> List[Tuple[str, str]]:
        """What was held, as what it is now that nothing follows."""
        held, self._held = self._held, ""
        return [("thinking" if self.inside else "text", held)] if held else []

    def _before(self, text: str) -> List[Tuple[str, str]]:
        start = text.lstrip(SPACE)
        if len(text) - len(start) > MAX_SPACE:
            return self._only_text(text)
        tags = (OPENING if self.opens else ()) + CLOSING
        tag = next((tag for tag in tags if start.startswith(tag)), "")
        if tag in CLOSING:
            self._step = self._after
            return self._after(start[len(tag):])
        if tag:
            self.opening, self._closing, self._step = tag, "</" + tag[1:], self._within
            return self._within(start[len(tag):])
        if any(tag.startswith(start) for tag in tags):
            self._held = text
            return []
        return self._only_text(text)

    def _within(self, text: str) -> List[Tuple[str, str]]:
        at = text.find(self._closing)
        if at >= 0:
            self._step = self._after
            return [("thinking", text[:at])] + self._after(text[at + len(self._closing):])
        keep = overlap(text, self._closing)
        self._held = text[len(text) - keep:]
        return [("thinking", text[:len(text) - keep])]

    def _after(self, text: str) -> List[Tuple[str, str]]:
        text = text.lstrip(SPACE)
        return self._only_text(text) if text else []

    def _only_text(self, text: str) -> List[Tuple[str, str]]:
        self.plain = True
        return [("text", text)]
