"""Surrogate pairs that were cut in two: JSON can hold a half of one (\\ud83d), UTF-8 cannot.

Servers that cut their text by UTF-16 units send the halves of one character in two chunks.
https://www.rfc-editor.org/rfc/rfc8259#section-8.2
"""
from .wellformed import is_well_formed


class PairJoiner:
    """Text in pieces, without halves: a first half waits for its second; a half that stays alone becomes U+FFFD."""

    def __init__(self) -> None:
        self.half = ""

    def feed(self, text: str) -> str:
        """The text that is whole."""
        if not self.half and (text.isascii() or is_well_formed(text)):
            return text
        text, self.half = self.half + text, ""
        if "\ud800" <= text[-1:] <= "\udbff":
            text, self.half = text[:-1], text[-1]
        return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")

    def finish(self) -> str:
        """What stands for a half that nothing followed."""
        half, self.half = self.half, ""
        return "\ufffd" if half else ""
