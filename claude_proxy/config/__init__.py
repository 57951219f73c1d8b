"""Settings: JSON with comments and the environment -> one frozen Config, or every mistake at once."""
from .assembly import DEMO, RESERVED, is_loopback
from .mistakes import ConfigMistakes, nearest
from .reading import read, split_name, with_demo
from .rows import settings
from .secrecy import secrets_of
from .shapes import ClientKey, Config, KeySource, ModelRow, Prices, Provider, Secret, Server, mask
from .surroundings import Candidate, choose, exposure, search_order

__all__ = [
    "Candidate", "ClientKey", "Config", "ConfigMistakes", "DEMO", "KeySource", "ModelRow", "Prices", "Provider",
    "RESERVED", "Secret", "Server", "choose", "exposure", "is_loopback", "mask", "nearest", "read", "search_order",
    "secrets_of", "settings", "split_name", "with_demo",
]
