"""Content blocks -> the parts of a Chat Completions message: one converter each, chosen by PARTS.

    part    {"type": "text", "text"} | {"type": "image_url", "image_url": {"url"}} | {"type": "file", "file": {...}}

Tool calls, tool results and reasoning are no parts of a message's content: turns.py deals with them. What a server tool
of Anthropic's left in the history becomes text, because no other server could be asked again.
https://docs.anthropic.com/en/api/messages, https://platform.openai.com/docs/api-reference/chat/create
"""
import json
from typing import Any, Callable, Dict, List

from .checks import Path, refuse
from .scope import Scope
from .server_results import SERVER_RESULTS

Block = Dict[str, Any]
Part = Dict[str, Any]

NO_IMAGES = "[image left out: this model does not take images]"
NO_PDF = "[PDF left out: this provider does not take PDF files; extract its text first]"


def parts_of(block: Block, scope: Scope, path: Path) -> List[Part]:
    """The parts that one block becomes; [] where nothing of it is for the model to read."""
    return PARTS[block["type"]](block, scope, path)


def text(words: str) -> List[Part]:
    """A text part, unless there are no words: providers refuse empty ones."""
    return [{"type": "text", "text": words}] if words else []


def content_of(parts: List[Part]) -> Any:
    """Parts -> `content`: plain text where there is nothing else, since some servers take only that."""
    if len(parts) == 1 and parts[0]["type"] == "text":
        return parts[0]["text"]
    if all(part["type"] == "text" for part in parts):
        return "\n\n".join(part["text"] for part in parts)
    return parts


def is_pdf(block: Block) -> bool:
    """A document that can only go on as a file."""
    return block["type"] == "document" and block["source"]["type"] == "base64"


def _text(block: Dict[str, Any], scope: Scope, path: Path) -> List[Dict[str, Any]]:
    words = block["text"]
    return [{"type": "text", "text": words}] if words else []


def _image(block: Dict[str, Any], scope: Scope, path: Path) -> List[Dict[str, Any]]:
    if not scope.images:
        scope.warn("dropped:image")
        return text(NO_IMAGES)
    scope.has_files, source = True, block["source"]
    url = source["url"] if source["type"] == "url" else _data_url(source)
    return [{"type": "image_url", "image_url": {"url": url}}]


def _data_url(source: Dict[str, Any]) -> str:
    media_type = "image/jpeg" if source["media_type"] == "image/jpg" else source["media_type"]
    data = source["data"]
    if "\n" in data or " " in data:
        data = "".join(data.split())             # base64 of MIME comes in lines
    return "data:%s;base64,%s" % (media_type, data)


def _document(block: Dict[str, Any], scope: Scope, path: Path) -> List[Dict[str, Any]]:
    citations = block.get("citations")
    if isinstance(citations, dict) and citations.get("enabled"):
        scope.warn("dropped:citations")
    return DOCUMENTS[block["source"]["type"]](block, scope, path)


def _pdf(block: Dict[str, Any], scope: Scope, path: Path) -> List[Dict[str, Any]]:
    if not scope.files:
        raise refuse((path, "document"), "%s does not take PDF files; send the text of it" % scope.provider)
    scope.has_files, name = True, block.get("title") or "document"
    return [{"type": "file", "file": {"filename": name if name.lower().endswith(".pdf") else name + ".pdf",
                                      "file_data": "data:application/pdf;base64," + block["source"]["data"]}}]


def _text_document(block: Dict[str, Any], scope: Scope, path: Path) -> List[Dict[str, Any]]:
    return text("%s\n%s\n</document>" % (_document_head(block), block["source"]["data"]))


def _content_document(block: Dict[str, Any], scope: Scope, path: Path) -> List[Dict[str, Any]]:
    inner = block["source"]["content"]
    parts = text(inner) if isinstance(inner, str) else inside(inner, scope, path)
    return joined(text(_document_head(block)) + parts + text("</document>"), "\n")


