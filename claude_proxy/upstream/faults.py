"""What can happen on the provider's side of a request, before anybody has put it into an answer.

    Fault
        NotReached    no connection, so nothing was asked
        BrokeOff      it was asked, and broke off, or answered something that is not HTTP
        Silent        it was asked, and said nothing for too long
    ClientLeft        not the provider's fault: nobody waits for the answer any more

A fault's text is the end of a sentence that begins with the provider's name.
"""
import errno
import os
from typing import Dict, Optional, Type

from ..errors import Overloaded, ProxyError, UpstreamFailed, UpstreamTimeout

NO_ROOM = (errno.ENFILE, errno.ENOBUFS, errno.ENOMEM)


class Fault(Exception):
    """`text`: what the provider did, as in «deepseek hung up before it answered»; `hint`: what to do about it."""

    error: Type[ProxyError] = UpstreamFailed
    headers: Optional[Dict[str, str]] = None              # for the answer to the client

    def __init__(self, text: str, hint: str = "") -> None:
        super().__init__(text)
        self.text, self.hint = text, hint

    def told_of(self, provider_name: str) -> ProxyError:
        """The fault as the error that the client is told."""
        text = "%s %s" % (provider_name, self.text)
        return self.error("%s; %s" % (text, self.hint) if self.hint else text, headers=self.headers)


class NotReached(Fault):
    """No connection was made: asking again costs nothing."""


class ConnectTimeout(NotReached):
    """No connection within the time that the configuration gives it."""

    error = UpstreamTimeout


class NoRoom(NotReached):
    """Not asked, because it would not help: it has just failed several times, or its `max_concurrent` is used up."""

    error = Overloaded

    def __init__(self, text: str, seconds: float, hint: str = "") -> None:
        super().__init__(text, hint)
        self.headers = {"Retry-After": str(max(1, int(seconds + 0.999)))}


def no_descriptor(exc: Exception) -> Optional[NoRoom]:
    """The fault where an exception says that no more files can be opened here; else None."""
    said = getattr(exc, "strerror", None)           # a failed look-up of a name has it in words alone
    number = getattr(exc, "errno", None)
    if number == errno.EMFILE or said == os.strerror(errno.EMFILE):
        return NoRoom("was not asked: this proxy may open no more files", 2, "ulimit -n raises that")
    if number in NO_ROOM:
        return NoRoom("was not asked: this machine has no room for more (%s)" % said, 2)
    return None


class BrokeOff(Fault):
    """The request went out, and its answer did not come, or not all of it."""


class HungUp(BrokeOff):
    """The request went out, or a part of it, and not one byte came back."""


class Silent(Fault):
    """The request went out, and then there was nothing for too long."""

    error = UpstreamTimeout


class ClientLeft(Exception):
    """The client has closed its connection: whatever is under way for it ends here."""
