"""Every setting that there is, a row each: validation, help texts and defaults are made from these rows alone."""
import json
from typing import Any, Dict, Iterator, NamedTuple, Optional, Tuple

from ..providers.dialects import DIALECTS, nearest_dialect, quirk_mistakes, row_name
from .checks import (Check, Setting, address, anything, boolean, file_path, group, headers, host_name, integer, line,
                     list_of, mapping_of, no_such, number, one_of, optional, origin, proxy, seconds, url)
from .mistakes import Place, is_set

_MANY = 10 ** 9
_TOKENS = integer(1, 2 ** 31 - 1)

TLS = (
    Setting("cert_file", optional(file_path(True)), None, "certificate chain in PEM; with it the proxy serves https"),
    Setting("key_file", optional(file_path(True)), None, "the certificate's private key in PEM"),
)

CLIENT_KEY = (
    Setting("name", line, "", "what logs and metrics call this client"),
    Setting("key", line, "", "what it sends as x-api-key or bearer token"),
    Setting("max_concurrent", optional(integer(1, _MANY)), None, "requests that it may have under way"),
)


def _client_keys(place: Place, value: Any) -> Tuple[Dict[str, Any], ...]:
    """Texts and objects -> dicts of CLIENT_KEY."""
    if isinstance(value, str):
        value = [value]
    if not isinstance(value, list):
        return place.must_be(client_keys.says, value) or ()
    return tuple(_client_key(place.child(index), item) for index, item in enumerate(value))


def _client_key(place: Place, item: Any) -> Dict[str, Any]:
    if isinstance(item, dict):
        row = group(CLIENT_KEY).read(place, item)
        for name in ("name", "key"):
            if name not in item:
                place.child(name).wrong("is missing")
        return row
    return {"name": "", "key": line.read(place, item) if is_set(item) else "", "max_concurrent": None}


client_keys = Check('a list of keys: texts, or {"name": ..., "key": ..., "max_concurrent": ...}', _client_keys)

SERVER = (
    Setting("host", address, "127.0.0.1", "address to listen on; any but a loopback one needs client_keys"),
    Setting("port", integer(0, 65535), 8000, "port to listen on; 0: any free one"),
    Setting("client_keys", client_keys, (), "keys that clients must show; none: nobody is asked (loopback only)"),
    Setting("allowed_hosts", list_of(host_name), (), "names beside the loopback ones that clients may call it by"),
    Setting("allowed_origins", list_of(origin), (), "web pages beside those on loopback that may call it"),
    Setting("metrics_public", boolean, False, "/metrics asks for no client key"),
    Setting("tls", optional(group(TLS)), None, "serve https"),
    Setting("max_body_bytes", integer(1024, 2 ** 31 - 1), 33554432, "largest request that is read"),
    Setting("max_connections", integer(1, 1000000), 2048, "more are answered with 503 and Retry-After"),
    Setting("header_seconds", seconds(), 15, "time for a request's head to arrive"),
    Setting("body_seconds", seconds(), 40, "time for its body, beside a second for each 64 KiB"),
    Setting("write_seconds", seconds(), 60, "time that a client may take to read what was sent"),
    Setting("keep_alive_seconds", seconds(), 75, "how long an idle connection stays open"),
    Setting("open_seconds", seconds(0), 15, "the answer's head goes out after this, although the provider is silent"),
    Setting("ping_seconds", seconds(), 10, "a ping goes out after so much silence of the provider"),
    Setting("drain_seconds", seconds(0), 30, "time for answers under way when the proxy is stopped"),
    Setting("max_tokens", optional(_TOKENS), None, "sent to providers instead of the client's max_tokens"),
    Setting("log_format", one_of("text", "json"), "text", "lines for people, or an object a line"),
)

PRICES = tuple(
    Setting(kind, optional(number(0, 100000)), None, "US dollars for a million %s tokens" % kind)
    for kind in ("input", "output", "cached"))


def _quirks(place: Place, value: Any) -> Dict[str, Any]:
    """Dialect fields, as the dialects themselves check them."""
    if not isinstance(value, dict):
        return place.must_be("an object of dialect fields", value) or {}
    value = {name: item for name, item in value.items() if is_set(item)}
    for mistake in quirk_mistakes(value):
        name, _, what = mistake.partition(": ")
        place.child(name).wrong(what)
    return value


quirks = Check("an object of dialect fields", _quirks)

MODEL = (
    Setting("model", line, "", "the provider's name of it"),
    Setting("context_window", optional(_TOKENS), None, "tokens that it takes and gives in one request"),
    Setting("max_output_tokens", optional(_TOKENS), None, "tokens that it gives at most"),
    Setting("images", optional(boolean), None, "it sees images"),
    Setting("prices", optional(group(PRICES)), None, "what it costs, for the sums on the dashboard"),
    Setting("quirks", quirks, {}, "dialect fields for this model alone"),
)


