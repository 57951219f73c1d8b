"""Serve the built-in demo: a scripted provider that streams, thinks and calls tools, without a key or a network.

It is the default for every model's name while this runs, whatever is configured; the configured providers stay
reachable under their names (/deepseek/v1/messages).
"""
import argparse

from ..config import DEMO
from . import serve

EXAMPLES = """\
examples:
  claude-proxy demo
  claude-proxy demo --port 0
"""

arguments = serve.arguments


def main(options: argparse.Namespace) -> int:
    """Serve until a signal ends it -> exit code."""
    options.provider, options.model, options.api_key_env = DEMO, None, None
    return serve.main(options)
