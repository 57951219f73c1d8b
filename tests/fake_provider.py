"""A Chat Completions server on a real socket that does what a script says, and records what it was asked.

    with FakeProvider() as provider:                     # provider.url: "http://127.0.0.1:PORT/v1"
        provider.script = {"text": "Hello"}              # the answer to any model ...
        provider.scripts["thinker"] = {"reasoning": "hm", "text": "42"}      # ... and to this one
        ...
        provider.requests[0].body["messages"]            # also .headers, .path, .raw, .connection, .left

A script is a dict, a list of them (one a request, the last one repeats), or a function of the request's body that
gives one. `SCRIPTS` holds ready ones, found by model name. Keys, all optional:

    text, reasoning, tools      the answer; tools: [(name, arguments as text or dict)] or with an id in front
    finish, usage, piece        finish_reason; the usage object (None: none); characters a delta (5)
    chunks                      the stream itself, instead of the above: a list of steps
                                  dict            a chunk; {"delta": {...}} and {"finish": "stop"} are short for one
                                  bytes           sent as they are, as one HTTP chunk
                                  ("sleep", s)    a pause, that ends early when the client leaves
                                  ("silence", s)  nothing for s seconds, or until the client has left
                                  ("wait", event) until a threading.Event is set, or the client has left
                                  ("raw", bytes)  past the HTTP framing
                                  ("cut",)        the connection is closed, without the end of the body
                                  ("reset",)      ... with a TCP reset
    done                        False: without "data: [DONE]"
    gap                         seconds before each chunk
    status, error, body         an answer that is no stream: error is put under {"error": ...}; body: dict, text or bytes
    headers                     more response headers, a dict
    framing                     "chunked" (default for streams), "length" (default for the rest), "close"
    before                      steps before the head: ("silence", 5)
    head                        bytes instead of the response head
    always                      "json" or "stream": answer so, whatever was asked for
    compress                    "gzip" or "deflate"
    close                       True: close the connection after the answer, without saying so in the head
"""
import gzip
import json
import select
import socket
import ssl
import struct
import threading
import time
import zlib

USAGE = {"prompt_tokens": 11, "completion_tokens": 7, "total_tokens": 18}

SCRIPTS = {
    "text": {"text": "Hello from the provider."},
    "reasoning": {"reasoning": "Let me think.", "text": "42"},
    "tools": {"text": "I look.", "tools": [("call_1", "get_weather", {"city": "Paris"})]},
    "error-400": {"status": 400, "error": {"message": "messages.0: nonsense", "type": "invalid_request_error"}},
    "error-401": {"status": 401, "error": {"message": "Incorrect API key provided", "type": "invalid_request_error"}},
    "error-403": {"status": 403, "error": {"message": "not for you"}},
    "error-404": {"status": 404, "error": {"message": "The model `x` does not exist", "code": "model_not_found"}},
    "error-429": {"status": 429, "error": {"message": "slow down"}, "headers": {"Retry-After": "7"}},
    "error-500": {"status": 500, "error": {"message": "the GPU is on fire"}},
    "error-503": {"status": 503, "error": {"message": "no room"}},
    "overflow": {"status": 400, "error": {
        "message": "This model's maximum context length is 8192 tokens. However, your messages resulted in 9000 tokens.",
        "code": "context_length_exceeded"}},
    "html": {"body": "<html><body>502 Bad Gateway</body></html>", "headers": {"Content-Type": "text/html"}},
    "garbage": {"head": b"SSH-2.0-OpenSSH_9.6\r\n"},
    "empty": {"body": b""},
    "error-in-200": {"body": {"error": {"message": "quota exceeded", "code": 429}}},
    "cut": {"chunks": [{"delta": {"content": "Hel"}}, ("cut",)]},
    "reset": {"chunks": [{"delta": {"content": "Hel"}}, ("reset",)]},
    "no-end": {"chunks": [{"delta": {"content": "Hel"}}], "done": False},
    "error-in-stream": {"chunks": [{"delta": {"content": "Hel"}}, {"error": {"message": "boom", "code": 500}}]},
    "silent": {"chunks": [{"delta": {"content": "Hel"}}, ("silence", 60)]},
    "hang": {"before": [("silence", 60)]},
    "drop": {"before": [("cut",)]},
    "drip-head": {"before": [("raw", b"HTTP/1.1 200 OK\r\n"), ("silence", 60)]},
    "slow": {"text": "one two three four five", "gap": 0.05},
    "json-for-stream": {"text": "Hello", "always": "json"},
    "stream-for-json": {"text": "Hello", "always": "stream"},
    "gzip": {"text": "Hello", "compress": "gzip"},
}


