"""Makes the package importable from a checkout that was never installed, and keeps tests from each other's log."""
import gc
import logging
import os
import sys

import pytest

# No test asks the machine's authorities, and each TLS context would take 20 ms to read them.
os.environ.update(SSL_CERT_FILE=os.devnull, SSL_CERT_DIR=os.devnull)
sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


def pytest_collection_finish(session):
    """What was imported for all tests is not looked through again and again for garbage."""
    gc.collect()
    gc.freeze()


@pytest.fixture(autouse=True)
def log_restored():
    """What a test does to the package's logger is put back after it."""
    logger = logging.getLogger("claude_proxy")
    handlers, level, propagate = logger.handlers[:], logger.level, logger.propagate
    yield
    logger.handlers[:], logger.propagate = handlers, propagate
    logger.setLevel(level)
