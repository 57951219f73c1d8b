"""The text of a configuration: JSON with comments and trailing commas, and where each of its values stands.

    read_tree(text) -> Tree
        value   the parsed JSON
        lines   path -> line number, where a path is a tuple of names and list indices: ("server", "port")
        twice   the paths of names that stand twice in one object

https://www.rfc-editor.org/rfc/rfc8259 ; comments and trailing commas are blanked, never cut, so that lines and
columns in messages are those of the file.
"""
import json
import re
from typing import Any, Dict, List, Match, NamedTuple, Tuple, Union

Path = Tuple[Union[str, int], ...]

_STRING = r'"(?:\\.|[^"\\\n])*"'
_COMMENT = re.compile(_STRING + r"|//[^\n]*|/\*.*?\*/", re.S)
_LAST_COMMA = re.compile(_STRING + r"|,(?=\s*[}\]])")
_LEXEME = re.compile(r'"(?:\\.|[^"\\])*"|[{}\[\]:,]|[^\s{}\[\]:,"]+')
_PLAIN_NAME = re.compile(r"[^\W\d][\w-]*\Z")

_HINTS = (
    ("Expecting property name", "names stand in double quotes"),
    ("Expecting ',' delimiter", "a comma is missing before this, or a quote inside a string needs a backslash"),
    ("Expecting ':' delimiter", "a name is followed by a colon"),
    ("Unterminated string", "a string ends on its own line with a double quote"),
    ("Invalid control character", "a string ends on its own line with a double quote"),
    ("Invalid \\escape", "a backslash in a string is written twice"),
    ("Extra data", "the file holds one object; a brace closes too early"),
    ("Expecting value", "a value is missing, or a string lacks its double quotes"),
)


class Tree(NamedTuple):
    """A parsed configuration file."""

    value: Any
    lines: Dict[Path, int]
    twice: List[Path]


class NotJson(ValueError):
    """The text is no JSON, even without its comments; the message has line and column, and nothing of the text."""


def plain_json(text: str) -> str:
    """JSON with // and /* */ comments and trailing commas -> JSON, every character still in its place."""
    return _LAST_COMMA.sub(_blank, _COMMENT.sub(_blank, text))      # the comments first: braces in them are none


def _blank(match: Match[str]) -> str:
    text = match.group()
    return text if text[0] == '"' else re.sub(r"\S", " ", text)


def read_tree(text: str) -> Tree:
    """Parse; raises NotJson."""
    plain = plain_json(text[1:] if text.startswith("\ufeff") else text)
    try:
        value = json.loads(plain, parse_constant=_no_number)
    except json.JSONDecodeError as error:
        raise NotJson("line %d column %d: %s%s" % (error.lineno, error.colno, error.msg, _hint(error.msg)))
    except RecursionError:
        raise NotJson("nested too deeply")
    except ValueError as error:         # NaN, or an integer of thousands of digits
        raise NotJson(str(error) if isinstance(error, NotJson) else "a number is too long")
    lines, twice = _places(plain)
    return Tree(value, lines, twice)


def _no_number(name: str) -> None:
    raise NotJson("%s is no JSON number" % name)


def _hint(message: str) -> str:
    return next(("; " + hint for begin, hint in _HINTS if message.startswith(begin)), "")


def _places(plain: str) -> Tuple[Dict[Path, int], List[Path]]:
    """Where each value of a valid JSON text stands."""
    lines: Dict[Path, int] = {}
    twice: List[Path] = []
    stack: List[Union[str, int]] = []   # a name or index for each open bracket
    line, at, naming = 1, 0, False
    for match in _LEXEME.finditer(plain):
        lexeme = match.group()
        line, at = line + plain.count("\n", at, match.start()), match.start()
        if lexeme in "]}":
            stack.pop()
            naming = False
        elif lexeme == ",":
            naming = not isinstance(stack[-1], int)
            stack[-1] = stack[-1] + 1 if isinstance(stack[-1], int) else ""
        elif naming and lexeme[0] == '"':
            stack[-1], naming = json.loads(lexeme), False
            path = tuple(stack)
            if path in lines and not any(path[:len(outer)] == outer for outer in twice):
                twice.append(path)
            lines[path] = line
        elif lexeme != ":":
            lines.setdefault(tuple(stack), line)
            if lexeme in "[{":
                stack.append(0 if lexeme == "[" else "")
                naming = lexeme == "{"
    return lines, twice


def dotted(path: Path) -> str:
    """("providers", "my.own", "models", 0) -> providers."my.own".models[0]"""
    words = []
    for part in path:
        if isinstance(part, int):
            words.append("[%d]" % part)
            continue
        name = part if _PLAIN_NAME.match(part) else json.dumps(part, ensure_ascii=False)
        words.append("." + name if words else name)
    return "".join(words)
