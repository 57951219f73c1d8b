"""A start loads what the first plain request needs, and nothing of what only errors, streams or other commands need."""
import os
import pathlib
import platform
import subprocess
import sys

import pytest

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
    "uuid", "concurrent.futures", "asyncio", "encodings.idna", "html", "html.entities", "queue", "claude_proxy.demo",
    "claude_proxy.explaining", "claude_proxy.observe.overview", "claude_proxy.conversion.stream", "claude_proxy.conversion.response",
    "claude_proxy.conversion.request", "claude_proxy.conversion.shapes", "claude_proxy.conversion.turns",
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


HTML = """\
import sys
sys.path.insert(0, sys.argv[1])
{before}
from claude_proxy.server.listener import ListeningServer
import html, http.server
print(html.unescape("&eacute;&amp;") == "\\xe9&", http.server.html.escape("<"), len(http.server.html.unescape("&eacute;")))
print(issubclass(ListeningServer, http.server.ThreadingHTTPServer))
"""


@pytest.mark.parametrize("before, private", [("", 8), ("import html", 8), ("import http.server", 1)])
def test_only_http_server_does_without_the_table_of_entities(before, private):
    done = subprocess.run([sys.executable, "-I", "-S", "-c", HTML.format(before=before), str(ROOT)],
                          stdout=subprocess.PIPE, timeout=30, check=True)
    assert done.stdout.decode("ascii").split() == ["True", "&lt;", str(private), "True"]


FAULTS = """\
import resource, sys
sys.path.insert(0, sys.argv[1])
from claude_proxy.commands import serving
if sys.argv[2] == "kept":
    serving.keep_large_blocks()
for _ in range(3):
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    bytearray(2000000), bytearray(2000000)
    print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="how glibc gives memory back")
def test_the_memory_of_a_large_request_serves_the_next_one():
    """Pages that are new to the process, in each of three rounds of two large blocks."""
    def faults(how):
        done = subprocess.run([sys.executable, "-I", "-S", "-c", FAULTS, str(ROOT), how], stdout=subprocess.PIPE,
                              timeout=30, check=True)
        return [int(line) for line in done.stdout.split()]
    assert max(faults("kept")[1:]) < 100 < min(faults("as it is"))
