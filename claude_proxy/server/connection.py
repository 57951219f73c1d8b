"""The life of one client's connection, in a thread of its own: request after request, each from head to log line.

    wait -> read_head -> Request -> door (Host, Origin) -> route -> key -> body as far as the head tells -> handler

Whatever goes wrong on that way is answered here: one `except ProxyError`, and one for what nobody expected.
"""
from __future__ import annotations

import logging
import socket
import ssl
import time
from typing import TYPE_CHECKING, Optional

from .. import observe
from ..errors import InternalError, InvalidRequest, Overloaded, ProxyError, Timeout, without_frames
from ..observe import Record
from . import handlers, routes
from .answers import Answer, always, error_event, new_request_id
from .guards import check_content_type, cors_headers, preflight_headers, shows_key
from .reader import read_head, wait_for_request
from .request import Request
from .wire import READ, WOULD_BLOCK, WRITE, Wire, shut, wait_for

if TYPE_CHECKING:
    from .guards import Door
    from .routes import Match
    from .application import Application

log = logging.getLogger("claude_proxy.server")
access = logging.getLogger("claude_proxy.access")

LINGER_SECONDS = 30
LINGER_QUIET_SECONDS = 2
ALL_METHODS = "GET, HEAD, POST, OPTIONS"


def no_room() -> ProxyError:
    """The answer to connections above server.max_connections."""
    return Overloaded("too many connections (server.max_connections)", {"retry-after": "2"}, status=503)


class Connection:
    """One client. `idle`: between requests, where closing harms nobody."""

    def __init__(self, app: Application, sock: socket.socket, tls: Optional[ssl.SSLContext] = None,
                 full: bool = False) -> None:
        self.app = app
        self.idle = True
        self._full = full                           # more connections than max_connections: refuse the request
        self._tls = tls
        self._sock = sock

    # -- what other threads may call

    def shut(self, how: int = socket.SHUT_RDWR) -> None:
        """Wake the connection's thread: its reads end. The socket stays the thread's own to close."""
        shut(self._sock, how)

    # -- the thread

    def run(self) -> None:
        """Serve requests until one side has had enough."""
        try:
            if self._tls is None or self._handshake():
                self._requests(Wire(self._sock, self.app.config.server.write_seconds))
        finally:
            self._sock.close()

    def _handshake(self) -> bool:
        """Make the connection a TLS one, under a deadline; False where that fails."""
        until = time.monotonic() + self.app.config.server.header_seconds
        self._sock.setblocking(False)
        try:
            wait_for(self._sock, READ, until)
            if self._sock.recv(1, socket.MSG_PEEK).isalpha():
                error = InvalidRequest("this port speaks https://, not http://")
                Answer(Wire(self._sock), new_request_id()).error(error)
                return False
            self._sock = self._tls.wrap_socket(     # type: ignore[union-attr]  # run() has looked
                self._sock, server_side=True, do_handshake_on_connect=False)
            return self._shake_hands(until)
        except (OSError, ValueError):
            return False

    def _shake_hands(self, until: float) -> bool:
        while True:
            try:
                self._sock.do_handshake()           # type: ignore[attr-defined]  # it is a TLS one
                return True
            except WOULD_BLOCK as wanted:
                wait_for(self._sock, WRITE if isinstance(wanted, ssl.SSLWantWriteError) else READ, until)

    def _requests(self, wire: Wire) -> None:
        server = self.app.config.server
        waiting = time.monotonic() + server.header_seconds
        until: Optional[float] = waiting
        while wait_for_request(wire, waiting):
            self.idle = False
            if not self._exchange(wire, until):
                return
            self.idle = True
            if self.app.draining:                   # after idle: whoever drains looks at it before, or this sees it
                return
            server = self.app.config.server
            waiting = time.monotonic() + server.keep_alive_seconds
            until = None

    def _exchange(self, wire: Wire, until: Optional[float]) -> bool:
        """One request and its answer; False where the connection must close."""
        answer = Answer(wire, new_request_id())
        exchange = Exchange(self.app, wire, answer)
        if until is None:
            until = time.monotonic() + exchange.config.server.header_seconds
        exchange.run(until, self._full)
        if not answer.closing and not wire.broken:
            return True
        self.idle = True
        if not wire.broken:
            wire.say_goodbye()
            if exchange.unread or wire.buffer:
                # Who was too slow is not given more time.
                seconds = LINGER_QUIET_SECONDS if answer.status == Timeout.status else LINGER_SECONDS
                wire.linger(seconds, LINGER_QUIET_SECONDS, lambda: not self.app.draining)
        return False


