"""Keep-alive for urllib.request: handlers for http and https that borrow their connections from a pool.

    pool = Pool()
    opener = opener_of(pool, proxies={})
    answer = opener.open(ProviderRequest(url, fields, tls_context).filled(data, watch, times))

AbstractHTTPHandler.do_open sends `Connection: close` and drops the socket, so each call would pay for TCP and TLS anew.
In the director there is no redirect handler and no HTTPErrorProcessor: every status comes back as it is, a 3xx too, and
none is followed. Proxies are urllib's own ProxyHandler's.
"""
from __future__ import annotations

import collections
import ssl
import threading
import time
import urllib.parse
import urllib.request
from typing import TYPE_CHECKING, Dict, List, Optional, Tuple

from .answer import read_head
from .connection import Connection, connect, encrypt, tunnel
from .faults import ConnectTimeout, HungUp, NotReached
from .network import behind, untrusted
from .waiting import NEVER

if TYPE_CHECKING:
    from .answer import Answer
    from .waiting import Watch

# What a connection is good for: (scheme, host, tunnelled to, TLS context, proxy credentials).
Origin = Tuple[str, str, Optional[str], Optional[ssl.SSLContext], str]

IDLE_SECONDS = 15.0                 # servers' own limits begin at 5 s; a dead connection is noticed before it is used
IDLE_PER_HOST = 256                 # kept, not made: nobody ever waits for a connection
FEW, SURPLUS_SECONDS = 4, 2.0       # what a burst leaves over beyond a few is not kept for so long


class Times:
    """Limits of one call. `*_at` are times of the watch's clock, set when the call begins."""

    def __init__(self, connect: float = 10.0, first_byte: float = 900.0, idle: float = 900.0,
                 provider: str = "NAME") -> None:
        self.connect, self.first_byte, self.idle = connect, first_byte, idle
        self.first_byte_at = 0.0
        self._provider = provider

    def hint(self, setting: str) -> str:
        """What may be raised where a limit was reached: "first_byte_seconds"."""
        return "providers.%s.%s sets how long to wait" % (self._provider, setting)


class ProviderRequest(urllib.request.Request):
    """A request with the fields that go out, all of them, in their order; and what its call needs along the way."""

    watch: Watch
    times: Times
    _tunnel_host: Optional[str]

    def __init__(self, url: str, fields: List[Tuple[str, str]], tls_context: Optional[ssl.SSLContext] = None,
                 method: str = "POST") -> None:
        super().__init__(url, method=method)
        self.fields, self.tls_context = fields, tls_context
        self.authority = self.host                  # of the provider, also where `host` becomes a proxy's
        self.body, self.watch, self.times = b"", None, None     # type: ignore[assignment]  # filled() has them
        self._heads = {}                            # (selector, a proxy's credentials) -> the lines of the head

    def filled(self, data: bytes, watch: Watch, times: Times) -> ProviderRequest:
        """A copy with a body. The address is not taken apart again, which is what takes the time in urllib's part."""
        request = ProviderRequest.__new__(ProviderRequest)
        request.__dict__.update(self.__dict__, headers={}, unredirected_hdrs={}, body=data, watch=watch, times=times)
        return request

    def origin(self) -> Origin:
        """What a connection is good for: (scheme, host, tunnelled to, TLS context, proxy credentials)."""
        return self.type, self.host, self._tunnel_host, self.tls_context, self.proxy_authorization()

    def is_proxied(self) -> bool:
        """`host` is a proxy's."""
        return self.host != self.authority

    def proxy_authorization(self) -> str:
        """What urllib's ProxyHandler has found in the proxy's URL, for the proxy alone."""
        return self.headers.get("Proxy-authorization", "")

    def head(self) -> bytes:
        """The request line and the header fields, as bytes."""
        credentials = "" if self._tunnel_host else self.proxy_authorization()
        lines = self._heads.get((self.selector, credentials))
        if lines is None:
            lines = self._heads[self.selector, credentials] = self._lines(credentials)
        return lines + (b"Content-Length: %d\r\n\r\n" % len(self.body) if self.body else b"\r\n")

    def _lines(self, credentials: str) -> bytes:
        lines = ["%s %s HTTP/1.1" % (self.get_method(), self.selector), "Host: %s" % self.authority]
        lines += ["%s: %s" % field for field in self.fields]
        if credentials:
            lines.append("Proxy-Authorization: %s" % credentials)
        return ("\r\n".join(lines) + "\r\n").encode("latin-1")


