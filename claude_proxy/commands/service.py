"""Print a systemd unit for this program: its own interpreter, path and configuration filled in.

The unit is hardened (`systemd-analyze security` rates it OK): a user of its own, nothing of the system writable, no
capability, only the system calls of a network service. With --user it is one for the user's own service manager,
which cannot do all of that.
"""
from __future__ import annotations

import os
import pathlib
import pkgutil
import sys
from typing import TYPE_CHECKING, Callable, List, Optional

from . import outcome
from .settings import find, program_path

if TYPE_CHECKING:
    import argparse

EXAMPLES = """\
examples:
  claude-proxy service | sudo tee /etc/systemd/system/claude-proxy.service
  sudo systemctl daemon-reload
  sudo systemctl enable --now claude-proxy

  claude-proxy service --user > ~/.config/systemd/user/claude-proxy.service
  systemctl --user enable --now claude-proxy
"""

# What a user's own service manager may set: the rest needs root.
FOR_USERS = ("Type", "ExecStart", "ExecReload", "Restart", "RestartSec", "RestartPreventExitStatus", "TimeoutStopSec",
             "WatchdogSec", "KillMode", "NoNewPrivileges", "RestrictAddressFamilies", "RestrictRealtime",
             "RestrictSUIDSGID", "LockPersonality", "MemoryDenyWriteExecute", "SystemCallArchitectures", "LimitNOFILE",
             "LimitCORE", "TasksMax", "UMask", "MemoryMax")


def arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `service`."""
    parser.add_argument("--config", metavar="FILE", help="the configuration that the service reads")
    parser.add_argument("--user", action="store_true", help="a unit for the user's own service manager")


def main(options: argparse.Namespace) -> int:
    """Print the unit -> exit code."""
    path, _ = find(options.config, os.environ)
    print(unit(sys.executable, program_path(), path, options.user), end="")
    for line in remarks(path, program_path(), options.user):
        print("claude-proxy: %s" % line, file=sys.stderr)
    return outcome.OK


def unit(interpreter: str, program: pathlib.Path, config: Optional[pathlib.Path], for_user: bool) -> str:
    """The unit's text."""
    text = (pkgutil.get_data("claude_proxy", "static/claude-proxy.service") or b"").decode("utf-8")
    lines = text.splitlines()
    if for_user:
        lines = [line for line in lines if fits_user(line)]
        lines = ["WantedBy=default.target" if line.startswith("WantedBy=") else line for line in lines]
    private = config is not None and not for_user and only_for_owner(config)
    lines = replaced(lines, "ExecStart=", lambda: exec_start(interpreter, program, config, private))
    if not for_user and any(in_home(path) for path in (interpreter, program, config) if path):
        lines = replaced(lines, "ProtectHome=", lambda: ["ProtectHome=read-only"])
    return "\n".join(lines) + "\n"


def fits_user(line: str) -> bool:
    """The line is a section, the description, or one of FOR_USERS; comments stay away."""
    name = line.partition("=")[0]
    return not line or line.startswith("[") or name in ("Description", "WantedBy") or name in FOR_USERS


def replaced(lines: List[str], start: str, new: Callable[[], List[str]]) -> List[str]:
    """`lines` with those of new() for the one that begins with `start`."""
    return [line for old in lines for line in (new() if old.startswith(start) else [old])]


def exec_start(interpreter: str, program: pathlib.Path, config: Optional[pathlib.Path], private: bool) -> List[str]:
    """How the service starts; a configuration that only its owner can read comes in as a credential."""
    lines = []
    if program.is_dir():
        lines.append("Environment=%s" % quoted("PYTHONPATH=%s" % program.parent))
        words = [interpreter, "-m", "claude_proxy", "serve"]
    else:
        words = [interpreter, str(program), "serve"]
    command = " ".join(quoted(word) for word in words)
    if config is not None and private:
        lines.append("# only its owner can read the configuration, and this service runs as a user of its own; a "
                     "changed file needs a restart")
        lines.append("# (before systemd 247: mode 644, no key in it, and EnvironmentFile= below)")
        lines.append("LoadCredential=config.json:%s" % str(config).replace("%", "%%"))
        command += " --config ${CREDENTIALS_DIRECTORY}/config.json"
    elif config is not None:
        command += " --config " + quoted(str(config))
    return lines + ["ExecStart=" + command]


def quoted(word: str) -> str:
    """A word of a unit file: % and $ doubled, quotes where a blank or a quote is in it."""
    word = word.replace("\\", "\\\\").replace("%", "%%").replace("$", "$$").replace('"', '\\"')
    return '"%s"' % word if any(character in word for character in " \t'\"") else word


def in_home(path: object) -> bool:
    """The path is one that ProtectHome=yes hides."""
    return str(path).startswith(("/home/", "/root/", "/run/user/"))


def only_for_owner(path: pathlib.Path) -> bool:
    """Others cannot read the file."""
    return not os.stat(str(path)).st_mode & 0o004


def remarks(config: Optional[pathlib.Path], program: pathlib.Path, for_user: bool) -> List[str]:
    """What to do beside installing the unit."""
    said = []
    if config is None:
        said.append("no configuration was found; the service needs one, or keys in its environment: see the comments, "
                    "or run `claude-proxy init` and then this again")
    if not for_user and in_home(program):
        said.append("%s lies in a home folder; copy it to /usr/local/lib/claude-proxy/ and run this from there"
                    % program)
    return said
