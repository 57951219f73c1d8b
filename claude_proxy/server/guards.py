"""Who may come in: the checks that need a request's head alone, before anything is done for it.

Host        on a loopback address only loopback names and server.allowed_hosts: a web page that has rebound
            its own name to 127.0.0.1 is refused (DNS rebinding)
Origin      a page of this server's own, of another loopback port, or of server.allowed_origins; every other
            page is refused before its request could cost money (CORS alone would only hide the answer)
key         x-api-key or Authorization: Bearer, one of server.client_keys
"""
import ipaddress
import re
import threading
from typing import Any, Dict, List, Mapping, Optional, Tuple

from ..config import Server, is_loopback
from ..errors import Forbidden, InvalidRequest, NotAuthenticated, RateLimited

LOOPBACK_NAMES = frozenset(("localhost", "127.0.0.1", "[::1]"))
HOST = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+)(?::([0-9]{1,5}))?").fullmatch
LOOPBACK_ORIGIN = re.compile(r"https?://(?:localhost|127\.0\.0\.1|\[::1\])(?::[0-9]{1,5})?").fullmatch
FIELD_NAMES = re.compile(r"[A-Za-z0-9-]+(?:[ \t]*,[ \t]*[A-Za-z0-9-]+)*").fullmatch
JSON_TYPE = re.compile(r"(?:application|text)/(?:[a-z0-9.+-]*\+)?json[ \t]*(?:;.*)?", re.I).fullmatch

EXPOSED = ("request-id, retry-after, retry-after-ms, x-should-retry, x-claude-proxy-target, x-claude-proxy-warning, "
           "x-claude-proxy-route, anthropic-ratelimit-requests-limit, anthropic-ratelimit-requests-remaining, "
           "anthropic-ratelimit-requests-reset, anthropic-ratelimit-tokens-limit, "
           "anthropic-ratelimit-tokens-remaining, anthropic-ratelimit-tokens-reset")
ASKED_BY_DEFAULT = "authorization, content-type, x-api-key, anthropic-version, anthropic-beta"
PREFLIGHT_SECONDS = 600


# -- Host

def host_allowed(host: str, allowed: Tuple[str, ...], loopback: bool) -> bool:
    """The Host header names this server, as far as one can tell; without a loopback address or a list: anything."""
    match = HOST(host)
    if not match:
        return False
    name = match.group(1).lower()
    if name in LOOPBACK_NAMES or name in allowed or host.lower() in allowed:
        return True
    # A page's own name can be pointed here, an address cannot: where the network may come in, addresses may as well.
    return not loopback and (not allowed or _is_address(name))


def _is_address(name: str) -> bool:
    try:
        return not ipaddress.ip_address(name.strip("[]")).is_unspecified
    except ValueError:
        return False


# -- Origin

def origin_allowed(origin: str, host: str, listed: Tuple[str, ...]) -> bool:
    """The page may call: of this server itself, of a loopback port, or listed. "null" never may."""
    scheme, _, place = origin.lower().partition("://")
    if scheme in ("http", "https") and place and place == host.lower():
        return True
    return bool(LOOPBACK_ORIGIN(origin)) or origin in listed


def cors_headers(origin: str) -> Dict[str, str]:
    """What lets an allowed page read the answer. Never `*`, and never with credentials."""
    return {"access-control-allow-origin": origin, "access-control-expose-headers": EXPOSED}


def preflight_headers(asked: Optional[str], methods: str) -> Dict[str, str]:
    """The answer to a preflight of an allowed page; `asked`: its Access-Control-Request-Headers."""
    if asked is None or len(asked) > 4096 or not FIELD_NAMES(asked):
        asked = ASKED_BY_DEFAULT
    return {"access-control-allow-methods": methods, "access-control-allow-headers": asked,
            "access-control-max-age": str(PREFLIGHT_SECONDS)}


# -- the whole door

