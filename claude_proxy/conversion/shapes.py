"""What a Messages request must look like: checked once, with paths, before anything is converted.

    check_request(body)                 raises InvalidRequest("messages.0.content.1.text.text: Field required")

BLOCKS is the table of content blocks: who may send it, which fields it must have and which it may have. A field that is
not named is not looked at: new clients add some every month. What no block can be is refused by its type, because
losing content silently would be worse.
https://docs.anthropic.com/en/api/messages
"""
from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Dict, List, NamedTuple, Optional, Tuple, Union

from .checks import (
    Check,
    Path,
    array,
    between,
    boolean,
    fields,
    filled,
    integer,
    listed,
    mapping,
    number,
    one_of,
    optional,
    refuse,
    string,
)
from .effort import ON
from .tool_text import Tools
from .tools import CHANGES, SERVER_TOOLS, TYPED_TOOLS

if TYPE_CHECKING:
    from ..errors import InvalidRequest

MAX_MESSAGES = 100000
TOOL_NAME = re.compile(r"[a-zA-Z0-9_-]{1,128}\Z")
IMAGE_TYPES = ("image/jpeg", "image/png", "image/gif", "image/webp", "image/jpg")
NO_FILES = "files need Anthropic's Files API, which this proxy does not have; send the content itself as base64"


class Block(NamedTuple):
    """Where a content block may stand (user, assistant, result, system, system_message), and its fields."""

    places: Tuple[str, ...]
    required: Dict[str, Check] = {}
    known: Dict[str, Check] = {}


def check_request(body: Dict[str, Any], counting: bool = False) -> None:
    """The whole request; `counting`: for count_tokens, which needs no max_tokens."""
    for name, check in REQUIRED.items():
        if name in body:
            check(body[name], name)
        elif not (counting and name == "max_tokens"):
            raise refuse(name, "Field required")
    for name, check in KNOWN.items():
        if name in body and body[name] is not None:
            check(body[name], name)


def system(value: Any, path: Path) -> None:
    """A string, or text blocks."""
    if not isinstance(value, str):
        array(value, path)
        _blocks(value, path, "system")


def messages(value: Any, path: Path) -> None:
    """The conversation: at least one message, each with a role and content."""
    array(value, path)
    if not value:
        raise refuse(path, "at least one message is required")
    if len(value) > MAX_MESSAGES:
        raise refuse(path, "List should have at most %d items after validation, not %d" % (MAX_MESSAGES, len(value)))
    for index, message in enumerate(value):
        _message(message, (path, index))


def _message(message: Any, path: Path) -> None:
    mapping(message, path)
    role = message.get("role")
    fields(message, path, ROLE, {})
    if role == "system" and message.get("content") is None and message.get("output_config"):
        return                                  # carries an effort for the turn, and no words
    place = "system_message" if role == "system" else role
    if "content" not in message:
        raise refuse((path, "content"), "Field required")
    if not isinstance(message["content"], str):
        array(message["content"], (path, "content"))
        _blocks(message["content"], (path, "content"), place)


def _blocks(blocks: List[Any], path: Path, place: Optional[str]) -> None:
    for index, block in enumerate(blocks):
        is_text = block.__class__ is dict and block.get("type") == "text" and block.get("text").__class__ is str
        if not is_text:                         # most are, and may stand anywhere
            _block(block, (path, index), place)


def _block(block: Any, path: Path, place: Optional[str]) -> None:
    if block.__class__ is not dict:
        mapping(block, path)
    if "type" not in block:
        raise refuse((path, "type"), "Field required")
    kind = block["type"]
    row = BLOCKS.get(kind) if isinstance(kind, str) else None
    if row is None or place not in row.places:
        raise _misplaced(kind, row, path, place)
    fields(block, (path, kind), row.required, row.known)


def _misplaced(kind: Any, row: Optional[Block], path: Path, place: Optional[str]) -> InvalidRequest:
    if row is not None and place not in ("system", "system_message", "result"):
        return refuse(path, "`%s` blocks can only be in %s messages" % (kind, row.places[0]))
    tags = [name for name, row in BLOCKS.items() if place in row.places]
    return refuse(path, "Input tag '%s' found using 'type' does not match any of the expected tags: %s"
                  % (str(kind)[:60], ", ".join("'%s'" % tag for tag in tags)))


