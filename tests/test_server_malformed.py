"""Everything that a client can get wrong: its exact answer, on a real socket."""
import gzip

import pytest
from server_harness import ask, proxy

HOST = b"Host: localhost\r\n"
OK = b'{"model": "m", "max_tokens": 1, "messages": []}'
BOMB = gzip.compress(b" " * 33554433, 1)
INVALID, LARGE, UNKNOWN = "invalid_request_error", "request_too_large", "not_found_error"
CLOSED, OPEN = True, False


def get(line=b"GET /health HTTP/1.1", fields=HOST):
    return line + b"\r\n" + fields + b"\r\n"


def with_length(value, body=OK):
    return b"POST /v1/messages HTTP/1.1\r\n" + HOST + b"Content-Length:" + value + b"\r\n\r\n" + body


def with_coding(value, body=b"0\r\n\r\n", fields=b"", version=b"1.1"):
    return (b"POST /v1/messages HTTP/" + version + b"\r\n" + HOST + b"Transfer-Encoding:" + value + b"\r\n" + fields
            + b"\r\n" + body)


def chunks(data):
    return with_coding(b" chunked", data)


def body(data, fields=b"Content-Type: application/json\r\n"):
    return (b"POST /v1/messages HTTP/1.1\r\n" + HOST + fields + b"Content-Length: %d\r\n\r\n" % len(data) + data)