def _url_document(block: Dict[str, Any], scope: Scope, path: Path) -> List[Dict[str, Any]]:
    scope.warn("dropped:document_url")
    return text("[document at %s, which was not fetched]" % block["source"]["url"])


def _document_head(block: Dict[str, Any]) -> str:
    known = [(name, block[name]) for name in ("title", "context") if block.get(name)]
    return "<document%s>" % "".join(' %s="%s"' % (name, value.replace('"', "&quot;")) for name, value in known)


DOCUMENTS = {"base64": _pdf, "text": _text_document, "content": _content_document, "url": _url_document}


def inside(blocks: List[Block], scope: Scope, path: Path) -> List[Part]:
    """The parts of blocks inside a block: a PDF that cannot go on leaves a note, not an error, since it is history."""
    parts: List[Part] = []
    for index, block in enumerate(blocks):
        if block["type"] == "text":
            parts += _text(block, scope, path)
        elif is_pdf(block) and not scope.files:
            scope.warn("dropped:pdf")
            parts += text(NO_PDF)
        else:
            parts += parts_of(block, scope, (path, index))
    return parts


def joined(parts: List[Part], separator: str) -> List[Part]:
    """The same parts, where text next to text is one part."""
    made: List[Part] = []
    for part in parts:
        if part["type"] == "text" and made and made[-1]["type"] == "text":
            made[-1] = {"type": "text", "text": made[-1]["text"] + separator + part["text"]}
        else:
            made.append(part)
    return made


def _search_result(block: Dict[str, Any], scope: Scope, path: Path) -> List[Dict[str, Any]]:
    words = [inner["text"] for inner in block["content"]]
    return text("\n".join(["[search result: %s]" % block["title"], block["source"]] + words))


def _server_tool_use(block: Dict[str, Any], scope: Scope, path: Path) -> List[Dict[str, Any]]:
    return text("[server tool %s: %s]" % (block["name"], json.dumps(block.get("input") or {}, ensure_ascii=False)))


def _mcp_tool_use(block: Dict[str, Any], scope: Scope, path: Path) -> List[Dict[str, Any]]:
    name = "%s/%s" % (block.get("server_name") or "mcp", block["name"])
    return _server_tool_use(dict(block, name=name), scope, path)


def _server_result(block: Dict[str, Any], scope: Scope, path: Path) -> List[Dict[str, Any]]:
    words = SERVER_RESULTS[block["type"]](block.get("content"))
    return text("Error: " + words if block.get("is_error") is True else words)


def _tool_reference(block: Dict[str, Any], scope: Scope, path: Path) -> List[Dict[str, Any]]:
    return text("Tool available: " + block["tool_name"])


def _browser_state(block: Dict[str, Any], scope: Scope, path: Path) -> List[Dict[str, Any]]:
    state = {key: value for key, value in block.items() if key not in ("type", "cache_control")}
    return text(json.dumps(state, ensure_ascii=False))


def _container_upload(block: Dict[str, Any], scope: Scope, path: Path) -> List[Dict[str, Any]]:
    scope.warn("dropped:container_upload")
    return []


def _compaction(block: Dict[str, Any], scope: Scope, path: Path) -> List[Dict[str, Any]]:
    return text("[Summary of the earlier conversation]\n" + block["content"]) if block.get("content") else []


def _nothing(block: Dict[str, Any], scope: Scope, path: Path) -> List[Dict[str, Any]]:
    return []


PARTS: Dict[str, Callable[[Block, Scope, Path], List[Part]]] = {
    "text": _text,
    "image": _image,
    "document": _document,
    "search_result": _search_result,
    "tool_reference": _tool_reference,
    "browser_state": _browser_state,
    "server_tool_use": _server_tool_use,
    "mcp_tool_use": _mcp_tool_use,
    "container_upload": _container_upload,
    "compaction": _compaction,
    "thinking": _nothing,                        # turns.py: it may go back as reasoning, never as text
    "redacted_thinking": _nothing,
    "mcp_tool_listing": _nothing,
    "fallback": _nothing,
    **dict.fromkeys(SERVER_RESULTS, _server_result),
}
