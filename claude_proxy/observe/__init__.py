"""What the operator sees: metrics, log lines, the dashboard's data."""
from .access import access_line, has_failed
from .escape import escaped
from .logs import hide_secrets, log_access, setup_logging
from .metrics import Metrics
from .record import Record

__all__ = ["Metrics", "Record", "access_line", "escaped", "has_failed", "hide_secrets", "log_access",
           "setup_logging"]
