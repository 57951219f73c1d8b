"""Results of Anthropic's server tools in the history, as text: what was found stays readable, what is encrypted goes.

    SERVER_RESULTS      block type -> function(content) -> text

https://docs.anthropic.com/en/docs/agents-and-tools/tool-use/web-search-tool and its neighbours
"""
import json
from typing import Any, Callable, Dict


def _object(content: Any) -> Dict[str, Any]:
    return content if isinstance(content, dict) else {}


def _failed(tool: str, content: Dict[str, Any]) -> str:
    """"[web_search failed: unavailable]", or "" where it did not fail."""
    code = _object(content).get("error_code")
    return "[%s failed: %s]" % (tool, code) if code else ""


def _web_search(content: Any) -> str:
    results = content if isinstance(content, list) else []
    found = ["%s — %s" % (result.get("title", ""), result.get("url", "")) for result in map(_object, results) if result]
    return "\n".join(found) or _failed("web_search", content)


def _web_fetch(content: Any) -> str:
    page = _object(content)
    source = _object(_object(page.get("content")).get("source"))
    words = source.get("data") if source.get("type") == "text" else "[PDF]" if source else ""
    return "\n".join(str(line) for line in (page.get("url"), words) if line) or _failed("web_fetch", content)


def _code_execution(content: Any) -> str:
    result = _object(content)
    lines = [result.get("stdout"), result.get("stderr")]
    if result.get("return_code"):
        lines.append("[exit code %s]" % result["return_code"])
    return "\n".join(str(line).rstrip("\n") for line in lines if line) or _failed("code_execution", content)


def _text_editor(content: Any) -> str:
    result = _object(content)
    lines = result.get("content") or result.get("lines") or ""
    words = "\n".join(str(line) for line in lines) if isinstance(lines, list) else str(lines)
    return words or _failed("text_editor_code_execution", content)


def _tool_search(content: Any) -> str:
    return _failed("tool_search", content)       # all tools are sent anyway


def _advisor(content: Any) -> str:
    words = _object(content).get("text")
    return "[advisor: %s]" % words if words else _failed("advisor", content)


def _mcp(content: Any) -> str:
    if isinstance(content, str):
        return content
    blocks = content if isinstance(content, list) else []
    return "\n".join(block["text"] if isinstance(block.get("text"), str) else json.dumps(block, ensure_ascii=False)
                     for block in blocks if isinstance(block, dict))


SERVER_RESULTS: Dict[str, Callable[[Any], str]] = {
    "web_search_tool_result": _web_search,
    "web_fetch_tool_result": _web_fetch,
    "code_execution_tool_result": _code_execution,
    "bash_code_execution_tool_result": _code_execution,
    "text_editor_code_execution_tool_result": _text_editor,
    "tool_search_tool_result": _tool_search,
    "advisor_tool_result": _advisor,
    "mcp_tool_result": _mcp,
}
