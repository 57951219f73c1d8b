"""One line for each request, at its end: for people, or as an object with OpenTelemetry's GenAI names.

    POST /v1/messages 200 claude-haiku-4-5 -> deepseek/deepseek-chat in=812 cached=640 out=57 end_turn
        first=412ms total=1903ms bytes=5120/2210 key=ci session=3f… req_011C…

https://opentelemetry.io/docs/specs/semconv/gen-ai/gen-ai-spans/
"""
from typing import Any, Dict, List, Optional

from ..errors import InvalidRequest
from .escape import json_line, word
from .record import Record

LONGEST_ERROR = 300                     # characters of an error's text


def access_line(record: Record, log_format: str = "text") -> str:
    """The record as a line of the access log, without time and level."""
    return json_line(fields(record)) if log_format == "json" else _text(record)


def has_failed(record: Record) -> bool:
    """The answer failed, and not by the client's own fault: a 5xx, or a stream that ended in an error."""
    if record.status >= 500:
        return record.error_type != InvalidRequest.type             # 501 and 505 are answers to odd requests
    return bool(record.error_type) and record.status < 400 and not record.client_left


def milliseconds(record: Record, reading: Optional[float]) -> Optional[int]:
    """From the request's start to a reading of the clock."""
    return None if reading is None else max(0, round((reading - record.started) * 1000))


def _text(record: Record) -> str:
    words = [word(record.method or "-"), word(record.route or "-"), str(record.status)] + _model_words(record)
    if record.input_tokens or record.output_tokens or record.cached_tokens:
        words.append("in=%d cached=%d out=%d" % (record.input_tokens, record.cached_tokens, record.output_tokens))
    if record.stop_reason:
        words.append(word(record.stop_reason))
    words += _fault_words(record)
    for name, reading in (("first", record.first_byte), ("total", record.ended)):
        if reading is not None:
            words.append("%s=%dms" % (name, milliseconds(record, reading) or 0))
    words.append("bytes=%d/%d" % (record.bytes_in, record.bytes_out))
    for name, value in (("key", record.client_key), ("session", record.session)):
        if value:
            words.append("%s=%s" % (name, word(value)))
    return " ".join(words + [word(record.request_id)] if record.request_id else words)


def _model_words(record: Record) -> List[str]:
    words = [word(record.requested_model)] if record.requested_model else []
    if record.provider:
        words += ["->", word("%s/%s" % (record.provider, record.model))]
    return words


def _fault_words(record: Record) -> List[str]:
    words = []
    if record.error_type:
        words.append("error=%s" % word(record.error_type))
    if record.error:
        words.append(word(record.error, LONGEST_ERROR))
    if record.client_left:
        words.append("client-left")
    if record.attempts:
        words.append("after=%s" % word(", ".join(record.attempts), LONGEST_ERROR))
    if record.warnings:
        words.append("warnings=%s" % word(",".join(record.warnings), LONGEST_ERROR))
    return words


def fields(record: Record) -> Dict[str, Any]:
    """The record under OpenTelemetry's names where it has one; what is empty is left out."""
    found = {
        "http.request.method": record.method,
        "http.route": record.route,
        "http.response.status_code": record.status,
        "request.id": record.request_id,
        "client.key": record.client_key,
        "session.id": record.session,
        "gen_ai.operation.name": "chat" if record.provider else "",
        "gen_ai.request.model": record.requested_model,
        "gen_ai.provider.name": record.provider,
        "gen_ai.response.model": record.model,
        "gen_ai.usage.input_tokens": (record.input_tokens + record.cached_tokens) or None,     # theirs has both
        "gen_ai.usage.output_tokens": record.output_tokens or None,
        "gen_ai.usage.cache_read.input_tokens": record.cached_tokens or None,
        "gen_ai.response.finish_reasons": [record.stop_reason] if record.stop_reason else None,
        "error.type": record.error_type,
        "error.message": record.error,
        "retries": record.retries or None,
        "attempts": record.attempts or None,
        "warnings": record.warnings or None,
        "client_left": record.client_left or None,
        "first_byte_ms": milliseconds(record, record.first_byte),
        "duration_ms": milliseconds(record, record.ended),
        "bytes_in": record.bytes_in,
        "bytes_out": record.bytes_out,
    }
    return {name: _short(name, value) for name, value in found.items() if value is not None and value != ""}


def _short(name: str, value: Any) -> Any:
    if isinstance(value, list):
        return [_short(name, item) for item in value[:20]]
    longest = LONGEST_ERROR if name in ("error.message", "attempts", "warnings") else 100
    return value[:longest] if isinstance(value, str) else value
