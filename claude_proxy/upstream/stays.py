"""Where a session has gone: the fallback that answered it goes on answering it, for its prompt is cached there.

Only for requests that say their session (Claude Code's X-Claude-Code-Session-Id), and not for ever: after STAY_SECONDS
the first target is asked again. https://platform.openai.com/docs/guides/prompt-caching
"""
from __future__ import annotations

import collections
import threading
import time
from typing import TYPE_CHECKING, Callable, List, Sequence

if TYPE_CHECKING:
    from ..routing import Target

STAY_SECONDS = 300.0                # from the change; as long as most providers keep a prompt
MAX_SESSIONS = 4096


class Stays:
    """One for the process; what it remembers may be lost."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._kept = collections.OrderedDict()          # (session, name of the first target) -> (name, until)
        self._lock = threading.Lock()

    def order(self, session: str, targets: Sequence[Target]) -> List[Target]:
        """The targets, those that the session has gone to in front."""
        if not session or len(targets) < 2:
            return list(targets)
        name, until = self._kept.get((session, name_of(targets[0])), ("", 0.0))
        if until <= self._clock():
            return list(targets)
        return sorted(targets, key=lambda target: name_of(target) != name)

    def answered(self, session: str, targets: Sequence[Target], target: Target) -> None:
        """`target` has answered where targets[0] comes first."""
        if not session or len(targets) < 2:
            return
        whose, name = (session, name_of(targets[0])), name_of(target)
        with self._lock:
            if name == whose[1]:
                self._kept.pop(whose, None)
            elif self._kept.get(whose, ("", 0.0))[0] != name or self._kept[whose][1] <= self._clock():
                self._kept[whose] = (name, self._clock() + STAY_SECONDS)
                if len(self._kept) > MAX_SESSIONS:
                    self._kept.popitem(last=False)


def name_of(target: Target) -> str:
    """"deepseek/deepseek-chat" """
    return "%s/%s" % (target.provider.name, target.model)