class Recorded:
    """One request as it came in."""

    def __init__(self, method, path, headers, raw, connection):
        self.method, self.path, self.headers, self.raw = method, path, headers, raw
        self.connection = connection            # number of the connection it came on, from 1
        self.arrived = time.monotonic()
        self.left = threading.Event()           # the client closed or reset while it was waiting for the answer
        self.left_at = None
        self.done = threading.Event()           # this request was dealt with, one way or the other
        try:
            self.body = json.loads(raw.decode("utf-8")) if raw else None
        except ValueError:
            self.body = None

    def note_left(self):
        if self.left_at is None:
            self.left_at = time.monotonic()
            self.left.set()


class _Ended(Exception):
    """The script has closed the connection, or the client has."""


class FakeProvider:
    """Listens on 127.0.0.1 as soon as it is made; a context manager that closes everything."""

    def __init__(self, tls_context=None, host="127.0.0.1"):
        self.script = {"text": "Hello from the provider."}
        self.scripts = {}
        self.models = ["text", "tools"]
        self.requests = []
        self.connections = 0
        self.dropped = 0
        self.drop_next = False                  # take the next request on an open connection, and hang up on it
        self._turns = {}
        self._open = set()
        self._lock = threading.Lock()
        self._arrived = threading.Condition(self._lock)
        self._tls = tls_context
        self._listener = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
        self._listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._listener.bind((host, 0))
        self._listener.listen(256)
        self.host, self.port = host, self._listener.getsockname()[1]
        threading.Thread(target=self._accept, name="fake-provider", daemon=True).start()

    @property
    def url(self):
        name = "localhost" if self._tls else "[%s]" % self.host if ":" in self.host else self.host
        return "%s://%s:%d/v1" % ("https" if self._tls else "http", name, self.port)

    def __enter__(self):
        return self

    def __exit__(self, *exc_info):
        self.close()

    def close(self):
        """Stop listening and hang up on everybody."""
        try:
            self._listener.shutdown(socket.SHUT_RDWR)       # wakes the accept
        except OSError:
            pass
        self._listener.close()
        self.hang_up()

    def hang_up(self):
        """Close every open connection, as a provider that is killed."""
        with self._lock:
            waiting = list(self._open)
        for sock in waiting:
            try:
                socket.socket.shutdown(sock, socket.SHUT_RDWR)
            except OSError:
                pass

    def wait_for(self, count, seconds=5):
        """The requests, once there are `count` of them."""
        with self._arrived:
            assert self._arrived.wait_for(lambda: len(self.requests) >= count, seconds), \
                "%d of %d requests came" % (len(self.requests), count)
            return list(self.requests)

    # -- connections

    def _accept(self):
        while True:
            try:
                sock, _ = self._listener.accept()
            except OSError:
                return
            with self._lock:
                self.connections += 1
                number = self.connections
                self._open.add(sock)
            threading.Thread(target=self._serve, args=(sock, number), daemon=True).start()

    def _serve(self, sock, number):
        plain = sock
        try:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if self._tls:
                sock.settimeout(10)
                sock = self._tls.wrap_socket(sock, server_side=True)
                sock.settimeout(None)
                with self._lock:
                    self._open.discard(plain)
                    self._open.add(sock)
            reader = sock.makefile("rb")
            while self._serve_one(sock, reader, number):
                pass
        except (_Ended, OSError, ValueError):
            pass
        finally:
            with self._lock:
                self._open.discard(plain)
                self._open.discard(sock)
            sock.close()

    def _serve_one(self, sock, reader, number):
        request = _read_request(reader, number)
        if request is None:
            return False
        with self._arrived:
            drop, self.drop_next = self.drop_next, False
            if drop:
                self.dropped += 1
                return False
            script = self._pick(request)
            self.requests.append(request)
            self._arrived.notify_all()
        try:
            return Exchange(sock, request, script).answer(self.models)
        except OSError:
            request.note_left()
            return False
        finally:
            request.done.set()

    def _pick(self, request):
        model = request.body.get("model") if isinstance(request.body, dict) else None
        script = self.scripts.get(model)
        if script is None:
            script = SCRIPTS.get(model, self.script)
        if callable(script):
            script = script(request.body) if request.body is not None else {}
        if isinstance(script, list):
            turn = self._turns.get(id(script), 0)
            self._turns[id(script)] = turn + 1
            script = script[min(turn, len(script) - 1)]
        return script


