"""A provider that misbehaves in the way that a request's model names: "silence@head", "cut@call@chunked", "status@503".

    python3 tests/chaos/upstream.py [--tls CERT KEY]     prints its port, then a line of JSON for each thing that it sees

A good answer repeats the nonce that stands in the last message, so that whoever asked can tell that it is his. What it
sees: {"saw": "request", "model", "nonce", "key", "at"} and {"saw": "left", ...}, `at` on the machine's monotonic clock.
"""
import collections
import gzip
import json
import os
import re
import resource
import select
import socket
import ssl
import struct
import sys
import threading
import time
from email.utils import formatdate

USAGE = {"prompt_tokens": 11, "completion_tokens": 7, "total_tokens": 18}
ARGUMENTS = '{"city": "Paris, ümlaut 你好", "nonce": "%s"}'
NONCE = re.compile(r"nonce=([a-z0-9]+)")
PATIENCE = 60                               # no silence is longer: a client that stays is a fault of its own

BEHAVIOURS = {}
counts = collections.Counter()
lock = threading.Lock()


class Over(Exception):
    """The connection has ended, by us or by them."""


def says(nonce):
    """The text of the good answer."""
    return "The answer — 答案 — to %s is %s." % (nonce, nonce)


def behaviour(function):
    BEHAVIOURS[function.__name__.strip("_").replace("_", "-")] = function
    return function


class Exchange:
    """One request, and what its behaviour may do with the connection."""

    def __init__(self, sock, body, key):
        self.sock, self.body = sock, body
        name, _, rest = str(body.get("model")).partition("@")
        self.name, self.arguments = name, rest.split("@") if rest else []
        found = NONCE.findall(json.dumps(body.get("messages", "")))
        self.nonce = found[-1] if found else "none"
        self.streamed = bool(body.get("stream"))
        self.keep = True
        self.key = key
        with lock:
            counts[self.nonce] += 1
            self.count = counts[self.nonce]                 # which time the same client asks
        self.report("request")

    def report(self, what, **more):
        line = dict({"saw": what, "model": self.body.get("model"), "nonce": self.nonce, "key": self.key,
                     "at": time.monotonic()}, **more)
        with lock:
            try:
                os.write(1, (json.dumps(line) + "\n").encode())
            except OSError:
                pass

    def argument(self, number=0, default=""):
        return self.arguments[number] if number < len(self.arguments) else default

    # -- bytes

    def send(self, data):
        self.sock.sendall(data)

    def head(self, status=200, content_type="text/event-stream", **fields):
        lines = ["HTTP/1.1 %d Scripted" % status, "Content-Type: %s" % content_type]
        lines += ["%s: %s" % (name.replace("_", "-"), value) for name, value in fields.items()]
        self.send(("\r\n".join(lines) + "\r\n\r\n").encode("latin-1"))

    def open(self, **fields):
        self.head(Transfer_Encoding="chunked", **fields)

    def chunk(self, data):
        self.send(b"%x\r\n%s\r\n" % (len(data), data))

    def close_body(self):
        self.send(b"0\r\n\r\n")

    def plain(self, status, data, content_type="application/json", **fields):
        data = data if isinstance(data, bytes) else json.dumps(data).encode()
        self.head(status, content_type, Content_Length=len(data), **fields)
        self.send(data)

    def cut(self):
        self.keep = False
        raise Over

    def reset(self):
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.cut()

    def silence(self, seconds=PATIENCE):
        """Nothing, until the time is over or the other side has gone, which is reported."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            if select.select([self.sock], [], [], max(0, end - time.monotonic()))[0]:
                try:
                    gone = not self.sock.recv(65536)
                except ssl.SSLWantReadError:
                    continue
                except OSError:
                    gone = True
                if gone:
                    self.report("left")
                    self.cut()

    # -- answers

    def good(self):
        if self.streamed:
            self.open()
            for data in stream(self.nonce):
                self.chunk(data)
            self.close_body()
        else:
            self.plain(200, completion(self.nonce))

    def begun(self):
        """The head and half of a good answer's events."""
        self.open()
        for data in stream(self.nonce)[:6]:
            self.chunk(data)


def event(value, end=b"\n\n"):
    return b"data: " + (value if isinstance(value, bytes) else json.dumps(value, ensure_ascii=False).encode()) + end


