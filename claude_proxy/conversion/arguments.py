"""A tool call's arguments as they stream by: JSON goes on live, what is no JSON waits for the end and is mended.

What has gone out cannot be taken back, so only text that begins a JSON object goes out. From the first character that
breaks JSON on, all is held until the call is over. Then the whole is mended, if it can be without adding a value:

    a code fence around it              ```json {"a": 1} ```
    a trailing comma                    {"a": 1,}       (a comma waits until something follows it, so it can be dropped)
    an object encoded twice             "{\\"a\\": 1}"
    text behind the object              {"a": 1} That should do.   (but not a second object: which one was meant?)
    a raw line break in a string        {"a": "x<LF>y"}
    white space around a known name     {"path ": "x"}

A brace that is missing at the end is not added: the answer was cut, and half of a command must not run.
"""
import json
import re
from json.encoder import encode_basestring as quote
from typing import Any, Collection, List, Match, Optional, Tuple

STRING = re.compile(r'[^"\\\x00-\x1f]*(?:\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4})[^"\\\x00-\x1f]*)*')
ESCAPE_BEGUN = re.compile(r"\\(?:u[0-9a-fA-F]{0,3})?\Z")
SCALAR = re.compile(r"[-+.\w]+")
NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][-+]?[0-9]+)?\Z")
NUMBER_BEGUN = re.compile(r"-?(?:(?:0|[1-9][0-9]*)(?:\.[0-9]*|(?:\.[0-9]+)?[eE][-+]?[0-9]*)?)?\Z")
WORDS = ("true", "false", "null")
SPACE = " \t\n\r"
BLANK = re.compile("[ \t\n\r]*")

# What may come next, outside of strings.
ROOT, FIRST_KEY, KEY, COLON, VALUE, FIRST_VALUE, AFTER_VALUE, END = range(8)
BEFORE_KEY = (FIRST_KEY, KEY)
BEFORE_VALUE = (VALUE, FIRST_VALUE)
BEFORE_STRING = BEFORE_KEY + BEFORE_VALUE
BEFORE_END = (FIRST_KEY, FIRST_VALUE, AFTER_VALUE)


