"""Tool calls of the history and their results: tool_use and tool_result blocks -> tool_calls and `tool` messages."""
from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any, Dict, List, NamedTuple, Tuple

from .blocks import content_of, inside, text
from .names import STYLES, shorten_tool_name, tool_id_for
from .scope import Scope

if TYPE_CHECKING:
    from .turns import Item

NO_RESULT = "[no result: the call was interrupted]"
NO_OUTPUT = "(no output)"
NOT_IN_A_NAME = re.compile(r"[^A-Za-z0-9_-]")
dumps = json.JSONEncoder(ensure_ascii=False).encode


class Call(NamedTuple):
    """A call, by the client's id, and as the provider gets it."""

    client_id: str
    chat: Dict[str, Any]


def calls_of(blocks: List[Dict[str, Any]], scope: Scope) -> List[Call]:
    """The tool_use blocks of one turn; no two calls of it have the same id."""
    calls: List[Call] = []
    taken: Dict[str, int] = {}
    for block in blocks:
        tool_id = _distinct(tool_id_for(block["id"], scope.dialect.tool_id_style), taken, scope)
        function = {"name": called(block["name"]), "arguments": dumps(block["input"])}
        calls.append(Call(block["id"], {"id": tool_id, "type": "function", "function": function}))
    return calls


def called(name: str) -> str:
    """A tool's name in the history: a model may have called what no tool can be named."""
    return shorten_tool_name(NOT_IN_A_NAME.sub("_", name)) or "unnamed_tool"


def _distinct(tool_id: str, taken: Dict[str, Any], scope: Scope) -> str:
    """`tool_id`, or where it is taken the next of its kind; `taken` counts what has been given out."""
    distinct = tool_id
    while distinct in taken:
        taken[tool_id] += 1
        distinct = STYLES[scope.dialect.tool_id_style]("%s_%d" % (tool_id, taken[tool_id]))
    taken[distinct] = 1
    return distinct


def tool_message(call: Call, item: Any, scope: Scope) -> Tuple[Dict[str, Any], List[Dict[str, Any]]]:
    """The message that answers a call, and the parts that have to follow in a user message; no `item`: interrupted."""
    block = item.block if item else {}
    parts = _result_parts(item, scope) if item else text(NO_RESULT)
    places = ("text", "image_url") if scope.dialect.images_in_tool_results else ("text",)
    moved = [part for part in parts if part["type"] not in places]
    kept = [part for part in parts if part["type"] in places] if moved else parts
    kept = kept or text("[see the attached %s]" % _kind(moved[0]) if moved else NO_OUTPUT)
    if block.get("is_error"):
        kept = _failed(kept)
    content = content_of(kept)
    return {"role": "tool", "tool_call_id": call.chat["id"], "content": content}, _introduced(moved, call.chat["id"])


def _failed(parts: List[Dict[str, Any]]) -> List[Dict[str, Any]]:
    """There is no flag for a failed call."""
    if parts[0]["type"] == "text":
        return text("Error: " + parts[0]["text"]) + parts[1:]
    return text("Error:") + parts


def _result_parts(item: Item, scope: Scope) -> List[Dict[str, Any]]:
    content = item.block.get("content")
    if content is None or isinstance(content, str):
        return text(content or "")
    return inside(content, scope, ((item.path, "tool_result"), "content"))


def _introduced(parts: List[Dict[str, Any]], tool_id: str) -> List[Dict[str, Any]]:
    made: List[Dict[str, Any]] = []
    for part in parts:
        made += text("[%s from tool result %s]" % (_kind(part), tool_id)) + [part]
    return made


def _kind(part: Dict[str, Any]) -> str:
    return "image" if part["type"] == "image_url" else "file"


def orphan_parts(item: Any, scope: Scope) -> List[Dict[str, Any]]:
    """A result whose call is not in the turn before (it was compacted away, say): what it says is kept as text."""
    parts = _result_parts(item, scope) or text(NO_OUTPUT)
    return text("[result of an earlier tool call, %s]" % item.block["tool_use_id"]) + parts
