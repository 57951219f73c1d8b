"""The built-in demo provider: a small scripted Chat Completions server on loopback.

It is there so that a first start answers without a key and without a network. The proxy reaches it through
the same opener as any provider, so what is seen is the whole way of a real answer: it streams, it thinks
(`reasoning_content`), it calls a tool when it is asked to, it counts tokens, and it stops at max_tokens.
Every answer says that it is the demo and how to set a key.

Served: POST .../chat/completions, GET .../models. https://platform.openai.com/docs/api-reference/chat
"""
import json
import re
import socket
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Dict, Iterator, List, Optional, Tuple

MODEL = "demo"
CHARACTERS_PER_TOKEN = 4
PIECE_SECONDS = 0.005           # between two pieces, so that streaming can be seen
QUOTED_CHARACTERS = 200
REMINDER = re.compile(r"(?s)<system-reminder>.*?</system-reminder>")

REASONING = "The built-in demo was asked, so no model is needed: say what this is, and how to get a real answer."
ANSWER = """\
This is the built-in demo of claude-proxy, not a model: nothing left this machine.

You wrote: %s

For real answers set the key of a provider and start again, for example:

    DEEPSEEK_API_KEY=sk-... python3 -m claude_proxy

`claude-proxy models` lists the providers and the variable that each one reads; `claude-proxy init` writes a \
configuration. To see a tool call, give the request a tool and ask to use it."""
ANSWER_ZH = """\
这是 claude-proxy 内置的演示，不是模型：没有任何内容离开这台机器。

你写的是：%s

要得到真正的回答，请设置某个提供商的密钥，然后重新启动，例如：

    DEEPSEEK_API_KEY=sk-... python3 -m claude_proxy

`claude-proxy models` 列出所有提供商及其密钥变量；`claude-proxy init` 生成配置文件。\
想看工具调用，请在请求里带上工具，并要求使用它。"""
AFTER_TOOL = "The built-in demo of claude-proxy called a tool; it answered: %s"
CALLING = "The built-in demo of claude-proxy calls the tool %s, as asked."


class Script:
    """What the demo answers to one request: reasoning, then text, then perhaps one call."""

    def __init__(self, reasoning: str = "", text: str = "", call: Optional[Dict[str, str]] = None) -> None:
        self.reasoning = reasoning
        self.text = text
        self.call = call                # {"name", "arguments"}: arguments as JSON text


def script_for(request: Dict[str, Any]) -> Script:
    """The answer to a Chat Completions request."""
    messages = [message for message in request.get("messages", []) if isinstance(message, dict)]
    last = messages[-1] if messages else {}
    asked = text_of(next((m for m in reversed(messages) if m.get("role") == "user"), {}))
    schema = (request.get("response_format") or {}).get("json_schema", {}).get("schema")
    if schema:
        return Script(text=json.dumps(example(schema), ensure_ascii=False))
    if last.get("role") == "tool":
        return Script(text=AFTER_TOOL % quoted(text_of(last)))
    tool = asked_tool(request, asked)
    if tool is not None:
        arguments = json.dumps(example(tool.get("parameters") or {}), ensure_ascii=False)
        return Script(REASONING, CALLING % tool["name"], {"name": tool["name"], "arguments": arguments})
    answer = ANSWER_ZH if re.search("[\u4e00-\u9fff]", asked) else ANSWER
    return Script(REASONING, answer % quoted(asked))


def text_of(message: Dict[str, Any]) -> str:
    """The text of a message: of the last part that has some, because the question stands at the end."""
    content = message.get("content")
    parts = content if isinstance(content, list) else [{"text": content}]
    texts = [part["text"] for part in parts if isinstance(part, dict) and isinstance(part.get("text"), str)]
    texts = [REMINDER.sub("", text).strip() for text in texts]
    return next((text for text in reversed(texts) if text), "")


def quoted(text: str) -> str:
    """The beginning of what was written, on one line."""
    line = " ".join(text.split())
    return line if len(line) <= QUOTED_CHARACTERS else line[:QUOTED_CHARACTERS] + "..."


