"""Columns for people: plain text, as wide as it must be."""
import unicodedata
from typing import Iterable, List, Sequence


def table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Left-aligned columns, two blanks between them, no blanks at the ends of lines."""
    lines: List[List[str]] = [list(head)] + [["" if cell is None else str(cell) for cell in row] for row in rows]
    widths = [max(width(line[index]) for line in lines) for index in range(len(head))]
    return "\n".join("  ".join(cell + " " * (wide - width(cell)) for cell, wide in zip(line, widths)).rstrip()
                     for line in lines)


def width(text: str) -> int:
    """Columns on a terminal: Chinese characters take two."""
    return sum(2 if unicodedata.east_asian_width(character) in "WF" else 1 for character in text)
