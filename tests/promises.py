#!/usr/bin/env python3
"""What is promised about security, the test that guards each promise, and a fault that this test must notice.

    python3 tests/promises.py [WORD...]     plant each fault (of promises with the words) in a copy of the program, and run
                                            its test there: it must fail. Ends with 1 where one did not.

test_promises.py sees to it that each test that is named here exists.
"""
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[1]
READER, BODY, GUARDS = "server/reader.py", "server/body.py", "server/guards.py"
MALFORMED, SERVED = "test_server_malformed.py::test_malformed", "test_server_connection.py::"
HEAD, PATHS, REDIRECTS = "test_server_reader.py::", "test_server_routes.py::", "test_redirects.py::"
SEEN, SEEN_TOOLS = "test_seen_tools.py::", "conversion/seen_tools.py"
DOOR, POOL, SECRETS = "test_server_guards.py::", "test_upstream_pool.py::", "test_secrets.py::"

# (promise, test, file below claude_proxy/, a text in it, the fault in its place)
PROMISES = (
    # -- HTTP is read strictly
    ("request line of at most 8 KiB: 414", MALFORMED, READER, "MAX_REQUEST_LINE = 8 * 1024", "MAX_REQUEST_LINE = 80 * 1024"),
    ("header line of at most 16 KiB: 431", MALFORMED, READER, "MAX_FIELD_LINE = 16 * 1024", "MAX_FIELD_LINE = 61 * 1024"),
    ("headers of at most 64 KiB: 431", MALFORMED, READER, "MAX_FIELDS_BYTES = 64 * 1024", "MAX_FIELDS_BYTES = 640 * 1024"),
    ("at most 100 headers: 431", MALFORMED, READER, "MAX_FIELDS = 100", "MAX_FIELDS = 200"),
    ("a request line of exactly 8 KiB is taken", HEAD, READER, "len(line) > MAX_REQUEST_LINE", "len(line) >= MAX_REQUEST_LINE"),
    ("a header line of exactly 16 KiB is taken", HEAD, READER, "default=0) > MAX_FIELD_LINE", "default=0) >= MAX_FIELD_LINE"),
    ("wherever it is cut", HEAD, READER, "CR = 1 ", "CR = 0 "),
    ("what cannot become a request is refused at once", HEAD, READER,
     '    parse_request_line(buffer[:line_end].decode("latin-1"))\n', ""),
    ("a line end that is none is refused at once", HEAD, READER, "    breaks = buffer.count(b\"\\r\\n\")\n    if buffer.count",
     "    breaks = buffer.count(b\"\\r\\n\")\n    if False and buffer.count"),
    ("methods are capital letters", MALFORMED, READER, 'r"[A-Z]{1,32}"', 'r"[A-Za-z]{1,32}"'),
    ("version 1.0 or 1.1, others 505", MALFORMED, READER, 'if version not in ("HTTP/1.1", "HTTP/1.0"):', "if False:"),
    ("a target begins with /", MALFORMED, READER, 'if parts[1][0] != "/" and', "if False and"),
    ("two hosts are refused", MALFORMED, READER, "if headers.setdefault(\"host\", host).lower() != host.lower():", "if False:"),
    ("lines end in CRLF, no control characters", MALFORMED, READER,
     "if raw.count(b\"\\n\") != breaks or raw.count(b\"\\r\") != breaks or raw.translate(None, HARMLESS):", "if False:"),
    ("no NUL, no bell, no DEL", MALFORMED, READER, "or raw.translate(None, HARMLESS):", "or False:"),
    ("no line without a colon or a name", MALFORMED, READER, "if not colon or not name:", "if False:"),
    ("no folding, no space before a colon", MALFORMED, READER, 'if "".join(headers).encode("latin-1").translate(None, TOKEN):',
     "if False:"),
    ("Content-Length is 1 to 10 digits", MALFORMED, READER, "if not LENGTH(length):", "if not length.strip():"),
    ("Content-Length stands once", MALFORMED, READER, '"content-length", ', ""),
    ("Transfer-Encoding stands once", MALFORMED, READER, '"transfer-encoding", ', ""),
    ("Host stands once", MALFORMED, READER, '(("host", ', "(("),
    ("a key stands once", MALFORMED, READER, '"authorization",\n                    "x-api-key", ', ""),
    ("Transfer-Encoding is exactly chunked", MALFORMED, READER, 'if coding.lower() != "chunked":', 'if "chunked" not in coding.lower():'),
    ("no Transfer-Encoding beside a length, or in HTTP/1.0", MALFORMED, READER,
     'if length is not None or head.version == "HTTP/1.0":', "if False:"),
    ("chunk sizes are hexadecimal digits alone", MALFORMED, BODY, 'rb"([0-9A-Fa-f]{1,16})(', 'rb"[ +]?(?:0x)?([0-9A-Fa-f]{1,17}) ?('),
    ("chunk data ends in CRLF", MALFORMED, BODY, 'if wire.take(2) != b"\\r\\n":', "if not wire.take(2):"),
    ("trailers are held to the rules of headers", MALFORMED, BODY, "broken = b\"\\r\" in line", "broken = False and b\"\\r\" in line"),
    ("a chunk's extension of at most 1 KiB", MALFORMED, BODY, "{0,1024})?", "{0,9999})?"),
    ("trailers of at most 8 KiB", MALFORMED, BODY, "MAX_TRAILERS = 8 * 1024", "MAX_TRAILERS = 80 * 1024"),
    ("a chunked body is under the limit: 413", MALFORMED, BODY, "if len(body) + size > max_bytes:", "if False:"),
    ("chunked bodies arrive", SERVED + "test_chunked_body", BODY, "size = int(match.group(1), 16)", "size = int(match.group(1))"),
    ("a POST without a length: 411", MALFORMED, "server/request.py", "if self.length is None and not self.chunked:", "if False:"),
    ("bytes after a POST without a length are no request", MALFORMED, "server/request.py",
     " or self.length is None and self.method in WITH_BODY", ""),
    ("too large: 413 on the head alone", MALFORMED, "config/shapes.py", "max_body_bytes: int = 33554432",
     "max_body_bytes: int = 335544320"),
    ("413 is seen by a client that still sends", SERVED + "test_the_answer_to_a_large_body_is_seen_while_it_is_sent",
     "server/connection.py", "if exchange.unread or wire.buffer:", "if False:"),
    ("a packed body is under the limit: 413", MALFORMED, BODY, "    if len(plain) > max_bytes:\n", "    if False:\n"),
    ("20 MiB arrive", SERVED + "test_a_body_of_20_mebibytes_arrives", "server/wire.py", "del self.buffer[:size]", "self.buffer.clear()"),
    ("a body that nobody reads is no request", SERVED + "test_a_body_that_nobody_reads_is_no_request", "server/connection.py",
     "not request.keep_alive or request.unread", "not request.keep_alive"),
    ("a body that is cut short goes nowhere", SERVED + "test_a_body_that_is_cut_short_goes_nowhere", BODY,
     'raise InvalidRequest("the body ended after %d of %d bytes" % (received, length))', "break"),
    ("nor does a chunk that is cut short", SERVED + "test_a_body_that_is_cut_short_goes_nowhere", BODY,
     "        _append(body, wire, size, patience)\n",
     "        try:\n            _append(body, wire, size, patience)\n        except InvalidRequest:\n            return bytes(body)\n"),
    ("nor a body without its last chunk", SERVED + "test_a_body_that_is_cut_short_goes_nowhere", BODY,
     "            raise _bad_chunk()\n        if not wire.fill(until):\n            raise _cut_short()\n\n\ndef _skip_trailers",
     "            raise _bad_chunk()\n        if not wire.fill(until):\n            return b'0' if max_bytes < MAX_TRAILERS else b''\n\n\ndef _skip_trailers"),
    ("100 Continue before the body", SERVED + "test_continue_is_sent_where_the_body_is_wanted", "server/request.py",
     "self._wire.send(CONTINUE)", "pass"),
    ("no 100 Continue for what is refused", SERVED + "test_no_continue_where_it_is_not", "server/request.py",
     "        if self.length is None and not self.chunked:", "        self.body()\n        if self.length is None and not self.chunked:"),
    ("nor for a body in a form that nobody reads", SERVED + "test_no_continue_where_it_is_not", "server/request.py",
     '        is_packed(self.headers.get("content-encoding", ""))\n', ""),
    ("a connection serves one request after another", SERVED + "test_a_connection_serves_one_request_after_another",
     "server/connection.py", "        if not answer.closing and not wire.broken:\n            return True\n", ""),
    ("pipelined requests are answered in order", SERVED + "test_pipelined_requests_are_answered_in_order", "server/wire.py",
     "del self.buffer[:size]", "self.buffer.clear()"),
    ("HTTP/1.0 gets no chunks, and is closed", SERVED + "test_a_stream_for_http_1_0_has_no_chunks_and_ends_with_the_connection",
     "server/connection.py", 'answer.old_version = head.version == "HTTP/1.0"', "answer.old_version = False"),
    ("one Host", MALFORMED, READER, 'if "host" not in headers and version == "HTTP/1.1":', "if False:"),
    ("TLS, SOCKS and HTTP/2 are told, without HTML", MALFORMED, READER, "if not 0x41 <= buffer[0] <= 0x5a:", "if False:"),
    ("faults after the head are JSON", "test_server_listener.py::test_mutations_are_answered_in_form", "errors.py",
     '"type": "error", "error": error', '"type": "fault", "error": error'),

    # -- JSON and routes
    ("at most 200 levels", MALFORMED, BODY,
     "        level = _next_level(level, texts, names)\n", "        level = _next_level(level, texts, names) and []\n"),
    ("the recursion of a deep body is caught", MALFORMED, BODY, "except RecursionError:", "except ZeroDivisionError:"),
    ("no million of values", "test_server_body.py::test_refused", BODY, "    check_number(text)\n", ""),
    ("commas in strings are none", "test_server_body.py::test_parse", BODY,
     'if _separators(STRINGS.sub("", text.replace(', 'if _separators((text.replace('),
    ("no empty body", MALFORMED, BODY, "if not data or data.isspace():", "if False:"),
    ("what cannot be read is not quoted", "test_server_body.py::test_refused", BODY,
     "error.msg, error.lineno, error.colno))", "error.msg + error.doc[:20], error.lineno, error.colno))"),
    ("no NaN", MALFORMED, BODY, "parse_constant=_refuse_constant, ", ""),
    ("no numbers of 10000 digits", MALFORMED, BODY, "if len(digits) > MAX_DIGITS:", "if False:"),
    ("UTF-8 alone", MALFORMED, BODY, "text = data.decode(charset)", 'text = data.decode(charset, "replace")'),
    ("a body is an object", MALFORMED, BODY, "if not isinstance(body, dict):", "if False:"),
    ("types are checked, and the field named", "test_conversion_shapes.py", "conversion/checks.py", "isinstance(", "bool or isinstance("),
    ("before a provider is asked", SERVED + "test_no_fault_of_a_client_is_told_at_length", "conversion/checks.py", "isinstance(",
     "bool or isinstance("),
    ("half characters do not break it", "test_server_body.py::test_parse", BODY,
     "if not all(map(is_well_formed, look_through(body))):", "if look_through(body) is None:"),
    ("unknown paths: 404", MALFORMED, "server/routes.py", "    if not place:\n        raise _unknown(path)\n    raise",
     "    raise"),
    ("no way upwards, no control characters in paths", MALFORMED, "server/routes.py",
     "if any(CONTROL(part) or part in (\".\", \"..\") for part in parts):", "if False:"),
    ("no route by the beginning of a path", MALFORMED, "server/routes.py", "    place = BY_PATH.get(path)\n",
     "    place = next((rows for known, rows in BY_PATH.items() if known != '/' and path.startswith(known)), BY_PATH.get(path))\n"),
    ("// is no route", PATHS, "server/routes.py", "if len(parts) > 2 and not parts[0]:", "if len(parts) > 1 and not parts[0]:"),
    ("an escaped slash is a letter", PATHS, "server/routes.py", 'part.replace("/", "%2F")', "part"),
    ("the query chooses no route", SERVED + "test_absolute_target", "server/request.py",
     'self.path, _, self.query = self.target.partition("?")', 'self.path, self.query = self.target, ""'),
    ("TRACE and CONNECT do nothing", MALFORMED, "server/connection.py", 'if request.method == "OPTIONS":',
     'if request.method in ("OPTIONS", "TRACE"):'),
    ("no markup comes back", PATHS + "test_refused", "server/routes.py", '"[^!-~]|[<>&', '"[^!-~]|[&'),
    ("wrong methods: 405 with Allow", "test_server_routes.py::test_wrong_method", "server/routes.py",
     'headers={"allow": allowed(place)}', "headers={}"),
    ("no request moves a provider's address", POOL + "test_the_dialect_says_where_and_how", "upstream/call.py",
     'urllib.parse.quote(model, safe="")', "model"),
    ("no model's name moves it", "test_routing.py::test_no_name_moves_an_address", "routing.py", 'if name in (".", ".."):', "if False:"),
    ("a name of a megabyte is refused", "test_routing.py::test_refused", "routing.py", "MAX_NAME = 512", "MAX_NAME = 51200000"),
    ("an unknown provider: 400", "test_routing.py::test_refused", "routing.py", "    if provider is None:\n        names",
     "    if False:\n        names"),

    # -- tools that come again
    ("known tools say what they said", SEEN + "test_more_than_a_frame", SEEN_TOOLS, "return layout if same and ", "return layout if "),
    ("what a client or a target decides is not known", SEEN + "test_more_than_a_frame", SEEN_TOOLS, "if any(tool.get(name)",
     "if any(False and tool.get(name)"),
    ("another text is another list", SEEN + "test_another_text_of_the_same_length_is_another_list", SEEN_TOOLS,
     "self._layouts.get((length, hash(piece)))", "next(iter(self._layouts.values()))"),
    ("no word of them is kept", SEEN + "test_nothing_of_the_tools_is_kept", SEEN_TOOLS, "    layout.spare = ",
     "    layout.text = text\n    layout.spare = "),
    ("their number is limited", SEEN + "test_only_so_many_lists_are_remembered", SEEN_TOOLS, "[1 - MOST:]", ""),
    ("of equal names the last one counts, in known tools as well",
     SEEN + "test_half_characters_and_doubled_names_are_for_the_whole_way", SEEN_TOOLS,
     "if len(found) != len(pairs):", "if False:"),
    ("a dialect gets what it takes", SEEN + "test_each_dialect_gets_what_it_takes", "conversion/tool_text.py",
     'if dialect.schema_style or "tools" in dialect.drop_params:', "if False:"),
    ("keywords that it refuses", SEEN + "test_each_dialect_gets_what_it_takes", "conversion/tool_text.py", "return self._layout.fits[keys]", "return True"),
    ("what is added and removed", SEEN + "test_what_else_a_request_says_of_tools", "conversion/tools.py", "and not any(_tool_changes(", "or any(_tool_changes("),
    ("spaces of the client are no tokens", SEEN + "test_another_frame_is_all", SEEN_TOOLS, "    layout.spare = ", "    layout.spare = 0 * "),
    ("known tools are mended", SEEN + "test_on_the_wire_a_keyword_that_is_refused_is_left_out", "relay.py", "conversion.with_lists(chat_body))", "chat_body)"),
    ("an object's end is the body's end", SEEN + "test_what_is_wrong_with_a_body_is_said_as_ever", BODY, "    if end != len(text):", "    if end < 0:"),

    # -- web pages
    ("a loopback address has loopback names", DOOR, GUARDS, "return not loopback and (not allowed or _is_address(name))", "return True"),
    ("no suffix, no userinfo in Host", DOOR, GUARDS, '(?::([0-9]{1,5}))?").fullmatch\nLOOPBACK', '(?::([0-9]{1,5}))?").match\nLOOPBACK'),
    ("other pages: 403 before any work", DOOR, GUARDS,
     'if not origin_allowed(origin, host or "", self.origins):', "if False:"),
    ("null is no origin", DOOR, GUARDS, "return bool(LOOPBACK_ORIGIN(origin)) or", 'return origin == "null" or bool(LOOPBACK_ORIGIN(origin)) or'),
    ("the Host is looked at", DOOR, GUARDS, "if host is not None and not host_allowed(", "if False and not host_allowed("),
    ("origins are compared whole", DOOR, GUARDS, r'(?::[0-9]{1,5})?").fullmatch' + "\nFIELD", r'(?::[0-9]{1,5})?").match' + "\nFIELD"),
    ("never *", DOOR, GUARDS, '{"access-control-allow-origin": origin,', '{"access-control-allow-origin": "*",'),
    ("Vary: Origin", DOOR, "server/answers.py", "vary: Origin", "vary: Accept"),
    ("a complete preflight", DOOR + "test_preflight", GUARDS, '"access-control-max-age": str(PREFLIGHT_SECONDS)', ""),
    ("never with credentials", DOOR, GUARDS, '"access-control-expose-headers": EXPOSED}',
     '"access-control-expose-headers": EXPOSED, "access-control-allow-credentials": "true"}'),
    ("never for private networks", DOOR + "test_preflight", GUARDS, '"access-control-max-age": str(PREFLIGHT_SECONDS)}',
     '"access-control-max-age": str(PREFLIGHT_SECONDS), "access-control-allow-private-network": "true"}'),
    ("a preflight names headers alone", DOOR + "test_preflight_repeats_nothing_but_names", GUARDS,
     "or not FIELD_NAMES(asked):", "or False:"),
    ("a link opens the dashboard's shell alone", DOOR, GUARDS, "not (opens_shell and _is_visit(headers))", "not _is_visit(headers)"),
    ("cross-site without an origin: 403", DOOR, GUARDS, 'headers.get("sec-fetch-site") == "cross-site" and', "False and"),
    ("a Content-Type that is not JSON: 415", DOOR, GUARDS, "if value is not None and not JSON_TYPE(value):", "if False:"),
    ("nosniff, and no version of Python", MALFORMED, "server/answers.py", "x-content-type-options: nosniff", "x-python: 3"),

    # -- client keys
    ("no key: 401", DOOR, GUARDS, "        if not self.asks_key:\n", "        if not self.asks_key or not _keys_shown(headers):\n"),
    ("a prefix of a key: 401", DOOR, GUARDS, "if hmac.compare_digest(data, key) and key:", "if data and key.startswith(data):"),
    ("wrong keys: 401", DOOR, GUARDS, "if hmac.compare_digest(data, key) and key:", "if key.startswith(data[:4]):"),
    ("keys beyond ASCII do not break it", DOOR, GUARDS, "hmac.compare_digest(data, key)",
     "hmac.compare_digest(value, key.decode('utf-8'))"),
    ("all keys are compared, in constant time", DOOR + "test_every_key_is_compared_whole", GUARDS,
     "if hmac.compare_digest(data, key) and key:", "if data == key and key:"),
    ("401 before the body", DOOR + "test_the_key_is_asked_for_before_the_body", "server/connection.py",
     "        match = self._find(request, door)", "        request.body()\n        match = self._find(request, door)"),
    ("health and HEAD need no key, all else does", DOOR + "test_what_needs_a_key", "server/routes.py",
     'Route("GET",  "/metrics",                   "metrics",         True', 'Route("GET",  "/metrics",                   "metrics",         False'),
    ("counting tokens needs one", DOOR, "server/routes.py", '"count_tokens",    True', '"count_tokens",    False'),
    ("messages need one", DOOR, "server/routes.py", '"create_message",  True', '"create_message",  False'),
    ("the dashboard's numbers need one", DOOR, "server/routes.py", '"events",          True', '"events",          False'),
    ("health needs none", DOOR, "server/routes.py", 'Route("GET",  "/livez",                     "alive",           False',
     'Route("GET",  "/livez",                     "alive",           True'),
    ("the dashboard's shell needs none", DOOR, "server/routes.py", '"dashboard",       False', '"dashboard",       True'),
    ("HEAD needs none", DOOR, "server/connection.py", 'if match.route.key and not public and request.method != "HEAD":',
     "if match.route.key and not public:"),
    ("HEAD tells nothing", DOOR, "server/connection.py", 'if request.method == "HEAD" and match.route.key:', "if False:"),
    ("nor which providers there are", DOOR, "server/handlers.py", " and app.door.knows(request.headers)", ""),
    ("whoever has no key learns no paths", DOOR, "server/connection.py",
     "                door.key_name(request.headers)      # whoever", "                pass      # whoever"),
    ("each key has its max_concurrent", DOOR, GUARDS, "if limit is not None and taken >= limit:", "if False:"),
    ("keys are known by their names in the log", DOOR + "test_a_key_is_known_by_its_name_everywhere", "server/connection.py",
     "request.key_name = self.record.client_key = door", "request.key_name = door"),
    ("and in the metrics", DOOR + "test_a_key_is_known_by_its_name_everywhere", "observe/metrics.py",
     "self._of_keys.add(1, record.client_key,", "self._of_keys.add(1, 'x',"),
    ("no open door without a key", "test_serve.py::test_an_open_door_without_a_key", "commands/serve.py",
     "    if not options.insecure_no_key:\n        serving", "    if False:\n        serving"),
    ("--insecure-no-key is said loudly", "test_serve.py::test_the_open_door_on_demand", "commands/serve.py",
     "if options.insecure_no_key and not config.server.client_keys:", "if False:"),
    ("a reload opens no door either", "test_serve.py::test_a_reload_says_what_needs_a_start_and_never_opens_the_door",
     "commands/serve.py", "        if not self._settings.options.insecure_no_key:", "        if False:"),

    # -- providers' keys
    ("no secret in an answer or a log, whatever is echoed", SECRETS + "test_secrets_of_all_kinds_are_in_nothing_that_the_process_writes",
     "relay.py", "error.message = without(error.message, secrets)", "pass"),
    ("nor in a header that is handed on", SECRETS + "test_secrets_of_all_kinds_are_in_nothing_that_the_process_writes",
     "relay.py", "if without(value, secrets) == value}", "if True}"),
    ("nor where a redirect leads", SECRETS + "test_secrets_of_all_kinds_are_in_nothing_that_the_process_writes",
     "config/secrecy.py", "yield source.value.reveal()", "yield ''"),
    ("nor a former key, after a reload", "test_server_application.py", "server/application.py",
     "dict.fromkeys(secrets_of(config) + self._secrets)", "dict.fromkeys(secrets_of(config))"),
    ("nor a former key of a command or a file", "test_upstream_keys.py", "upstream/keys.py",
     "[value for value, _ in list(self._known.values())] + list(self._ever)", "value for value, _ in list(self._known.values())"),
    ("nor what obeys a terminal", "test_refusals.py::test_hints", "providers/refusals.py", 'redacted(CONTROL.sub("?", text), secrets)',
     "redacted(text, secrets)"),
    ("nor on a command line", "test_run.py::test_a_child_gets_an_answer_and_its_exit_code_is_ours", "commands/run.py",
     "subprocess.Popen(command, env=environ)", "subprocess.Popen(command + [environ['ANTHROPIC_AUTH_TOKEN']], env=environ)"),
    ("nor in a traceback", SECRETS + "test_a_traceback_does_not_show_a_secret_either", "observe/logs.py",
     "text = without(text, self.secrets())", "pass"),
    ("nor in a repr", SECRETS + "test_no_repr_shows_a_secret", "config/shapes.py",
     "headers: Mapping[str, str] = field(default_factory=dict, repr=False)", "headers: Mapping[str, str] = field(default_factory=dict)"),
    ("nor in what is said about a broken configuration", SECRETS + "test_no_mistake_in_a_configuration_is_told_with_its_secret",
     "config/mistakes.py", "mask(value) if self._secret() or re.match(_LIKE_A_KEY, value) else", ""),
    ("redirects are not followed", POOL + "test_redirects_are_not_followed", "upstream/pool.py",
     "    director.add_handler(PooledHandler(pool))",
     "    director.add_handler(PooledHandler(pool))\n    director.add_handler(urllib.request.HTTPRedirectHandler())\n"
     "    director.add_handler(urllib.request.HTTPErrorProcessor())"),
    ("a redirect is no answer", REDIRECTS + "test_a_redirect_ends_here", "relay.py", "SUCCESS = (200, 201)",
     "SUCCESS = (200, 201, 301, 302, 303, 307, 308)"),
    ("it is told without what may be secret in it", REDIRECTS + "test_a_redirect_ends_here", "providers/hints.py",
     'parts.netloc.rpartition("@")[2], parts.path)', "parts.netloc, parts.path + parts.query)"),
    ("wherever it leads", REDIRECTS + "test_a_redirect_ends_here", "providers/hints.py", "    except ValueError: ", "    except KeyError: "),
    ("nothing of a client but its body goes on", REDIRECTS + "test_nothing_that_a_client_sends_beside_its_body_goes_on", "upstream/call.py",
     '"Accept-Encoding": "identity", ', '"Accept-Encoding": "identity", "Cookie": "session=1", '),
    ("no header of a provider comes back", REDIRECTS + "test_none_of_a_providers_own_headers_comes_back", "relay.py",
     "self.answer.json(200, message, self._headers())", "self.answer.json(200, message, dict(upstream.headers, **self._headers()))"),
    ("only our own headers go out", POOL + "test_only_our_own_headers_go_out", "upstream/call.py",
     '"Accept-Encoding": "identity", ', '"Accept-Encoding": "identity", "X-Forwarded-For": "127.0.0.1", '),
    ("loopback never goes through a proxy", POOL + "test_loopback_never_goes_through_a_proxy", "upstream/network.py",
     '"" if is_loopback(authority) else proxies_of(provider).get(scheme, "")', 'proxies_of(provider).get(scheme, "")'),
    ("the environment's proxy is for https alone", POOL + "test_the_environments_proxy_is_for_https_alone", "upstream/network.py",
     'return {"https": found["https"]} if "https" in found else {}', "return found"),
    ("certificates are verified", POOL + "test_an_unknown_authority_is_refused", "upstream/pool.py",
     "context = ssl.create_default_context()", "context = ssl._create_unverified_context()"),
    ("and their names", POOL + "test_a_certificate_for_another_name_is_refused", "upstream/pool.py",
     "context = ssl.create_default_context()", "context = ssl.create_default_context()\n    context.check_hostname = False"),
    ("tls_strict: false still verifies", POOL + "test_contexts_are_made_once_and_strictness_can_be_taken_off", "upstream/pool.py",
     "context.verify_flags &= ~ssl.VERIFY_X509_STRICT", "context.check_hostname = False"),
    ("TLS 1.2 at least, to providers", POOL + "test_tls_1_2_at_least", "upstream/pool.py",
     "context.minimum_version = ssl.TLSVersion.TLSv1_2", "context.minimum_version = ssl.TLSVersion.TLSv1"),
    ("TLS 1.2 at least, from clients", "test_server_listener.py::test_tls_1_2_at_least", "server/sockets.py",
     "context.minimum_version = ssl.TLSVersion.TLSv1_2", "context.minimum_version = ssl.TLSVersion.TLSv1"),
    ("addresses are http or https", "test_config_reading.py::test_mistakes", "config/checks.py",
     'if parts.scheme not in ("http", "https"):', "if False:"),
    ("a key that travels in the clear is warned about", "test_config_reading.py::test_warnings", "config/assembly.py",
     'if keys.sources and base_url.startswith("http:") and not', "if False and not"),
    ("a credential of systemd is read", SECRETS + "test_secrets_of_all_kinds_are_in_nothing_that_the_process_writes",
     "config/keys.py", 'KeySource("file", path,', 'KeySource("file", path + "x",'),
    ("a key of a file is read", "test_upstream_keys.py", "upstream/keys.py", 'if source.kind == "file" else', 'if source.kind == "none" else'),
    ("a command that fails is told without its words", "test_upstream_keys.py", "upstream/keys.py",
     '"the command ended with status %d" % exc.returncode', "str(exc)"),
    ("a command that hangs is ended", "test_upstream_keys.py", "upstream/keys.py", "timeout=COMMAND_SECONDS, ", ""),
    ("a key that cannot be a header is refused", "test_config_reading.py::test_mistakes", "config/keys.py",
     "if not _SENDABLE.match(key):", "if False:"),
    ("keys that others can read are warned about", "test_settings.py", "commands/settings.py",
     "return bool(os.stat(name).st_mode & 0o077)", "return False"),
    ("only where a key stands in the file", "test_settings.py", "commands/settings.py", "return any(re.search(r", "return any(True or re.search(r"),
    ("a command is asked again on 401", "test_upstream_attempts.py", "upstream/keys.py", 'if source.kind != "command":', "if True:"),
    ("the unit has no rights", "test_service.py::test_systemd_takes_it_and_rates_it", "static/claude-proxy.service",
     "CapabilityBoundingSet=\n", ""),
    ("nothing is written to disk, nobody else is asked", "test_audit.py", "relay.py",
     "    factor = app.learned.correction(", "    open('/dev/full', 'w').close()\n    factor = app.learned.correction("),

    # -- the log
    ("one line a request", SERVED + "test_each_request_is_one_line_in_the_log", "server/connection.py",
     'if access.isEnabledFor(level):', "if False:"),
    ("of every request, health and preflights as well", SERVED + "test_each_request_is_one_line_in_the_log", "server/connection.py",
     "        level = logging.WARNING if", "        if not self._counts:\n            return\n        level = logging.WARNING if"),
    ("with its time", "test_observe_logs.py::test_text", "observe/logs.py", '            return "%s %s " % (stamp, name), ""',
     '            return "%s " % name, ""'),
    ("with its method", "test_observe_access.py::test_lines", "observe/access.py", 'word(record.method or "-"), ', ""),
    ("with its status", "test_observe_access.py::test_lines", "observe/access.py", ", str(record.status)]", "]"),
    ("with whom it asked for what", "test_observe_access.py::test_lines", "observe/access.py", "    if record.provider:\n        words +=",
     "    if False:\n        words +="),
    ("with its milliseconds", "test_observe_access.py::test_lines", "observe/access.py", '("total", record.ended)', '("total", None)'),
    ("with its bytes", "test_observe_access.py::test_lines", "observe/access.py",
     '    words.append("bytes=%d/%d" % (record.bytes_in, record.bytes_out))\n', ""),
    ("with its request-id", SERVED + "test_each_request_is_one_line_in_the_log", "observe/access.py",
     "words + [word(record.request_id)] if record.request_id else words", "words"),
    ("no prompt in it", SECRETS + "test_secrets_of_all_kinds_are_in_nothing_that_the_process_writes", "relay.py",
     "    body = request.json()\n", "    body = request.json()\n    log.warning(str(body))\n"),
    ("no traceback for what a client does", SERVED + "test_no_fault_of_a_client_is_told_at_length", "server/connection.py",
     "            self._refuse(without_frames(error))", "            log.exception('x')\n            self._refuse(error)"),
    ("no warning for it either", "test_observe_access.py::test_what_is_a_warning", "observe/access.py",
     "return record.error_type != InvalidRequest.type", "return True"),
    ("the route, not the path", SECRETS + "test_secrets_of_all_kinds_are_in_nothing_that_the_process_writes", "server/connection.py",
     "error.type, error.reason or error.message", "error.type, error.message"),
    ("no foreign string forges a line", "test_observe_access.py", "observe/escape.py", "return text if text.isprintable() else re.sub(_UNSAFE, _escape, text)", "return text"),
    ("long strings are cut", "test_observe_access.py", "observe/escape.py", "LONGEST_WORD = 100", "LONGEST_WORD = 100000"),
    ("warnings of one kind are few", "test_observe_logs.py::test_many_warnings_of_one_kind_become_few", "observe/logs.py",
     "if seen[1] > BURST:", "if False:"),
    ("no request-id twice", SERVED + "test_a_connection_serves_one_request_after_another", "server/answers.py",
     'return "req_%024x" % random.getrandbits(96)', 'return "req_" + "0" * 24'),
    ("every answer has its request-id", "test_server_answers.py", "server/answers.py", "request-id: ", "x-id: "),
)


