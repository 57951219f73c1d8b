"""Globs without fnmatch, which compiles a pattern for each: the first request would have to wait for ninety of them."""
from fnmatch import fnmatchcase


def fits(name: str, glob: str) -> bool:
    """As fnmatch.fnmatchcase().

    >>> [fits("gpt-5-mini", glob) for glob in ("gpt-5*", "*-mini", "g*5*i", "gpt-5", "[fg]pt*", "o[134]*")]
    [True, True, True, False, True, False]
    """
    if "[" in glob or "?" in glob:
        start = min(glob.find(wild) for wild in "*?[" if wild in glob)
        return name.startswith(glob[:start]) and fnmatchcase(name, glob)
    first, *others = glob.split("*")
    if not others:
        return name == glob
    last, at = others.pop(), len(first)
    for piece in others:
        found = name.find(piece, at)
        if found < 0:
            return False
        at = found + len(piece)
    return name.startswith(first) and name.endswith(last) and at + len(last) <= len(name)
