"""What can go wrong: one class for each Anthropic error type, raised where it is known, answered in one place.

    ProxyError
        InvalidRequest      400 invalid_request_error   the client's request cannot be converted
        NotAuthenticated    401 authentication_error    no or a wrong client key; or the provider refused its own
        BillingProblem      402 billing_error           the provider's account is out of credit
        Forbidden           403 permission_error
        NotFound            404 not_found_error         unknown path or model, nothing else
        MethodNotAllowed    405 invalid_request_error
        Timeout             408 timeout_error           the client was too slow
        Conflict            409 conflict_error
        TooLarge            413 request_too_large
        RateLimited         429 rate_limit_error
        InternalError       500 api_error               a bug of ours
        UpstreamFailed      502 api_error               the provider broke off, or answered nonsense
        UpstreamTimeout     504 timeout_error           the provider was silent for too long
        Overloaded          529 overloaded_error        the provider, or this proxy, has no room

https://docs.anthropic.com/en/api/errors
"""
from typing import Any, Dict, Mapping, Optional, TypeVar

E = TypeVar("E", bound=BaseException)


class ProxyError(Exception):
    """An error that has an answer.

    `message` is one sentence for the person who reads it: what failed, where, what to do.
    `reason` stands in the log in its place, where the message quotes what the client has written.
    `headers` go out with the status (Retry-After, x-should-retry, Allow); `details` into error.details.
    """

    status = 500
    type = "api_error"

    def __init__(self, message: str, headers: Optional[Mapping[str, str]] = None, details: Any = None,
                 status: Optional[int] = None, reason: Optional[str] = None) -> None:
        super().__init__(message)
        self.reason = reason
        self.message = message
        self.headers = dict(headers or {})
        self.details = details
        if status is not None:
            self.status = status

    def body(self, request_id: Optional[str] = None) -> Dict[str, Any]:
        """{"type": "error", "error": {"type", "message"[, "details"]}[, "request_id"]}"""
        error: Dict[str, Any] = {"type": self.type, "message": self.message}
        if self.details:
            error["details"] = self.details
        body: Dict[str, Any] = {"type": "error", "error": error}
        if request_id:
            body["request_id"] = request_id
        return body


class InvalidRequest(ProxyError):
    """The client's request is not one that can be converted; the message begins with the path of the field."""

    status, type = 400, "invalid_request_error"


class NotAuthenticated(ProxyError):
    """No or a wrong client key, or a provider that refused its configured one."""

    status, type = 401, "authentication_error"


class BillingProblem(ProxyError):
    """The provider's account has no credit left."""

    status, type = 402, "billing_error"


class Forbidden(ProxyError):
    """Known who asks, but not allowed: a foreign web page, a region, a model."""

    status, type = 403, "permission_error"


class NotFound(ProxyError):
    """An unknown path or model."""

    status, type = 404, "not_found_error"


class MethodNotAllowed(ProxyError):
    """The path exists, the method does not; `headers` carry Allow."""

    status, type = 405, "invalid_request_error"


class Timeout(ProxyError):
    """The client took too long to send its request."""

    status, type = 408, "timeout_error"


class Conflict(ProxyError):
    """The provider reports a conflict."""

    status, type = 409, "conflict_error"


class TooLarge(ProxyError):
    """The request is larger than this proxy or the provider takes."""

    status, type = 413, "request_too_large"


class RateLimited(ProxyError):
    """The provider's limit is reached; `headers` carry its Retry-After."""

    status, type = 429, "rate_limit_error"


class InternalError(ProxyError):
    """A bug of ours; the log has the traceback under the request's id."""


class UpstreamFailed(ProxyError):
    """The provider could not be reached, broke off, or answered something that is no answer."""

    status, type = 502, "api_error"


class UpstreamTimeout(ProxyError):
    """The provider was silent for longer than the configuration allows."""

    status, type = 504, "timeout_error"


class Overloaded(ProxyError):
    """The provider, or this proxy, has no room at the moment."""

    status, type = 529, "overloaded_error"


def without_frames(error: E) -> E:
    """The same error, without its traceback: the frames there hold the request, and one of them holds the error. Such a
    circle, with all of a large request in it, would stay until the next collection of garbage."""
    error.__traceback__ = error.__context__ = None
    return error
