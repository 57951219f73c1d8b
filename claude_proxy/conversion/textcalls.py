"""Tool calls that arrive as text: what local models write where the server has no parser for them.

    <tool_call>{"name": "ls", "arguments": {"path": "."}}</tool_call>                 Hermes, Qwen
    <tool_call>ls<arg_key>path</arg_key><arg_value>.</arg_value></tool_call>          GLM
    <function=ls><parameter=path>.</parameter></function>                             Qwen-Coder, also in <tool_call>
    <invoke name="ls"><parameter name="path">.</parameter></invoke>                   MiniMax and others
    <function_call>{...}</function_call>                                              Granite
    <|tool_call|>[{...}]   <|python_tag|>{...}                                        Phi, Llama
    [TOOL_CALLS][{"name": "ls", "arguments": {...}}]   [TOOL_CALLS]ls[ARGS]{...}      Mistral
    <｜tool▁calls▁begin｜>...   <|tool_calls_section_begin|>...                       DeepSeek, Kimi
    {"name": "ls", "parameters": {...}}                                               Llama: the whole answer

Only what reads as a call of a tool that the request declares is one; all else stays the text that it is, also what
stands in a code fence or behind a backtick. From the beginning of what may be a call, the text waits: for the end of
the call, of the answer, or for MAX_HELD characters.
"""
import json
import re
from typing import Any, Collection, List, Mapping, Optional, Tuple

from .sse import compact
from .stops import overlap

MAX_HELD = 128 * 1024
MAX_SPACE = 256                                     # so much white space is waited behind for a bare call, no more
ENDS = {                                            # how a call begins -> how it ends; "": with its JSON
    "<tool_call>": "</tool_call>",
    "<function=": "</function>",
    "<function_call>": "</function_call>",
    "<minimax:tool_call>": "</minimax:tool_call>",
    "<invoke name=": "</invoke>",
    "<|tool_call|>": "",
    "<|python_tag|>": "",
    "[TOOL_CALLS]": "",
    "<｜tool▁calls▁begin｜>": "<｜tool▁calls▁end｜>",
    "<|tool_calls_section_begin|>": "<|tool_calls_section_end|>",
}
FENCE = "```"
MARKS = tuple(ENDS) + (FENCE,)
MARK = re.compile("|".join(re.escape(mark) for mark in MARKS))
BARE = re.compile(r'\s*\[?\s*\{\s*"(?:name|type|function|tool|tool_name|id|arguments|parameters)"\s*:')
BARE_BEGUN = 24                                     # characters after which BARE must have been seen
FUNCTION = re.compile(r"<function=([^>\s]+)\s*>(.*?)(?:</function>|\Z)", re.S)
PARAMETER = re.compile(r"<parameter=([^>\s]+)\s*>\n?(.*?)\n?(?:</parameter>|(?=<parameter=)|\Z)", re.S)
INVOKE = re.compile(r"<invoke name=[\"']?([^\"'>]+)[\"']?\s*>(.*?)(?:</invoke>|\Z)", re.S)
NAMED_PARAMETER = re.compile(r"<parameter name=[\"']?([^\"'>]+)[\"']?\s*>\n?(.*?)\n?</parameter>", re.S)
ARG_KEY = re.compile(r"<arg_key>(.*?)</arg_key>\s*<arg_value>(.*?)</arg_value>", re.S)
DEEPSEEK = re.compile(r"<｜tool▁call▁begin｜>(?:function<｜tool▁sep｜>)?([^\s<]+)\s*(?:<｜tool▁sep｜>|```json\n)"
                      r"(.*?)(?:\n```)?<｜tool▁call▁end｜>", re.S)
KIMI = re.compile(r"<\|tool_call_begin\|>\s*(?:functions\.)?([\w.-]+?)(?::\d+)?\s*<\|tool_call_argument_begin\|>"
                  r"(.*?)<\|tool_call_end\|>", re.S)
NAMED_ARGS = re.compile(r"\s*([\w.-]+)\s*(?:\[ARGS\])?\s*(?=\{)")

Call = Tuple[str, str]                              # name, arguments as the text of an object
Piece = Tuple[str, Any]                             # ("text", text) or ("call", Call)


