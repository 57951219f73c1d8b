"""The client's side: listening, strict HTTP/1.1, who may come in, which handler answers, and the answer's bytes.

    Application     what all connections share
    Listener        binds, serves a thread for each connection, drains
"""
from .application import Application
from .listener import Listener

__all__ = ["Application", "Listener"]
