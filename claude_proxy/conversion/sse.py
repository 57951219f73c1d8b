"""Server-sent events, without I/O: bytes cut anywhere in, whole events out; and one event of ours as bytes.

    event    the text of one event: its lines, joined by "\\n", without the blank line that ends it
    fields   (name, data): `event:` and the `data:` lines, joined by "\\n" (None where there is none)

https://html.spec.whatwg.org/multipage/server-sent-events.html#parsing-an-event-stream
"""
import json
from typing import Any, Dict, Optional, Tuple

MAX_EVENT_BYTES = 32 * 1024 * 1024
MANY_LINES = 2000                   # in one read: then they are tiny, and most of them may be comments
BOM = b"\xef\xbb\xbf"


class EventTooLarge(ValueError):
    """One event has more than MAX_EVENT_BYTES: it is not kept, since it may never end."""


class EventSplitter:
    """Cuts a provider's bytes into events; a flood of comments and blank lines is left out.

    >>> splitter = EventSplitter()
    >>> splitter.feed(b'data: {"a"')
    ''
    >>> splitter.feed(b': 1}\\r\\n\\r\\ndata: [DONE]\\n\\n')
    'data: {"a": 1}\\n\\ndata: [DONE]\\n\\n'
    """

    def __init__(self, limit: int = MAX_EVENT_BYTES) -> None:
        self._limit = limit
        self._pending = bytearray()     # of an event that has not ended
        self._after_cr = False          # the last byte was a CR: an LF that follows belongs to it
        self._begun = False

    def feed(self, data: bytes) -> str:
        """The events that end within `data`, each with the blank line that ends it; raises EventTooLarge.

        One text, not a list: whoever looks at many events at once finds them side by side.
        """
        if self._after_cr or b"\r" in data:
            data = self._with_line_feeds(data)
        pending = self._pending
        if pending:
            seen = max(0, len(pending) - 1)
            pending += data
            end = pending.rfind(b"\n\n", seen)
            if end < 0:
                return self._wait()
            data, self._pending = bytes(pending[:end + 2]), pending[end + 2:]
        elif not data.endswith(b"\n\n"):         # most reads end where an event does
            end = data.rfind(b"\n\n")
            pending += data if end < 0 else data[end + 2:]
            if end < 0:
                return self._wait()
            data = data[:end + 2]
        if not self._begun:
            data = self._without_bom(data)
        # Cut at a line's end, so no character is cut: what does not decode was never UTF-8.
        text = data.decode("utf-8", "replace")
        return text if len(data) < MANY_LINES or text.count("\n") < MANY_LINES else without_comments(text)

    def finish(self) -> str:
        """The event that the end of the stream cut short of its blank line, if there is one."""
        rest, self._pending = bytes(self._pending).rstrip(b"\n"), bytearray()
        if not self._begun:
            rest = self._without_bom(rest)
        return (rest + b"\n\n").decode("utf-8", "replace") if rest else ""

    def _wait(self) -> str:
        if len(self._pending) > self._limit:
            raise EventTooLarge("an event of more than %d bytes" % self._limit)
        return ""

    def _without_bom(self, data: bytes) -> bytes:
        self._begun = True
        return data[3:] if data.startswith(BOM) else data

    def _with_line_feeds(self, data: bytes) -> bytes:
        if self._after_cr and data.startswith(b"\n"):
            data, self._after_cr = data[1:], False
        if data:
            self._after_cr = data.endswith(b"\r")
        return data.replace(b"\r\n", b"\n").replace(b"\r", b"\n")


def without_comments(events: str) -> str:
    """The events that are more than a line of comment."""
    kept = [event for event in events.split("\n\n") if event[:1] not in ":" or "\n" in event]     # "" is in ":", too
    return "\n\n".join(kept + [""])


def fields(event: str) -> Tuple[str, Optional[str]]:
    """The event's name ("" where it has none) and its data; comments, `id:` and `retry:` are nobody's business."""
    if event.startswith("data: ") and "\n" not in event:
        return "", event[6:]
    name, data = "", None
    for line in event.split("\n"):
        if line.startswith("data:"):
            value = line[6:] if line.startswith("data: ") else line[5:]
            data = value if data is None else "%s\n%s" % (data, value)
        elif line.startswith("event:"):
            name = line[6:].strip()
        elif line == "data":
            data = "" if data is None else data + "\n"
    return name, data


def encode(event: Dict[str, Any]) -> bytes:
    """One Messages event as bytes; its name is its type, and without the name the SDKs drop it."""
    return frame(event).encode("utf-8", "replace")


def frame(event: Dict[str, Any]) -> str:
    """One Messages event as text."""
    return "event: %s\ndata: %s\n\n" % (event["type"], compact(event))


compact = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode
