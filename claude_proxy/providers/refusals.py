"""A provider's error, in whatever shape, becomes one of ours: class and status, its own words, and what to do.

    from_provider(status, text, headers, target)   an HTTP answer that is no success
    in_stream(error, target)                       an error object inside a 200 body or a stream

`target` is anything with `.provider` (a name, or something with `.name`, `.base_url`, `.key_hint`) and `.model`; what
it lacks is left out of the message. A message is: who, what it answered, its words as they are, and one hint. The words
of an overflow and of a refused image are those on which Claude Code acts.

https://docs.anthropic.com/en/api/errors
"""
from __future__ import annotations

import math
import re
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any, Dict, Mapping, Optional, Sequence, Tuple, Type, Union

from .. import errors
from . import hints
from .catalogue import fact_of
from .overflow import overflow_in, phrase
from .redaction import redacted
from .wording import any_of, read

if TYPE_CHECKING:
    from ..errors import ProxyError
    from .wording import Said
    from ..config import Secret

BY_STATUS = {
    400: errors.InvalidRequest, 401: errors.NotAuthenticated, 402: errors.BillingProblem, 403: errors.Forbidden,
    404: errors.NotFound, 407: errors.UpstreamFailed, 408: errors.UpstreamTimeout, 409: errors.Conflict,
    413: errors.TooLarge, 429: errors.RateLimited,
    498: errors.Overloaded,                                                 # Groq: the flex tier is full
    503: errors.Overloaded, 529: errors.Overloaded,
    504: errors.UpstreamTimeout, 522: errors.UpstreamTimeout, 524: errors.UpstreamTimeout,      # 52x: Cloudflare's
}
FINAL = (errors.NotAuthenticated, errors.BillingProblem, errors.Forbidden, errors.NotFound)

# What a provider means where its status says less: (class, codes in the body, pattern of its words); first that fits.
# Held against statuses 400, 403, 404 and 422 over HTTP, and against every error inside a stream.
MEANINGS = (
    (errors.BillingProblem,
     ("insufficient_quota", "insufficient_balance", "arrearage", "billing_not_active", "insufficient_user_quota",
      "accountoverdueerror", "overdue_balance", "payment_required", "credits_required", "1008", "1113"),
     any_of(r"insufficient (?:account )?(?:balance|credit|quota|funds)", r"requires more credits", "credit balance",
            r"out of credits?", "exceeded your current quota", "in good standing",
            r"balance (?:is )?(?:not enough|insufficient)", r"no (?:remaining )?credits?", r"billing (?:hard )?limit",
            "余额不足", "欠费", "账户余额", "额度不足", "额度已用", "配额不足", "免费额度", "资源包", "充值")),
    (errors.NotAuthenticated,
     ("invalid_api_key", "api_key_invalid", "authentication_error", "unauthorized", "unauthenticated",
      "invalid_iam_token", "2049"),
     any_of(r"(?:invalid|incorrect|wrong|missing|no|expired) (?:api[ -]?key|authentication|auth )",
            r"api key (?:not valid|not found|is invalid|expired)", "not authenticated", r"无效的(?:令牌|api)",
            r"(?:令牌|api[ -]?key)[^。]{0,6}(?:无效|错误|过期)", "身份验证失败")),
    (errors.RateLimited,
     ("rate_limit_exceeded", "rate_limit_error", "rate_limit_reached", "too_many_requests", "ratelimitreached",
      "throttling", "resource_exhausted", "429", "1302", "1303"),
     any_of(r"rate.?limit(?:ed|s| exceeded| reached)", "too many requests", "requests per minute",
            "频率限制", "请求过于频繁", "速率限制", "并发")),
    (errors.Overloaded,
     ("overloaded_error", "engine_overloaded_error", "server_overloaded", "overloaded", "capacity_exceeded", "1305"),
     any_of("overloaded", "over capacity", r"no available (?:channel|capacity|worker)",
            r"server (?:is )?(?:too )?busy", r"resource_?exhausted", "服务器?繁忙", "系统繁忙", "负载")),
)

CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")
NUMBER = re.compile(r"\d{1,15}(\.\d+)?\Z")        # with more digits it is no time to wait, and may be infinite

