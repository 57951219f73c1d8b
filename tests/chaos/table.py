"""What each misbehaviour must become: (promise, model, outcome of a stream, outcome of a plain request).

Outcomes are Outcome.says: "ok" means that the whole text came, "error ..." that its beginning did and the block stayed
open. None: not asked. A number behind them is the time that it may take, in seconds (SECONDS where there is none).
"""
from upstream import PLACES

SECONDS = 5.0

BROKEN, SLOW, FULL, LIMIT = "502 api_error", "504 timeout_error", "529 overloaded_error", "429 rate_limit_error"
CUT = "error api_error"

CASES = [
    ("good", "good", "ok", "ok"),
    ("pace", "slow", "ok", "ok"),
    ("events", "drip-body", "ok", "ok"),

    # the provider is there, and does not answer
    ("before the first byte", "drop@fin", BROKEN, BROKEN),
    ("before the first byte", "drop@rst", BROKEN, BROKEN),
    ("before the first byte", "bytes@ssh", BROKEN, BROKEN),
    ("before the first byte", "bytes@binary", BROKEN, BROKEN),
    ("before the first byte", "bytes@half", BROKEN, BROKEN),
    ("before the first byte", "bytes@status", BROKEN, BROKEN),
    ("before the first byte", "bytes@line", BROKEN, BROKEN),
    ("before the first byte", "bytes@http2", BROKEN, BROKEN),
    ("before the first byte", "bytes@fields", BROKEN, BROKEN),
    ("before the first byte", "bytes@many", BROKEN, BROKEN),
    ("before the first byte", "bytes@length", BROKEN, BROKEN),
    ("before the first byte", "bytes@sizes", BROKEN, BROKEN),
    ("before the first byte", "page@200", BROKEN, BROKEN),
    ("before the first byte", "page@502", BROKEN, BROKEN),
    ("before the first byte", "page@503", FULL, FULL),
    ("before the first byte", "empty@length", BROKEN, BROKEN),
    ("before the first byte", "empty@chunked", BROKEN, BROKEN),
    ("before the first byte", "empty@done", BROKEN, BROKEN),
    ("before the first byte", "empty@comments", BROKEN, BROKEN),
    ("before the first byte", "empty@null", BROKEN, BROKEN),
    ("endings", "empty@role", BROKEN, BROKEN),
    ("silence", "drip-head", "502 api_error|504 timeout_error", "502 api_error|504 timeout_error"),
    ("silence", "silence@head", SLOW, SLOW),
    ("silence", "silence@body", SLOW, SLOW),
    ("silence", "silence@text", "error timeout_error", SLOW),
    ("silence", "silence@call", "error timeout_error", SLOW),
    ("silence", "silence@finish", "ok|error timeout_error", SLOW),
    ("silence", "silence@done", "ok", SLOW),

    # statuses
    ("before the first byte", "status@400", "400 invalid_request_error", "400 invalid_request_error"),
    ("before the first byte", "status@401", "401 authentication_error", "401 authentication_error"),
    ("before the first byte", "status@402", "402 billing_error", "402 billing_error"),
    ("before the first byte", "status@403", "403 permission_error", "403 permission_error"),
    ("before the first byte", "status@404", "404 not_found_error|400 invalid_request_error", "404 not_found_error|400 invalid_request_error"),
    ("before the first byte", "status@408", SLOW + "|408 timeout_error", SLOW + "|408 timeout_error"),
    ("before the first byte", "status@409", "409 conflict_error", "409 conflict_error"),
    ("before the first byte", "status@413", "413 request_too_large", "413 request_too_large"),
    ("before the first byte", "status@418", "400 invalid_request_error|418 invalid_request_error", None),
    ("before the first byte", "status@422", "422 invalid_request_error|400 invalid_request_error", "422 invalid_request_error|400 invalid_request_error"),
    ("before the first byte", "status@429", LIMIT, LIMIT),
    ("before the first byte", "status@500", BROKEN, BROKEN),
    ("before the first byte", "status@502", BROKEN, BROKEN),
    ("before the first byte", "status@503", FULL, FULL),
    ("before the first byte", "status@504", SLOW, SLOW),
    ("before the first byte", "status@529", FULL, FULL),
    ("before the first byte", "status@204", BROKEN, BROKEN),
    ("redirects", "redirect@301", BROKEN, BROKEN),
    ("redirects", "redirect@307", BROKEN, BROKEN),

    # errors inside a 200
    ("before the first byte", "error@json", BROKEN, BROKEN),
    ("before the first byte", "error@json@429", LIMIT, LIMIT),
    ("before the first byte", "error@text", BROKEN, BROKEN),
    ("before the first byte", "error@first", BROKEN, BROKEN),
    ("before the first byte", "error@first@503", FULL, FULL),
    ("before the first byte", "error@event", BROKEN, BROKEN),
    ("after the first byte", "error@late", CUT, BROKEN),
    ("after the first byte", "error@late@503", "error overloaded_error", FULL),

    # no end
    ("endings", "no-end@text", CUT, BROKEN),
    ("endings", "no-end@call", CUT, BROKEN),
    ("endings", "no-end@done", "ok", "ok"),

    # other clothes
    ("events", "dialect@crlf", "ok", "ok"),
    ("events", "dialect@no-space", "ok", "ok"),
    ("events", "dialect@comments", "ok", "ok"),
    ("events", "dialect@fields", "ok", "ok"),
    ("events", "dialect@lines", "ok", "ok"),
    ("events", "dialect@bom", "ok", "ok"),
    ("events", "dialect@nulls", "ok", "ok"),
    ("events", "dialect@after-done", "ok", "ok"),
    ("endings", "dialect@no-done", "ok", "ok"),
    ("events", "dialect@early-hints", "ok", "ok"),
    ("types", "wrong-type", "ok", "ok"),
    ("types", "wrong-type@label", "ok", "ok"),
    ("types", "zipped", "ok", "ok"),
    ("types", "zipped@cut", "502 api_error|error api_error", BROKEN),
    ("types", "zipped@bad", BROKEN, BROKEN),
    ("types", "zipped@br", BROKEN, BROKEN),
    ("after the first byte", "broken-data@json", CUT, BROKEN),
    ("calls", "call", "ok", "ok"),
    ("calls", "call@bad", "ok|error api_error", "ok|502 api_error"),
    ("calls", "call@array", "ok|error api_error", "ok|502 api_error"),
    ("calls", "call@empty", "ok", "ok"),
    ("calls", "call@twice", "ok", "ok"),
]

# What a stream becomes where it breaks off; a text that is only cut after its finish_reason is whole.
EARLY, LATE = ("in-head", "after-head"), ("after-finish", "after-done")
for _place in PLACES:
    for _framing in ("chunked", "length", "close"):
        for _way in ("fin", "rst"):
            _expected = BROKEN if _place in EARLY else "ok" if _place in LATE else CUT
            CASES.append(("after the first byte", "cut@%s@%s@%s" % (_place, _framing, _way), _expected, None))
    CASES.append(("after the first byte", "cut-call@%s" % _place, BROKEN if _place in EARLY else "ok" if _place in LATE else CUT, None))
for _framing in ("chunked", "length", "close"):
    CASES += [("before the first byte", "cut@%s@%s@%s" % (_place, _framing, _way), None, BROKEN)
              for _way in ("fin", "rst") for _place in ("after-head", "between")]

# Too much: (promise, model, stream, plain, MiB that it may cost at most)
LARGE = [
    ("limits", "huge@event", "ok", None, 100),
    ("limits", "huge@line", CUT, None, 200),
    ("limits", "huge@json", BROKEN, BROKEN, 200),
    ("limits", "zipped@bomb", "502 api_error", BROKEN, 200),
]
