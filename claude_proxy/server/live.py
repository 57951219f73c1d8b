"""GET /api/events: the dashboard's numbers as they change, in server-sent events.

    event: status       the whole object of /api/status, first
    event: change       the same, but `recent` has only the requests that ended since the event before

At most one a second, and none while nothing changes; a comment breaks longer silences. The stream ends when the process
drains, and when the configuration is replaced: the client asks again, and its key is looked at anew.
https://html.spec.whatwg.org/multipage/server-sent-events.html
"""
import json
from typing import Any, Tuple

from ..upstream import ClientLeft, Watch

INTERVAL_SECONDS = 1.0
LOOK_SECONDS = 0.25                 # how soon a drain is noticed
QUIET_SECONDS = 15.0                # after so long a silence a comment shows that both still live


def events(app: Any, request: Any, answer: Any, record: Any) -> None:
    """Send what changes until the client leaves, or one of the two reasons above."""
    config, stream, watch = app.config, answer.stream({"cache-control": "no-store"}), Watch(request.sock)
    told: Tuple[Any, ...] = ()
    told_at = 0.0
    try:
        while not app.draining and app.config is config:
            mark = app.metrics.mark() + (len(app.learned.listing()), len(app.learned.warnings()))
            if mark != told:
                stream.send(event(app, told[0] if told else 0))
                told, told_at = mark, watch.clock()
            elif watch.clock() - told_at > QUIET_SECONDS:
                stream.send(b":\n\n")
                told_at = watch.clock()
            _rest(app, watch)
    except ClientLeft:
        return
    stream.end()


def event(app: Any, since: int) -> bytes:
    """The event after one that told of the first `since` requests; 0: the first one."""
    status = app.metrics.status(app.config, app.learned, since)
    data = json.dumps(status, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace")
    return b"event: %b\ndata: %b\n\n" % (b"change" if since else b"status", data)


def _rest(app: Any, watch: Watch) -> None:
    """Sleep until the next look; ClientLeft."""
    until = watch.clock() + INTERVAL_SECONDS
    while watch.clock() < until and not app.draining:
        watch.sleep(min(LOOK_SECONDS, max(0.0, until - watch.clock())))