def delta(finish=None, **fields):
    return event({"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1, "model": "m",
                  "choices": [{"index": 0, "delta": fields, "finish_reason": finish}]})


def stream(nonce, finish="stop", done=True):
    text = says(nonce)
    parts = [delta(role="assistant", content="")]
    parts += [delta(content=text[at:at + 5]) for at in range(0, len(text), 5)]
    parts += [delta(finish)] if finish else []
    parts += [event({"choices": [], "usage": USAGE})] if finish else []
    return parts + ([event(b"[DONE]")] if done else [])


def call_stream(nonce, arguments=None):
    arguments = ARGUMENTS % nonce if arguments is None else arguments
    call = {"index": 0, "id": "call_1", "type": "function", "function": {"name": "get_weather", "arguments": ""}}
    parts = [delta(role="assistant", content=None, tool_calls=[call])]
    parts += [delta(tool_calls=[{"index": 0, "function": {"arguments": arguments[at:at + 6]}}])
              for at in range(0, len(arguments), 6)]
    return parts + [delta("tool_calls"), event(b"[DONE]")]


def completion(nonce, **message):
    message = dict({"role": "assistant", "content": says(nonce)}, **message)
    return {"id": "chatcmpl-1", "object": "chat.completion", "created": 1, "model": "m", "usage": USAGE,
            "choices": [{"index": 0, "message": message, "finish_reason": "tool_calls" if "tool_calls" in message else "stop"}]}


# -- good ones, in odd clothes

@behaviour
def good(x):
    x.good()


@behaviour
def slow(x):
    """A word now and then: slow@gap in milliseconds."""
    if not x.streamed:
        return x.good()
    x.open()
    for data in stream(x.nonce):
        x.silence(float(x.argument(default="30")) / 1000)
        x.chunk(data)
    x.close_body()


@behaviour
def paced(x):
    """paced@N@GAP: a word now and then, each with the time at which it was sent."""
    x.open()
    for _ in range(int(x.argument())):
        x.silence(float(x.argument(1)) / 1000)
        x.chunk(delta(content="<%d>" % int(time.monotonic() * 1e9)))
    x.chunk(delta("stop") + event(b"[DONE]"))
    x.close_body()


@behaviour
def drip_body(x):
    """A byte at a time."""
    data = b"".join(stream(x.nonce)) if x.streamed else json.dumps(completion(x.nonce)).encode()
    x.head(200, "text/event-stream" if x.streamed else "application/json", Connection="close")
    for at in range(len(data)):
        x.send(data[at:at + 1])
    x.cut()


