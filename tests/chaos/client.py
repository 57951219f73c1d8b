"""A client that believes nothing: it asks over a plain socket, and holds every byte of the answer against the protocol.

    outcome = ask(address, "good", "n1", streamed=True)
    outcome.says      "ok", "502 api_error" (a status), "error api_error" (a stream that ended in one), "torn" (neither)
    outcome.faults    what no answer may do: [] for a good proxy
"""
import json
import os
import re
import socket
import ssl
import time

SECONDS = 30
ENDS = ("message_stop", "error")


class Outcome:
    """What came back."""

    def __init__(self):
        self.status, self.headers, self.events, self.message = 0, {}, [], None
        self.faults, self.times = [], []
        self.seconds = self.first = 0.0
        self.text, self.calls, self.open_blocks, self.error = "", [], {}, None
        self.torn = False

    @property
    def says(self):
        if self.torn:
            return "torn"
        if self.status != 200:
            return "%d %s" % (self.status, (self.error or {}).get("type"))
        return "error %s" % self.error.get("type") if self.error else "ok"

    @property
    def words(self):
        """The error's message."""
        return (self.error or {}).get("message", "")


def new_nonce():
    return os.urandom(8).hex()


def connect(address, tls=None, seconds=SECONDS):
    sock = socket.create_connection(address, seconds)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return tls.wrap_socket(sock, server_hostname="localhost") if tls else sock


def request(model, nonce, streamed, headers=(), **more):
    """The bytes of a Messages request whose answer must hold the nonce."""
    body = dict({"model": model, "max_tokens": 1000, "stream": streamed, "tools": [
        {"name": "get_weather", "description": "Weather", "input_schema": {"type": "object", "properties": {}}}],
        "messages": [{"role": "user", "content": "nonce=%s" % nonce}]}, **more)
    data = json.dumps(body).encode()
    lines = ["POST /v1/messages HTTP/1.1", "Host: localhost", "Content-Type: application/json",
             "Content-Length: %d" % len(data)] + ["%s: %s" % pair for pair in dict(headers).items()]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + data


def ask(address, model, nonce=None, streamed=True, tls=None, seconds=SECONDS, headers=(), sock=None, **more):
    """One whole exchange -> Outcome."""
    nonce = nonce or new_nonce()
    ours = sock is None
    sock = sock or connect(address, tls, seconds)
    try:
        sock.settimeout(seconds)
        began = time.monotonic()
        sock.sendall(request(model, nonce, streamed, headers, **more))
        outcome = Reader(sock, began).read()
        outcome.seconds = time.monotonic() - began
        return outcome
    finally:
        if ours:
            sock.close()


def swallow(address, model, nonce, seconds=SECONDS):
    """Read an answer that is too large to keep -> (MiB, its last bytes)."""
    size, tail = 0, b""
    with connect(address, None, seconds) as sock:
        sock.sendall(request(model, nonce, True))
        while not tail.endswith(b"0\r\n\r\n"):
            data = sock.recv(1 << 20)
            if not data:
                break
            size, tail = size + len(data), (tail + data)[-4000:]
    return size / 1048576.0, tail


