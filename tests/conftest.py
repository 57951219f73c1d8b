"""Makes the package importable from a checkout that was never installed, and keeps tests from each other's log."""
import logging
import os
import sys

import pytest

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


@pytest.fixture(autouse=True)
def log_restored():
    """What a test does to the package's logger is put back after it."""
    logger = logging.getLogger("claude_proxy")
    handlers, level, propagate = logger.handlers[:], logger.level, logger.propagate
    yield
    logger.handlers[:], logger.propagate = handlers, propagate
    logger.setLevel(level)