class Pool:
    """Idle connections, newest first, by origin. A thread closes those that nobody came for, and ends with the last."""

    def __init__(self, idle_seconds: float = IDLE_SECONDS, per_host: int = IDLE_PER_HOST) -> None:
        self.idle_seconds, self.per_host = idle_seconds, per_host
        self._idle = collections.defaultdict(collections.deque)     # origin -> (connection, since), oldest first
        self._lock = threading.Lock()
        self._reaper: Optional[threading.Thread] = None
        self.stale_retries = 0                      # requests that were asked again on a new connection

    def take(self, origin: Origin) -> Optional[Connection]:
        """An idle connection that is still usable, or None."""
        while True:
            with self._lock:
                idle = self._idle.get(origin)
                if not idle:
                    return None
                connection, since = idle.pop()
            if time.monotonic() - since < self.idle_seconds and connection.is_quiet():
                return connection
            connection.close()

    def give(self, origin: Origin, connection: Connection) -> None:
        """Keep a connection for the next request to the same origin."""
        with self._lock:
            idle = self._idle[origin]
            idle.append((connection, time.monotonic()))
            surplus = idle.popleft()[0] if len(idle) > self.per_host else None
            if self._reaper is None:
                self._reaper = threading.Thread(target=self._reap, name="pool-reaper", daemon=True)
                self._reaper.start()
        if surplus:
            surplus.close()

    def count(self) -> int:
        """How many connections are idle."""
        with self._lock:
            return sum(map(len, self._idle.values()))

    def close(self) -> None:
        """Close the idle connections."""
        for connection in self.expired(NEVER):
            connection.close()

    def _reap(self) -> None:
        while self._is_needed():
            time.sleep(min(1.0, self.idle_seconds))
            for connection in self.expired(time.monotonic()):
                connection.close()

    def _is_needed(self) -> bool:
        with self._lock:
            if not self._idle:
                self._reaper = None
            return bool(self._idle)

    def expired(self, now: float) -> List[Connection]:
        """Take out the connections that have been idle for too long; those beyond a few for each origin, sooner."""
        expired, before, surplus_before = [], now - self.idle_seconds, now - SURPLUS_SECONDS
        with self._lock:
            for origin, idle in list(self._idle.items()):
                while idle and idle[0][1] < (surplus_before if len(idle) > FEW else before):
                    expired.append(idle.popleft()[0])
                if not idle:
                    del self._idle[origin]
        return expired


class PooledHandler(urllib.request.BaseHandler):
    """Opens http and https requests; a hang-up on a reused connection is asked once more, on a new one."""

    def __init__(self, pool: Pool) -> None:
        self.pool = pool

    def http_open(self, request: ProviderRequest) -> Answer:
        """Called by the OpenerDirector -> Answer."""
        origin = request.origin()
        connection = self.pool.take(origin)
        if connection is not None:
            try:
                return self._exchange(origin, connection, request)
            except HungUp:
                # Closed in the moment of its reuse: nothing was answered, so it was not taken.
                self.pool.stale_retries += 1
        return self._exchange(origin, open_connection(request), request)

    https_open = http_open

    def _exchange(self, origin: Origin, connection: Connection, request: ProviderRequest) -> Answer:
        watch, times = request.watch, request.times
        try:
            now = watch.clock()
            times.first_byte_at = now + times.first_byte
            connection.send(request.head(), request.body, watch, now + times.first_byte)
            return read_head(connection, watch, times, lambda kept: self.pool.give(origin, kept))
        except BaseException:
            watch.forget()
            connection.close()
            raise


def open_connection(request: ProviderRequest) -> Connection:
    """A new connection for a request, through a proxy and under TLS where it has to be."""
    try:
        return _connected(request)
    except ConnectTimeout as fault:
        fault.hint = request.times.hint("connect_seconds")
        raise


def _connected(request: ProviderRequest) -> Connection:
    watch, until = request.watch, request.watch.clock() + request.times.connect
    host, port = host_and_port(request.host, request.type)
    try:
        sock = connect(host, port, watch, until)
    except NotReached as fault:
        raise behind(fault) if request.is_proxied() else fault
    try:
        if request._tunnel_host:                    # the one private name of urllib's that is used
            host, port = host_and_port(request._tunnel_host, "https")
            tunnel(sock, "%s:%d" % (host if ":" not in host else "[%s]" % host, port),
                   request.proxy_authorization(), watch, until)
        if request.tls_context is not None:
            sock = encrypt(sock, request.tls_context, host, watch, until)
    except ssl.SSLCertVerificationError as exc:
        sock.close()
        raise untrusted(exc, host)
    except OSError as exc:
        sock.close()
        raise NotReached("could not be reached: no TLS with %s: %s" % (host, exc.strerror or exc))
    except BaseException:
        watch.forget()
        sock.close()
        raise
    return Connection(sock)


def host_and_port(authority: str, scheme: str) -> Tuple[str, int]:
    """"[::1]:8080" -> ("::1", 8080)"""
    parts = urllib.parse.urlsplit("//" + authority)
    return parts.hostname or "", parts.port or (443 if scheme == "https" else 80)


def opener_of(pool: Pool, proxies: Dict[str, str]) -> urllib.request.OpenerDirector:
    """urllib's director with our two handlers, and a ProxyHandler where there are proxies. Nothing that redirects."""
    director = urllib.request.OpenerDirector()
    if proxies:
        director.add_handler(urllib.request.ProxyHandler(proxies))
    director.add_handler(PooledHandler(pool))
    return director


def tls_context(ca_file: Optional[str] = None, strict: bool = True) -> ssl.SSLContext:
    """A context for provider connections: the system's authorities and `ca_file`. 18 ms to make: make it once."""
    context = ssl.create_default_context()
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if ca_file:
        context.load_verify_locations(ca_file)
    if not strict:                                  # 3.13 refuses authorities that many companies still use
        context.verify_flags &= ~ssl.VERIFY_X509_STRICT
    return context