class Reader:
    """Reads one answer."""

    def __init__(self, sock, began):
        self.sock, self.began = sock, began
        self.buffer = b""
        self.out = Outcome()

    def read(self):
        out = self.out
        try:
            self._read()
        except (socket.timeout, ssl.SSLError) as exc:
            out.faults.append("hangs after %.1f s (%s)" % (time.monotonic() - self.began, type(exc).__name__))
            out.torn = True
        except (EOFError, OSError) as exc:
            out.faults.append("the answer has no end (%s)" % (exc or type(exc).__name__))
            out.torn = True
        return out

    def _more(self):
        data = self.sock.recv(1 << 18)
        if not data:
            raise EOFError("closed")
        self.buffer += data

    def _until(self, mark):
        while mark not in self.buffer:
            self._more()
        found, _, self.buffer = self.buffer.partition(mark)
        return found

    def _read(self):
        out = self.out
        head = self._until(b"\r\n\r\n").decode("latin-1").split("\r\n")
        out.first = time.monotonic() - self.began
        match = re.fullmatch(r"HTTP/1\.1 ([0-9]{3}) [ -~]+", head[0])
        if not match:
            out.faults.append("status line %r" % head[0])
            return
        out.status = int(match.group(1))
        out.headers = {name.lower(): value for name, value in (line.split(": ", 1) for line in head[1:])}
        if out.headers.get("transfer-encoding") == "chunked":
            self._chunks()
        else:
            while len(self.buffer) < int(out.headers["content-length"]):
                self._more()
            self._judge_object(self.buffer)

    def _chunks(self):
        rest = b""
        parser = Events(self.out)
        while True:
            size = int(self._until(b"\r\n"), 16)
            while len(self.buffer) < size + 2:
                self._more()
            data, end, self.buffer = self.buffer[:size], self.buffer[size:size + 2], self.buffer[size + 2:]
            if end != b"\r\n":
                self.out.faults.append("a chunk without its end")
            if not size:
                break
            rest += data
            *blocks, rest = rest.split(b"\n\n")
            for block in blocks:
                self.out.times.append(time.monotonic())
                parser.take(block)
        if rest:
            self.out.faults.append("half an event at the end")
        parser.end()
        if self.out.error:
            self._must_close()

    def _must_close(self):
        self.sock.settimeout(3)
        try:
            if self.buffer or self.sock.recv(1):
                self.out.faults.append("bytes after the error")
        except ssl.SSLError:
            pass
        except OSError:
            self.out.faults.append("the connection stays open after an error event")

    def _judge_object(self, data):
        out = self.out
        if out.headers.get("content-type") != "application/json":
            out.faults.append("content-type %s" % out.headers.get("content-type"))
        try:
            value = json.loads(data.decode("utf-8"))
        except ValueError:
            out.faults.append("no JSON: %r" % data[:80])
            return
        if out.status == 200:
            self._judge_message(value)
            return
        error = out.error = value.get("error") or {}
        if value.get("type") != "error" or not error.get("type") or not error.get("message"):
            out.faults.append("no Anthropic error: %r" % data[:120])
        if value.get("request_id") != out.headers.get("request-id"):
            out.faults.append("request ids differ")

    def _judge_message(self, value):
        out = self.out
        out.message = value
        if value.get("type") != "message" or value.get("role") != "assistant" or not value.get("stop_reason"):
            out.faults.append("no message: %r" % str(value)[:120])
            return
        out.text = "".join(block["text"] for block in value["content"] if block["type"] == "text")
        out.calls = [block for block in value["content"] if block["type"] == "tool_use"]
        for block in out.calls:
            if not isinstance(block.get("input"), dict):
                out.faults.append("a call's input is no object")


class Events:
    """The grammar of a Messages stream, event by event."""

    def __init__(self, outcome):
        self.out = outcome
        self.ended = ""
        self.next_index = 0

    def take(self, block):
        fields = {}
        for line in block.decode("utf-8").split("\n"):
            name, _, value = line.partition(": ")
            fields[name] = value
        value = json.loads(fields["data"])
        kind = value.get("type")
        if set(fields) != {"event", "data"} or fields["event"] != kind:
            self.wrong("fields %s of %s" % (sorted(fields), kind))
        if self.ended:
            self.wrong("%s after %s" % (kind, self.ended))
        if not self.out.events and kind != "message_start":
            self.wrong("begins with %s" % kind)
        self.out.events.append(value)
        getattr(self, "on_" + kind, self.on_unknown)(value)
        if kind in ENDS:
            self.ended = kind

    def wrong(self, what):
        self.out.faults.append(what)

    def on_unknown(self, value):
        self.wrong("event %r" % value.get("type"))

    def on_ping(self, value):
        pass

    def on_message_start(self, value):
        if len(self.out.events) > 1:
            self.wrong("a second message_start")

    def on_content_block_start(self, value):
        if self.out.open_blocks:
            self.wrong("a block begins within another")
        if value["index"] != self.next_index:
            self.wrong("index %d instead of %d" % (value["index"], self.next_index))
        self.next_index += 1
        self.out.open_blocks[value["index"]] = dict(value["content_block"], arguments="")

    def on_content_block_delta(self, value):
        block = self.out.open_blocks.get(value["index"])
        if block is None:
            self.wrong("a delta of no open block")
            return
        self.out.text += value["delta"].get("text", "")
        block["arguments"] += value["delta"].get("partial_json", "")

    def on_content_block_stop(self, value):
        block = self.out.open_blocks.pop(value["index"], None)
        if block is None:
            self.wrong("a stop of no open block")
        elif block["type"] == "tool_use":
            self.out.calls.append(block)

    def on_message_delta(self, value):
        if self.out.open_blocks:
            self.wrong("message_delta within a block")
        if not value["delta"].get("stop_reason"):
            self.wrong("no stop_reason")

    def on_message_stop(self, value):
        if len(self.out.events) < 2 or self.out.events[-2]["type"] != "message_delta":
            self.wrong("message_stop without message_delta")

    def on_error(self, value):
        self.out.error = value.get("error") or {}
        if not self.out.error.get("type") or not self.out.error.get("message"):
            self.wrong("no Anthropic error: %r" % value)

    def end(self):
        if not self.ended:
            self.wrong("the stream ends without an end")
