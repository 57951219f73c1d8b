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


LOGGER = logging.getLogger("claude_proxy")


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item):
    """What the package's logger was before a test; a fixture for each of thousands would take longer."""
    item.log_before = LOGGER.handlers[:], LOGGER.level, LOGGER.propagate


@pytest.hookimpl(trylast=True)
def pytest_runtest_teardown(item):
    """What a test does to the package's logger is put back after it."""
    handlers, level, LOGGER.propagate = item.log_before
    LOGGER.handlers[:] = handlers
    if LOGGER.level != level:
        LOGGER.setLevel(level)