class Exchange:
    """One request and its answer."""

    def __init__(self, app: Application, wire: Wire, answer: Answer) -> None:
        self.app = app
        self.config = app.config
        self.answer = answer
        self.request: Optional[Request] = None
        self.record = Record(request_id=answer.request_id, started=time.monotonic())
        self._wire = wire
        self._counts = True                         # in the metrics
        self._begun = False                         # there

    @property
    def unread(self) -> bool:
        """The client may still be sending."""
        return self.request is None or self.request.unread

    def run(self, until: float, full: bool) -> None:
        """From the head to the log line; never raises but for bugs in logging."""
        try:
            self._handle(until, full)
            self._conclude()
        except ProxyError as error:
            self._refuse(without_frames(error))
        except Exception:
            if self._wire.broken:
                self.record.client_left = True
            else:
                log.exception("request %s failed", self.answer.request_id)
                self._refuse(InternalError("a bug in claude-proxy; its log has more under %s" % self.answer.request_id))
        finally:
            self._report()
            self.answer.must_close = always             # it knew this exchange: no circle is left for a collection

    # -- the way in

    def _handle(self, until: float, full: bool) -> None:
        request, answer, record = self._read(until), self.answer, self.record
        if full:
            raise no_room()
        door = self.app.door
        origin = door.check_page(request.headers, request.path == "/" and request.method == "GET")
        if origin is not None:
            answer.headers.update(cors_headers(origin))
        if request.method == "OPTIONS":
            self._counts = False
            self._options(request, origin)
            return
        match = self._find(request, door)
        self._counts = match.route.counted
        if self._counts:
            self._begun = True
            if self.app.metrics.begin(record) > 1:
                self.app.cores.gather()
        if match.route.method == "POST":
            check_content_type(request.header("content-type"))
            request.refuse_body()
        if request.method == "HEAD" and match.route.key:
            handlers.alive(self.app, request, answer, record)       # it tells nothing, so it needs no key
        else:
            getattr(handlers, match.route.handler)(self.app, request, answer, record)

    def _read(self, until: float) -> Request:
        """The request, once its head is there; the answer learns what its head must suit."""
        head = read_head(self._wire, until)
        answer = self.answer
        answer.head_only = head.method == "HEAD"
        answer.old_version = head.version == "HTTP/1.0"
        self.record.method = head.method
        request = self.request = Request(head, self._wire, self.config.server, answer.request_id)
        self.record.session = (request.header("x-claude-code-session-id") or "")[:100]
        answer.must_close = lambda: not request.keep_alive or request.unread or self.app.draining
        return request

    def _find(self, request: Request, door: Door) -> Match:
        """The request's place in the table, and its key shown where one is asked for."""
        try:
            match = routes.find(request.method, request.path)
        except ProxyError:
            if request.method != "HEAD":
                door.key_name(request.headers)      # whoever has no key learns nothing of what there is
            raise
        self.record.route = match.route.path
        request.provider, request.model_id = match.provider, match.model_id
        self._counts = match.route.counted or shows_key(request.headers)     # the dashboard first asks without one
        public = match.route.handler == "metrics" and self.config.server.metrics_public
        if match.route.key and not public and request.method != "HEAD":
            request.key_name = self.record.client_key = door.key_name(request.headers)
        return match

    def _options(self, request: Request, origin: Optional[str]) -> None:
        answer = self.answer
        if origin is not None and "access-control-request-method" in request.headers:
            asked = request.header("access-control-request-headers")
            answer.content(204, "", b"", preflight_headers(asked, ALL_METHODS))
        else:
            answer.content(204, "", b"", {"allow": routes.methods(request.path)})

    # -- the way out

    def _conclude(self) -> None:
        """What a handler has left undone: it returned without an end of its answer."""
        answer = self.answer
        stream = answer.event_stream
        if answer.sent and (stream is None or stream.ended):
            return
        if self.app.drain_over:
            raise Overloaded("the proxy is shutting down; ask again", {"retry-after": "1"}, status=503)
        if answer.sent or self.record.client_left:
            answer.closing = True
            return
        raise InternalError("a bug in claude-proxy: no answer was made")

    def _refuse(self, error: ProxyError) -> None:
        """Tell the client: as a status while nothing was sent, else as the stream's last event."""
        self.record.error_type, self.record.error = error.type, error.reason or error.message
        answer = self.answer
        stream = answer.event_stream
        try:
            if not answer.sent:
                answer.error(error)
            elif stream is not None and not stream.ended:
                stream.end(error_event(error, answer.request_id))
                answer.closing = True
            else:
                answer.closing = True
        except OSError:
            self.record.client_left = True

    def _report(self) -> None:
        record, request = self.record, self.request
        record.status = record.status or self.answer.status
        record.ended = time.monotonic()
        record.bytes_out = self.answer.bytes_out
        if request is not None:
            record.bytes_in = request.body_bytes
        if self._counts:
            if not self._begun:
                self.app.metrics.begin(record)
            self.app.metrics.end(record)
        level = logging.WARNING if observe.has_failed(record) else logging.INFO
        if access.isEnabledFor(level):
            observe.log_access(level, observe.access_line(record, self.config.server.log_format))
