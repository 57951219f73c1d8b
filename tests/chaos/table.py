"""What each misbehaviour must become: (requirement, model, outcome of a stream, outcome of a plain request).

Outcomes are Outcome.says: "ok" means that the whole text came, "error ..." that its beginning did and the block stayed
open. None: not asked. A number behind them is the time that it may take, in seconds (SECONDS where there is none).
"""
from upstream import PLACES

SECONDS = 5.0

BROKEN, SLOW, FULL, LIMIT = "502 api_error", "504 timeout_error", "529 overloaded_error", "429 rate_limit_error"
CUT = "error api_error"

CASES = [
    ("good", "good", "ok", "ok"),
    ("60", "slow", "ok", "ok"),
    ("56", "drip-body", "ok", "ok"),

    # the provider is there, and does not answer
    ("53", "drop@fin", BROKEN, BROKEN),
    ("53", "drop@rst", BROKEN, BROKEN),
    ("53", "bytes@ssh", BROKEN, BROKEN),
    ("53", "bytes@binary", BROKEN, BROKEN),
    ("53", "bytes@half", BROKEN, BROKEN),
    ("53", "bytes@status", BROKEN, BROKEN),
    ("53", "bytes@line", BROKEN, BROKEN),
    ("53", "bytes@http2", BROKEN, BROKEN),
    ("53", "bytes@fields", BROKEN, BROKEN),
    ("53", "bytes@many", BROKEN, BROKEN),
    ("53", "bytes@length", BROKEN, BROKEN),
    ("53", "bytes@sizes", BROKEN, BROKEN),
    ("53", "page@200", BROKEN, BROKEN),
    ("53", "page@502", BROKEN, BROKEN),
    ("53", "page@503", FULL, FULL),
    ("53", "empty@length", BROKEN, BROKEN),
    ("53", "empty@chunked", BROKEN, BROKEN),
    ("53", "empty@done", BROKEN, BROKEN),
    ("53", "empty@comments", BROKEN, BROKEN),
    ("53", "empty@null", BROKEN, BROKEN),
    ("55", "empty@role", BROKEN, BROKEN),
    ("62", "drip-head", "502 api_error|504 timeout_error", "502 api_error|504 timeout_error"),
    ("62", "silence@head", SLOW, SLOW),
    ("62", "silence@body", SLOW, SLOW),
    ("62", "silence@text", "error timeout_error", SLOW),
    ("62", "silence@call", "error timeout_error", SLOW),
    ("62", "silence@finish", "ok|error timeout_error", SLOW),
    ("62", "silence@done", "ok", SLOW),

    # statuses
    ("53", "status@400", "400 invalid_request_error", "400 invalid_request_error"),
    ("53", "status@401", "401 authentication_error", "401 authentication_error"),
    ("53", "status@402", "402 billing_error", "402 billing_error"),
    ("53", "status@403", "403 permission_error", "403 permission_error"),
    ("53", "status@404", "404 not_found_error|400 invalid_request_error", "404 not_found_error|400 invalid_request_error"),
    ("53", "status@408", SLOW + "|408 timeout_error", SLOW + "|408 timeout_error"),
    ("53", "status@409", "409 conflict_error", "409 conflict_error"),
    ("53", "status@413", "413 request_too_large", "413 request_too_large"),
    ("53", "status@418", "400 invalid_request_error|418 invalid_request_error", None),
    ("53", "status@422", "422 invalid_request_error|400 invalid_request_error", "422 invalid_request_error|400 invalid_request_error"),
    ("53", "status@429", LIMIT, LIMIT),
    ("53", "status@500", BROKEN, BROKEN),
    ("53", "status@502", BROKEN, BROKEN),
    ("53", "status@503", FULL, FULL),
    ("53", "status@504", SLOW, SLOW),
    ("53", "status@529", FULL, FULL),
    ("53", "status@204", BROKEN, BROKEN),
    ("43", "redirect@301", BROKEN, BROKEN),
    ("43", "redirect@307", BROKEN, BROKEN),

    # errors inside a 200
    ("53", "error@json", BROKEN, BROKEN),
    ("53", "error@json@429", LIMIT, LIMIT),
    ("53", "error@text", BROKEN, BROKEN),
    ("53", "error@first", BROKEN, BROKEN),
    ("53", "error@first@503", FULL, FULL),
    ("53", "error@event", BROKEN, BROKEN),
    ("54", "error@late", CUT, BROKEN),
    ("54", "error@late@503", "error overloaded_error", FULL),

    # no end
    ("55", "no-end@text", CUT, BROKEN),
    ("55", "no-end@call", CUT, BROKEN),
    ("55", "no-end@done", "ok", "ok"),

    # other clothes
    ("56", "dialect@crlf", "ok", "ok"),
    ("56", "dialect@no-space", "ok", "ok"),
    ("56", "dialect@comments", "ok", "ok"),
    ("56", "dialect@fields", "ok", "ok"),
    ("56", "dialect@lines", "ok", "ok"),
    ("56", "dialect@bom", "ok", "ok"),
    ("56", "dialect@nulls", "ok", "ok"),
    ("56", "dialect@after-done", "ok", "ok"),
    ("55", "dialect@no-done", "ok", "ok"),
    ("56", "dialect@early-hints", "ok", "ok"),
    ("57", "wrong-type", "ok", "ok"),
    ("57", "wrong-type@label", "ok", "ok"),
    ("57", "zipped", "ok", "ok"),
    ("57", "zipped@cut", "502 api_error|error api_error", BROKEN),
    ("57", "zipped@bad", BROKEN, BROKEN),
    ("57", "zipped@br", BROKEN, BROKEN),
    ("54", "broken-data@json", CUT, BROKEN),
    ("58", "call", "ok", "ok"),
    ("58", "call@bad", "ok|error api_error", "ok|502 api_error"),
    ("58", "call@array", "ok|error api_error", "ok|502 api_error"),
    ("58", "call@empty", "ok", "ok"),
    ("58", "call@twice", "ok", "ok"),
]

# What a stream becomes where it breaks off; a text that is only cut after its finish_reason is whole.
EARLY, LATE = ("in-head", "after-head"), ("after-finish", "after-done")
for _place in PLACES:
    for _framing in ("chunked", "length", "close"):
        for _way in ("fin", "rst"):
            _expected = BROKEN if _place in EARLY else "ok" if _place in LATE else CUT
            CASES.append(("54", "cut@%s@%s@%s" % (_place, _framing, _way), _expected, None))
    CASES.append(("54", "cut-call@%s" % _place, BROKEN if _place in EARLY else "ok" if _place in LATE else CUT, None))
for _framing in ("chunked", "length", "close"):
    CASES += [("53", "cut@%s@%s@%s" % (_place, _framing, _way), None, BROKEN)
              for _way in ("fin", "rst") for _place in ("after-head", "between")]

# Too much: (requirement, model, stream, plain, MiB that it may cost at most)
LARGE = [
    ("59", "huge@event", "ok", None, 100),
    ("59", "huge@line", CUT, None, 200),
    ("59", "huge@json", BROKEN, BROKEN, 200),
    ("59", "zipped@bomb", "502 api_error", BROKEN, 200),
]
