"""`python -m claude_proxy` and the .pyz: an old Python gets one sentence, in syntax that 2.7 can parse."""
import sys

if sys.version_info < (3, 7):
    sys.exit("claude-proxy needs Python 3.7 or newer, and %s is %d.%d. Start it with a newer one, for example "
             "`python3.12 claude-proxy.pyz` (RHEL 8: `dnf install python3.12`)."
             % ((sys.executable,) + sys.version_info[:2]))

from claude_proxy.cli import run  # noqa: E402  (only after the check: what it imports is newer syntax)

if __name__ == "__main__":
    run()
