"""Every secret that a configuration holds, for whoever takes them out of texts that others wrote."""
import re
from typing import Any, Iterator, Tuple
from urllib.parse import parse_qsl, unquote, urlsplit

from .shapes import Config, Provider, Secret

_SAYS_SECRET = re.compile(r"auth|key|token|secret|cookie|passw|credential|signature", re.I).search


def secrets_of(config: Config) -> Tuple[str, ...]:
    """The keys of clients and providers; of headers, body members and queries those whose name says that they are
    secret; a proxy's password. What files and commands give is not known here."""
    found = [client.key.reveal() for client in config.server.client_keys]
    for provider in config.providers:
        found += _of(provider)
    return tuple(dict.fromkeys(filter(None, found)))


def _of(provider: Provider) -> Iterator[str]:
    for source in provider.keys:
        if isinstance(source.value, Secret):
            yield source.value.reveal()
    for name, value in provider.headers.items():
        if _SAYS_SECRET(name):
            words = value.rpartition(" ")[2]                    # "Bearer sk-..."
            yield words
            yield words.partition("=")[2]                       # "session=..."
    yield from _members(provider.body)
    yield from _password(provider.proxy or "")
    yield from (value for name, value in parse_qsl(str(provider.quirks.get("query") or "")) if _SAYS_SECRET(name))


def _members(value: Any, secret: bool = False) -> Iterator[str]:
    if isinstance(value, str) and secret:
        yield value
    elif isinstance(value, dict):
        for name, item in value.items():
            yield from _members(item, secret or bool(_SAYS_SECRET(name)))
    elif isinstance(value, list):
        for item in value:
            yield from _members(item, secret)


def _password(address: str) -> Iterator[str]:
    password = urlsplit(address).password
    if password:
        yield password
        yield unquote(password)