def _model(place: Place, value: Any) -> Optional[Dict[str, Any]]:
    if isinstance(value, str):
        return dict({row.name: row.default for row in MODEL}, model=line.read(place, value) or "")
    if not isinstance(value, dict):
        return place.must_be(model.says, value)
    row = group(MODEL).read(place, value)
    if "model" not in value:
        place.child("model").wrong("is missing")
    return row


model = Check('a model\'s name, or {"model": ..., "context_window": ..., ...}', _model)


def _dialect(place: Place, value: Any) -> Optional[str]:
    if not isinstance(value, str):
        return place.must_be("text", value)
    try:
        return row_name("", "", value) if value else None
    except KeyError:
        near = nearest_dialect(value)
        return no_such(place, value, "dialect", (near,) if near else DIALECTS)


def _api_key(place: Place, value: Any) -> Any:
    """A text or a list of texts -> [(place, text or UNSET)]; what is no key yet is sorted out later."""
    if not isinstance(value, list):
        return ((place, value),) if isinstance(value, str) else place.must_be(api_key.says, value)
    found = []
    for index, item in enumerate(value):
        spot = place.child(index)
        if is_set(item) and not isinstance(item, str):
            spot.must_be("text", item)
        else:
            found.append((spot, item))
    return tuple(found)


api_key = Check("text, or a list of texts", _api_key)

PROVIDER = (
    Setting("base_url", optional(url), None, "its address before /chat/completions; the catalogue knows many"),
    Setting("api_key", optional(api_key), None, "its key, or a list of keys that take turns"),
    Setting("api_key_file", optional(file_path(False)), None, "a file with its key, read again when it changes"),
    Setting("api_key_command", optional(line), None, "a command that prints its key"),
    Setting("models", optional(mapping_of(model, "an object of models")), None,
            'the client\'s names, with globs, and the provider\'s models for them; "default" is for every other name'),
    Setting("dialect", optional(Check("the name of a dialect", _dialect)), None,
            "how it speaks, where its address does not tell"),
    Setting("quirks", quirks, {}, "dialect fields for all its models"),
    Setting("headers", headers, {}, "sent with each request to it"),
    Setting("body", mapping_of(anything, "an object"), {}, "members that are put into each request to it"),
    Setting("connect_seconds", seconds(), 10, "time for the connection"),
    Setting("first_byte_seconds", seconds(), 900, "time for the answer to begin"),
    Setting("idle_seconds", seconds(), 900, "silence that is borne within an answer"),
    Setting("max_retries", integer(0, 10), 2,
            "how often a request is sent again while nothing of its answer was relayed"),
    Setting("heal", boolean, True, "mend a request that it refuses for a parameter, and ask again once"),
    Setting("vision_model", optional(line), None, "its model for images, where the chosen one sees none"),
    Setting("proxy", optional(proxy), None, 'forward proxy; null: the environment\'s, "": none'),
    Setting("ca_file", optional(file_path(True)), None, "certificates to trust beside the system's"),
    Setting("tls_strict", boolean, True, "false takes the faulty certificates of inspecting proxies"),
    Setting("max_concurrent", optional(integer(1, _MANY)), None, "requests that it may have under way"),
)

FALLBACKS = mapping_of(list_of(Check("providers, or provider/model", line.read)), "an object of lists")


def _elsewhere() -> Iterator[str]:
    for row in SERVER:
        yield "server." + row.name
    for row in PROVIDER:
        yield "providers.NAME." + row.name


TOP = (
    Setting("server", group(SERVER, elsewhere=tuple(_elsewhere())), {}, "the client's side"),
    Setting("providers", mapping_of(group(PROVIDER, elsewhere=tuple(_elsewhere())), "an object of providers"), {},
            "who can answer"),
    Setting("default_provider", optional(line), "auto", 'who answers names without one; "auto": the first with a key'),
    Setting("fallbacks", FALLBACKS, {}, "who answers when a provider, or one of its models, cannot"),
    Setting("$schema", anything, None, "for editors"),
)

CONFIG = group(TOP, "an object", tuple(_elsewhere()))


class Help(NamedTuple):
    """A setting as the documentation shows it."""

    path: str
    says: str
    default: str
    help: str


def settings() -> Iterator[Help]:
    """Every setting, in the order of the file: for `--help`, and for the table that a test holds against the README."""
    for prefix, rows in (("server.", SERVER), ("server.tls.", TLS), ("server.client_keys[].", CLIENT_KEY),
                         ("providers.NAME.", PROVIDER), ("providers.NAME.models.NAME.", MODEL),
                         ("providers.NAME.models.NAME.prices.", PRICES), ("", TOP[2:4])):
        for row in rows:
            yield Help(prefix + row.name, row.check.says, _written(row.default), row.help)


def _written(default: Any) -> str:
    return json.dumps(list(default) if isinstance(default, tuple) else default, ensure_ascii=False)
