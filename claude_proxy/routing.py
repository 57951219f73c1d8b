"""Which target answers a model's name, and which one next."""
from dataclasses import dataclass
from typing import Tuple

from .config import ModelRow, Provider
from .providers.dialects import Dialect


@dataclass(frozen=True)
class Target:
    """A provider's model that may answer a request."""

    provider: Provider
    model: str                              # the provider's own name of it
    row: ModelRow
    dialect: Dialect
    requested: str                          # the name that the client asked for
    warnings: Tuple[str, ...] = ()          # short codes: "family:opus"