def result_content(value: Any, path: Path) -> None:
    """A tool result's content: nothing, a string, or blocks."""
    if value is not None and not isinstance(value, str):
        array(value, path)
        _blocks(value, path, "result")


def text_blocks(value: Any, path: Path) -> None:
    """Text blocks alone."""
    array(value, path)
    _blocks(value, path, "system")


def image_source(value: Any, path: Path) -> None:
    """base64 or url."""
    _source(value, path, IMAGE_SOURCES)


def _image_url(value: str, path: Path) -> None:
    filled(value, path)
    if not value.lower().startswith(("https://", "http://", "data:image/")):
        raise refuse(path, "Only HTTP and HTTPS URLs are supported")


def document_source(value: Any, path: Path) -> None:
    """base64 (PDF), text, content or url."""
    _source(value, path, DOCUMENT_SOURCES)


def _document_content(value: Union[List[Dict[str, Any]], str], path: Path) -> None:
    if not isinstance(value, str):
        array(value, path)
        _blocks(value, path, "result")


def _source(value: Dict[str, Any], path: Path, kinds: Dict[str, Any]) -> None:
    mapping(value, path)
    if "type" not in value:
        raise refuse((path, "type"), "Field required")
    kind = value["type"]
    if not isinstance(kind, str) or kind not in kinds:
        raise refuse(path, "Input tag '%s' found using 'type' does not match any of the expected tags: %s"
                     % (str(kind)[:60], ", ".join("'%s'" % name for name in kinds)))
    if kinds[kind] is None:
        raise refuse(path, NO_FILES)
    fields(value, (path, kind), kinds[kind], {})


def _tool(value: Dict[str, Any], path: Path) -> None:
    mapping(value, path)
    if value.get("definition") is not None:
        check_tool(value["definition"], (path, "definition"))


def _tool_changes(value: List[Dict[str, Any]], path: Path) -> None:
    array(value, path)
    for index, change in enumerate(value):
        mapping(change, (path, index))
        if change.get("type") in CHANGES:
            fields(change, (path, index), {"tool": _tool}, {})


ROLE: Dict[str, Check] = {"role": one_of("user", "assistant", "system")}
IMAGE_SOURCES = {
    "base64": {"media_type": one_of(*IMAGE_TYPES), "data": filled},
    "url": {"url": _image_url},
    "file": None,
}
DOCUMENT_SOURCES = {
    "base64": {"media_type": one_of("application/pdf"), "data": filled},
    "text": {"data": string},
    "content": {"content": _document_content},
    "url": {"url": filled},
    "file": None,
}
EVERYWHERE = ("user", "assistant", "result")
SERVER_RESULT = Block(("assistant", "user"))

BLOCKS = {
    "text": Block(("user", "assistant", "result", "system", "system_message"), {"text": string}),
    "image": Block(EVERYWHERE, {"source": image_source}),
    "document": Block(EVERYWHERE, {"source": document_source},
                      {"title": optional(string), "context": optional(string)}),
    "search_result": Block(EVERYWHERE, {"source": string, "title": string, "content": text_blocks}),
    "thinking": Block(("assistant",), {"thinking": string}, {"signature": optional(string)}),
    "redacted_thinking": Block(("assistant",)),
    "tool_use": Block(("assistant",), {"id": filled, "name": string, "input": mapping}),
    "tool_result": Block(("user",), {"tool_use_id": filled},
                         {"content": result_content, "is_error": optional(boolean)}),
    "tool_reference": Block(("result", "user"), {"tool_name": string}),
    "browser_state": Block(("result", "user")),
    "server_tool_use": Block(("assistant",), {"name": string}),
    "web_search_tool_result": SERVER_RESULT,
    "web_fetch_tool_result": SERVER_RESULT,
    "code_execution_tool_result": SERVER_RESULT,
    "bash_code_execution_tool_result": SERVER_RESULT,
    "text_editor_code_execution_tool_result": SERVER_RESULT,
    "tool_search_tool_result": SERVER_RESULT,
    "advisor_tool_result": SERVER_RESULT,
    "mcp_tool_use": Block(("assistant",), {"name": string}),
    "mcp_tool_result": Block(("assistant", "user")),
    "mcp_tool_listing": Block(("assistant", "user")),
    "fallback": Block(("assistant",)),
    "container_upload": Block(("user",)),
    "compaction": Block(("assistant", "user"), {},
                        {"content": optional(string), "tool_changes": optional(_tool_changes)}),
    "tool_addition": Block(("system_message",), {"tool": _tool}),
    "tool_removal": Block(("system_message",), {"tool": _tool}),
}


