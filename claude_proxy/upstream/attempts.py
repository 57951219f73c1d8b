"""Which try comes next: the same target again, mended, with another key, another target, or none.

    an answer that cannot be asked for again     nothing (the caller says so: `may_go_on`)
    a parameter that the provider complains of   the request without it, at once; each mending once, three in all
    401, 402, 403, 429                           the provider's next key; a key that a command gives is asked for again
    no connection, 408, 429, 503, 529            the same again, after Retry-After (up to 10 s) or a random back-off
    anything but a fault of the request itself   the next fallback target

What a provider may have worked on (500, 502, 504, a hang-up after the request went out) is not asked again: it may cost
money twice. All tries of one request begin within TOTAL_SECONDS, but for fallbacks.
"""
from __future__ import annotations

import email.utils
import logging
import random
import time
from typing import TYPE_CHECKING, Any, Callable, Dict, Mapping, Optional, Sequence, TypeVar, Union

from ..errors import InvalidRequest, ProxyError, TooLarge, without_frames
from ..providers.records import replace
from .faults import Fault, NoRoom, NotReached
from .stays import name_of

if TYPE_CHECKING:
    from ..observe.record import Record
    from ..providers.learned import Learned
    from ..routing import Target
    from .call import Caller
    from .keys import Key
    from .waiting import Watch

T = TypeVar("T")

FIRST_DELAY_SECONDS, LONGEST_DELAY_SECONDS = 0.5, 8.0
TOTAL_SECONDS = 15.0
LONGEST_RETRY_AFTER_SECONDS = 10.0
ANOTHER_KEY = (401, 402, 403, 429)
ASK_AGAIN = (408, 429, 503, 529)
log = logging.getLogger(__name__)


class Refused(Exception):
    """A provider's answer that is none: its `error` for the client, and what the next try is decided by."""

    def __init__(self, error: ProxyError, status: int = 0, text: str = "", headers: Optional[Mapping[str, str]] = None,
                 chat_body: Optional[Dict[str, Any]] = None) -> None:
        super().__init__(error.message)
        self.error, self.status, self.text = error, status or error.status, text
        self.headers = headers or {}
        self.chat_body = chat_body


class NotAsked(Exception):
    """The request cannot be put into the target's words: no provider has seen it."""

    def __init__(self, error: ProxyError) -> None:
        super().__init__(error.message)
        self.error = error


