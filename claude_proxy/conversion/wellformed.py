"""Text that can be sent: JSON may hold half of a surrogate pair, UTF-8 cannot."""
import re
from typing import Any

LONE = "[\ud800-\udfff]"


def well_formed(value: Any) -> Any:
    """The same JSON value with U+FFFD for each lone surrogate; the very same object where there is none."""
    return _replaced(value) if _has_lone(value) else value


def is_well_formed(text: str) -> bool:
    """No half of a pair in it. Encoding tells a hundred times faster than a search does."""
    try:
        text.encode("utf-16-le")
    except UnicodeEncodeError:
        return False
    return True


def _has_lone(value: Any) -> bool:
    waiting = [value]
    while waiting:
        value = waiting.pop()
        if isinstance(value, str):
            if not value.isascii() and not is_well_formed(value):
                return True
        elif isinstance(value, dict):
            waiting.extend(value)
            waiting.extend(value.values())
        elif isinstance(value, list):
            waiting.extend(value)
    return False


def _replaced(value: Any) -> Any:
    if isinstance(value, str):
        return re.sub(LONE, "\ufffd", value)
    if isinstance(value, dict):
        return {_replaced(key): _replaced(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_replaced(inner) for inner in value]
    return value
