"""A provider's error, in whatever shape, becomes one of ours: class and status, its own words, and what to do.

    from_provider(status, text, headers, target)   an HTTP answer that is no success
    in_stream(error, target)                       an error object inside a 200 body or a stream

`target` is anything with `.provider` (a name, or something with `.name`) and `.model`.
"""
import json

from .. import errors

BY_STATUS = {
    400: errors.InvalidRequest, 401: errors.NotAuthenticated, 402: errors.BillingProblem, 403: errors.Forbidden,
    404: errors.NotFound, 408: errors.UpstreamTimeout, 409: errors.Conflict, 413: errors.TooLarge,
    429: errors.RateLimited, 503: errors.Overloaded, 504: errors.UpstreamTimeout, 529: errors.Overloaded,
}


def from_provider(status, text, headers, target, secrets=(), client=None, prompt_tokens=None):
    """The ProxyError for a provider's answer of `status` with the body `text` and `headers` (any mapping)."""
    fallback = errors.InvalidRequest if 400 <= status < 500 else errors.UpstreamFailed
    return BY_STATUS.get(status, fallback)("%s answered %d: %s" % (name_of(target), status, redacted(text, secrets)))


def in_stream(error, target, secrets=(), client=None, prompt_tokens=None):
    """The ProxyError for an error object (dict or string) inside a 200 body or a stream."""
    code = error.get("code") if isinstance(error, dict) else None
    status = code if isinstance(code, int) and 400 <= code < 600 else 502
    return from_provider(status, json.dumps({"error": error}), {}, target, secrets, client, prompt_tokens)


def redacted(text, secrets=()):
    """`text` without any of `secrets`."""
    for secret in secrets:
        text = text.replace(secret, "[key]") if secret else text
    return text


def name_of(target):
    """The provider's name, for people."""
    provider = getattr(target, "provider", target)
    return str(getattr(provider, "name", provider) or "the provider")