CASES = {
    # -- what is no HTTP
    "TLS hello": (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 400, INVALID, CLOSED),
    "SOCKS 5": (b"\x05\x01\x00", 400, INVALID, CLOSED),
    "SOCKS 4": (b"\x04\x01\x00\x50\x7f\x00\x00\x01\x00", 400, INVALID, CLOSED),
    "SSH": (b"SSH-2.0-OpenSSH_9.6\r\n\r\n", 400, INVALID, CLOSED),
    "garbage": (b"\xff\xfe\xfd", 400, INVALID, CLOSED),
    "NULs": (b"\0" * 40, 400, INVALID, CLOSED),
    "HTTP/2 preface": (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 400, INVALID, CLOSED),
    "two empty lines first": (b"\r\n\r\n" + get(), 400, INVALID, CLOSED),
    "JSON": (b'{"model": "x"}\r\n\r\n', 400, INVALID, CLOSED),

    # -- the request line
    "HTTP/0.9": (b"GET /\r\n\r\n", 400, INVALID, CLOSED),
    "no target": (get(b"GET HTTP/1.1"), 400, INVALID, CLOSED),
    "empty target": (get(b"GET  HTTP/1.1"), 400, INVALID, CLOSED),
    "two spaces": (get(b"GET  / HTTP/1.1"), 400, INVALID, CLOSED),
    "tab for a space": (get(b"GET\t/\tHTTP/1.1"), 400, INVALID, CLOSED),
    "space at the end": (get(b"GET / HTTP/1.1 "), 400, INVALID, CLOSED),
    "space in the target": (get(b"GET /a b HTTP/1.1"), 400, INVALID, CLOSED),
    "space before the method": (get(b" GET / HTTP/1.1"), 400, INVALID, CLOSED),
    "small letters": (get(b"get / HTTP/1.1"), 400, INVALID, CLOSED),
    "mixed letters": (get(b"Get / HTTP/1.1"), 400, INVALID, CLOSED),
    "method with a digit": (get(b"G3T / HTTP/1.1"), 400, INVALID, CLOSED),
    "method with a dash": (get(b"M-SEARCH / HTTP/1.1"), 400, INVALID, CLOSED),
    "method of 40 letters": (get(b"G" * 40 + b" / HTTP/1.1"), 400, INVALID, CLOSED),
    "target without a slash": (get(b"GET health HTTP/1.1"), 400, INVALID, CLOSED),
    "target *": (get(b"OPTIONS * HTTP/1.1"), 400, INVALID, CLOSED),
    "CONNECT": (get(b"CONNECT example.com:443 HTTP/1.1"), 400, INVALID, CLOSED),
    "target of another scheme": (get(b"GET ftp://localhost/health HTTP/1.1"), 400, INVALID, CLOSED),
    "absolute target, foreign host": (get(b"GET http://evil.example/health HTTP/1.1", b"Host: evil.example\r\n"), 403,
                                      "permission_error", OPEN),
    "absolute target, userinfo": (get(b"GET http://localhost@evil.example/ HTTP/1.1",
                                      b"Host: localhost@evil.example\r\n"), 403, "permission_error", OPEN),
    "absolute target, other Host": (get(b"GET http://evil.example/health HTTP/1.1"), 400, INVALID, CLOSED),
    "absolute target, foreign Host": (get(b"GET http://localhost/ HTTP/1.1", b"Host: evil.example\r\n"), 400, INVALID,
                                      CLOSED),
    "absolute target, no Host": (get(b"GET http://localhost/health HTTP/1.1", b""), 400, INVALID, CLOSED),
    "absolute target without a host": (get(b"GET http:///health HTTP/1.1"), 400, INVALID, CLOSED),
    "version 2.0": (get(b"GET / HTTP/2.0"), 505, INVALID, CLOSED),
    "version 1.2": (get(b"GET / HTTP/1.2"), 505, INVALID, CLOSED),
    "version 0.9": (get(b"GET / HTTP/0.9"), 505, INVALID, CLOSED),
    "version 1": (get(b"GET / HTTP/1"), 400, INVALID, CLOSED),
    "version 1.10": (get(b"GET / HTTP/1.10"), 400, INVALID, CLOSED),
    "version 01.1": (get(b"GET / HTTP/01.1"), 400, INVALID, CLOSED),
    "version in small letters": (get(b"GET / http/1.1"), 400, INVALID, CLOSED),
    "version with a sign": (get(b"GET / HTTP/+1.1"), 400, INVALID, CLOSED),
    "version of letters": (get(b"GET / HTTP/x.y"), 400, INVALID, CLOSED),
    "other protocol": (get(b"GET / RTSP/1.0"), 400, INVALID, CLOSED),
    "line over 8 KiB": (get(b"GET /" + b"a" * 8200 + b" HTTP/1.1"), 414, INVALID, CLOSED),
    "line over 8 KiB without an end": (b"GET /" + b"a" * 9000, 414, INVALID, CLOSED),
    "NUL in the target": (get(b"GET /\0 HTTP/1.1"), 400, INVALID, CLOSED),
    "DEL in the target": (get(b"GET /\x7f HTTP/1.1"), 400, INVALID, CLOSED),
    "target is no UTF-8": (get(b"GET /\xff HTTP/1.1"), 400, INVALID, OPEN),

    # -- line ends and control characters
    "LF alone": (b"GET /health HTTP/1.1\nHost: localhost\n\n", 400, INVALID, CLOSED),
    "LF after the request line": (b"GET /health HTTP/1.1\nHost: localhost\r\n\r\n", 400, INVALID, CLOSED),
    "LF after a field": (b"GET /health HTTP/1.1\r\nHost: localhost\nX: 1\r\n\r\n", 400, INVALID, CLOSED),
    "CR alone": (b"GET /health HTTP/1.1\rHost: localhost\r\r", 400, INVALID, CLOSED),
    "CR in a field": (get(fields=HOST + b"X: a\rb\r\n"), 400, INVALID, CLOSED),
    "CR CR LF": (get(fields=HOST + b"X: a\r\r\n"), 400, INVALID, CLOSED),
    "LF CR": (b"GET /health HTTP/1.1\n\rHost: localhost\n\r\n\r", 400, INVALID, CLOSED),
    "NUL in a field": (get(fields=HOST + b"X: a\0b\r\n"), 400, INVALID, CLOSED),
    "BEL in a field": (get(fields=HOST + b"X: a\x07b\r\n"), 400, INVALID, CLOSED),
    "vertical tab in a field": (get(fields=HOST + b"X: a\x0bb\r\n"), 400, INVALID, CLOSED),
    "DEL in a field": (get(fields=HOST + b"X: a\x7fb\r\n"), 400, INVALID, CLOSED),
    "ESC in a name": (get(fields=HOST + b"X\x1b: a\r\n"), 400, INVALID, CLOSED),

    # -- fields
    "no colon": (get(fields=HOST + b"Nonsense\r\n"), 400, INVALID, CLOSED),
    "empty name": (get(fields=HOST + b": value\r\n"), 400, INVALID, CLOSED),
    "space before the colon": (get(fields=HOST + b"X : 1\r\n"), 400, INVALID, CLOSED),
    "tab before the colon": (get(fields=HOST + b"X\t: 1\r\n"), 400, INVALID, CLOSED),
    "space before the name": (get(fields=b" X: 1\r\n" + HOST), 400, INVALID, CLOSED),
    "folded line": (get(fields=HOST + b"X: 1\r\n 2\r\n"), 400, INVALID, CLOSED),
    "folded with a tab": (get(fields=HOST + b"X: 1\r\n\t2: 3\r\n"), 400, INVALID, CLOSED),
    "space in a name": (get(fields=HOST + b"X Y: 1\r\n"), 400, INVALID, CLOSED),
    "slash in a name": (get(fields=HOST + b"X/Y: 1\r\n"), 400, INVALID, CLOSED),
    "bracket in a name": (get(fields=HOST + b"X(Y): 1\r\n"), 400, INVALID, CLOSED),
    "name beyond ASCII": (get(fields=HOST + b"X\xe9: 1\r\n"), 400, INVALID, CLOSED),
    "101 fields": (get(fields=HOST + b"X: 1\r\n" * 100), 431, INVALID, CLOSED),
    "a line over 16 KiB": (get(fields=HOST + b"X: " + b"a" * 17000 + b"\r\n"), 431, INVALID, CLOSED),
    "a line over 16 KiB without an end": (b"GET / HTTP/1.1\r\nX: " + b"a" * 17000, 431, INVALID, CLOSED),
    "over 64 KiB": (get(fields=HOST + b"".join(b"X%d: %s\r\n" % (n, b"a" * 9000) for n in range(8))), 431, INVALID,
                    CLOSED),
    "over 64 KiB without an end": (b"GET / HTTP/1.1\r\n" + (b"X: " + b"a" * 9000 + b"\r\n") * 8, 431, INVALID, CLOSED),

    # -- Host
    "no Host": (get(fields=b""), 400, INVALID, CLOSED),
    "two Hosts": (get(fields=HOST * 2), 400, INVALID, CLOSED),
    "two different Hosts": (get(fields=HOST + b"HOST: evil.example\r\n"), 400, INVALID, CLOSED),
    "empty Host": (get(fields=b"Host:\r\n"), 400, INVALID, OPEN),
    "foreign Host": (get(fields=b"Host: evil.example\r\n"), 403, "permission_error", OPEN),

    # -- repeated fields that must be single
    "two Content-Types": (get(fields=HOST + b"Content-Type: a/b\r\n" * 2), 400, INVALID, CLOSED),
    "two Authorizations": (get(fields=HOST + b"Authorization: Bearer a\r\n" * 2), 400, INVALID, CLOSED),
    "two x-api-keys": (get(fields=HOST + b"x-api-key: a\r\n" * 2), 400, INVALID, CLOSED),
    "two Origins": (get(fields=HOST + b"Origin: http://localhost\r\n" * 2), 400, INVALID, CLOSED),

    # -- Content-Length
    "empty length": (with_length(b""), 400, INVALID, CLOSED),
    "negative length": (with_length(b" -1"), 400, INVALID, CLOSED),
    "length with a plus": (with_length(b" +47"), 400, INVALID, CLOSED),
    "hexadecimal length": (with_length(b" 0x2f"), 400, INVALID, CLOSED),
    "length with an underscore": (with_length(b" 4_7"), 400, INVALID, CLOSED),
    "length with a point": (with_length(b" 47.0"), 400, INVALID, CLOSED),
    "list of lengths": (with_length(b" 47, 47"), 400, INVALID, CLOSED),
    "length of letters": (with_length(b" many"), 400, INVALID, CLOSED),
    "length of 11 digits": (with_length(b" 00000000047"), 400, INVALID, CLOSED),
    "length in other digits": (with_length(b" \xb2"), 400, INVALID, CLOSED),
    "length with a no-break space": (with_length(b" 47\xa0"), 400, INVALID, CLOSED),
    "length with words": (with_length(b" 47 bytes"), 400, INVALID, CLOSED),
    "two lengths": (with_length(b" 47\r\nContent-Length: 48"), 400, INVALID, CLOSED),
    "two equal lengths": (with_length(b" 47\r\nContent-Length: 47"), 400, INVALID, CLOSED),
    "length of a GET": (get(fields=HOST + b"Content-Length: x\r\n"), 400, INVALID, CLOSED),
    "too large": (with_length(b" 33554433", b""), 413, LARGE, CLOSED),
    "far too large": (with_length(b" 9999999999", b""), 413, LARGE, CLOSED),
    "POST without a length": (b"POST /v1/messages HTTP/1.1\r\n" + HOST + b"\r\n", 411, INVALID, CLOSED),
    "POST without a length, with a body": (b"POST /v1/messages HTTP/1.1\r\n" + HOST + b"\r\n" + get(), 411, INVALID,
                                           CLOSED),
    "PUT without a length, with a body": (b"PUT /v1/messages HTTP/1.1\r\n" + HOST + b"\r\n" + get(), 405, INVALID,
                                          CLOSED),

    # -- Transfer-Encoding
    "gzip": (with_coding(b" gzip"), 501, INVALID, CLOSED),
    "gzip, chunked": (with_coding(b" gzip, chunked"), 501, INVALID, CLOSED),
    "chunked, identity": (with_coding(b" chunked, identity"), 501, INVALID, CLOSED),
    "comma chunked": (with_coding(b" ,chunked"), 501, INVALID, CLOSED),
    "xchunked": (with_coding(b" xchunked"), 501, INVALID, CLOSED),
    "quoted": (with_coding(b' "chunked"'), 501, INVALID, CLOSED),
    "empty coding": (with_coding(b""), 501, INVALID, CLOSED),
    "vertical tab": (with_coding(b" \x0bchunked"), 400, INVALID, CLOSED),
    "no-break space": (with_coding(b" chunked\xa0"), 501, INVALID, CLOSED),
    "twice": (with_coding(b" chunked\r\nTransfer-Encoding: chunked"), 400, INVALID, CLOSED),
    "with a length": (with_coding(b" chunked", fields=b"Content-Length: 5\r\n"), 400, INVALID, CLOSED),
    "with a length of 0": (with_coding(b" chunked", fields=b"Content-Length: 0\r\n"), 400, INVALID, CLOSED),
    "on HTTP/1.0": (with_coding(b" chunked", version=b"1.0"), 400, INVALID, CLOSED),

    # -- chunks
    "chunk size 0x": (chunks(b"0x2\r\n{}\r\n0\r\n\r\n"), 400, INVALID, CLOSED),
    "signed chunk size": (chunks(b"+2\r\n{}\r\n0\r\n\r\n"), 400, INVALID, CLOSED),
    "negative chunk size": (chunks(b"-2\r\n{}\r\n0\r\n\r\n"), 400, INVALID, CLOSED),
    "empty chunk size": (chunks(b"\r\n{}\r\n0\r\n\r\n"), 400, INVALID, CLOSED),
    "chunk size with an underscore": (chunks(b"0_2\r\n{}\r\n0\r\n\r\n"), 400, INVALID, CLOSED),
    "space before the size": (chunks(b" 2\r\n{}\r\n0\r\n\r\n"), 400, INVALID, CLOSED),
    "space after the size": (chunks(b"2 \r\n{}\r\n0\r\n\r\n"), 400, INVALID, CLOSED),
    "size of 17 digits": (chunks(b"00000000000000002\r\n{}\r\n0\r\n\r\n"), 400, INVALID, CLOSED),
    "size of letters": (chunks(b"two\r\n{}\r\n0\r\n\r\n"), 400, INVALID, CLOSED),
    "huge size": (chunks(b"ffffffffffffffff\r\n{}"), 413, LARGE, CLOSED),
    "size over the limit": (chunks(b"2000001\r\n{}"), 413, LARGE, CLOSED),
    "LF after the size": (chunks(b"2\n{}\r\n0\r\n\r\n"), 400, INVALID, CLOSED),
    "LF after the data": (chunks(b"2\r\n{}\n0\r\n\r\n"), 400, INVALID, CLOSED),
    "other bytes after the data": (chunks(b"3\r\nxxx__1a\r\n0\r\n\r\n"), 400, INVALID, CLOSED),
    "more data than the size": (chunks(b"2\r\n{}{}\r\n0\r\n\r\n"), 400, INVALID, CLOSED),
    "control character in an extension": (chunks(b"2;a\x01\r\n{}\r\n0\r\n\r\n"), 400, INVALID, CLOSED),
    "extension over 1 KiB": (chunks(b"2;" + b"a" * 1100 + b"\r\n{}\r\n0\r\n\r\n"), 400, INVALID, CLOSED),
    "extension over 1 KiB without an end": (chunks(b"2;" + b"a" * 1100), 400, INVALID, CLOSED),
    "trailers over 8 KiB": (chunks(b"2\r\n{}\r\n0\r\n" + b"X: " + b"a" * 9000 + b"\r\n\r\n"), 400, INVALID, CLOSED),
    "trailer that is no field": (chunks(b"2\r\n{}\r\n0\r\nnonsense\r\n\r\n"), 400, INVALID, CLOSED),
    "trailer with an LF": (chunks(b"2\r\n{}\r\n0\r\nX: 1\n\r\n\r\n"), 400, INVALID, CLOSED),
    "trailer with a CR": (chunks(b"2\r\n{}\r\n0\r\nX: a\rb\r\n\r\n"), 400, INVALID, CLOSED),
    "trailer with a NUL": (chunks(b"2\r\n{}\r\n0\r\nX: \0\r\n\r\n"), 400, INVALID, CLOSED),

    # -- Expect, Content-Type, Content-Encoding
    "other expectation": (body(OK, b"Expect: 200-maybe\r\n"), 417, INVALID, CLOSED),
    "form": (body(b"a=b", b"Content-Type: application/x-www-form-urlencoded\r\n"), 415, INVALID, CLOSED),
    "text": (body(OK, b"Content-Type: text/plain\r\n"), 415, INVALID, CLOSED),
    "multipart": (body(OK, b"Content-Type: multipart/form-data; boundary=x\r\n"), 415, INVALID, CLOSED),
    "text that mentions JSON": (body(OK, b"Content-Type: text/plain; application/json\r\n"), 415, INVALID, CLOSED),
    "UTF-16": (body(OK, b"Content-Type: application/json; charset=utf-16\r\n"), 400, INVALID, CLOSED),
    "empty type": (body(OK, b"Content-Type:\r\n"), 415, INVALID, CLOSED),
    "brotli": (body(OK, b"Content-Encoding: br\r\n"), 415, INVALID, CLOSED),
    "gzip twice": (body(OK, b"Content-Encoding: gzip, gzip\r\n"), 415, INVALID, CLOSED),
    "gzip that is none": (body(OK, b"Content-Encoding: gzip\r\n"), 400, INVALID, OPEN),
    "gzip of more than the limit": (body(BOMB, b"Content-Encoding: gzip\r\n"), 413, LARGE, OPEN),

    # -- JSON
    "empty body": (body(b""), 400, INVALID, OPEN),
    "white space": (body(b" \r\n\t "), 400, INVALID, OPEN),
    "array": (body(b"[]"), 400, INVALID, OPEN),
    "string": (body(b'"x"'), 400, INVALID, OPEN),
    "null": (body(b"null"), 400, INVALID, OPEN),
    "cut": (body(b'{"model": '), 400, INVALID, OPEN),
    "trailing data": (body(b"{} {}"), 400, INVALID, OPEN),
    "trailing comma": (body(b'{"a": 1,}'), 400, INVALID, OPEN),
    "single quotes": (body(b"{'a': 1}"), 400, INVALID, OPEN),
    "NaN": (body(b'{"temperature": NaN}'), 400, INVALID, OPEN),
    "Infinity": (body(b'{"temperature": -Infinity}'), 400, INVALID, OPEN),
    "1e999": (body(b'{"temperature": 1e999}'), 400, INVALID, OPEN),
    "10000 digits": (body(b'{"max_tokens": ' + b"9" * 10000 + b"}"), 400, INVALID, OPEN),
    "no UTF-8": (body(b'{"a": "\xff"}'), 400, INVALID, OPEN),
    "surrogate in UTF-8": (body(b'{"a": "\xed\xa0\x80"}'), 400, INVALID, OPEN),
    "UTF-16 body": (body('{"a": 1}'.encode("utf-16")), 400, INVALID, OPEN),
    "UTF-16 body without a mark": (body('{"a": 1}'.encode("utf-16-le")), 400, INVALID, OPEN),
    "raw control character": (body(b'{"a": "\x01"}'), 400, INVALID, OPEN),
    "201 levels": (body(b'{"a": ' + b"[" * 200 + b"]" * 200 + b"}"), 400, INVALID, OPEN),
    "100000 levels": (body(b'{"a": ' + b"[" * 100000 + b"]" * 100000 + b"}"), 400, INVALID, OPEN),
    "100000 levels without an end": (body(b'{"a":' * 100000), 400, INVALID, OPEN),

    # -- paths and methods
    "unknown path": (get(b"GET /nothing HTTP/1.1"), 404, UNKNOWN, OPEN),
    "below a known path": (get(b"GET /health/x HTTP/1.1"), 404, UNKNOWN, OPEN),
    "beginning of a known path": (get(b"GET /healthy HTTP/1.1"), 404, UNKNOWN, OPEN),
    "NUL escape": (get(b"GET /health%00 HTTP/1.1"), 400, INVALID, OPEN),
    "CRLF escape": (get(b"GET /health%0d%0aX:1 HTTP/1.1"), 400, INVALID, OPEN),
    "upwards": (get(b"GET /v1/../health HTTP/1.1"), 400, INVALID, OPEN),
    "upwards, escaped": (get(b"GET /v1/%2e%2E/health HTTP/1.1"), 400, INVALID, OPEN),
    "no escape": (get(b"GET /health%zz HTTP/1.1"), 400, INVALID, OPEN),
    "escape cut off": (get(b"GET /health%2 HTTP/1.1"), 400, INVALID, OPEN),
    "escapes that are no UTF-8": (get(b"GET /%ff/v1/models HTTP/1.1"), 400, INVALID, OPEN),
    "fragment": (get(b"GET /health#x HTTP/1.1"), 404, UNKNOWN, OPEN),
    "GET of messages": (get(b"GET /v1/messages HTTP/1.1"), 405, INVALID, OPEN),
    "PUT of messages": (get(b"PUT /v1/messages HTTP/1.1"), 405, INVALID, CLOSED),
    "DELETE of messages": (get(b"DELETE /v1/messages HTTP/1.1"), 405, INVALID, OPEN),
    "TRACE": (get(b"TRACE / HTTP/1.1"), 405, INVALID, OPEN),
    "POST of models": (body(OK).replace(b"/v1/messages", b"/v1/models"), 405, INVALID, CLOSED),
    "batches": (body(OK).replace(b"/v1/messages", b"/v1/messages/batches"), 404, UNKNOWN, CLOSED),
    "unknown path with a body": (body(OK).replace(b"/v1/messages", b"/nothing"), 404, UNKNOWN, CLOSED),
    "GET with a body": (get(b"GET /nothing HTTP/1.1", HOST + b"Content-Length: 3\r\n") + b"abc", 404, UNKNOWN, CLOSED),
}

