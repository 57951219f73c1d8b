"""From checked settings to a Provider: the catalogue fills in what the file leaves out."""
import ipaddress
import re
from typing import Any, Dict, List, Optional, Tuple
from urllib.parse import urlsplit

from ..providers.catalogue import CATALOGUE, Entry
from .keys import Keys, keys_of
from .mistakes import Place, nearest
from .rows import PROVIDER
from .shapes import ClientKey, ModelRow, Prices, Provider, Secret, Server

RESERVED = ("v1", "api", "health", "healthz", "livez", "readyz", "metrics", "demo", "anthropic")
DEMO = "demo"
_ENDPOINT = re.compile(r"/chat/completions/?\Z")
_MESSAGES = re.compile(r"(?:/v1)?/messages\Z|/anthropic(?:/v1)?(?:/messages)?\Z")
_AS_THEY_ARE = ("quirks", "headers", "body", "connect_seconds", "first_byte_seconds", "idle_seconds", "max_retries",
                "heal", "vision_model", "proxy", "ca_file", "tls_strict", "max_concurrent")


def is_loopback(host: str) -> bool:
    """The address or name, without a port, reaches this machine alone."""
    name = host.strip("[]").rstrip(".").lower()
    if name == "localhost" or name.endswith(".localhost"):      # RFC 6761, 6.3
        return True
    try:
        return ipaddress.ip_address(name.partition("%")[0]).is_loopback
    except ValueError:                  # a name
        return False


def server_from(place: Place, row: Dict[str, Any]) -> Server:
    """A checked `server` object -> Server."""
    tls = row.pop("tls") or {"cert_file": None, "key_file": None}
    spot = place.child("tls")
    if bool(tls["cert_file"]) != bool(tls["key_file"]) and not spot.has_mistakes:
        spot.wrong("cert_file and key_file belong together")
    keys = _client_keys(place.child("client_keys"), row.pop("client_keys") or ())
    return Server(client_keys=keys, tls_cert_file=tls["cert_file"], tls_key_file=tls["key_file"], **row)


def _client_keys(place: Place, rows: Tuple[Dict[str, Any], ...]) -> Tuple[ClientKey, ...]:
    keys: List[ClientKey] = []
    for index, row in enumerate(rows):
        spot = place.child(index)
        name = row["name"] or "key%d" % (index + 1)
        if not re.match(r"[\x21-\x7e]*\Z", row["key"] or ""):
            spot.wrong("a client's key is made of visible ASCII characters")
        if row["key"] and any(other.key.reveal() == row["key"] for other in keys):
            spot.wrong("this key stands twice")
        if any(other.name == name for other in keys):
            spot.wrong('the name "%s" stands twice' % name)
        if row["key"]:
            keys.append(ClientKey(name, Secret(row["key"]), row["max_concurrent"]))
    return tuple(keys)


def catalogue_provider(place: Place, entry: Entry) -> Provider:
    """A provider that no file names: the catalogue's row, with a key from the environment where there is one."""
    row = {setting.name: setting.default for setting in PROVIDER}
    return _provider(place, row, entry, entry.base_url, keys_of(place, row, entry), configured=False)


def provider_from(place: Place, row: Dict[str, Any]) -> Optional[Provider]:
    """A checked object of `providers` -> Provider; None where a mistake was noted."""
    name = place.path[-1]
    _check_name(place, str(name))
    entry = CATALOGUE.get(str(name)) or CATALOGUE.get(str(name).lower())
    base_url = _base_url(place, row, entry)
    if base_url is None:
        return None
    at_home = entry if entry is not None and base_url in _addresses(entry) else None
    keys = keys_of(place, row, at_home)
    if keys.sources and base_url.startswith("http:") and not is_loopback(urlsplit(base_url).hostname or ""):
        place.child("base_url").warn("the key goes over http, readable on its way; use https where the provider has it")
    return _provider(place, row, entry, base_url, keys, configured=True)


def _check_name(place: Place, name: str) -> None:
    if name.casefold() in RESERVED:
        place.wrong('"%s" is a path of the proxy itself; give the provider another name' % name)
    elif not name.strip() or name != name.strip() or not name.isprintable() or name in (".", "..") or len(name) > 100:
        place.wrong("is no name for a provider: it cannot stand in an address")


def _addresses(entry: Entry) -> Tuple[str, ...]:
    return (entry.base_url,) + tuple(address for _, address in entry.regions)


def _base_url(place: Place, row: Dict[str, Any], entry: Optional[Entry]) -> Optional[str]:
    spot = place.child("base_url")
    written = row["base_url"]
    if written is None and entry is not None and entry.base_url:
        return entry.base_url
    if written is None:
        if not spot.has_mistakes:
            spot.wrong("is missing: %s" % _shape(str(place.path[-1]), entry))
        return None
    if _ENDPOINT.search(written):
        spot.warn("ends before /chat/completions; that part was left off")
        written = _ENDPOINT.sub("", written)
    if _MESSAGES.search(written):
        spot.warn("is an address of the Messages API; this proxy asks for Chat Completions, at %s"
                  % _chat_address(written))
    return written


def _chat_address(messages_address: str) -> str:
    host = urlsplit(messages_address).hostname
    known = next((entry.base_url for entry in CATALOGUE.values() if host in entry.hosts), None)
    return known or "an address such as %s/v1" % _MESSAGES.sub("", messages_address)


def _shape(name: str, entry: Optional[Entry]) -> str:
    if entry is not None and entry.base_url_shape:
        return "it looks like %s" % entry.base_url_shape
    near = nearest(name, CATALOGUE)
    return "only a provider of the catalogue needs none; " + (
        "did you mean providers.%s?" % near if near else "an address looks like https://api.example.com/v1")


def _provider(place: Place, row: Dict[str, Any], entry: Optional[Entry], base_url: str, keys: Keys,
              configured: bool) -> Provider:
    models, default = _models(row["models"], entry)
    return Provider(
        name=str(place.path[-1]), base_url=base_url, keys=keys.sources, key_hint=keys.hint, key_needed=keys.needed,
        models=models, default_model=default, dialect_name=row["dialect"], configured=configured,
        **{name: row[name] for name in _AS_THEY_ARE})


def _models(rows: Optional[Dict[str, Any]], entry: Optional[Entry]) -> Tuple[Tuple[Tuple[str, ModelRow], ...],
                                                                            Optional[ModelRow]]:
    """The file's rows, or where it has no "models" at all the catalogue's; the default row apart."""
    if rows is None:
        rows = {pattern: {"model": model} for pattern, model in entry.models} if entry is not None else {}
        if entry is not None and entry.default:
            rows["default"] = {"model": entry.default}
    made = {pattern: _model_row(row) for pattern, row in rows.items() if row}
    default = made.pop("default", None)
    return tuple(made.items()), default


def _model_row(row: Dict[str, Any]) -> ModelRow:
    prices = row.get("prices")
    known = {name: row.get(name) for name in ("context_window", "max_output_tokens", "images")}
    return ModelRow(row["model"], prices=Prices(**prices) if prices else None, quirks=row.get("quirks") or {}, **known)


def demo_provider(base_url: str) -> Provider:
    """The built-in provider that answers where there is no other."""
    return Provider(DEMO, base_url, key_needed=False, default_model=ModelRow("demo", images=True),
                    proxy="", configured=False)