def _read_request(reader, number):
    line = reader.readline(65537)
    if not line.strip():
        return None
    method, path, _ = line.decode("latin-1").split(" ", 2)
    headers = {}
    while True:
        line = reader.readline(65537)
        if line in (b"\r\n", b"\n", b""):
            break
        name, _, value = line.decode("latin-1").partition(":")
        headers[name.strip().lower()] = value.strip()
    raw = reader.read(int(headers.get("content-length") or 0))
    return Recorded(method, path, headers, raw, number)


class Exchange:
    """One answer, as its script has it."""

    def __init__(self, sock, request, script):
        self.sock, self.request, self.script = sock, request, script

    def answer(self, models):
        """Whether the connection stays open."""
        script, body = self.script, self.request.body
        if self.request.method == "GET":
            self.plain(200, json.dumps({"object": "list", "data": [m if isinstance(m, dict) else {"id": m} for m in models]}).encode())
            return True
        for step in script.get("before", ()):
            self.step(step)
        if "head" in script:
            self.sock.sendall(script["head"])
            return False
        asked = "stream" if isinstance(body, dict) and body.get("stream") else "json"
        if "error" in script or "body" in script or script.get("status", 200) != 200:
            self.plain(script.get("status", 200), _encoded(script))
        elif script.get("always", asked) == "json":
            self.plain(200, json.dumps(completion(script, body)).encode())
        else:
            self.stream(steps_of(script))
        return not script.get("close") and script.get("framing") != "close"

    def plain(self, status, data):
        headers = {"Content-Type": "application/json"}
        headers.update(self.script.get("headers", {}))
        data = self.compressed(data, headers)
        framing = self.script.get("framing", "length")
        if framing == "length":
            headers["Content-Length"] = str(len(data))
        elif framing == "chunked":
            headers["Transfer-Encoding"] = "chunked"
            data = b"".join(b"%x\r\n%s\r\n" % (len(p), p) for p in (data[:7], data[7:]) if p) + b"0\r\n\r\n"
        self.sock.sendall(_head(status, headers) + data)

    def compressed(self, data, headers):
        how = self.script.get("compress")
        if how:
            headers["Content-Encoding"] = how
        return gzip.compress(data) if how == "gzip" else zlib.compress(data) if how == "deflate" else data

    def stream(self, steps):
        headers = {"Content-Type": "text/event-stream"}
        headers.update(self.script.get("headers", {}))
        framing = self.script.get("framing", "chunked")
        if framing == "length":
            data = b"".join(_sse(step) for step in steps)
            headers["Content-Length"] = str(len(data))
            self.sock.sendall(_head(200, headers) + data)
            return
        if framing == "chunked":
            headers["Transfer-Encoding"] = "chunked"
        if self.script.get("compress"):
            data = self.compressed(b"".join(_sse(step) for step in steps), headers)
            self.sock.sendall(_head(200, headers))
            self.piece(data)
        else:
            self.sock.sendall(_head(200, headers))
            for step in steps:
                if self.script.get("gap"):
                    self.pause(self.script["gap"])
                self.step(step)
        if framing == "chunked":
            self.sock.sendall(b"0\r\n\r\n")

    def piece(self, data):
        if self.script.get("framing") == "close":
            self.sock.sendall(data)
        else:
            self.sock.sendall(b"%x\r\n%s\r\n" % (len(data), data))

    def step(self, step):
        if isinstance(step, (bytes, dict)):
            self.piece(_sse(step))
            return
        name, value = step[0], step[1] if len(step) > 1 else None
        getattr(self, "do_" + name)(value)

    def do_raw(self, data):
        self.sock.sendall(data)

    def do_cut(self, _):
        raise _Ended

    def do_reset(self, _):
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        raise _Ended

    def do_sleep(self, seconds):
        self.pause(seconds)

    do_silence = do_sleep

    def do_wait(self, event):
        while not event.is_set():
            self.pause(0.01)

    def pause(self, seconds):
        """Wait, unless the client leaves meanwhile: noted, and the script ends."""
        if select.select([self.sock], [], [], seconds)[0]:
            try:
                data = self.sock.recv(1)
            except OSError:
                data = b""
            if not data:
                self.request.note_left()
                raise _Ended


