"""The HTTP surface: which handler answers which method and path.

A Messages path may stand behind a provider's name, and its beginning may be doubled (a base URL typed with it):
    /v1/messages   /deepseek/v1/messages   /deepseek/v1/v1/messages   /v1/messages/v1/messages
The path is split at its slashes first and percent-decoded afterwards, so that a name may hold a slash (%2F).
"""
import re
from typing import List, NamedTuple, Optional, Tuple
from urllib.parse import unquote_to_bytes

from ..errors import InvalidRequest, MethodNotAllowed, NotFound


class Route(NamedTuple):
    """One line of the table; handler: the name of a function of handlers.py."""

    method: str
    path: str
    handler: str
    key: bool                           # asks for the client's key
    counted: bool                       # in the metrics; the access log has a line of every request


ROUTES = (
    #     method  path                          handler            key    counted
    Route("POST", "/v1/messages",               "create_message",  True,  True),
    Route("POST", "/v1/messages/count_tokens",  "count_tokens",    True,  True),
    Route("GET",  "/v1/models",                 "list_models",     True,  True),
    Route("GET",  "/v1/models/{id}",            "show_model",      True,  True),
    Route("GET",  "/",                          "dashboard",       False, False),
    Route("GET",  "/api/status",                "status",          True,  False),
    Route("GET",  "/api/hello",                 "alive",           False, False),   # Claude Code's probe
    Route("GET",  "/api/events",                "events",          True,  False),
    Route("GET",  "/health",                    "alive",           False, False),
    Route("GET",  "/healthz",                   "alive",           False, False),
    Route("GET",  "/livez",                     "alive",           False, False),
    Route("GET",  "/readyz",                    "ready",           False, False),
    Route("GET",  "/metrics",                   "metrics",         True,  False),
)
PROBE = Route("HEAD", "/{provider}", "probe", False, False)      # Claude Code asks its base path at start


class Match(NamedTuple):
    """Where a request goes."""

    route: Route
    provider: Optional[str] = None
    model_id: Optional[str] = None


BY_PATH = {route.path: [other for other in ROUTES if other.path == route.path] for route in ROUTES}
MODEL = BY_PATH.pop("/v1/models/{id}")

NOT_A_PATH = re.compile(r"%(?![0-9A-Fa-f]{2})").search
CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]").search


def find(method: str, path: str) -> Match:
    """The route of a request; NotFound, MethodNotAllowed (with Allow), or InvalidRequest for a path that is none."""
    place = BY_PATH.get(path)
    provider = model_id = None
    if place is None:
        place, provider, model_id = _place(segments(path))
    wanted = "GET" if method == "HEAD" else method
    for route in place:
        if route.method == wanted:
            return Match(route, provider, model_id)
    if method == "HEAD" and provider is not None and not place:
        return Match(PROBE, provider)
    if not place:
        raise _unknown(path)
    raise MethodNotAllowed("%s takes %s" % (shown(path), allowed(place)), headers={"allow": allowed(place)},
                           reason="%s takes %s" % (place[0].path, allowed(place)))


def methods(path: str) -> str:
    """What an Allow header for the path lists; NotFound."""
    place = BY_PATH.get(path) or _place(segments(path))[0]
    if not place:
        raise _unknown(path)
    return allowed(place)


def allowed(place: List[Route]) -> str:
    """`GET, HEAD, OPTIONS`"""
    names = [route.method for route in place]
    if "GET" in names:
        names.append("HEAD")
    return ", ".join(names + ["OPTIONS"])


def segments(path: str) -> List[str]:
    """The decoded parts between the slashes; InvalidRequest for what no path may hold."""
    if NOT_A_PATH(path):
        raise InvalidRequest("the path holds a % that is no escape")
    try:
        parts = [unquote_to_bytes(part.encode("latin-1")).decode("utf-8") for part in path.split("/")[1:]]
    except UnicodeDecodeError:
        raise InvalidRequest("the path is not UTF-8") from None
    if any(CONTROL(part) or part in (".", "..") for part in parts):
        raise InvalidRequest("the path holds a control character, or points upwards")
    return parts


def _place(parts: List[str]) -> Tuple[List[Route], Optional[str], Optional[str]]:
    """(routes of the path, provider, model id) for the decoded parts of a path."""
    if len(parts) > 2 and not parts[0]:             # //v1/messages: a base URL that was typed with a slash at its end
        parts = parts[1:]
    provider = None
    if parts[0] != "v1" and _joined(parts) not in BY_PATH:
        provider, parts = parts[0], parts[1:]
    if parts[:2] == ["v1", "v1"]:
        parts = parts[1:]
    elif parts[:3] == ["v1", "messages", "v1"]:
        parts = parts[2:]
    if parts[:2] == ["v1", "models"] and len(parts) > 2 and all(parts[2:]):
        return MODEL, provider, "/".join(parts[2:])
    path = _joined(parts)
    if path in BY_PATH and (provider is None or parts[:1] == ["v1"]):
        return BY_PATH[path], provider, None
    if provider and path in ("/", "/v1", "/v1/", "/api/hello"):
        return [], provider, None
    return [], None, None


def _joined(parts: List[str]) -> str:
    """The path of decoded parts; a slash inside of one is a letter of a name, and of no route."""
    return "/" + "/".join(part.replace("/", "%2F") for part in parts)


def _unknown(path: str) -> NotFound:
    return NotFound("there is no %s here; the API is under /v1/messages" % shown(path), reason="no such path")


def shown(path: str) -> str:
    """A path as an error message may show it: short, and without anything that could act."""
    return re.sub(r"[^!-~]|[<>&\"']", "?", path[:100])