class Arguments:
    """The arguments of one call: add() gives what may go out, finish() the rest.

    Positions count the characters of the whole text, without the white space that it begins with.
    """

    def __init__(self) -> None:
        self.broken = False             # something came that is not JSON
        self.blank = 0                  # white space outside of strings since the last other character
        self._pieces = []               # all that came
        self._held = ""                 # of it, what did not go out
        self._sent = 0                  # position where `_held` begins
        self._came = 0                  # position behind the last piece
        self._state = ROOT
        self._stack = []                # "{" and "[" that are open
        self._in_string = False
        self._is_key = False            # the string is an object's key
        self._carry = ""                # a number, word or escape that may go on: it is looked at again
        self._doubt = -1                # position of what may have to go: a comma before the end, white space in a name
        self._names = frozenset()       # the names that the tool has for its arguments
        self._is_name = False           # the string is such a name
        self._name, self._name_at = "", 0   # what has come of it, and its position
        self._mended: Tuple[int, Optional[str]] = (0, None)     # (number of pieces, what they can be mended to)

    def knows(self, schema: Any) -> None:
        """Take the names of the arguments from the tool's parameters."""
        properties = schema.get("properties") if isinstance(schema, dict) else None
        self._names = frozenset(properties if isinstance(properties, dict) else ())

    @property
    def begun(self) -> bool:
        """Whether anything but white space has come."""
        return self._came > 0

    @property
    def complete(self) -> bool:
        """Whether all is there: an object that has ended, or what can be mended to one."""
        return self.mended() is not None if self.broken else self._state == END

    @property
    def text(self) -> str:
        """All that came."""
        return "".join(self._pieces)

    def add(self, piece: str) -> str:
        """What can go out now: `piece` itself in all but rare cases."""
        if not self._came:
            piece = piece.lstrip(SPACE)
        self._pieces.append(piece)
        start, self._came = self._came, self._came + len(piece)
        if self.broken:
            self._held += piece
            return ""
        end = start + self._scan(piece, start)
        self.broken = end < self._came
        ready = end if self._doubt < 0 else self._doubt
        if not self._held and ready == self._came:
            self._sent = ready
            return piece
        text, size = self._held + piece, ready - self._sent
        self._held, self._sent = text[size:], ready
        return text[:size]

    def add_within_string(self, text: str) -> bool:
        """Take several pieces at once where all of them belong to one string, and so go out as they are; False:
        nothing was taken, since one of them may end the string or break it."""
        if not self._in_string or self._is_key or self.broken or self._held:
            return False
        whole = self._carry + text
        end = STRING.match(whole).end()     # type: ignore[union-attr]  # at least nothing
        if end < len(whole) and not ESCAPE_BEGUN.match(whole, end):
            return False
        self._carry = whole[end:]
        self._pieces.append(text)
        self._came += len(text)
        self._sent = self._came
        return True

    def mended(self) -> Optional[str]:
        """All of it as the text of a JSON object that begins with what went out, or None."""
        if self._mended[0] != len(self._pieces):
            text = self.text
            mended = mend(text, self._names)
            if mended is not None and not mended.startswith(text[:self._sent]):
                mended = None
            self._mended = (len(self._pieces), mended)
        return self._mended[1]

    def finish(self) -> Optional[str]:
        """The rest, when the call is over: "" where nothing is missing; None where it cannot be mended."""
        if not self.begun or (self._state == END and not self.broken):
            return ""
        mended = self.mended()
        return None if mended is None else mended[self._sent:]

    def as_it_came(self) -> str:
        """The rest, not mended."""
        return self._held

    # -- how far a piece goes on being JSON

    def _scan(self, piece: str, start: int) -> int:
        """The index in `piece` of the first character that breaks JSON; its length where none does."""
        text, self._carry = self._carry + piece, ""
        carried = len(text) - len(piece)
        at, self._base = 0, start - carried
        while at < len(text):
            after = self._string(text, at) if self._in_string else self._token(text, at)
            if after < 0:
                return max(0, ~after - carried)
            at = after
        return len(piece)

    # Each of these looks at what begins at `at` and gives the index behind it, or ~index of what is no JSON.

    def _string(self, text: str, at: int) -> int:
        start, at = at, STRING.match(text, at).end()      # type: ignore[union-attr]  # at least nothing
        if self._is_name:
            self._read_name(text[start:at])
        if at == len(text):
            return at
        if text[at] == '"':
            if self._is_name and self._doubt >= 0:
                if known_name(self._name, self._names) != self._name:
                    return ~at
                self._doubt = -1
            self._in_string = False
            self._state = COLON if self._is_key else self._after_value()
            return at + 1
        if not ESCAPE_BEGUN.match(text, at):
            return ~at
        self._carry = text[at:]
        return len(text)

    def _read_name(self, piece: str) -> None:
        """White space at either end of an argument's name waits until the name is known."""
        self._name += piece
        kept = 0 if self._name.startswith(" ") else len(self._name.rstrip(" "))
        self._doubt = self._name_at + kept if kept < len(self._name) else -1

    def _token(self, text: str, at: int) -> int:
        char, state = text[at], self._state
        if char in SPACE:               # behind the object it is held with whatever else may follow
            end = BLANK.match(text, at).end()        # type: ignore[union-attr]  # at least nothing
            self.blank += end - at
            return end if state != END else ~at
        self.blank = 0
        if char == '"' and state in BEFORE_STRING:
            self._in_string, self._is_key, self._doubt = True, state in BEFORE_KEY, -1
            self._is_name = self._is_key and len(self._stack) == 1 and bool(self._names)
            self._name, self._name_at = "", self._base + at + 1
        elif char in "{[" and (state in BEFORE_VALUE or (state == ROOT and char == "{")):
            self._stack.append(char)
            self._state, self._doubt = (FIRST_KEY if char == "{" else FIRST_VALUE), -1
        elif char in "}]" and state in BEFORE_END and self._stack and self._stack[-1] + char in ("{}", "[]"):
            self._stack.pop()
            self._state = self._after_value()
        elif char == ":" and state == COLON:
            self._state = VALUE
        elif char == "," and state == AFTER_VALUE:
            self._state, self._doubt = (KEY if self._stack[-1] == "{" else VALUE), self._base + at
        else:
            return self._scalar(text, at) if state in BEFORE_VALUE else ~at
        return at + 1

    def _scalar(self, text: str, at: int) -> int:
        found = SCALAR.match(text, at)
        word = found.group() if found else ""
        if word and at + len(word) == len(text):
            if not (NUMBER_BEGUN.match(word) or any(known.startswith(word) for known in WORDS)):
                return ~at
            self._carry = word
        elif NUMBER.match(word) or word in WORDS:
            self._state = self._after_value()
        else:
            return ~at
        self._doubt = -1
        return at + len(word)

    def _after_value(self) -> int:
        return AFTER_VALUE if self._stack else END