# What is said, word for word, and to which of the cases.
WORDS = {
    "this port speaks http://, not https://": ["TLS hello"],
    "this is not an HTTP request": ["SOCKS 5", "SOCKS 4", "garbage", "NULs"],
    "the first line is not `METHOD /path HTTP/1.1`": [
        "SSH", "two empty lines first", "JSON", "HTTP/0.9", "no target", "empty target", "two spaces",
        "tab for a space", "space at the end", "space in the target", "space before the method", "small letters",
        "mixed letters", "method with a digit", "method with a dash", "method of 40 letters", "version 1",
        "version 1.10", "version 01.1", "version in small letters", "version with a sign", "version of letters",
        "other protocol"],
    "the target must be a path that begins with /": [
        "HTTP/2 preface", "target without a slash", "target *", "CONNECT", "target of another scheme"],
    "the Host header does not name this server; add the name to server.allowed_hosts": [
        "absolute target, foreign host", "absolute target, userinfo", "foreign Host"],
    "the target and the Host header name two hosts": [
        "absolute target, other Host", "absolute target, foreign Host", "absolute target without a host"],
    "an HTTP/1.1 request needs a Host header": ["absolute target, no Host", "no Host"],
    "this server speaks HTTP/1.1 and HTTP/1.0 only": ["version 2.0", "version 1.2", "version 0.9"],
    "the request line is longer than 8192 bytes": ["line over 8 KiB", "line over 8 KiB without an end"],
    "lines must end in CR LF, and hold no control characters": [
        "NUL in the target", "DEL in the target", "LF alone", "LF after the request line", "LF after a field",
        "CR alone", "CR in a field", "CR CR LF", "LF CR", "NUL in a field", "BEL in a field",
        "vertical tab in a field", "DEL in a field", "ESC in a name", "vertical tab"],
    "the path is not UTF-8": ["target is no UTF-8", "escapes that are no UTF-8"],
    "a header line is not `name: value`": [
        "no colon", "empty name", "space before the colon", "tab before the colon", "space before the name",
        "folded line", "folded with a tab", "space in a name", "slash in a name", "bracket in a name",
        "name beyond ASCII", "trailer that is no field"],
    "the headers are too many (100) or too large (a line: 16384 bytes, all: 65536)": [
        "101 fields", "a line over 16 KiB", "a line over 16 KiB without an end", "over 64 KiB",
        "over 64 KiB without an end"],
    "the header host may stand once only": ["two Hosts", "two different Hosts"],
    "the Host header is malformed": ["empty Host"],
    "the header content-type may stand once only": ["two Content-Types"],
    "the header authorization may stand once only": ["two Authorizations"],
    "the header x-api-key may stand once only": ["two x-api-keys"],
    "the header origin may stand once only": ["two Origins"],
    "Content-Length must be 1 to 10 digits": [
        "empty length", "negative length", "length with a plus", "hexadecimal length", "length with an underscore",
        "length with a point", "list of lengths", "length of letters", "length of 11 digits",
        "length in other digits", "length with a no-break space", "length with words", "length of a GET"],
    "the header content-length may stand once only": ["two lengths", "two equal lengths"],
    "the request is larger than 33554432 bytes (server.max_body_bytes)": [
        "too large", "far too large", "huge size", "size over the limit", "gzip of more than the limit"],
    "a POST needs a Content-Length": ["POST without a length", "POST without a length, with a body"],
    "/v1/messages takes POST, OPTIONS": [
        "PUT without a length, with a body", "GET of messages", "PUT of messages", "DELETE of messages"],
    "the only Transfer-Encoding that this server takes is chunked": [
        "gzip", "gzip, chunked", "chunked, identity", "comma chunked", "xchunked", "quoted", "empty coding",
        "no-break space"],
    "the header transfer-encoding may stand once only": ["twice"],
    "Transfer-Encoding cannot stand beside Content-Length, or in HTTP/1.0": [
        "with a length", "with a length of 0", "on HTTP/1.0"],
    "the chunks of the request's body are malformed": [
        "chunk size 0x", "signed chunk size", "negative chunk size", "empty chunk size",
        "chunk size with an underscore", "space before the size", "space after the size", "size of 17 digits",
        "size of letters", "LF after the size", "LF after the data", "other bytes after the data",
        "more data than the size", "control character in an extension", "extension over 1 KiB",
        "extension over 1 KiB without an end", "trailers over 8 KiB", "trailer with an LF", "trailer with a CR",
        "trailer with a NUL"],
    "Expect: only 100-continue can be expected of this server": ["other expectation"],
    "Content-Type must be application/json": ["form", "text", "multipart", "text that mentions JSON", "empty type"],
    "charset: the body must be UTF-8": ["UTF-16"],
    "Content-Encoding: send the body as it is, or as gzip": ["brotli", "gzip twice"],
    "the body is not the gzip that its Content-Encoding says": ["gzip that is none"],
    "the request has no body": ["empty body", "white space"],
    "the body must be a JSON object": ["array", "string", "null"],
    "the body is not JSON: \u2026": [                   # the rest is as this Python's json says it
        "cut", "trailing data", "trailing comma", "single quotes", "UTF-16 body without a mark", "raw control character"],
    "the body is not JSON: NaN is no number": ["NaN"],
    "the body is not JSON: -Infinity is no number": ["Infinity"],
    "the body holds a number that is too large": ["1e999"],
    "the body holds a number of 10000 digits": ["10000 digits"],
    "the body is not UTF-8 (byte 7)": ["no UTF-8", "surrogate in UTF-8"],
    "the body is not UTF-8 (byte 0)": ["UTF-16 body"],
    "the body is nested more than 200 levels deep": ["201 levels", "100000 levels", "100000 levels without an end"],
    "there is no /nothing here; the API is under /v1/messages": [
        "unknown path", "unknown path with a body", "GET with a body"],
    "there is no /health/x here; the API is under /v1/messages": ["below a known path"],
    "there is no /healthy here; the API is under /v1/messages": ["beginning of a known path"],
    "the path holds a control character, or points upwards": [
        "NUL escape", "CRLF escape", "upwards", "upwards, escaped"],
    "the path holds a % that is no escape": ["no escape", "escape cut off"],
    "there is no /health#x here; the API is under /v1/messages": ["fragment"],
    "/ takes GET, HEAD, OPTIONS": ["TRACE"],
    "/v1/models takes GET, HEAD, OPTIONS": ["POST of models"],
    "there is no /v1/messages/batches here; the API is under /v1/messages": ["batches"],
}
SAID = {name: words for words, names in WORDS.items() for name in names}


@pytest.fixture(scope="module")
def listener():
    with proxy() as listening:
        yield listening


@pytest.mark.parametrize("name", CASES)
def test_malformed(listener, name):
    data, status, error_type, closed = CASES[name]
    reply, was_closed = ask(listener, data)
    assert (reply.status, reply.error_type, was_closed) == (status, error_type, closed)
    said = reply.json["error"]["message"]
    assert said == SAID[name] or SAID[name].endswith("\u2026") and said.startswith(SAID[name][:-1])
    assert reply.headers["content-type"] == "application/json"
    assert reply.headers["x-content-type-options"] == "nosniff"
    assert reply.headers["server"] == "claude-proxy"
    assert (reply.headers.get("connection") == "close") == closed
    assert not reply.rest
