"""A proxy that listens on loopback inside the test, and a client that sends it raw bytes."""
import json
import re
import socket
import threading
import time
from contextlib import contextmanager

from claude_proxy.config import ClientKey, Config, ModelRow, Provider, Secret, Server
from claude_proxy.observe import Metrics
from claude_proxy.providers.learned import Learned
from claude_proxy.server import Application, Listener
from claude_proxy.upstream import Caller

SECONDS = 5                             # nothing here takes as long; a test that waits for it fails
KEY = "client-key-0815"


@contextmanager
def proxy(providers=(), keys=(), sockets=None, **settings):
    """A listening Application; settings: fields of config.Server. Yields the Listener (.app, .address, .url)."""
    settings.setdefault("port", 0)
    settings["client_keys"] = tuple(key if isinstance(key, ClientKey) else ClientKey("k%d" % number, Secret(key))
                                    for number, key in enumerate(keys, 1))
    default = providers[0].name if providers else ""
    config = Config(server=Server(**settings), providers=tuple(providers), default_provider=default)
    listener = Listener(Application(config, Caller(), Metrics(), Learned()), sockets)
    thread = threading.Thread(target=listener.serve, name="accept")
    thread.start()
    try:
        yield listener
    finally:
        listener.close()
        thread.join(SECONDS)
        assert not thread.is_alive()


def provider(url, name="fake", **fields):
    """A configured provider that takes no key."""
    fields.setdefault("default_model", ModelRow("scripted"))
    return Provider(name=name, base_url=url, key_needed=False, **fields)


class Reply:
    """An answer as it came off the wire."""

    def __init__(self, raw, head_only=False):
        head, _, rest = raw.partition(b"\r\n\r\n")
        lines = head.decode("latin-1").split("\r\n")
        match = re.fullmatch(r"HTTP/1\.1 ([0-9]{3}) [ -~]+", lines[0])
        assert match, raw[:200]
        self.status = int(match.group(1))
        self.headers = {}
        for line in lines[1:]:
            name, _, value = line.partition(": ")
            assert name not in self.headers, "twice: " + name
            self.headers[name] = value
        self.body, self.rest = self._split(rest, head_only)

    def _split(self, rest, head_only):
        if head_only or self.status in (204, 304) or self.status < 200:
            return b"", rest
        if self.headers.get("transfer-encoding") == "chunked":
            return _dechunked(rest)
        length = int(self.headers["content-length"]) if "content-length" in self.headers else len(rest)
        assert len(rest) >= length
        return rest[:length], rest[length:]

    @property
    def json(self):
        return json.loads(self.body.decode("utf-8"))

    @property
    def error_type(self):
        """The type of an error in Anthropic's form, whose request id is the header's."""
        if not self.body:
            return ""
        obj = self.json
        assert obj["type"] == "error" and set(obj) == {"type", "error", "request_id"}, obj
        assert obj["request_id"] == self.headers["request-id"]
        assert obj["error"]["message"]
        return obj["error"]["type"]


def _dechunked(rest):
    body = b""
    while True:
        size, _, rest = rest.partition(b"\r\n")
        size = int(size, 16)
        body, rest = body + rest[:size], rest[size:]
        assert rest[:2] == b"\r\n"
        rest = rest[2:]
        if not size:
            return body, rest


class Client:
    """A connection to the proxy; a context manager."""

    def __init__(self, listener):
        self.sock = socket.create_connection(listener.address, SECONDS)

    def __enter__(self):
        return self

    def __exit__(self, *exc_info):
        self.sock.close()

    def send(self, data):
        """Send, as far as the proxy still listens."""
        try:
            self.sock.sendall(data)
        except OSError:
            pass

    def read_until(self, mark):
        """Everything up to and with `mark`."""
        data = b""
        while mark not in data:
            piece = self.sock.recv(65536)
            assert piece, data
            data += piece
        return data

    def read_reply(self, head_only=False):
        """One whole answer with a length."""
        data = self.read_until(b"\r\n\r\n")
        head, _, body = data.partition(b"\r\n\r\n")
        length = re.search(rb"\r\ncontent-length: ([0-9]+)", head)
        missing = 0 if head_only or not length else int(length.group(1)) - len(body)
        while missing > 0:
            piece = self.sock.recv(missing)
            assert piece, data
            data += piece
            missing -= len(piece)
        return Reply(data, head_only)

    def read_all(self):
        """What comes until the proxy closes."""
        data = b""
        while True:
            try:
                piece = self.sock.recv(65536)
            except ConnectionError:
                return data + b"<reset>"
            if not piece:
                return data
            data += piece

    def is_open(self):
        """The connection answers another request."""
        self.send(b"GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n")
        try:
            return self.read_reply().status == 200
        except (AssertionError, ConnectionError):
            return False


def ask(listener, data, head_only=False):
    """(answer, connection is closed afterwards) for raw bytes."""
    with Client(listener) as client:
        client.send(data)
        reply = client.read_reply(head_only)
        return reply, not client.is_open()


def post(body, path="/v1/messages", headers=()):
    """The bytes of a JSON POST."""
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    lines = ["POST %s HTTP/1.1" % path, "Host: localhost", "Content-Type: application/json",
             "Content-Length: %d" % len(data)] + ["%s: %s" % item for item in dict(headers).items()]
    return "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + data


def message(**fields):
    """The body of a small Messages request."""
    small = {"model": "claude-sonnet-5", "max_tokens": 16, "messages": [{"role": "user", "content": "hi"}]}
    return dict(small, **fields)


def until(claim, seconds=SECONDS):
    """Wait until claim() holds."""
    end = time.monotonic() + seconds
    while not claim():
        assert time.monotonic() < end, "it never came true"
        time.sleep(0.005)