def asked_tool(request: Dict[str, Any], asked: str) -> Optional[Dict[str, Any]]:
    """The function to call: a forced one; else, where the text says "tool", the one that it names or a plain one."""
    functions = [tool["function"] for tool in request.get("tools") or [] if tool.get("type") == "function"]
    choice = request.get("tool_choice")
    if not functions or choice == "none":
        return None
    if isinstance(choice, dict):
        forced = choice.get("function", {}).get("name")
        return next((function for function in functions if function.get("name") == forced), functions[0])
    if choice != "required" and not re.search(r"\btools?\b|工具", asked, re.I):
        return None                     # "write a poem" must not call Claude Code's `Write`
    named = [function for function in functions if re.search(r"\b%s\b" % re.escape(function["name"]), asked)]
    plain = [function for function in functions if function["name"] == "Bash"]
    return (named + plain + functions)[0]


def example(schema: Any) -> Any:
    """A value that fits a JSON Schema, as plain as can be: the required members, the first of an enum.

    >>> example({"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]})
    {'city': 'demo'}
    """
    if not isinstance(schema, dict):
        return {}
    for key in ("default", "const"):
        if key in schema:
            return schema[key]
    if schema.get("enum"):
        return schema["enum"][0]
    kind = schema.get("type")
    kind = kind[0] if isinstance(kind, list) and kind else kind
    if kind == "object" or (kind is None and ("properties" in schema or not schema)):
        return _example_object(schema)
    if kind == "array":
        return [example(schema.get("items"))] if schema.get("minItems") else []
    return _example_plain(str(kind), schema.get("minimum", 1))


def _example_plain(kind: str, number: Any) -> Any:
    return {"integer": number, "number": number, "boolean": True, "null": None}.get(kind, "demo")


# What a client really does with these values must harm nobody: Claude Code runs `command` and writes `file_path`.
EXAMPLES = {"command": "echo hello from the demo", "city": "Paris", "location": "Paris", "path": ".",
            "file_path": "claude-proxy-demo.txt", "pattern": "*.md", "query": "claude-proxy"}


def _example_object(schema: Dict[str, Any]) -> Dict[str, Any]:
    properties = schema.get("properties") or {}
    values = {}
    for name in schema.get("required") or []:
        row = properties.get(name) or {}
        plain = row.get("type") == "string" and not row.get("enum")
        values[name] = EXAMPLES[name] if plain and name in EXAMPLES else example(row or {"type": "string"})
    return values


def pieces(script: Script, limit: Optional[int]) -> Tuple[List[Dict[str, Any]], str]:
    """The deltas of an answer of at most `limit` tokens, and its finish_reason; a delta counts as a token."""
    deltas: List[Dict[str, Any]] = [{"reasoning_content": word} for word in words(script.reasoning)]
    deltas += [{"content": word} for word in words(script.text)]
    if script.call:
        function = {"name": script.call["name"], "arguments": ""}
        deltas.append({"tool_calls": [{"index": 0, "id": "call_demo_1", "type": "function", "function": function}]})
        deltas += [{"tool_calls": [{"index": 0, "function": {"arguments": piece}}]}
                   for piece in re.findall(r"(?s).{1,8}", script.call["arguments"])]
    if limit and limit < len(deltas):
        return deltas[:limit], "length"
    return deltas, "tool_calls" if script.call else "stop"


def words(text: str) -> List[str]:
    """The text in the pieces in which it is sent."""
    return re.findall("[\u2e80-\uffff]|\\s*[^\\s\u2e80-\uffff]+|\\s+", text)


