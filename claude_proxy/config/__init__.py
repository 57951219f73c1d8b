"""Settings: JSON with comments and the environment -> one frozen Config, or every mistake at once."""
from .shapes import ClientKey, Config, KeySource, ModelRow, Prices, Provider, Secret, Server

__all__ = ["ClientKey", "Config", "KeySource", "ModelRow", "Prices", "Provider", "Secret", "Server"]
