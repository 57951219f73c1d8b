"""Anthropic's client tools (bash, text editor, memory, computer): models elsewhere were not trained on them, so each is
spelled out as an ordinary tool with the same name and the same input. The client runs the call as it would any other.

    TYPED_TOOLS     type -> function(tool) -> {"name", "description", "input_schema"}

https://docs.anthropic.com/en/docs/agents-and-tools/tool-use/overview
"""
from typing import Any, Callable, Dict, Tuple

STRING, INTEGER, BOOLEAN = {"type": "string"}, {"type": "integer"}, {"type": "boolean"}
POINT = {"type": "array", "items": INTEGER, "minItems": 2, "maxItems": 2}


def _described(schema: Dict[str, Any], description: str) -> Dict[str, Any]:
    return dict(schema, description=description)


def _tool(tool: Dict[str, Any], name: str, description: str, properties: Dict[str, Any],
          required: Tuple[str, ...]) -> Dict[str, Any]:
    schema = {"type": "object", "properties": properties, "required": list(required)}
    return {"name": tool.get("name") or name, "description": description, "input_schema": schema}


def bash(tool: Dict[str, Any]) -> Dict[str, Any]:
    """A shell that keeps its state."""
    return _tool(tool, "bash", "Run a command in a persistent bash shell on the user's machine; returns its output.", {
        "command": _described(STRING, "The command to run. Required unless the shell is restarted."),
        "restart": _described(BOOLEAN, "true restarts the shell."),
    }, ())


def _file_properties(commands: Tuple[str, ...], path: str) -> Dict[str, Any]:
    return {
        "command": {"type": "string", "enum": list(commands)},
        "path": _described(STRING, path),
        "file_text": _described(STRING, "create: the content of the new file."),
        "old_str": _described(STRING, "str_replace: the text to replace; it must occur exactly once."),
        "new_str": _described(STRING, "str_replace: the text that replaces it."),
        "insert_line": _described(INTEGER, "insert: the line after which the text goes; 0 is the start of the file."),
        "insert_text": _described(STRING, "insert: the text to insert."),
        "view_range": _described(POINT, "view: [first line, last line]; -1 as the last means the end of the file."),
    }


def _text_editor(name: str, commands: Tuple[str, ...]) -> Callable[..., Dict[str, Any]]:
    def text_editor(tool: Dict[str, Any]) -> Dict[str, Any]:
        description = "View, create and edit text files on the user's machine."
        if tool.get("max_characters"):
            description += " A view shows at most %s characters." % tool["max_characters"]
        properties = _file_properties(commands, "Absolute path of the file or directory.")
        if "undo_edit" in commands:
            properties["new_str"] = _described(STRING, "str_replace: the new text; insert: the text to insert.")
            properties.pop("insert_text")
        return _tool(tool, name, description, properties, ("command", "path"))
    return text_editor


def memory(tool: Dict[str, Any]) -> Dict[str, Any]:
    """Files under /memories that outlive the conversation."""
    properties = _file_properties(("view", "create", "str_replace", "insert", "delete", "rename"),
                                  "Path under /memories; for all commands but rename.")
    properties["old_path"] = _described(STRING, "rename: the present path.")
    properties["new_path"] = _described(STRING, "rename: the new path.")
    return _tool(tool, "memory", "Keep notes in files under /memories, which outlive this conversation. "
                 "View the directory before anything else.", properties, ("command",))


ACTIONS = ("key", "type", "mouse_move", "left_click", "left_click_drag", "right_click", "middle_click", "double_click",
           "screenshot", "cursor_position")
LATER_ACTIONS = ("left_mouse_down", "left_mouse_up", "triple_click", "scroll", "hold_key", "wait")


def _computer(actions: Tuple[str, ...]) -> Callable[..., Dict[str, Any]]:
    def computer(tool: Dict[str, Any]) -> Dict[str, Any]:
        known = actions + (("zoom",) if tool.get("enable_zoom") else ())
        size = tool.get("display_width_px", "?"), tool.get("display_height_px", "?")
        description = "Use the computer's screen, mouse and keyboard. The screen has %s x %s pixels." % size
        return _tool(tool, "computer", description, _screen_properties(known), ("action",))
    return computer


def _screen_properties(actions: Tuple[str, ...]) -> Dict[str, Any]:
    properties = {
        "action": {"type": "string", "enum": list(actions)},
        "coordinate": _described(POINT, "[x, y] in pixels, for mouse actions."),
        "text": _described(STRING, "type: the text; key, hold_key: the keys, as in \"ctrl+s\"."),
    }
    if "left_click_drag" in actions:
        properties["start_coordinate"] = _described(POINT, "left_click_drag: [x, y] where the drag begins.")
    if "scroll" in actions:
        properties["scroll_direction"] = {"type": "string", "enum": ["up", "down", "left", "right"]}
        properties["scroll_amount"] = _described(INTEGER, "scroll: how many clicks of the wheel.")
        properties["duration"] = _described({"type": "number"}, "wait, hold_key: seconds.")
    if "zoom" in actions:
        properties["region"] = {"type": "array", "items": INTEGER, "minItems": 4, "maxItems": 4,
                                "description": "zoom: [x0, y0, x1, y1] in pixels."}
    return properties


_WITH_UNDO = ("view", "create", "str_replace", "insert", "undo_edit")
_WITHOUT_UNDO = _WITH_UNDO[:-1]

TYPED_TOOLS: Dict[str, Callable[[Dict[str, Any]], Dict[str, Any]]] = {
    "bash_20241022": bash,
    "bash_20250124": bash,
    "text_editor_20241022": _text_editor("str_replace_editor", _WITH_UNDO),
    "text_editor_20250124": _text_editor("str_replace_editor", _WITH_UNDO),
    "text_editor_20250429": _text_editor("str_replace_based_edit_tool", _WITHOUT_UNDO),
    "text_editor_20250728": _text_editor("str_replace_based_edit_tool", _WITHOUT_UNDO),
    "memory_20250818": memory,
    "computer_20241022": _computer(ACTIONS),
    "computer_20250124": _computer(ACTIONS + LATER_ACTIONS),
    "computer_20251124": _computer(ACTIONS + LATER_ACTIONS),
}
