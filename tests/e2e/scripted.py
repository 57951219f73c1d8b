"""A Chat Completions provider that plays a scenario (scenarios.py), and is as strict as the strictest.

Which step is next is read from the request's own history, so a request that is asked again gets the same answer. What a
strict provider would refuse is answered with 400 and kept in `Provider.refused`: a run with one of those has failed.
"""
import json
import select
import socket
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import scenarios

PARAMETERS = {
    "model", "messages", "tools", "tool_choice", "stream", "stream_options", "max_tokens", "max_completion_tokens",
    "temperature", "top_p", "stop", "seed", "user", "response_format", "parallel_tool_calls", "reasoning_effort"}
FOREIGN = ("cache_control", "input_schema", "tool_use_id", "thinking", "signature")     # Anthropic's own words
USAGE = {"prompt_tokens": 1200, "completion_tokens": 40, "total_tokens": 1240}
SILENCE_SECONDS = 60
NOTHING = {"prompt_tokens": 1200, "completion_tokens": 0, "total_tokens": 1200}
BROKEN_OFF = {"error": {"message": "the engine broke off", "code": 502}}
OVERFLOW = ("This model's maximum context length is 4096 tokens. However, your messages resulted in 5000 tokens. "
            "Please reduce the length of the messages.")


class Provider:
    """Serves a scenario on a thread of its own until close(). `requests` are the bodies of the agent's turns.

    With `breaks_streams` each turn's stream ends in an error after its first word, whatever the scenario: a client that
    falls back to requests without streaming gets the scenario, troubles included, as those.
    """

    def __init__(self, scenario, folder, breaks_streams=False):
        self.scenario, self.steps = scenario, scenarios.steps(scenario, folder)
        self.breaks_streams = breaks_streams
        self.requests, self.refused, self.troubled = [], [], set()
        self.furthest = 0                   # steps whose results were seen: a compacted history has lost them
        self.lock = threading.Lock()
        self.open = set()                   # connections
        self.silent, self.left = threading.Event(), threading.Event()
        self.left_at, self.stopped_at = None, 0.0
        self.listen(0)
        self.port = self.server.server_address[1]
        self.url = "http://127.0.0.1:%d/v1" % self.port

    def listen(self, port):
        self.server = Server(("127.0.0.1", port), Handler)
        self.server.provider = self
        threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()

    def close(self):
        self.server.shutdown()
        self.server.server_close()

    def kill(self, away):
        """End as a process that is killed: nobody listens, every connection is closed. Back after `away` seconds."""
        self.close()
        for connection in list(self.open):
            try:
                connection.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
        if away is not None:
            threading.Timer(away, self.listen, (self.port,)).start()

    def be_silent(self, connection):
        """Say nothing until the other side has gone, and note when that was."""
        self.silent.set()
        if select.select([connection], [], [], SILENCE_SECONDS)[0]:
            self.left_at = time.monotonic()
            self.left.set()

    def step(self, body):
        """The number of the step that a request asks for, and whether it meets its trouble."""
        with self.lock:
            self.furthest = max(self.furthest, answered(body))
            number = min(self.furthest, len(self.steps) - 1)
            trouble = number in self.scenario.at and (self.scenario.always or number not in self.troubled)
            self.troubled.add(number)
            self.requests.append(body)
            return number, trouble


def answered(body):
    """How many steps' calls have results in this history."""
    steps = {message["tool_call_id"].split("_")[1] for message in body["messages"]
             if message["role"] == "tool" and message["tool_call_id"].startswith("call_")}
    return len(steps)


def is_agent(body):
    """Whether a request is a turn of the agent: titles, probes and summaries are not."""
    return any(tool["function"]["name"] == "Write" for tool in body.get("tools") or ()) and not wants_summary(body)


def wants_summary(body):
    last = body["messages"][-1]
    return last["role"] == "user" and "summary of the conversation" in text_of(last["content"])


def text_of(content):
    if isinstance(content, str):
        return content
    return "\n".join(part.get("text", "") for part in content or ())


def fault(body):
    """Why a strict provider would refuse this request; None where it would not."""
    unknown = sorted(set(body) - PARAMETERS)
    if unknown:
        return "unknown parameters: %s" % ", ".join(unknown)
    said = json.dumps(body["messages"])
    for word in FOREIGN:
        if '"%s":' % word in said:
            return "%s is no word of Chat Completions" % word
    return pairing_fault(body["messages"])


def pairing_fault(messages):
    """Each call must be followed at once by its result, and nothing else may be one."""
    waiting = []
    for number, message in enumerate(messages):
        if message["role"] == "tool":
            if message["tool_call_id"] not in waiting:
                return "messages[%d]: a result without its call" % number
            waiting.remove(message["tool_call_id"])
        elif waiting:
            return "messages[%d]: no result for %s" % (number, ", ".join(waiting))
        for call in message.get("tool_calls") or ():
            json.loads(call["function"]["arguments"])
            waiting.append(call["id"])
        if message["role"] != "assistant" and not message["content"] and message["role"] != "tool":
            return "messages[%d]: no content" % number
    return None


