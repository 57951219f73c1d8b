"""How log lines look and where they go: for people, for the journal, for machines; and never too many of one kind.

The journal takes a line's level from a prefix "<6>", on each line of a traceback too.
https://www.freedesktop.org/software/systemd/man/latest/sd-daemon.html ; https://no-color.org
"""
import logging
import os
import threading
import time
from typing import Any, Callable, Dict, Iterable, List, Mapping, Tuple

from ..providers.redaction import without
from .escape import escaped, json_line

ACCESS = "claude_proxy.access"          # the logger whose messages are access lines
PACKAGE = "claude_proxy"
BURST, WINDOW_SECONDS = 5, 10.0         # so many warnings of one kind in this time; the others are counted
MOST_KINDS = 1000                       # of messages that are told apart
_PRIORITIES = ((logging.CRITICAL, 2), (logging.ERROR, 3), (logging.WARNING, 4), (logging.INFO, 6), (logging.DEBUG, 7))
_COLOURS = ((logging.ERROR, "\x1b[31m"), (logging.WARNING, "\x1b[33m"), (logging.INFO, "\x1b[2m"))
_PLAIN = "\x1b[0m"
_package, _access = logging.getLogger(PACKAGE), logging.getLogger(ACCESS)


def setup_logging(log_format: str, stream: Any, environ: Mapping[str, str] = os.environ,
                  level: int = logging.INFO) -> logging.Handler:
    """Send the package's log to `stream`, "text" or "json"; what an earlier call has set up is replaced."""
    handler = SafeHandler(stream)
    handler.setFormatter(_formatter(log_format, stream, environ))
    handler.addFilter(Repeats())
    logger = logging.getLogger(PACKAGE)
    for old in logger.handlers[:]:
        logger.removeHandler(old)
    logger.addHandler(handler)
    logger.setLevel(level)
    logger.propagate = False
    return handler


def hide_secrets(secrets: Callable[[], Iterable[str]]) -> None:
    """Whatever secrets() gives is not written to the log from now on."""
    for handler in logging.getLogger(PACKAGE).handlers:
        if isinstance(handler, SafeHandler):
            handler.secrets = secrets


def log_access(level: int, line: str) -> None:
    """Write an access line, as logging.getLogger(ACCESS).log() does.

    Where setup_logging's handler is the only one, it gets the line at once: logging's own way (a record, a look at the
    stack, filters, a formatter) takes longer than the conversion of a small request.
    """
    handlers = _package.handlers
    ours = len(handlers) == 1 and isinstance(handlers[0], SafeHandler) and not _access.handlers
    if ours and not _package.propagate:
        handlers[0].write_access(level, line)       # type: ignore[attr-defined]
    else:
        _access.log(level, "%s", line)


def _formatter(log_format: str, stream: Any, environ: Mapping[str, str]) -> logging.Formatter:
    journal = goes_to_journal(stream, environ)
    if log_format == "json":
        return JsonLines(journal)
    return JournalLines() if journal else TextLines(has_colours(stream, environ))


def goes_to_journal(stream: Any, environ: Mapping[str, str]) -> bool:
    """$JOURNAL_STREAM names the device and inode of this very stream."""
    device, _, inode = environ.get("JOURNAL_STREAM", "").partition(":")
    try:
        found = os.fstat(stream.fileno())
    except (OSError, AttributeError, ValueError):           # no file behind it
        return False
    return (device, inode) == (str(found.st_dev), str(found.st_ino))


def has_colours(stream: Any, environ: Mapping[str, str]) -> bool:
    """A terminal, unless $NO_COLOR or TERM=dumb; $FORCE_COLOR wins over both."""
    if environ.get("FORCE_COLOR", "0") not in ("", "0", "false"):
        return True
    if environ.get("NO_COLOR") or environ.get("TERM") == "dumb" or (os.name == "nt" and not _has_escapes(environ)):
        return False
    return bool(getattr(stream, "isatty", lambda: False)())


def _has_escapes(environ: Mapping[str, str]) -> bool:
    """A console on Windows that says it knows escape sequences; older ones print them."""
    return any(environ.get(name) for name in ("WT_SESSION", "ANSICON", "TERM"))


class SafeHandler(logging.StreamHandler):
    """Writes what the stream's encoding has not as escapes, and is silent where nobody reads the stream any more."""

    secrets: Callable[[], Iterable[str]] = tuple                # what no line may hold, a traceback's neither

    def format(self, record: logging.LogRecord) -> str:
        """The lines of a record, in the stream's encoding."""
        return self._fit(super().format(record))

    def write_access(self, level: int, line: str) -> None:
        """What emit() writes for a record of an access line."""
        lines: Any = self.formatter
        text = self._fit(lines.access(level, time.time(), line)) + self.terminator
        self.acquire()
        try:
            self.stream.write(text)
            self.stream.flush()
        except (OSError, ValueError, AttributeError):           # ValueError: it is closed; sys.stderr may be None, too
            pass
        finally:
            self.release()

    def _fit(self, text: str) -> str:
        text = without(text, self.secrets())
        if text.isascii():
            return text
        encoding = getattr(self.stream, "encoding", None) or "utf-8"
        return text.encode(encoding, "backslashreplace").decode(encoding)

    def handleError(self, record: logging.LogRecord) -> None:       # noqa: N802  (logging's own name)
        """A log that cannot be written is no reason to fail, nor to write to another place."""