class TextCalls:
    """Text in pieces -> pieces of text, and calls."""

    def __init__(self, declared: Collection[str], schemas: Optional[Mapping[str, Any]] = None) -> None:
        self._declared = declared
        self._schemas = schemas or {}
        self._held = ""
        self._mark = ""                             # what the text that is held as a call begins with; "": bare JSON
        self._last = ""                             # the character before what is looked at
        self._cut = False
        self._tried = 0                             # length of the text when its JSON was last tried
        self._step = self._start

    @property
    def idle(self) -> bool:
        """Whether text without any of `<[` and backticks goes straight through."""
        return not self._held and self._last != "`" and self._step in (self._open, self._fenced)

    def feed(self, text: str) -> List[Piece]:
        """What is certain."""
        return self._run(self._held + text, False)

    def finish(self, cut: bool) -> List[Piece]:
        """The rest. Where the output limit did not cut the answer, a call need not have its end."""
        self._cut = cut
        return self._run(self._held, True)

    def _run(self, text: str, ended: bool) -> List[Tuple[str, Any]]:
        out: List[Piece] = []
        while text:
            step = self._step
            taken, pieces = step(text, ended)
            out += pieces
            if not taken and self._step == step:
                break                               # it waits for more
            self._last = text[taken - 1] if taken else self._last
            text = text[taken:]
        self._held = text
        return [piece for piece in out if piece[1]]

    # Each step looks at the beginning of the text: (characters that are dealt with, what they are).

    def _start(self, text: str, ended: bool) -> Tuple[int, List[Any]]:
        start = text.lstrip()
        near = len(text) - len(start) <= MAX_SPACE
        undecided = near and not ended and len(start) < BARE_BEGUN
        if near and BARE.match(text):
            self._mark, self._step = "", self._collect
        elif not undecided or start[:1] not in ("", "{", "["):
            self._step = self._open
        return 0, []

    def _open(self, text: str, ended: bool) -> Tuple[int, List[Tuple[str, str]]]:
        found = MARK.search(text)
        if found is None:
            size = len(text) - (0 if ended else max(overlap(text, mark) for mark in MARKS))
            return size, [("text", text[:size])]
        at, mark = found.start(), found.group()
        if mark == FENCE:
            self._step = self._fenced
            at = found.end()
        elif (text[at - 1] if at else self._last) == "`":
            at = found.end()
        else:
            self._mark, self._step = mark, self._collect
        return at, [("text", text[:at])]

    def _fenced(self, text: str, ended: bool) -> Tuple[int, List[Tuple[str, str]]]:
        at = text.find(FENCE)
        if at >= 0:
            self._step = self._open
            size = at + len(FENCE)
        else:
            size = len(text) - (0 if ended else overlap(text, FENCE))
        return size, [("text", text[:size])]

    def _collect(self, text: str, ended: bool) -> Tuple[int, List[Tuple[str, Any]]]:
        end = ENDS.get(self._mark, "")
        at = text.find(end) if end else -1
        whole = end and at >= 0
        size = at + len(end) if whole else len(text)
        calls: List[Call] = []
        # A text of this length is not tried again before it has grown by a tenth, or its time would be squared.
        if whole or (not end and len(text) > self._tried * 1.1) or (ended and not (end and self._cut)):
            self._tried = len(text)
            size, calls = self._calls(text, size)
        if calls and all(call[0] in self._declared for call in calls):
            self._step, self._tried = self._behind, 0
            return size, [("call", call) for call in calls]
        if not whole and not ended and len(text) <= MAX_HELD and (end or maybe_json(text[len(self._mark):])):
            return 0, []
        self._step, self._tried = self._open, 0
        size = len(self._mark) or len(text) - len(text.lstrip()) + 1
        return size, [("text", text[:size])]

    def _behind(self, text: str, ended: bool) -> Tuple[int, List[Any]]:
        """White space behind a call belongs to it; another bare call may follow."""
        rest = text.lstrip()
        if rest:
            self._step = self._open if self._mark else self._start
        return len(text) - len(rest), []

    def _calls(self, text: str, size: int) -> Tuple[int, List[Tuple[str, str]]]:
        """(size, the calls) that the first `size` characters hold."""
        body = text[len(self._mark):size]
        if not ENDS.get(self._mark, ""):
            return self._json_calls(text, body)
        if self._mark in ("<function=", "<invoke name="):
            body = text[:size]
        body = body[:len(body) - len(ENDS[self._mark])] if body.endswith(ENDS[self._mark]) else body
        return size, self._tagged_calls(body.strip())

    def _json_calls(self, text: str, body: str) -> Tuple[int, List[Tuple[str, str]]]:
        named = NAMED_ARGS.match(body) if self._mark == "[TOOL_CALLS]" else None
        value, length = json_at(body[named.end():] if named else body)
        used = len(self._mark) + (named.end() if named else 0) + length
        if named:
            return used, [(named.group(1), compact(value))] if isinstance(value, dict) else []
        return used, calls_of(value)

    def _tagged_calls(self, body: str) -> List[Call]:
        if body.startswith(("{", "[")):
            value, length = json_at(body)
            return calls_of(value) if not body[length:].strip() else []
        for call in (DEEPSEEK, KIMI):
            found = call.findall(body)
            if found:
                return calls_of([{"name": name, "arguments": arguments} for name, arguments in found])
        for call, parameter in ((FUNCTION, PARAMETER), (INVOKE, NAMED_PARAMETER)):
            calls = [(name, self._typed(name, parameter.findall(inner))) for name, inner in call.findall(body)]
            if calls:
                return calls
        name = body.split("<", 1)[0].strip()
        return [(name, self._typed(name, ARG_KEY.findall(body)))] if name else []

    def _typed(self, name: str, parameters: List[Tuple[str, str]]) -> str:
        """Parameters that came as text, as the tool's schema wants them."""
        schema = self._schemas.get(name)
        properties = schema.get("properties") if isinstance(schema, dict) else None
        properties = properties if isinstance(properties, dict) else {}
        return compact({key.strip(): typed(value, properties.get(key.strip())) for key, value in parameters})