class Attempts:
    """The tries of one request."""

    def __init__(self, caller: Caller, learned: Learned, watch: Watch, record: Record,
                 may_go_on: Callable[[], bool] = lambda: True, chance: Callable[[], float] = random.random,
                 wall: Callable[[], float] = time.time) -> None:
        self.caller, self.learned, self.watch, self.record = caller, learned, watch, record
        self._may_go_on, self._chance, self._wall = may_go_on, chance, wall
        self._began = watch.clock()

    def run(self, targets: Sequence[Target], ask: Callable[[Target, Key], T]) -> T:
        """Call ask(target, key) until it returns: that value. Raises the ProxyError of the first target, ClientLeft."""
        first: Optional[ProxyError] = None
        stays, session = self.caller.stays, self.record.session
        for target in stays.order(session, targets):
            tries = _Tries(target if target is targets[0] else standing_in(target, targets[0]))
            try:
                value = self._ask_target(tries, ask)
            except ProxyError as error:
                if first is not None:
                    first.message += " (and then %s)" % error.message
                first = first or without_frames(error)
                if not self._may_go_on() or is_the_requests_fault(error, tries.status):
                    break
            else:
                stays.answered(session, targets, target)
                return value
        raise first             # type: ignore[misc]  # there is at least one target

    def _ask_target(self, tries: _Tries, ask: Callable[[Target, Key], T]) -> T:
        target = tries.target
        what: Union[Fault, int]
        while True:
            key = self._key(target, tries)
            try:
                return ask(tries.target, key)
            except NotAsked as exc:
                raise without_frames(exc).error from None
            except Fault as fault:
                refused, what = Refused(fault.told_of(target.provider.name)), without_frames(fault)
            except Refused as exc:
                refused, what = without_frames(exc), exc.status
            except ProxyError as error:
                refused, what = Refused(without_frames(error)), error.status
            self._note(tries.target, what)
            tries.status = refused.status
            if not self._may_go_on():
                raise refused.error
            broken = what if isinstance(what, Fault) else None
            if not (self._mend(tries, refused) or self._change_key(tries, key, refused, broken)
                    or self._wait(tries, refused, broken)):
                raise refused.error
            self.record.retries += 1

    def _key(self, target: Target, tries: _Tries) -> Key:
        pick, session = self.caller.keys.pick, self.record.session
        try:
            # All refused: the last one is as good as any, where waiting may help.
            return (pick(target.provider, session, tries.refused_keys, self.watch)      # type: ignore[return-value]
                    or pick(target.provider, session, (), self.watch))
        except Fault as fault:
            raise without_frames(fault).told_of(target.provider.name)

    def _note(self, target: Target, what: Union[Fault, int]) -> None:
        said = what.text if isinstance(what, Fault) else what
        self.record.attempts.append("%s: %s" % (name_of(target), said))

    def _mend(self, tries: _Tries, refused: Refused) -> bool:
        """Whether the target was changed so that the provider's complaint no longer holds."""
        target = tries.target
        if not target.provider.heal or refused.chat_body is None:
            return False
        from ..providers import complaints      # all that providers complain of: not before one does
        if len(tries.remedies) == complaints.MAX_REMEDIES:
            return False
        remedy = complaints.remedy(refused.status, refused.text, refused.chat_body, target.dialect)
        if remedy is None or remedy.name in tries.remedies:
            return False
        tries.remedies.append(remedy.name)
        if self.learned.remember(target.provider.name, target.model, remedy):
            log.warning("%s/%s: mended a refused request (%s); this line makes it permanent: %s", target.provider.name,
                        target.model, remedy.name, remedy.line(target.provider.name))
        tries.target = replace(target, dialect=replace(target.dialect, **remedy.changes))
        return True

    def _change_key(self, tries: _Tries, key: Key, refused: Refused, fault: Optional[Fault]) -> bool:
        """Whether another key is at hand for one that the provider would not have."""
        if fault or refused.status not in ANOTHER_KEY or key.source is None:
            return False
        keys, provider = self.caller.keys, tries.target.provider
        if refused.status == 401 and key.source not in tries.refreshed and keys.refresh(key):
            tries.refreshed.append(key.source)
            return True
        keys.refused(key, refused.status, self._retry_after(refused.headers))
        tries.refused_keys.append(key.source)
        return len(tries.refused_keys) < len(provider.keys)

    def _wait(self, tries: _Tries, refused: Refused, fault: Optional[Fault]) -> bool:
        """Whether the same may be asked again: then the wait for it is over."""
        if not self._is_passing(refused, fault) or tries.waits >= tries.target.provider.max_retries:
            return False
        delay = self._chance() * min(LONGEST_DELAY_SECONDS, FIRST_DELAY_SECONDS * 2 ** tries.waits)
        asked = self._retry_after(refused.headers)
        if asked is not None:
            if asked > LONGEST_RETRY_AFTER_SECONDS:
                return False
            delay = asked
        if self.watch.clock() + delay - self._began > TOTAL_SECONDS:
            return False
        tries.waits += 1
        tries.refused_keys.clear()
        self.watch.sleep(delay)
        return True

    def _is_passing(self, refused: Refused, fault: Optional[Fault]) -> bool:
        """It may be over in a moment, and the provider has not worked on the request."""
        if fault:
            return isinstance(fault, NotReached) and not isinstance(fault, NoRoom)
        return refused.status in ASK_AGAIN and refused.error.headers.get("x-should-retry") != "false"

    def _retry_after(self, headers: Mapping[str, str]) -> Optional[float]:
        return retry_after(headers, self._wall())


def standing_in(target: Target, first: Target) -> Target:
    """A fallback, with a warning that says for whom."""
    return replace(target, warnings=target.warnings + ("fallback:%s" % name_of(first),))


def is_the_requests_fault(error: ProxyError, status: int) -> bool:
    """No other target would take it either. A 404 is an InvalidRequest where the address is wrong: another may help."""
    return isinstance(error, (InvalidRequest, TooLarge)) and status != 404


class _Tries:
    """What was tried with one target."""

    def __init__(self, target: Target) -> None:
        self.target = target
        self.status = 0                     # of the last answer; 0 where there was none
        self.remedies, self.refused_keys, self.refreshed = [], [], []
        self.waits = 0


def retry_after(headers: Mapping[str, str], now: float) -> Optional[float]:
    """Seconds that a provider asks to wait for; None where it does not say, or says nonsense. `now`: since 1970.

    https://www.rfc-editor.org/rfc/rfc9110#name-retry-after
    """
    for name, unit in (("retry-after-ms", 0.001), ("retry-after", 1.0)):
        try:
            seconds = float(headers.get(name, "")) * unit
        except ValueError:
            continue
        return seconds if 0 <= seconds < float("inf") else None
    try:
        date = email.utils.parsedate_to_datetime(headers.get("retry-after", ""))
    except (TypeError, ValueError, IndexError):
        return None
    return max(0.0, date.timestamp() - now)