@behaviour
def dialect(x):
    """Server-sent events as others write them: CRLF, no space, comments, fields, several data lines, a BOM, nulls."""
    wire = b"".join(stream(x.nonce))
    how = x.argument()
    if how == "crlf":
        wire = wire.replace(b"\n", b"\r\n")
    elif how == "no-space":
        wire = wire.replace(b"data: ", b"data:")
    elif how == "comments":
        wire = b": hello\n\n" + wire.replace(b"\n\n", b"\n\n: ping\n\n")
    elif how == "fields":
        wire = wire.replace(b"data: ", b"event: message\nid: 7\nretry: 100\ndata: ")
    elif how == "lines":
        wire = wire.replace(b'"object"', b'\ndata: "object"')
    elif how == "bom":
        wire = b"\xef\xbb\xbf" + wire
    elif how == "nulls":
        wire = event({"choices": []}) + event({"choices": None}) + event({"choices": [{"index": 0, "delta": None}]}) + wire
    elif how == "after-done":
        wire += delta(content="NEVER") + delta("stop")
    elif how == "no-done":
        wire = wire.replace(event(b"[DONE]"), b"")
    elif how == "early-hints":
        x.send(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n")
    x.open()
    step = 3
    for at in range(0, len(wire), step):
        x.chunk(wire[at:at + step])
    x.close_body()


@behaviour
def wrong_type(x):
    """A stream for a plain request, one object for a stream; or text/plain over either."""
    kind = x.argument(default="swap")
    if (kind == "swap") != x.streamed:
        x.head(200, "text/plain" if kind == "label" else "text/event-stream", Connection="close")
        x.send(b"".join(stream(x.nonce)))
        x.cut()
    x.plain(200, completion(x.nonce), "text/plain" if kind == "label" else "application/json")


@behaviour
def zipped(x):
    """gzip that nobody asked for: whole, cut, or no gzip at all, or one that is far larger than it looks."""
    data = b"".join(stream(x.nonce)) if x.streamed else json.dumps(completion(x.nonce)).encode()
    kind = x.argument(default="good")
    packed = gzip.compress(data)
    if kind == "cut":
        packed = packed[:len(packed) // 2]
    elif kind == "bad":
        packed = b"\x1f\x8b\x08\x00" + b"garbage" * 20
    elif kind == "bomb":
        packed = gzip.compress(b" " * (100 << 20), 1) if not x.streamed else gzip.compress((b": " + b"x" * 998 + b"\n\n") * (100 << 10), 1)
    x.plain(200, packed, "text/event-stream" if x.streamed else "application/json",
            Content_Encoding="br" if kind == "br" else "gzip")


# -- before the answer

@behaviour
def drop(x):
    """The connection ends without a byte: drop@fin, drop@rst."""
    if x.argument() == "rst":
        x.reset()
    x.cut()


@behaviour
def bytes_(x):
    """Something that is no HTTP answer."""
    what = x.argument()
    x.keep = False
    x.send({"ssh": b"SSH-2.0-OpenSSH_9.6\r\n", "binary": bytes(range(256)) * 8, "half": b"HTTP/1.1 200 O",
            "status": b"HTTP/1.1 abc OK\r\n\r\n", "line": b"hello\n", "http2": b"\0\0\x12\x04\0\0\0\0\0" + b"\0" * 18,
            "fields": b"HTTP/1.1 200 OK\r\n" + b"X-A: " + b"a" * 200000 + b"\r\n\r\n",
            "many": b"HTTP/1.1 200 OK\r\n" + b"X-A: a\r\n" * 20000 + b"\r\n",
            "length": b"HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\nhello",
            "sizes": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nhello\r\n0\r\n\r\n"}[what])
    x.cut()


@behaviour
def page(x):
    """A web page, with the status that is asked for."""
    x.plain(int(x.argument(default="200")), b"<!DOCTYPE html><html><body><h1>Bad Gateway</h1></body></html>", "text/html")


@behaviour
def empty(x):
    kind = x.argument(default="length")
    if kind == "length":
        x.plain(200, b"")
    elif kind == "chunked":
        x.open()
        x.close_body()
    else:
        x.open()
        x.chunk({"done": event(b"[DONE]"), "comments": b": nothing\n\n" * 3, "role": delta(role="assistant", content=""),
                 "null": b"null"}[kind])
        x.close_body()


@behaviour
def status(x):
    """status@CODE, with Retry-After in a third part; status@503@@2: twice, then the good answer."""
    code, after, times = int(x.argument()), x.argument(1), int(x.argument(2, "1000000"))
    if x.count > times:
        return x.good()
    fields = {}
    if after.startswith("date"):
        fields["Retry_After"] = formatdate(time.time() + float(after[4:]), usegmt=True)
    elif after.startswith("ms"):
        fields["retry_after_ms"] = after[2:]
    elif after:
        fields["Retry_After"] = after
    x.plain(code, {"error": {"message": "scripted refusal %d" % code, "type": "scripted"}}, **fields)


@behaviour
def redirect(x):
    x.plain(int(x.argument()), b"", Location="http://127.0.0.1:1/elsewhere")


@behaviour
def by_key(x):
    """A key that ends in -bad is refused with the status that is asked for."""
    if x.key.endswith("-bad"):
        x.plain(int(x.argument()), {"error": {"message": "not this key"}})
    else:
        x.good()


@behaviour
def error(x):
    """An error inside a 200: error@json, @text, @event, @first, @late, with its code in a third part."""
    kind, code = x.argument(), x.argument(1)
    value = {"error": {"message": "scripted trouble", "code": int(code) if code else None}}
    if kind == "json":
        return x.plain(200, value)
    if kind == "text":
        return x.plain(200, {"error": "scripted trouble"})
    if kind == "late":
        x.begun()
    else:
        x.open()
    x.chunk(b"event: error\n" + event(value) if kind == "event" else event(value))
    x.chunk(delta(content="NEVER") + event(b"[DONE]"))
    x.close_body()


@behaviour
def drip_head(x):
    """A head whose lines never end."""
    x.send(b"HTTP/1.1 200 OK\r\n")
    for number in range(10 * PATIENCE):
        x.send(b"X-%d: y\r\n" % number)
        x.silence(0.1)


@behaviour
def silence(x):
    """Silence at a place: connect (see the table), head, body, text, reasoning, call, finish, done."""
    place = x.argument()
    if place != "head":
        x.open() if x.streamed else x.head(200, "application/json", Content_Length=1000)
    if place in ("text", "finish", "done") and x.streamed:
        parts = stream(x.nonce)
        last = {"text": 6, "finish": len(parts) - 1, "done": len(parts)}[place]
        for data in parts[:last]:
            x.chunk(data)
    elif place == "call" and x.streamed:
        for data in call_stream(x.nonce)[:4]:
            x.chunk(data)
    elif place == "reasoning" and x.streamed:
        x.chunk(delta(role="assistant", reasoning_content="hm"))
    elif place != "head" and not x.streamed:
        x.send(b'{"choices": [')
    x.silence(float(x.argument(1, str(PATIENCE))))
    if place == "head" and x.argument(1):
        x.good()
    elif place == "text" and x.argument(1) and x.streamed:
        for data in stream(x.nonce)[6:]:
            x.chunk(data)
        x.close_body()
    else:
        x.cut()


# -- in the middle

PLACES = ("in-head", "after-head", "in-size", "in-data", "between", "in-character", "before-finish", "after-finish",
          "after-done")


def prefix_up_to(place, parts, framing):
    """The bytes of a body up to a place."""
    framed = [b"%x\r\n%s\r\n" % (len(part), part) if framing == "chunked" else part for part in parts]
    half = len(parts) // 2
    if place == "after-head":
        return b""
    if place == "in-size":
        return b"".join(framed[:half]) + framed[half][:1]
    if place == "in-data":
        return b"".join(framed[:half]) + framed[half][:30]
    if place == "in-character":
        number = next(i for i, part in enumerate(framed) if any(byte > 127 for byte in part))
        at = next(i for i, byte in enumerate(framed[number]) if byte > 127)
        return b"".join(framed[:number]) + framed[number][:at + 1]
    if place == "between":
        return b"".join(framed[:half])
    finish = next(i for i, part in enumerate(parts) if b'"finish_reason": "' in part)
    return b"".join(framed[:{"before-finish": finish, "after-finish": finish + 1, "after-done": len(framed)}[place]])


def break_off(x, parts):
    place, framing, way = x.argument(), x.argument(1, "chunked"), x.argument(2, "fin")
    fields = {"chunked": {"Transfer_Encoding": "chunked"}, "close": {"Connection": "close"},
              "length": {"Content_Length": sum(map(len, parts)) + 1000}}[framing]
    if place == "in-head":
        x.send(b"HTTP/1.1 200 OK\r\nContent-Ty")
    else:
        x.head(200, "text/event-stream", **fields)
        x.send(prefix_up_to(place, parts, framing))
    if way == "rst":
        x.silence(0.05)                 # so that what was sent arrives before the reset
        x.reset()
    x.cut()


@behaviour
def cut(x):
    """cut@PLACE@chunked|length|close@fin|rst: a text that breaks off."""
    if x.streamed:
        break_off(x, stream(x.nonce))
    data = json.dumps(completion(x.nonce)).encode()
    x.head(200, "application/json", **{"close": {"Connection": "close"}, "chunked": {"Transfer_Encoding": "chunked"}}.get(
        x.argument(1, "length"), {"Content_Length": len(data)}))
    if x.argument(1) == "chunked":
        data = b"%x\r\n%s\r\n" % (len(data), data)
    x.send(data[:0 if x.argument() == "after-head" else len(data) // 2])
    x.reset() if x.argument(2) == "rst" else x.cut()


@behaviour
def cut_call(x):
    """The same amid a tool call."""
    if x.streamed:
        break_off(x, call_stream(x.nonce))
    cut(x)


@behaviour
def no_end(x):
    """A whole body without finish_reason and [DONE]: of text, of a call, or with [DONE] alone."""
    parts = stream(x.nonce, None, x.argument() == "done")
    if x.argument() == "call":
        parts = call_stream(x.nonce)[:-2]
    x.open()
    for data in parts:
        x.chunk(data)
    x.close_body()


@behaviour
def broken_data(x):
    """A line of data that is no JSON, or none that means anything, in the middle."""
    x.begun()
    x.chunk(event({"json": b'{"choices": [{"del', "array": b"[1, 2]", "number": b"7", "null": b"null",
                   "bytes": b'{"choices": [{"delta": {"content": "\xff\xfe"}}]}'}[x.argument()]))
    for data in stream(x.nonce)[6:]:
        x.chunk(data)
    x.close_body()


@behaviour
def call(x):
    """A call with good arguments, or call@bad: with such as are no JSON."""
    arguments = {"bad": '{"city": Paris', "array": "[1, 2]", "empty": "", "twice": json.dumps(ARGUMENTS % x.nonce)}.get(
        x.argument(), ARGUMENTS % x.nonce)
    if x.streamed:
        x.open()
        for data in call_stream(x.nonce, arguments):
            x.chunk(data)
        return x.close_body()
    made = [{"id": "call_1", "type": "function", "function": {"name": "get_weather", "arguments": arguments}}]
    x.plain(200, completion(x.nonce, content=None, tool_calls=made))


# -- too much

@behaviour
def huge(x):
    """huge@line: a line without an end; @event: one of 8 MiB; @json: an object of 300 MB; @text: as much in deltas."""
    kind, block = x.argument(), b"a" * (1 << 20)
    if kind == "json":
        x.head(200, "application/json", Content_Length=300 << 20)
        x.send(b'{"choices": [{"message": {"content": "')
        for _ in range(300):
            x.send(block)
        x.cut()
    if kind == "event":
        x.open()
        x.chunk(delta(content="b" * (8 << 20)))
        for data in stream(x.nonce):
            x.chunk(data)
        return x.close_body()
    x.begun() if kind != "text" else x.open()
    if kind == "line":
        x.chunk(b"data: ")
    piece = delta(content="b" * 65536) * 16 if kind == "text" else block
    for _ in range(int(x.argument(1, "300"))):
        x.chunk(piece)
    for data in stream(x.nonce):
        x.chunk(data)
    return x.close_body()


@behaviour
def flow(x):
    """Words without an end, until the other side leaves."""
    x.open()
    while True:
        x.silence(0.005)
        x.chunk(delta(content="word "))


# -- the server

def serve(sock, tls):
    try:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if tls:
            sock.settimeout(10)
            sock = tls.wrap_socket(sock, server_side=True)
            sock.settimeout(None)
        while answer_one(sock):
            pass
    except (OSError, ValueError, Over):
        pass
    finally:
        sock.close()


def answer_one(sock):
    head = b""
    while b"\r\n\r\n" not in head:
        data = sock.recv(65536)
        if not data:
            return False
        head += data
    head, _, body = head.partition(b"\r\n\r\n")
    length = int(re.search(rb"(?i)content-length: *(\d+)", head).group(1))
    parts, size = [body], len(body)
    while size < length:
        parts.append(sock.recv(1 << 20))
        size += len(parts[-1])
        if not parts[-1]:
            return False
    key = re.search(rb"(?i)authorization: *bearer ([!-~]*)", head)
    exchange = Exchange(sock, json.loads(b"".join(parts).decode()), key.group(1).decode() if key else "")
    try:
        BEHAVIOURS[exchange.name](exchange)
    except OSError:
        exchange.report("left")
        return False
    return exchange.keep


def main():
    tls = None
    if sys.argv[1:2] == ["--tls"]:
        tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        tls.load_cert_chain(*sys.argv[2:4])
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind(("127.0.0.1", int(os.environ.get("PORT", "0"))))
    listener.listen(1024)
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    os.write(1, b"%d\n" % listener.getsockname()[1])
    threading.stack_size(256 << 10)
    while True:
        sock, _ = listener.accept()
        threading.Thread(target=serve, args=(sock, tls), daemon=True).start()


if __name__ == "__main__":
    main()
