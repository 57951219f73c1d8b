"""A start loads what the first plain request needs, and nothing of what only errors, streams or other commands need."""
import os
import pathlib
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
# -S: what an installation's site packages load for themselves is not ours
STARTED = """\
import gc, sys
sys.path.insert(0, sys.argv[1])
from claude_proxy import cli
cli.command_module("serve")
print("\\n".join(sys.modules))
print("collects" if gc.isenabled() else "collects nothing")
"""
NOT_YET = {
    "dataclasses", "inspect", "ast", "difflib", "hmac", "secrets", "subprocess", "platform", "pkgutil", "unicodedata",
    "uuid", "concurrent.futures", "asyncio", "encodings.idna", "claude_proxy.demo",
    "claude_proxy.explaining", "claude_proxy.conversion.stream", "claude_proxy.conversion.response",
    "claude_proxy.conversion.textcalls", "claude_proxy.conversion.gemini_schema", "claude_proxy.conversion.text_tokens",
    "claude_proxy.providers.refusals", "claude_proxy.providers.complaints", "claude_proxy.commands.check",
    "claude_proxy.commands.run", "claude_proxy.commands.processes", "claude_proxy.commands.man",
}


def test_what_a_start_loads():
    done = subprocess.run([sys.executable, "-I", "-S", "-c", STARTED, str(ROOT)], stdout=subprocess.PIPE, timeout=30,
                          env=dict(os.environ), check=True)
    loaded = done.stdout.decode("ascii").split()
    assert "claude_proxy.server.listener" in loaded and "collects" in loaded and "nothing" not in loaded
    ours = {name for name in loaded if name.startswith("claude_proxy")}
    assert not NOT_YET & ours
    if sys.version_info >= (3, 11):             # what the library's own modules load differs from version to version
        assert not NOT_YET & set(loaded)