# Numbers that some put into a 200 body: MiniMax's base_resp, Zhipu's code.
BY_NUMBER = {
    1001: errors.UpstreamTimeout, 1002: errors.RateLimited, 1004: errors.NotAuthenticated, 1008: errors.BillingProblem,
    1026: errors.InvalidRequest, 1027: errors.InvalidRequest, 1041: errors.RateLimited, 2013: errors.InvalidRequest,
    2049: errors.NotAuthenticated, 1113: errors.BillingProblem, 1210: errors.InvalidRequest, 1211: errors.NotFound,
    1301: errors.InvalidRequest, 1302: errors.RateLimited, 1303: errors.RateLimited, 1305: errors.Overloaded,
}
BY_TYPE = {
    "invalid_request_error": errors.InvalidRequest, "badrequesterror": errors.InvalidRequest,
    "invalid_parameter_error": errors.InvalidRequest, "tool_use_failed": errors.InvalidRequest,
    "context_length_exceeded": errors.InvalidRequest, "content_filter": errors.InvalidRequest,
    "permission_error": errors.Forbidden, "permission_denied": errors.Forbidden,
    "not_found_error": errors.NotFound, "model_not_found": errors.NotFound,
    "timeout": errors.UpstreamTimeout, "timeout_error": errors.UpstreamTimeout,
    "request_timeout": errors.UpstreamTimeout,
}


def from_provider(status: int, text: str, headers: Mapping[str, str], target: hints.Where,
                  secrets: Sequence[Union[str, Secret]] = (), prompt_tokens: Optional[int] = None) -> ProxyError:
    """The ProxyError for a provider's answer of `status` with the body `text` and `headers` (any mapping).

    secrets: every configured key; prompt_tokens: our estimate, for an overflow whose text tells no number.
    """
    said = read(text)
    kind = _class_of(status, said)
    return _error(kind, status, said, headers, target, secrets, prompt_tokens)


def in_stream(error: Union[Dict[str, Any], str], target: hints.Where) -> ProxyError:
    """The ProxyError for an error object (a dict or a string) inside a 200 body or a stream."""
    said = read(error if isinstance(error, str) else {"error": error})
    kind, status = _class_in_stream(said)
    return _error(kind, status, said, {}, target)


# -- which class

def _class_of(status: int, said: Said) -> Type[ProxyError]:
    kind = BY_STATUS.get(status) or (errors.InvalidRequest if 400 <= status < 500 else errors.UpstreamFailed)
    if status in (400, 403, 404, 422):
        meaning = _meaning(said)
        if meaning in (errors.BillingProblem, errors.NotAuthenticated) and not said.html:
            kind = meaning if status != 403 or meaning is errors.BillingProblem else kind
    if status == 404 and not hints.is_about_model(said):
        kind = errors.InvalidRequest        # a wrong address is no unknown model: the client would blame the model
    return kind


def _class_in_stream(said: Said) -> Tuple[Type[ProxyError], Optional[int]]:
    status = next((number for number in said.numbers if 400 <= number < 600), None)
    if status is not None:
        return _class_of(status, said), status
    number = next((BY_NUMBER[number] for number in said.numbers if number in BY_NUMBER), None)
    named = next((BY_TYPE[code] for code in said.codes if code in BY_TYPE), None)
    return number or _meaning(said) or named or errors.UpstreamFailed, None


def _meaning(said: Said) -> Optional[Type[ProxyError]]:
    text = said.words.lower()
    return next((kind for kind, codes, pattern in MEANINGS if said.any_code(*codes) or pattern.search(text)), None)


# -- which words

def _error(kind: Type[ProxyError], status: Optional[int], said: Said, headers: Mapping[str, str], target: hints.Where,
           secrets: Sequence[Union[str, Secret]] = (), prompt_tokens: Optional[int] = None) -> ProxyError:
    place = hints.Place.of(target)
    words = _safe(" ".join(said.words.split()), secrets) or "no reason given"
    overflow = overflow_in(said, status if status is not None else 400)
    if overflow is not None:
        window = place.window or fact_of(place.model).context_window
        return errors.InvalidRequest("%s (%s: %s)" % (phrase(overflow, window, prompt_tokens), place.name, words))
    extra = _retry_headers(kind, said, headers)
    media = hints.refused_media(said) if kind is errors.InvalidRequest else ""
    start = "%s: " % media if media else ""
    hint = hints.hint(kind, status, said, place, _header(headers, "location"))
    wait = hints.wait(extra.get("retry-after"))
    message = "%s%s %s: %s" % (start, CONTROL.sub("?", place.full_name), _verb(kind, status), _sentence(words))
    return kind(" ".join(filter(None, (message, wait, _safe(hint, secrets)))), extra)


