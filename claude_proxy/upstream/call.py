"""One call to one provider: its address, its headers and its connection."""
from __future__ import annotations

import threading
import time
import urllib.parse
import urllib.request
from typing import TYPE_CHECKING, Any, Callable, Dict, Hashable, List, Optional, Tuple, TypeVar

from .. import __version__
from .faults import Fault, NoRoom, NotReached
from .gates import Breaker, Gate
from .keys import KeyRing
from .network import proxies_that_speak_http
from .pool import Pool, ProviderRequest, Times, opener_of, tls_context
from .stays import Stays
from .waiting import Watch

if TYPE_CHECKING:
    import ssl
    from ..config.shapes import Provider
    from ..providers.dialects import Dialect
    from ..routing import Target
    from .answer import Answer
    from .keys import Key

T = TypeVar("T")

USER_AGENT = "claude-proxy/%s" % __version__
MAX_BLANKS = 256


class Caller:
    """What is kept between calls: idle connections, TLS contexts, keys at rest, who cannot be reached. Thread-safe."""

    def __init__(self, clock: Callable[[], float] = time.monotonic, pool: Optional[Pool] = None,
                 keys: Optional[KeyRing] = None) -> None:
        self.clock = clock
        self.pool = pool or Pool()
        self.keys = keys or KeyRing(clock)
        self.stays = Stays(clock)
        self._openers, self._contexts, self._breakers, self._gates = {}, {}, {}, {}
        self._blanks = {}                           # (id of a target, stream, key) -> (the target, its request)
        self._lock = threading.Lock()

    def call(self, target: Target, data: bytes, watch: Optional[Watch] = None, stream: bool = False,
             key: Optional[Key] = None) -> Answer:
        """POST `data` to the target's Chat Completions -> Answer, whatever its status. Raises Fault, ClientLeft."""
        # Nothing was tried: pick() gives one.
        blank = self._blank(target, stream, key or self.keys.pick(target.provider))     # type: ignore[arg-type]
        return self._ask(target.provider, blank, data, watch)

    def fetch(self, provider: Provider, dialect: Dialect, path: str, watch: Optional[Watch] = None,
              key: Optional[Key] = None) -> Answer:
        """GET a path under the provider's base_url, as `check` does -> Answer. Raises Fault."""
        fields = header_fields(provider, dialect, key or self.keys.pick(provider), False)      # type: ignore[arg-type]
        url = provider.base_url + path
        return self._ask(provider, ProviderRequest(url, fields, self._context(provider, url), "GET"), b"", watch)

    def close(self) -> None:
        """Close the idle connections."""
        self.pool.close()

    # -- one exchange

    def _blank(self, target: Target, stream: bool, key: Key) -> ProviderRequest:
        """The request to a target, but for its body: everything else is the same each time, and is made once."""
        name = (id(target), stream, key.value)
        kept, blank = self._blanks.get(name, (None, None))
        if kept is not target:
            provider, dialect = target.provider, target.dialect
            url, fields = address(provider, dialect, target.model), header_fields(provider, dialect, key, stream)
            blank = ProviderRequest(url, fields, self._context(provider, url))
            if len(self._blanks) >= MAX_BLANKS:     # a target that was mended for one request has one of its own
                self._blanks.clear()
            self._blanks[name] = (target, blank)
        return blank

    def _ask(self, provider: Provider, blank: ProviderRequest, data: bytes, watch: Optional[Watch]) -> Answer:
        watch = watch or Watch(None, self.clock)
        times = Times(provider.connect_seconds, provider.first_byte_seconds, provider.idle_seconds, provider.name)
        request = blank.filled(data, watch, times)
        gate, breaker = self._gate(provider), self._breaker(provider)
        breaker.enter()
        if gate:
            gate.enter(watch)
        try:
            answer = self._open(provider, request, breaker)
            answer.on_close = gate.leave if gate else None
            return answer
        except BaseException:
            if gate:
                gate.leave()
            raise

    def _open(self, provider: Provider, request: ProviderRequest, breaker: Breaker) -> Answer:
        try:
            answer = self._opener(provider, request).open(request)
        except NoRoom:
            raise                                   # that is ours, not the provider's
        except NotReached:
            breaker.failed()
            raise
        except Fault:
            breaker.reached()
            raise
        if answer is None:
            raise NotReached("could not be reached: base_url is neither http nor https")
        breaker.reached()
        return answer

    # -- what is made once

    def _kept(self, kind: Dict[Any, T], name: Hashable, make: Callable[[], T]) -> T:
        found = kind.get(name)
        if found is None:
            with self._lock:
                found = kind.get(name)
                if found is None:
                    found = kind[name] = make()
        return found

    def _opener(self, provider: Provider, request: ProviderRequest) -> urllib.request.OpenerDirector:
        def make() -> urllib.request.OpenerDirector:
            return opener_of(self.pool, proxies_that_speak_http(provider, request.type, request.host))
        return self._kept(self._openers, (request.type, request.host, provider.proxy), make)

    def _context(self, provider: Provider, url: str) -> Optional[ssl.SSLContext]:
        if not url.startswith("https:"):
            return None
        about = (provider.ca_file, provider.tls_strict)
        try:
            return self._kept(self._contexts, about, lambda: tls_context(*about))
        except OSError as exc:
            raise NotReached("could not be reached: ca_file cannot be used (%s)" % (exc.strerror or exc))

    def _breaker(self, provider: Provider) -> Breaker:
        return self._kept(self._breakers, provider.base_url, lambda: Breaker(self.clock))

    def _gate(self, provider: Provider) -> Optional[Gate]:
        limit = provider.max_concurrent
        if not limit:
            return None
        return self._kept(self._gates, (provider.name, limit), lambda: Gate(provider.name, limit))


def address(provider: Provider, dialect: Dialect, model: str) -> str:
    """Where the target's Chat Completions is: nothing of a request changes it but the model, quoted."""
    url = provider.base_url + dialect.path.replace("{model}", urllib.parse.quote(model, safe=""))
    if dialect.query:
        url += ("&" if "?" in url else "?") + dialect.query
    return url


def header_fields(provider: Provider, dialect: Dialect, key: Key, stream: bool) -> List[Tuple[str, str]]:
    """All fields that go out, but Host and Content-Length. What the configuration sets wins."""
    fields = {"User-Agent": USER_AGENT, "Accept": "text/event-stream" if stream else "application/json",
              "Accept-Encoding": "identity", "Content-Type": "application/json"}
    if key.value:
        fields[dialect.auth_header] = dialect.auth_scheme + key.value
    fields.update(dialect.extra_headers)
    if provider.headers:
        theirs = {name.lower() for name in provider.headers}
        fields = {name: value for name, value in fields.items() if name.lower() not in theirs}
        fields.update(provider.headers)
    return list(fields.items())