def tools(value: Any, path: Path) -> None:
    """Custom tools with a schema, and typed ones; names are unique."""
    if value.__class__ is Tools:                # looked at when they were first seen
        return
    array(value, path)
    seen = set()
    for index, tool in enumerate(value):
        check_tool(tool, (path, index))
        name = tool.get("name")
        if name is not None and name in seen:
            raise refuse(path, "Tool names must be unique: '%s'" % name)
        seen.add(name)


def check_tool(tool: Any, path: Path) -> None:
    """One element of `tools`."""
    mapping(tool, path)
    kind = tool.get("type")
    if kind in (None, "custom"):
        fields(tool, (path, "custom"), CUSTOM_TOOL, CUSTOM_TOOL_MORE)
    elif not isinstance(kind, str) or not kind.startswith(SERVER_TOOLS) and kind not in TYPED_TOOLS:
        raise refuse(path, "Input tag '%s' found using 'type' does not match any of the expected tags: 'custom', %s"
                     % (str(kind)[:60], ", ".join("'%s'" % tag for tag in TYPED_TOOLS)))
    elif "name" in tool:
        _tool_name(tool["name"], ((path, kind), "name"))


def _tool_name(value: str, path: Path) -> None:
    filled(value, path)
    if not TOOL_NAME.match(value):
        raise refuse(path, "String should match pattern '^[a-zA-Z0-9_-]{1,128}$'")


def _tool_schema(value: Dict[str, Any], path: Path) -> None:
    mapping(value, path)
    if value.get("type") not in (None, "object", ["object", "null"], ["object"]):
        raise refuse((path, "type"), "Input should be 'object'")


CUSTOM_TOOL: Dict[str, Check] = {"name": _tool_name, "input_schema": _tool_schema}
CUSTOM_TOOL_MORE: Dict[str, Check] = {"description": optional(string), "input_examples": optional(array)}


def tool_choice(value: Any, path: Path) -> None:
    """auto, any, tool with a name, or none."""
    mapping(value, path)
    fields(value, path, {"type": one_of("auto", "any", "tool", "none")},
           {"disable_parallel_tool_use": optional(boolean)})
    if value["type"] == "tool":
        fields(value, (path, "tool"), {"name": filled}, {})


def thinking(value: Any, path: Path) -> None:
    """enabled with a budget, adaptive, between_tools, or disabled."""
    mapping(value, path)
    fields(value, path, {"type": _thinking_type}, {"display": optional(string)})
    if value["type"] == "enabled":
        fields(value, (path, "enabled"), {"budget_tokens": integer}, {})


def _thinking_type(value: str, path: Path) -> None:
    if not isinstance(value, str) or value not in ON:
        raise refuse(path, "Input should be %s" % listed(ON))


def output_format(value: Any, path: Path) -> None:
    """A JSON schema for the answer."""
    mapping(value, path)
    fields(value, path, {"type": one_of("json_schema"), "schema": mapping}, {})


def output_config(value: Any, path: Path) -> None:
    """Effort and format."""
    mapping(value, path)
    fields(value, path, {}, {"effort": optional(string), "format": optional(output_format)})


def stop_sequences(value: Any, path: Path) -> None:
    """Strings."""
    array(value, path)
    for index, sequence in enumerate(value):
        string(sequence, (path, index))


def max_tokens(value: Any, path: Path) -> None:
    """A whole number of at least 1."""
    integer(value, path)
    if value < 1:
        raise refuse(path, "Input should be greater than or equal to 1")


def metadata(value: Any, path: Path) -> None:
    """{"user_id"}"""
    mapping(value, path)
    fields(value, path, {}, {"user_id": optional(string)})


REQUIRED: Dict[str, Check] = {"model": filled, "max_tokens": max_tokens, "messages": messages}
KNOWN: Dict[str, Check] = {
    "system": system,
    "stream": boolean,
    "stop_sequences": stop_sequences,
    "temperature": between(0, 1),
    "top_p": between(0, 1),
    "top_k": number,
    "tools": tools,
    "tool_choice": tool_choice,
    "thinking": thinking,
    "output_config": output_config,
    "output_format": output_format,
    "metadata": metadata,
}