def usage(request: Dict[str, Any], deltas: List[Dict[str, Any]]) -> Dict[str, Any]:
    """Counts by rule of thumb, in the provider's words."""
    prompt = json.dumps(request.get("messages"), ensure_ascii=False) + json.dumps(request.get("tools") or "")
    counted = max(1, len(prompt) // CHARACTERS_PER_TOKEN)
    thought = sum("reasoning_content" in delta for delta in deltas)
    return {"prompt_tokens": counted, "completion_tokens": len(deltas), "total_tokens": counted + len(deltas),
            "completion_tokens_details": {"reasoning_tokens": thought}}


def chunks(request: Dict[str, Any]) -> Iterator[Dict[str, Any]]:
    """The chunks of a streamed answer."""
    deltas, finish = pieces(script_for(request), token_limit(request))
    head = {"id": "chatcmpl-demo", "object": "chat.completion.chunk", "created": int(time.time()), "model": MODEL}
    for delta in [dict(role="assistant", content="")] + deltas:
        yield dict(head, choices=[{"index": 0, "delta": delta, "finish_reason": None}])
    yield dict(head, choices=[{"index": 0, "delta": {}, "finish_reason": finish}])
    yield dict(head, choices=[], usage=usage(request, deltas))


def completion(request: Dict[str, Any]) -> Dict[str, Any]:
    """The answer in one piece."""
    deltas, finish = pieces(script_for(request), token_limit(request))
    message: Dict[str, Any] = {"role": "assistant", "content": "".join(delta.get("content", "") for delta in deltas)}
    message["reasoning_content"] = "".join(delta.get("reasoning_content", "") for delta in deltas)
    parts = [delta["tool_calls"][0]["function"] for delta in deltas if "tool_calls" in delta]
    if parts:
        function = {"name": parts[0]["name"], "arguments": "".join(part["arguments"] for part in parts)}
        message["tool_calls"] = [{"id": "call_demo_1", "type": "function", "function": function}]
    return {"id": "chatcmpl-demo", "object": "chat.completion", "created": int(time.time()), "model": MODEL,
            "choices": [{"index": 0, "message": message, "finish_reason": finish}], "usage": usage(request, deltas)}


def token_limit(request: Dict[str, Any]) -> Optional[int]:
    """max_tokens, under either of its names."""
    limit = request.get("max_completion_tokens") or request.get("max_tokens")
    return limit if isinstance(limit, int) else None


class DemoHandler(BaseHTTPRequestHandler):
    """One connection of the proxy to the demo."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    timeout = 120                       # seconds without a request, then the connection ends

    def do_GET(self) -> None:
        """The list of models, whatever the path."""
        self._answer(200, {"object": "list", "data": [{"id": MODEL, "object": "model", "owned_by": "claude-proxy"}]})

    def do_POST(self) -> None:
        """An answer, streamed where that is asked for."""
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        try:
            request = json.loads(body.decode("utf-8"))
            if not isinstance(request, dict):
                raise ValueError("not an object")
        except ValueError as problem:
            self._answer(400, {"error": {"message": "the demo cannot read this: %s" % problem, "type": "invalid_json"}})
            return
        if request.get("stream"):
            self._stream(request)
        else:
            self._answer(200, completion(request))

    def _answer(self, status: int, obj: Dict[str, Any]) -> None:
        data = json.dumps(obj, ensure_ascii=False).encode("utf-8")
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def _stream(self, request: Dict[str, Any]) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        try:
            for chunk in chunks(request):
                self._piece(b"data: %s\n\n" % json.dumps(chunk, ensure_ascii=False).encode("utf-8"))
                time.sleep(PIECE_SECONDS)
            self._piece(b"data: [DONE]\n\n")
            self._piece(b"")
        except OSError:
            self.close_connection = True        # the proxy has closed: its client left

    def _piece(self, data: bytes) -> None:
        self.wfile.write(b"%x\r\n%s\r\n" % (len(data), data))

    def log_message(self, *_: Any) -> None:
        """Nothing: the proxy logs its requests itself."""


class DemoServer(ThreadingHTTPServer):
    """The demo on a socket that listens already."""

    daemon_threads = True

    def __init__(self, listening: socket.socket) -> None:
        super().__init__(listening.getsockname(), DemoHandler, bind_and_activate=False)
        self.socket.close()
        self.socket = listening

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Nothing: a connection that the proxy drops is no news."""