class FreeText:
    """The input of a custom tool, which is text and no JSON: it becomes {"input": text}. Same methods as Arguments."""

    complete = False                    # more may always come
    text = ""
    broken = False
    blank = 0

    def __init__(self) -> None:
        self.begun = False

    def knows(self, schema: Any) -> None:
        """Its one argument has a name of ours."""

    def add(self, piece: str) -> str:
        """The piece as a part of a JSON string."""
        before = "" if self.begun else '{"input":"'
        self.begun = True
        return before + quote(piece)[1:-1]

    def finish(self) -> Optional[str]:
        """What closes the object."""
        return '"}' if self.begun else '{"input":""}'

    def as_it_came(self) -> str:
        """Nothing: an input that was cut stays open, and so no JSON."""
        return ""


# -- mending, at the end of a call

FENCE = re.compile(r"\s*```[\w-]*[ \t]*\n?")
PIECE = re.compile(r'"[^"\\]*(?:\\.[^"\\]*)*"|[{}\[\],]|[^"{}\[\],]+', re.S)
CONTROL = re.compile(r"[\x00-\x1f]")
NO_ARGUMENTS = ("null", "[]", "")


def mend(text: str, keys: Collection[str] = (), encodings: int = 2) -> Optional[str]:
    """`text` as the text of a JSON object, "" where it says that there are no arguments, or None.

    `keys`: names that the object may have; one with white space around it loses that.
    """
    fence = FENCE.match(text)
    text = text[fence.end() if fence else 0:].strip("\ufeff" + SPACE)
    if text in NO_ARGUMENTS:
        return None if fence and not text else ""       # what is fenced has not come yet
    if text.startswith('"') and encodings:
        inner = first_value(text)
        return mend(inner, keys, encodings - 1) if isinstance(inner, str) else None
    mended = mended_object(text, keys) if text.startswith("{") else None
    return mended if mended is not None and is_object(mended) else None


def mended_object(text: str, keys: Collection[str]) -> Optional[str]:
    """The first object in `text`, without trailing commas and with raw control characters escaped; None: no end."""
    out, depth, at, before = [], 0, 0, ""
    while at < len(text):
        found = PIECE.match(text, at)
        if not found:                   # a string that does not end
            return None
        piece, at = found.group(), found.end()
        if piece in "}]":
            drop_comma(out)
        if piece[0] == '"':
            piece = CONTROL.sub(escaped, piece)
            if depth == 1 and before in ("{", ","):
                piece = '"%s"' % known_name(piece[1:-1], keys)
        out.append(piece)
        depth += (piece in "{[") - (piece in "}]")
        before = piece.strip() or before
        if not depth:
            return "".join(out) if is_remark(text[at:], "".join(out)) else None
    return None


def known_name(key: str, keys: Collection[str]) -> str:
    """`key`, or the one of `keys` that it is but for white space."""
    name = key.strip(" ")
    return name if name in keys and key not in keys else key


def is_remark(rest: str, said: str) -> bool:
    """Whether what stands behind an object can be left out: no second object, unless it is the same again."""
    return "{" not in rest or rest.strip() == said


def drop_comma(out: List[str]) -> None:
    """Take the last comma out of a list of pieces, where only white space follows it."""
    last = len(out) - 1
    while last >= 0 and not out[last].strip():
        last -= 1
    if last >= 0 and out[last] == ",":
        del out[last]


def escaped(found: Match[str]) -> str:
    """A control character (a regex match) as JSON writes it in a string."""
    return quote(found.group())[1:-1]


def first_value(text: str) -> Optional[str]:
    """The JSON value that `text` begins with, or None."""
    try:
        return json.JSONDecoder(strict=False).raw_decode(text)[0]
    except (ValueError, RecursionError):
        return None


def is_object(text: str) -> bool:
    """Whether `text` is a JSON object, by the letter: no NaN, no raw control characters."""
    try:
        return isinstance(json.loads(text, parse_constant=_no_constant), dict)
    except (ValueError, RecursionError):
        return False


def _no_constant(name: str) -> None:
    raise ValueError(name)
