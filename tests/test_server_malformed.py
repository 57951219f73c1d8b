"""Everything that a client can get wrong: its exact answer, on a real socket."""
import pytest
from server_harness import ask, proxy

HOST = b"Host: localhost\r\n"
OK = b'{"model": "m", "max_tokens": 1, "messages": []}'
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
    "brotli": (body(OK, b"Content-Encoding: br\r\n"), 415, INVALID, OPEN),
    "gzip that is none": (body(OK, b"Content-Encoding: gzip\r\n"), 400, INVALID, OPEN),

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


@pytest.fixture(scope="module")
def listener():
    with proxy() as listening:
        yield listening


@pytest.mark.parametrize("data, status, error_type, closed", CASES.values(), ids=CASES.keys())
def test_malformed(listener, data, status, error_type, closed):
    reply, was_closed = ask(listener, data)
    assert (reply.status, reply.error_type, was_closed) == (status, error_type, closed)
    assert reply.headers["content-type"] == "application/json"
    assert reply.headers["x-content-type-options"] == "nosniff"
    assert reply.headers["server"] == "claude-proxy"
    assert (reply.headers.get("connection") == "close") == closed
    assert not reply.rest
