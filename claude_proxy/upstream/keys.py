"""A provider's keys: read where they are, used in turn, left alone while the provider will not have them.

A session (Claude Code's X-Claude-Code-Session-Id) stays on its key, because providers cache prompts by account.
"""
from __future__ import annotations

import codecs
import collections
import os
import re
import threading
import time
from typing import TYPE_CHECKING, Any, Callable, Collection, Optional, Tuple

from ..cores import roam
from ..errors import NotAuthenticated, without_frames
from .errands import Errand
from .faults import no_descriptor
from .waiting import NEVER, Watch

if TYPE_CHECKING:
    from ..config.shapes import KeySource, Provider

COMMAND_SECONDS = 30
COOL_SECONDS = {401: 300.0, 402: 300.0, 403: 300.0, 429: 30.0}      # where the provider says no time of its own
LONGEST_COOL_SECONDS = 3600.0
MAX_SESSIONS = 4096
MAX_REMEMBERED = 256                # keys that were read, to be taken out of whatever is said
NO_RETRY = {"x-should-retry": "false"}
MISTAKES = (OSError, ValueError)            # of reading a file, or running a command
_SENDABLE = re.compile(r"[\x21-\x7e]+\Z")


class CommandFailed(ValueError):
    """A command gave no key; the message says why, without what it printed."""


class Key:
    """A key that can be sent; `value` is "" for providers that take none."""

    def __init__(self, value: str = "", source: Optional[KeySource] = None) -> None:
        self.value, self.source = value, source


class KeyRing:
    """Which key a request uses. One for the process; what it remembers may be lost."""

    def __init__(self, clock: Callable[[], float] = time.monotonic, reader: Optional[Reader] = None) -> None:
        self._clock = clock
        self._reader = reader or Reader()
        self._cool_until = {}                               # source -> time
        self._next = collections.Counter()                  # provider name -> the next in turn
        self._sessions = collections.OrderedDict()          # (provider name, session) -> source
        self._lock = threading.Lock()

    def pick(self, provider: Provider, session: str = "", tried: Collection[KeySource] = (),
             watch: Optional[Watch] = None) -> Optional[Key]:
        """The key for the next try, None when all were tried; raises NotAuthenticated where there is none to read.

        A command that gives one is waited for with the client in view: ClientLeft where that goes.
        """
        if not provider.keys:
            if provider.key_needed:
                raise NotAuthenticated("%s has no key: %s" % (provider.name, provider.key_hint), NO_RETRY)
            return None if tried else Key()
        source = self._choose(provider, session, tried)
        return Key(self._reader.value(source, provider.name, watch or Watch()), source) if source else None

    def _choose(self, provider: Provider, session: str, tried: Collection[KeySource]) -> Optional[KeySource]:
        left = [source for source in provider.keys if source not in tried]
        if len(provider.keys) == 1 or not left:
            return left[0] if left else None
        with self._lock:
            now = self._clock()
            warm = [source for source in left if self._cool_until.get(source, 0) <= now]
            mine = self._sessions.get((provider.name, session)) if session else None
            if mine in warm:
                return mine
            if not warm:
                return min(left, key=lambda source: self._cool_until[source])
            chosen = warm[self._next[provider.name] % len(warm)]
            self._next[provider.name] += 1
            if session:
                self._remember((provider.name, session), chosen)
            return chosen

    def _remember(self, whose: Tuple[str, str], source: KeySource) -> None:
        self._sessions[whose] = source
        self._sessions.move_to_end(whose)
        if len(self._sessions) > MAX_SESSIONS:
            self._sessions.popitem(last=False)

    def refused(self, key: Key, status: int, retry_after: Optional[float] = None) -> None:
        """The provider would not have this key: leave it alone for a while."""
        if key.source is None or status not in COOL_SECONDS:
            return
        seconds = COOL_SECONDS[status] if retry_after is None else min(retry_after, LONGEST_COOL_SECONDS)
        with self._lock:
            self._cool_until[key.source] = self._clock() + seconds

    def known(self) -> Tuple[str, ...]:
        """The keys that files and commands have given."""
        return self._reader.known()

    def refresh(self, key: Key) -> bool:
        """Whether asking where the key comes from may give another one: then it will be asked again."""
        return key.source is not None and self._reader.forget(key.source, key.value)