def main(words, promises=PROMISES):
    """Plant each fault whose promise has the words -> exit code."""
    chosen = [promise for promise in promises if all(word in " ".join(promise[:3]) for word in words)]
    missed = [promise[0] for promise in chosen if not noticed(*promise)]
    print("%d faults noticed, %d not%s" % (len(chosen) - len(missed), len(missed), ": " + "; ".join(missed) if missed else ""))
    return 1 if missed else 0


def noticed(promise, test, name, text, fault):
    """Whether the test fails in a copy of the program that has the fault."""
    folder = pathlib.Path(tempfile.mkdtemp(prefix="fault-"))
    try:
        for part in ("claude_proxy", "tests"):
            shutil.copytree(str(ROOT / part), str(folder / part), ignore=shutil.ignore_patterns("__pycache__"))
        for part in ("config.json", "pyproject.toml"):
            shutil.copy(str(ROOT / part), str(folder / part))
        path = folder / "claude_proxy" / name
        source = path.read_text(encoding="utf-8")
        if text not in source:
            return said(promise, "the text to replace is not in %s" % name, False)
        path.write_text(source.replace(text, fault), encoding="utf-8")
        code, words = run(command(test), folder)
        return said(promise, {0: "NOT NOTICED", 1: "noticed"}.get(code, "broken: %s" % words[-300:]), code == 1)
    finally:
        shutil.rmtree(str(folder), ignore_errors=True)


def run(words, folder):
    """(exit code, output) of a command in a session of its own; 1 where it hangs, which then ends with all it has begun."""
    with subprocess.Popen(words, cwd=str(folder), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, start_new_session=True) as process:
        try:
            output = process.communicate(timeout=300)[0]
            return process.returncode, output
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            return 1, b"it hangs"


def command(test):
    """How a test is run: one of pytest's, or a part of the chaos suite."""
    if test.startswith("chaos/"):
        return [sys.executable, "-B", "tests/chaos/run", test.partition("/")[2]]
    return [sys.executable, "-B", "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider", "tests/" + test.rstrip(":")]


def said(promise, what, good):
    print("%-9s %s%s" % ("noticed" if good else "MISSED", promise, "" if good else ": " + what), flush=True)
    return good


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
