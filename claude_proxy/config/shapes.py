"""The configuration as the program sees it: frozen, complete, every default filled in.

    Config
        server      Server, with its ClientKeys
        providers   Provider..., in the order in which one of them becomes the default
                        keys    KeySource...
                        models  (pattern, ModelRow)...
"""
from typing import Any, Mapping, Optional, Tuple, Union

from ..providers.records import dataclass, field


class Secret:
    """A key or password that no message, log line or traceback shows: only reveal() does."""

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    def reveal(self) -> str:
        """The secret itself, for the one place that sends or compares it."""
        return self._value

    def __str__(self) -> str:
        return mask(self._value)

    def __repr__(self) -> str:
        return "Secret(%s)" % self

    def __bool__(self) -> bool:
        return bool(self._value)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and other._value == self._value

    def __hash__(self) -> int:
        return hash((Secret, self._value))


def mask(secret: str) -> str:
    """`sk-…1f`: enough to tell two keys apart, for long ones alone."""
    if len(secret) < 16 or not secret.isprintable():
        return "…"
    return "%s…%s" % (secret[:3], secret[-2:])


@dataclass(frozen=True)
class KeySource:
    """Where a provider's key comes from: the key itself, or a file or command that has it."""

    kind: str                               # "literal", "file", "command"
    value: Union[Secret, str] = field(repr=False)       # the key, the file's path, the command line
    origin: str                             # for people: "DEEPSEEK_API_KEY", "providers.deepseek.api_key"


@dataclass(frozen=True)
class ClientKey:
    """A key that clients may show, the name that logs call it by, and its share of this proxy."""

    name: str
    key: Secret
    max_concurrent: Optional[int] = None


@dataclass(frozen=True)
class Prices:
    """US dollars for a million tokens; None where it is not known."""

    input: Optional[float] = None
    output: Optional[float] = None
    cached: Optional[float] = None


@dataclass(frozen=True)
class ModelRow:
    """A provider's model and what is known of it; None and empty where nothing is."""

    model: str
    context_window: Optional[int] = None    # tokens
    max_output_tokens: Optional[int] = None
    images: Optional[bool] = None
    prices: Optional[Prices] = None
    quirks: Mapping[str, Any] = field(default_factory=dict)      # dialect fields, for this model alone


@dataclass(frozen=True)
class Provider:
    """One server that speaks Chat Completions."""

    name: str
    base_url: str                           # without a slash at its end
    keys: Tuple[KeySource, ...] = ()
    key_hint: str = ""                      # "set DEEPSEEK_API_KEY, or providers.deepseek.api_key"
    key_needed: bool = True                 # False for servers that take none
    models: Tuple[Tuple[str, ModelRow], ...] = ()                # (name or glob, row) in the file's order
    default_model: Optional[ModelRow] = None
    dialect_name: Optional[str] = None
    # These four may hold keys, so no traceback shows them.
    quirks: Mapping[str, Any] = field(default_factory=dict, repr=False)     # dialect fields, for all its models
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    body: Mapping[str, Any] = field(default_factory=dict, repr=False)
    connect_seconds: float = 10
    first_byte_seconds: float = 900
    idle_seconds: float = 900
    max_retries: int = 2
    heal: bool = True
    vision_model: Optional[str] = None
    proxy: Optional[str] = field(default=None, repr=False)                  # None: the environment's; "": none
    ca_file: Optional[str] = None
    tls_strict: bool = True
    max_concurrent: Optional[int] = None
    configured: bool = True                 # stands in the file (not only in the catalogue)

    @property
    def usable(self) -> bool:
        """It can be asked: it has a key, or needs none."""
        return bool(self.keys) or not self.key_needed


@dataclass(frozen=True)
class Server:
    """The client's side: where to listen, whom to trust, how long to wait."""

    host: str = "127.0.0.1"
    port: int = 8000
    client_keys: Tuple[ClientKey, ...] = ()
    allowed_hosts: Tuple[str, ...] = ()
    allowed_origins: Tuple[str, ...] = ()
    metrics_public: bool = False
    tls_cert_file: Optional[str] = None
    tls_key_file: Optional[str] = None
    max_body_bytes: int = 33554432
    max_connections: int = 2048
    header_seconds: float = 15
    body_seconds: float = 40
    write_seconds: float = 60
    keep_alive_seconds: float = 75
    open_seconds: float = 15
    ping_seconds: float = 10
    drain_seconds: float = 30
    max_tokens: Optional[int] = None
    log_format: str = "text"


@dataclass(frozen=True)
class Config:
    """Everything that was decided before the first request."""

    server: Server = Server()
    providers: Tuple[Provider, ...] = ()
    default_provider: str = ""              # the name of one of `providers`
    fallbacks: Mapping[str, Tuple[str, ...]] = field(default_factory=dict)
    source: Optional[str] = None            # the file that was read
    origins: Mapping[str, str] = field(default_factory=dict)     # path -> "file", "environment", "default", "flag"
    default_reason: str = ""                # why default_provider is the default
    warnings: Tuple[str, ...] = ()

    def provider(self, name: str) -> Optional[Provider]:
        """The provider of that name; letter case and Unicode form do not matter where that is unambiguous."""
        for provider in self.providers:
            if provider.name == name:
                return provider
        alike = [provider for provider in self.providers if _folded(provider.name) == _folded(name)]
        return alike[0] if len(alike) == 1 else None


def _folded(name: str) -> str:
    import unicodedata                  # for names that are written in another way than in the file
    return unicodedata.normalize("NFC", name).casefold()