class Door:
    """The checks of one configuration; `loopback`: the address that it listens on is this machine's own."""

    def __init__(self, server: Server, loopback: bool) -> None:
        own = (server.host.lower(),) if is_loopback(server.host) else ()
        self.loopback = loopback
        self.hosts = tuple(host.lower() for host in server.allowed_hosts) + own
        self.origins = server.allowed_origins
        self.asks_key = bool(server.client_keys)
        self.limits = {key.name: key.max_concurrent for key in server.client_keys}
        self._keys = tuple((key.name, key.key.reveal().encode("utf-8")) for key in server.client_keys)

    def check_page(self, headers: Dict[str, str], opens_shell: bool = False) -> Optional[str]:
        """The page's origin, or None where no web page asks; Forbidden for a name or page that may not.

        opens_shell: GET of the dashboard's shell, to which a link of another page may lead.
        """
        host = headers.get("host")
        if host is not None and not host_allowed(host, self.hosts, self.loopback):
            if not host or not self.loopback and not HOST(host):
                raise InvalidRequest("the Host header is malformed")
            raise Forbidden("the Host header does not name this server; add the name to server.allowed_hosts")
        origin = headers.get("origin")
        if origin is None:
            if headers.get("sec-fetch-site") == "cross-site" and not (opens_shell and _is_visit(headers)):
                raise Forbidden("requests of web pages from elsewhere are refused")
            return None
        if not origin_allowed(origin, host or "", self.origins):
            raise Forbidden("this web page may not use the proxy; add its origin to server.allowed_origins")
        return origin

    def knows(self, headers: Dict[str, str]) -> bool:
        """Whether the request has shown its key, or needs none."""
        try:
            self.key_name(headers)
        except NotAuthenticated:
            return False
        return True

    def key_name(self, headers: Dict[str, str]) -> str:
        """The name of the client's key, "" where none is asked for; NotAuthenticated."""
        if not self.asks_key:
            return ""
        import hmac                         # with OpenSSL behind it: not before it is needed
        shown = _keys_shown(headers)
        found = None
        for value in shown:
            data = value.encode("latin-1")
            for name, key in self._keys:            # all of them, so that the time tells nothing
                if hmac.compare_digest(data, key) and key:
                    found = name
        if found is not None:
            return found
        raise NotAuthenticated(
            "this proxy does not know the client's key: give Claude Code one of server.client_keys as "
            "ANTHROPIC_AUTH_TOKEN" if shown else
            "this proxy asks for a client key: set ANTHROPIC_AUTH_TOKEN to one of server.client_keys",
            headers={"x-should-retry": "false"})


def shows_key(headers: Dict[str, str]) -> bool:
    """The request has a key, right or wrong."""
    return bool(_keys_shown(headers))


def _keys_shown(headers: Mapping[str, str]) -> List[str]:
    return [value for value in (headers.get("x-api-key"), _bearer(headers.get("authorization", ""))) if value]


def _is_visit(headers: Mapping[str, str]) -> bool:
    """A person followed a link: the page that it leads to does nothing by itself."""
    return headers.get("sec-fetch-mode") == "navigate" and headers.get("sec-fetch-dest") == "document"


def _bearer(value: str) -> str:
    scheme, _, key = value.partition(" ")
    return key.strip(" ") if scheme.lower() == "bearer" else ""


def check_content_type(value: Optional[str]) -> None:
    """A POST that says what it carries must say JSON; one that says nothing is taken at its word."""
    if value is not None and not JSON_TYPE(value):
        raise InvalidRequest("Content-Type must be application/json", status=415)


class Places:
    """How many requests run for each client key."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._taken: Dict[str, int] = {}

    def hold(self, key_name: str, limit: Optional[int]) -> "Place":
        """One place of `limit` for as long as a `with` block runs; RateLimited where all are taken."""
        return Place(self, key_name, limit)

    def take(self, key_name: str, limit: Optional[int]) -> None:
        """Begin a request."""
        with self._lock:
            taken = self._taken.get(key_name, 0)
            if limit is not None and taken >= limit:
                raise RateLimited("the client key %s already has %d requests running (its max_concurrent)" % (
                    key_name, taken), headers={"retry-after": "1"})
            self._taken[key_name] = taken + 1

    def leave(self, key_name: str) -> None:
        """End one."""
        with self._lock:
            self._taken[key_name] -= 1


class Place:
    """What Places.hold() gives."""

    def __init__(self, places: Places, key_name: str, limit: Optional[int]) -> None:
        self._places, self._key_name, self._limit = places, key_name, limit

    def __enter__(self) -> None:
        self._places.take(self._key_name, self._limit)

    def __exit__(self, *exc_info: Any) -> None:
        self._places.leave(self._key_name)