REASONS = {200: "OK", 307: "Temporary Redirect", 400: "Bad Request", 429: "Too Many Requests"}


def _head(status, headers):
    lines = ["HTTP/1.1 %d %s" % (status, REASONS.get(status, "Whatever"))]
    lines += ["%s: %s" % item for item in headers.items()]
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")


def _encoded(script):
    body = {"error": script["error"]} if "error" in script else script.get("body", {"error": {"message": "scripted"}})
    if isinstance(body, bytes):
        return body
    return body.encode() if isinstance(body, str) else json.dumps(body).encode()


def _sse(step):
    if isinstance(step, bytes):
        return step
    return b"data: " + json.dumps(expand(step), ensure_ascii=False).encode() + b"\n\n"


def expand(chunk):
    """{"delta": ...} and {"finish": ...} -> a whole chunk."""
    if not ("delta" in chunk or "finish" in chunk):
        return chunk
    choice = {"index": 0, "delta": chunk.get("delta", {}), "finish_reason": chunk.get("finish")}
    whole = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "model": "m", "choices": [choice]}
    if "usage" in chunk:
        whole["usage"] = chunk["usage"]
    return whole


def steps_of(script):
    """The stream that a script describes, [DONE] included."""
    steps = list(script["chunks"]) if "chunks" in script else list(_derived(script))
    if script.get("done", True):
        steps.append(b"data: [DONE]\n\n")
    return steps


def _derived(script):
    piece = script.get("piece", 5)
    yield {"delta": {"role": "assistant", "content": ""}}
    for field, text in (("reasoning_content", script.get("reasoning")), ("content", script.get("text"))):
        for i in range(0, len(text or ""), piece):
            yield {"delta": {field: text[i:i + piece]}}
    for index, call in enumerate(_calls(script)):
        arguments = call["function"]["arguments"]
        opening = dict(call, index=index, function=dict(call["function"], arguments=""))
        yield {"delta": {"tool_calls": [opening]}}
        for i in range(0, len(arguments), piece):
            yield {"delta": {"tool_calls": [{"index": index, "function": {"arguments": arguments[i:i + piece]}}]}}
    yield {"finish": script.get("finish", "tool_calls" if script.get("tools") else "stop")}
    if script.get("usage", USAGE):
        yield {"choices": [], "usage": script.get("usage", USAGE)}


def _calls(script):
    for number, tool in enumerate(script.get("tools") or (), 1):
        call_id, name, arguments = tool if len(tool) == 3 else ("call_%d" % number,) + tuple(tool)
        if not isinstance(arguments, str):
            arguments = json.dumps(arguments)
        yield {"id": call_id, "type": "function", "function": {"name": name, "arguments": arguments}}


def completion(script, body):
    """The same answer as one chat.completion object."""
    message = {"role": "assistant", "content": script.get("text")}
    if script.get("reasoning"):
        message["reasoning_content"] = script["reasoning"]
    if script.get("tools"):
        message["tool_calls"] = list(_calls(script))
    finish = script.get("finish", "tool_calls" if script.get("tools") else "stop")
    whole = {"id": "chatcmpl-1", "object": "chat.completion", "model": (body or {}).get("model"),
             "choices": [{"index": 0, "message": message, "finish_reason": finish}]}
    if script.get("usage", USAGE):
        whole["usage"] = script.get("usage", USAGE)
    return whole


def server_context(cert_file, key_file):
    """A TLS context for the server's side."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(cert_file, key_file)
    return context
