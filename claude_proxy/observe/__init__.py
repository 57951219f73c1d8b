"""What the operator sees: metrics, log lines, the dashboard's data."""
from .record import Record

__all__ = ["Record"]