class Server(ThreadingHTTPServer):
    """One that takes a proxy's leaving for what it is."""

    daemon_threads = True

    def handle_error(self, request, client_address):
        if not isinstance(sys.exc_info()[1], ConnectionError):
            super().handle_error(request, client_address)


class Handler(BaseHTTPRequestHandler):
    """One request: refused, troubled, or answered."""

    protocol_version = "HTTP/1.1"

    def setup(self):
        super().setup()
        self.server.provider.open.add(self.connection)

    def finish(self):
        self.server.provider.open.discard(self.connection)
        super().finish()

    def log_message(self, *args):
        pass

    def do_POST(self):
        provider = self.server.provider
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        reason = fault(body)
        if reason:
            provider.refused.append(reason)
            self.error(400, reason)
        elif is_agent(body) and provider.breaks_streams and body.get("stream"):
            self.first_word()
        elif is_agent(body):
            number, trouble = provider.step(body)
            self.agent(provider, body, number, trouble and provider.scenario.trouble)
        else:
            text = "<summary>The file is written and checked.</summary>" if wants_summary(body) else "Title"
            self.say(body, scenarios.Scenario(""), scenarios.Step(text=text), 0)

    def agent(self, provider, body, number, trouble):
        step = provider.steps[number]
        if trouble == "429":
            self.error(429, "slow down", ("Retry-After", "1"))
        elif trouble == "429 after 3":
            self.error(429, "slow down", ("Retry-After", "3"))
        elif trouble == "silent head":
            provider.be_silent(self.connection)
            self.close_connection = True
        elif trouble == "500":
            self.error(500, "the engine stalled")
        elif trouble == "overflow":
            self.error(400, OVERFLOW)
        elif trouble == "nothing":
            self.say(body, provider.scenario, scenarios.Step(), number, usage=NOTHING)
        elif trouble == "nothing seen":
            self.say(body, provider.scenario, scenarios.Step(), number)
        else:
            self.say(body, provider.scenario, step, number, trouble)

    def say(self, body, scenario, step, number, trouble=None, usage=USAGE):
        if body.get("stream"):
            self.stream(body, scenario, step, number, trouble, usage)
        else:
            self.plain(scenario, step, number, trouble, usage)

    def plain(self, scenario, step, number, trouble, usage):
        if trouble == "error chunk":
            self.answer(200, BROKEN_OFF)
            return
        self.answer(200, {
            "id": "chatcmpl-1", "object": "chat.completion", "created": 1, "model": "scripted", "usage": usage,
            "choices": [{"index": 0, "message": scenarios.message(scenario, step, number),
                         "finish_reason": "tool_calls" if step.calls else "stop"}]}, trouble=trouble)

    def first_word(self):
        self.stream_head()
        self.chunk([{"index": 0, "delta": {"role": "assistant", "content": "Let"}, "finish_reason": None}])
        self.break_off("error chunk")

    def stream_head(self):
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()

    def stream(self, body, scenario, step, number, trouble, usage):
        self.stream_head()
        for count, delta in enumerate(scenarios.deltas(scenario, step, number)):
            self.chunk([{"index": 0, "delta": delta, "finish_reason": None}])
            if trouble and "tool_calls" in delta and count > 8:
                self.break_off(trouble)
                return
        self.chunk([{"index": 0, "delta": {}, "finish_reason": "tool_calls" if step.calls else "stop"}])
        if (body.get("stream_options") or {}).get("include_usage"):
            self.chunk([], usage=usage)
        self.event("[DONE]")
        self.wfile.write(b"0\r\n\r\n")

    def break_off(self, trouble):
        if trouble == "error chunk":
            self.event(json.dumps(BROKEN_OFF))
        if trouble in ("killed", "silent"):
            self.die_or_hush(trouble)
        else:
            self.wfile.write(b"0\r\n\r\n")

    def die_or_hush(self, trouble):
        provider = self.server.provider
        if trouble == "silent":
            provider.be_silent(self.connection)
        elif trouble == "killed":
            provider.kill(provider.scenario.away)
        self.close_connection = True

    def chunk(self, choices, **more):
        self.event(json.dumps(dict({"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1,
                                    "model": "scripted", "choices": choices}, **more)))

    def event(self, data):
        line = ("data: %s\n\n" % data).encode()
        self.wfile.write(b"%x\r\n%s\r\n" % (len(line), line))

    def error(self, status, text, *headers):
        self.answer(status, {"error": {"message": text, "type": "error", "code": None}}, *headers)

    def answer(self, status, value, *headers, trouble=None):
        """Send JSON; where there is trouble, half of it and no more."""
        data = json.dumps(value).encode()
        self.send_response(status)
        for name, text in headers + (("Content-Type", "application/json"), ("Content-Length", str(len(data)))):
            self.send_header(name, text)
        self.end_headers()
        self.wfile.write(data[:len(data) // 2] if trouble else data)
        if trouble:
            self.die_or_hush(trouble)