class Repeats(logging.Filter):
    """Lets a few warnings of one kind through in a while; the next one says how many were left out. Not requests."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self._clock = clock
        self._lock = threading.Lock()
        self._seen: Dict[Tuple[str, str], List[float]] = {}         # kind -> [begin of its window, passed, left out]

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether the record is written."""
        if record.levelno < logging.WARNING or record.name == ACCESS:
            return True
        now = self._clock()
        with self._lock:
            if len(self._seen) > MOST_KINDS:
                self._seen.clear()
            seen = self._seen.setdefault((record.name, str(record.msg)), [now, 0, 0])
            if now - seen[0] > WINDOW_SECONDS:
                record.left_out = int(seen[2])
                seen[:] = [now, 0, 0]
            seen[1] += 1
            if seen[1] > BURST:
                seen[2] += 1
                return False
        return True


def message_of(record: logging.LogRecord) -> str:
    """The message on one line, and how many like it were left out."""
    return escaped(_counted(record, record.getMessage()))


class _Lines(logging.Formatter):
    """A message line, and below it the lines of its traceback; each with the same beginning."""

    def format(self, record: logging.LogRecord) -> str:
        """The record's lines."""
        begin, end = self.around(record.levelno, record.created)
        lines = [message_of(record)] + [escaped(line) for line in self.traceback_lines(record)]
        return "\n".join(begin + line + end for line in lines)

    def access(self, level: int, created: float, line: str) -> str:
        """An access line, which has no traceback."""
        begin, end = self.around(level, created)
        return begin + escaped(line) + end

    def around(self, level: int, created: float) -> Tuple[str, str]:
        """What stands before and behind each line; created: seconds since 1970."""
        raise NotImplementedError

    def traceback_lines(self, record: logging.LogRecord) -> List[str]:
        """The traceback, where the record has one."""
        return self.formatException(record.exc_info).split("\n") if record.exc_info else []


class TextLines(_Lines):
    """2026-01-31 09:30:00 INFO message"""

    def __init__(self, colours: bool = False) -> None:
        super().__init__()
        self._colours = colours
        self._stamp = (0, "")                               # a second, and how it is written

    def around(self, level: int, created: float) -> Tuple[str, str]:
        """Time and level; the level's colour on a terminal."""
        second, stamp = self._stamp
        if second != int(created):
            stamp = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(created))
            self._stamp = (int(created), stamp)
        name = logging.getLevelName(level)
        colour = next((code for least, code in _COLOURS if level >= least), "") if self._colours else ""
        if not colour:
            return "%s %s " % (stamp, name), ""
        if level < logging.WARNING:                         # the time in grey, the message as usual
            return "%s%s %s%s " % (colour, stamp, name, _PLAIN), ""
        return "%s%s %s " % (colour, stamp, name), _PLAIN


class JournalLines(_Lines):
    """<6>message: the journal has the time itself."""

    def around(self, level: int, created: float) -> Tuple[str, str]:
        """The priority."""
        return "<%d>" % priority(level), ""


class JsonLines(_Lines):
    """{"time": ..., "level": ..., "message": ...}; an access line's own object has time and level put before it."""

    def __init__(self, journal: bool = False) -> None:
        super().__init__()
        self._journal = journal

    def format(self, record: logging.LogRecord) -> str:
        """One object on one line."""
        message = record.getMessage()
        if record.name == ACCESS:
            return self.access(record.levelno, record.created, message)
        lines = self.traceback_lines(record)
        fields: Dict[str, Any] = {"logger": record.name, "message": _counted(record, message)}
        if lines:
            fields["exception"] = "\n".join(lines)
        return self._line(record.levelno, record.created, **fields)

    def access(self, level: int, created: float, line: str) -> str:
        """The line's own object, with time and level before it."""
        if not line.startswith('{"'):
            return self._line(level, created, logger=ACCESS, message=line)
        return self._line(level, created)[:-1] + "," + line[1:]

    def _line(self, level: int, created: float, **fields: Any) -> str:
        begin = "<%d>" % priority(level) if self._journal else ""
        return begin + json_line(dict(time=timestamp(created), level=logging.getLevelName(level).lower(), **fields))


def _counted(record: logging.LogRecord, message: str) -> str:
    left_out = getattr(record, "left_out", 0)
    return message + (" (%d more like it were left out)" % left_out if left_out else "")


def priority(level: int) -> int:
    """A log level as syslog counts it: 3 error, 4 warning, 6 info."""
    return next((number for least, number in _PRIORITIES if level >= least), 7)


def timestamp(seconds: float) -> str:
    """Seconds since 1970 -> 2026-01-31T09:30:00.123Z"""
    whole = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(seconds))
    return "%s.%03dZ" % (whole, int(seconds * 1000) % 1000)
