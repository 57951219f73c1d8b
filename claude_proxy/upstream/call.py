"""One call to one provider: its address, its headers and its connection."""
import threading
import time
import urllib.parse
import urllib.request

from .. import __version__
from .faults import Fault, NoRoom, NotReached
from .gates import Breaker, Gate
from .keys import KeyRing
from .network import proxies_that_speak_http
from .pool import Pool, ProviderRequest, Times, opener_of, tls_context
from .stays import Stays
from .waiting import Watch

USER_AGENT = "claude-proxy/%s" % __version__
MAX_BLANKS = 256


class Caller:
    """What is kept between calls: idle connections, TLS contexts, keys at rest, who cannot be reached. Thread-safe."""

    def __init__(self, clock=time.monotonic, pool=None, keys=None):
        self.clock = clock
        self.pool = pool or Pool()
        self.keys = keys or KeyRing(clock)
        self.stays = Stays(clock)
        self._openers, self._contexts, self._breakers, self._gates = {}, {}, {}, {}
        self._blanks = {}                           # (id of a target, stream, key) -> (the target, its request)
        self._lock = threading.Lock()

    def call(self, target, data, watch=None, stream=False, key=None):
        """POST `data` to the target's Chat Completions -> Answer, whatever its status. Raises Fault, ClientLeft."""
        blank = self._blank(target, stream, key or self.keys.pick(target.provider))
        return self._ask(target.provider, blank, data, watch)

    def fetch(self, provider, dialect, path, watch=None, key=None):
        """GET a path under the provider's base_url, as `check` does -> Answer. Raises Fault."""
        fields = header_fields(provider, dialect, key or self.keys.pick(provider), False)
        url = provider.base_url + path
        return self._ask(provider, ProviderRequest(url, fields, self._context(provider, url), "GET"), b"", watch)

    def close(self):
        """Close the idle connections."""
        self.pool.close()

    # -- one exchange

    def _blank(self, target, stream, key):
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

    def _ask(self, provider, blank, data, watch):
        watch = watch or Watch(None, self.clock)
        times = Times(provider.connect_seconds, provider.first_byte_seconds, provider.idle_seconds, provider.name)
        request = blank.filled(data, watch, times)
        gate, breaker = self._gate(provider), self._breaker(provider)
        breaker.enter()
        if gate:
            gate.enter(watch)
        try:
            answer = self._open(provider, request, breaker)
            answer.on_close = gate and gate.leave
            return answer
        except BaseException:
            if gate:
                gate.leave()
            raise

    def _open(self, provider, request, breaker):
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

    def _kept(self, kind, name, make):
        found = kind.get(name)
        if found is None:
            with self._lock:
                found = kind.get(name)
                if found is None:
                    found = kind[name] = make()
        return found

    def _opener(self, provider, request):
        def make():
            return opener_of(self.pool, proxies_that_speak_http(provider, request.type, request.host))
        return self._kept(self._openers, (request.type, request.host, provider.proxy), make)

    def _context(self, provider, url):
        if not url.startswith("https:"):
            return None
        about = (provider.ca_file, provider.tls_strict)
        try:
            return self._kept(self._contexts, about, lambda: tls_context(*about))
        except OSError as exc:
            raise NotReached("could not be reached: ca_file cannot be used (%s)" % (exc.strerror or exc))

    def _breaker(self, provider):
        return self._kept(self._breakers, provider.base_url, lambda: Breaker(self.clock))

    def _gate(self, provider):
        limit = provider.max_concurrent
        if not limit:
            return None
        return self._kept(self._gates, (provider.name, limit), lambda: Gate(provider.name, limit))


def address(provider, dialect, model):
    """Where the target's Chat Completions is: nothing of a request changes it but the model, quoted."""
    url = provider.base_url + dialect.path.replace("{model}", urllib.parse.quote(model, safe=""))
    if dialect.query:
        url += ("&" if "?" in url else "?") + dialect.query
    return url


def header_fields(provider, dialect, key, stream):
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