class Reader:
    """Keys out of their sources: files are read again when they change, commands when their key was refused."""

    def __init__(self, run: Optional[Callable[[Any], str]] = None) -> None:
        self._run = run or run_command
        self._known = {}                                    # source -> (value, signature of the file)
        self._ever = {}                                     # every key that was read: an answer may quote a former one
        self._errands = {}                                  # source -> the run of its command, for all who wait for it
        self._lock = threading.Lock()

    def value(self, source: KeySource, provider_name: str, watch: Watch) -> str:
        """The key; raises NotAuthenticated where it cannot be had, without its text; ClientLeft."""
        if source.kind == "literal":
            return source.value.reveal()          # type: ignore[union-attr]  # a literal is a Secret, all else a str
        try:
            text = self._from_file(source) if source.kind == "file" else self._from_command(source, watch)
        except MISTAKES as exc:
            full = no_descriptor(without_frames(exc))
            if full:
                raise full
            raise NotAuthenticated("%s: the key of %s cannot be had: %s" % (source.origin, provider_name, _why(exc)),
                                   NO_RETRY)
        if not _SENDABLE.match(text):
            what = "holds a character that no header can carry" if text else "is empty"
            raise NotAuthenticated("%s: the key of %s %s" % (source.origin, provider_name, what), NO_RETRY)
        return text

    def _from_file(self, source: KeySource) -> str:
        signature = file_signature(source.value)        # type: ignore[arg-type]
        with self._lock:
            known = self._known.get(source)
            if known is not None and known[1] == signature:
                return known[0]
            return self._kept(source, read_file(source.value), signature)     # type: ignore[arg-type]

    def _kept(self, source: KeySource, text: str, signature: Optional[Tuple[int, int, int]] = None) -> str:
        """A key that was read; it is not kept where it cannot be sent, so that it is read again."""
        text = text.strip()
        if _SENDABLE.match(text):
            self._known[source] = (text, signature)
            self._ever[text] = None
            if len(self._ever) > MAX_REMEMBERED:
                del self._ever[next(iter(self._ever))]
        return text

    def _from_command(self, source: KeySource, watch: Watch) -> str:
        with self._lock:
            if source in self._known:
                return self._known[source][0]
            errand = self._errands.get(source)
            if errand is None:
                errand = self._errands[source] = Errand(lambda: self._ask(source), MISTAKES, "key-command")
        errand.wait(watch, NEVER)                           # it has a limit of its own
        return errand.result()

    def _ask(self, source: KeySource) -> str:
        """Run a command, in a thread of its own."""
        text = ""
        try:
            text = self._run(source.value)
        finally:
            with self._lock:
                del self._errands[source]                   # however it ended: the next request runs it again
                text = self._kept(source, text)
        return text

    def known(self) -> Tuple[str, ...]:
        """The keys that were read, those that are no longer in use as well."""
        return tuple(dict.fromkeys([value for value, _ in list(self._known.values())] + list(self._ever)))

    def forget(self, source: KeySource, value: str) -> bool:
        """Whether a command will be run again; not where another request has done so since `value` was handed out."""
        if source.kind != "command":
            return False
        with self._lock:
            if source in self._known and self._known[source][0] == value:
                del self._known[source]
        return True


def read_file(path: str) -> str:
    """The text of a key file; in UTF-16 where PowerShell has written it."""
    with open(path, "rb") as file:
        return decoded(file.read(65536))


def decoded(data: bytes) -> str:
    """The text of bytes that are UTF-8, or UTF-16 with a byte order mark."""
    return data.decode("utf-16" if data[:2] in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE) else "utf-8-sig")


def file_signature(path: str) -> Optional[Tuple[int, int, int]]:
    """What changes when a file does; None where there is none."""
    try:
        found = os.stat(path)
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino


def run_command(command: Any) -> str:
    """The output of a command line of the configuration, or of a list of words."""
    import subprocess                       # most have no such command
    roam()                                  # an agent that it starts may live for long
    try:
        done = subprocess.run(command, shell=isinstance(command, str), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.DEVNULL, timeout=COMMAND_SECONDS, check=True)
    except subprocess.TimeoutExpired:
        raise CommandFailed("the command took more than %d s" % COMMAND_SECONDS)
    except subprocess.CalledProcessError as exc:
        raise CommandFailed("the command ended with status %d" % exc.returncode)
    return decoded(done.stdout)


def _why(exc: Exception) -> str:
    if isinstance(exc, CommandFailed):
        return str(exc)
    if isinstance(exc, UnicodeDecodeError):
        return "it is not UTF-8"
    return getattr(exc, "strerror", None) or type(exc).__name__
