"""What a model's text is looked through for, on its way to the client: one filter behind the other.

    pairs       halves of characters are joined
    tags        reasoning between tags (dialect.think_tags)
    stops       stop sequences that the provider does not enforce (context.local_stops)
    endtokens   <|im_end|> and its like at the end (dialect.text_tool_calls: servers of one's own)
    textcalls   tool calls written as text (dialect.text_tool_calls, with tools)
"""
from typing import Any, List, Optional, Pattern, Tuple

from .context import AnswerContext
from .fast import CAUTIOUS, LITERAL
from .pairs import PairJoiner
from .stops import StopMatcher
from .tags import TagSplitter

Piece = Tuple[str, Any]             # ("text", text), ("thinking", text) or ("call", (name, arguments))


class TextFilter:
    """The text of an answer in pieces -> what it says."""

    def __init__(self, context: AnswerContext, hides_thinking: bool) -> None:
        self._pairs = PairJoiner()
        self._tags = TagSplitter() if context.dialect.think_tags else None
        self._stops = StopMatcher(context.local_stops) if any(context.local_stops) else None
        self._ends: Any = None
        self._calls: Any = None
        if context.dialect.text_tool_calls:
            self._look_for_calls(context)
        self._hides_thinking = hides_thinking
        self._hidden: List[str] = []            # reasoning between tags that the client does not see

    def _look_for_calls(self, context: AnswerContext) -> None:
        from .endtokens import EndTokens        # long patterns, which most providers never need
        from .textcalls import TextCalls
        self._ends = EndTokens()
        if context.declared_tools:
            self._calls = TextCalls(context.declared_tools, context.tool_schemas)

    @property
    def matched(self) -> Optional[str]:
        """The stop sequence that ended the text."""
        return self._stops.matched if self._stops else None

    @property
    def lets_through(self) -> Optional[Pattern]:
        """What a further piece must match to pass as it is, whatever was before; None where nothing does for sure."""
        if self._pairs.half or self._stops or (self._tags and not self._tags.plain):
            return None
        if (self._ends and self._ends.holds) or (self._calls and not self._calls.idle):
            return None
        return CAUTIOUS if self._ends or self._calls else LITERAL

    def ignore_tags(self) -> None:
        """From here on a tag opens nothing: the reasoning has a field of its own."""
        if self._tags is not None:
            self._tags.opens = False

    def feed(self, text: str) -> List[Piece]:
        """What is certain by now."""
        return self._tagged(self._pairs.feed(text))

    def finish(self, cut: bool) -> List[Piece]:
        """What was held, now that nothing follows; `cut`: because of the output limit."""
        if self.matched is not None:
            return []
        pieces = self._tagged(self._pairs.finish())
        if self._tags:
            for kind, text in self._tags.finish():
                pieces += self._told(kind, text)
            if self._tags.inside and self._hides_thinking and not cut:
                pieces += self._visible(self._tags.opening + "".join(self._hidden))
        if self._stops:
            pieces += self._ended(self._stops.finish())
        if self._ends:
            pieces += self._called(self._ends.finish())
        return pieces + (self._calls.finish(cut) if self._calls else [])

    def _tagged(self, text: str) -> List[Tuple[str, Any]]:
        if not self._tags:
            return self._visible(text)
        return [piece for kind, part in self._tags.feed(text) for piece in self._told(kind, part)]

    def _told(self, kind: str, text: str) -> List[Tuple[str, Any]]:
        if kind == "text":
            return self._visible(text)
        if self._hides_thinking:
            self._hidden.append(text)
        return [(kind, text)]

    def _visible(self, text: str) -> List[Tuple[str, Any]]:
        return self._ended(self._stops.feed(text) if self._stops else text)

    def _ended(self, text: str) -> List[Tuple[str, Any]]:
        return self._called(self._ends.feed(text) if self._ends else text)

    def _called(self, text: str) -> List[Tuple[str, str]]:
        if self._calls:
            return self._calls.feed(text)
        return [("text", text)] if text else []