def typed(text: str, schema: Any) -> Any:
    """`text` as the JSON value that it is, where its schema does not want a string."""
    kind = schema.get("type") if isinstance(schema, dict) else None
    if kind is None or kind == "string" or (isinstance(kind, list) and "string" in kind):
        return text
    value, length = json_at(text)
    return text if value is None and text.strip() != "null" or text[length:].strip() else value


def calls_of(value: Any) -> List[Call]:
    """The calls that a JSON value says; [] where any part of it is no call."""
    calls = [call_of(item) for item in (value if isinstance(value, list) else [value])]
    return [call for call in calls if call] if all(calls) else []


def call_of(value: Any) -> Optional[Call]:
    """{"name", "arguments" | "parameters"}, or the same under "function", as a call."""
    if isinstance(value, dict) and isinstance(value.get("function"), dict):
        value = value["function"]
    if not isinstance(value, dict):
        return None
    name = next((value[key] for key in NAME_KEYS if isinstance(value.get(key), str)), "")
    found = [value[key] for key in ("arguments", "parameters", "input") if key in value]
    arguments = found[0] if found else {}
    if isinstance(arguments, str):
        arguments = json_at(arguments)[0] if arguments.strip() else {}
    return (name, compact(arguments)) if name and isinstance(arguments, dict) else None


def json_at(text: str) -> Tuple[Any, int]:
    """(the JSON value that `text` begins with, where it ends); (None, 0) where there is none."""
    start = len(text) - len(text.lstrip())
    try:
        return DECODER.raw_decode(text, start)
    except (ValueError, RecursionError):
        return None, 0


def maybe_json(text: str) -> bool:
    """Whether text that is no JSON value yet may become one: a list or an object that has begun."""
    start = text.lstrip()
    return not start or start[0] in "{[" or NAMED.match(start) is not None


NAME_KEYS = ("name", "tool", "tool_name", "function")
NAMED = re.compile(r"[\w.-]+\s*(?:\[(?:A(?:R(?:G(?:S(?:\]\s*(?:\{.*)?)?)?)?)?)?|\{.*)?\Z", re.S)
DECODER = json.JSONDecoder(strict=False)