def _verb(kind: Type[ProxyError], status: Optional[int]) -> str:
    if status is None:
        return "reported an error"
    if kind is errors.NotAuthenticated:
        return "refused its configured API key (%d)" % status
    return "answered %d" % status


def _safe(text: str, secrets: Sequence[Union[str, Secret]]) -> str:
    """Without keys, without the word that makes Claude Code say that its user is not logged in, and without control
    characters, which a terminal would obey."""
    return re.sub(r"(?i)\bx-api-key", "api-key header", redacted(CONTROL.sub("?", text), secrets))


def _sentence(words: str) -> str:
    words = words.strip()
    return words if words[-1:] in ".!?。！" else words + "."


# -- what the client shall do

def _retry_headers(kind: Type[ProxyError], said: Said, headers: Mapping[str, str]) -> Dict[str, str]:
    extra: Dict[str, str] = {}
    after = retry_after(headers, said)
    if after is not None and kind in (errors.RateLimited, errors.Overloaded):
        extra["retry-after"] = after
        extra.update(_milliseconds(headers))
    if kind in FINAL or is_used_up(kind, said) or hints.is_filtered(said):
        extra["x-should-retry"] = "false"
    return extra


def is_used_up(kind: Type[ProxyError], said: Said) -> bool:
    """Whether a rate limit is really an empty account: waiting does not help."""
    if kind is not errors.RateLimited:
        return kind is errors.BillingProblem
    soon = retry_after({}, said) is not None
    return _meaning(said) is errors.BillingProblem and not soon


def retry_after(headers: Mapping[str, str], said: Optional[Said] = None) -> Optional[str]:
    """Seconds to wait, as text for a header: from Retry-After (a number, or a date against Date), else from the words.

    What is no number and no date is handed on as it is, where it could be a header.
    """
    raw = (_header(headers, "retry-after") or "").strip()
    millis = _milliseconds(headers).get("retry-after-ms")
    if NUMBER.match(raw):
        return str(int(math.ceil(float(raw))))
    if raw:
        return _until(raw, _header(headers, "date")) or (raw if re.match(r"^[\x21-\x7e ]{1,40}$", raw) else None)
    if millis:
        return str(int(math.ceil(float(millis) / 1000)))
    return _in_words(said.words) if said else None


def _milliseconds(headers: Mapping[str, str]) -> Dict[str, str]:
    """{"retry-after-ms": its value} where it is a number, else nothing: the SDKs prefer it to Retry-After."""
    millis = (_header(headers, "retry-after-ms") or "").strip()
    return {"retry-after-ms": millis} if NUMBER.match(millis) else {}


def _until(raw: str, now: Optional[str]) -> Optional[str]:
    """Seconds from the date `now` to the date `raw`; None where one of them is no date."""
    try:
        return str(max(0, int((parsedate_to_datetime(raw) - parsedate_to_datetime(now or "")).total_seconds())))
    except (TypeError, ValueError, IndexError, AttributeError):     # what a date that is none raises, by version
        return None


IN_WORDS = re.compile(r"(?i)(?:try again|retry(?:ing)?|wait|available again|reset[s]?) (?:in|after|for) (?:about )?"
                      r"((?:\d{1,15}(?:\.\d+)?\s*(?:ms|milliseconds?|s|sec(?:ond)?s?|m|min(?:ute)?s?|h|hours?|d|days?)\b[\s,]*)+)")
UNITS = {"ms": 0.001, "mi": 60, "m": 60, "s": 1, "se": 1, "h": 3600, "ho": 3600, "d": 86400, "da": 86400}


def _in_words(words: str) -> Optional[str]:
    """"Please try again in 1m26.4s" -> "87"."""
    found = IN_WORDS.search(re.sub(r"(?<=[hmd])(?=\d)", " ", words))
    if not found:
        return None
    parts = re.findall(r"(\d+(?:\.\d+)?)\s*([a-zA-Z]+)", found.group(1))
    seconds = sum(float(number) * _unit(unit) for number, unit in parts)
    return str(int(math.ceil(seconds)))


def _unit(word: str) -> float:
    word = word.lower()
    return UNITS["ms"] if word.startswith(("ms", "milli")) else UNITS.get(word[:2], UNITS.get(word[:1], 1))


def _header(headers: Mapping[str, str], name: str) -> Optional[str]:
    """A header of any mapping, whatever the case of its names."""
    for key in (name, name.title()):
        value = headers.get(key) if headers else None
        if value is not None:
            return str(value)
    return next((str(value) for key, value in headers.items() if key.lower() == name), None) if headers else None
