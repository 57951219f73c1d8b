"""What systemd asks of a service, without a library: readiness, the watchdog, inherited sockets.

Everything here does nothing where there is no systemd (and on Windows), so nobody has to ask first.

sd_notify(3): one datagram to the socket that $NOTIFY_SOCKET names; a leading @ is the abstract name space.
sd_listen_fds(3): with $LISTEN_PID equal to our process, $LISTEN_FDS sockets wait from descriptor 3 on.
"""
import os
import socket
import time
from typing import List, Mapping, MutableMapping, Optional

FIRST_DESCRIPTOR = 3


def notify(*states: str, environ: Mapping[str, str] = os.environ) -> bool:
    """Tell the service manager: notify("READY=1", "STATUS=...") -> whether there was one to tell."""
    address = environ.get("NOTIFY_SOCKET", "")
    if not address or not hasattr(socket, "AF_UNIX"):
        return False
    name = "\0" + address[1:] if address.startswith("@") else address
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as channel:
            channel.connect(name)
            channel.sendall("\n".join(states).encode("utf-8", "replace"))
    except OSError:
        return False        # a manager that has gone is no reason to stop serving
    return True


def notify_reloading() -> None:
    """Say that the configuration is being read again (Type=notify-reload wants the time beside it)."""
    notify("RELOADING=1", "MONOTONIC_USEC=%d" % (time.monotonic() * 1e6))


def watchdog_seconds(environ: Mapping[str, str] = os.environ) -> Optional[float]:
    """How often the manager's watchdog wants to hear from us: half its limit; None where it has none."""
    limit, pid = environ.get("WATCHDOG_USEC", ""), environ.get("WATCHDOG_PID", "")
    if not limit.isdigit() or not int(limit) or (pid and pid != str(os.getpid())):
        return None
    return int(limit) / 2e6


def inherited_sockets(environ: MutableMapping[str, str] = os.environ) -> List[socket.socket]:
    """The listening sockets of socket activation, none elsewhere; their variables are taken away, once is enough."""
    pid, count = environ.pop("LISTEN_PID", ""), environ.pop("LISTEN_FDS", "")
    environ.pop("LISTEN_FDNAMES", None)
    if pid != str(os.getpid()) or not count.isdigit():
        return []
    return [_adopt(FIRST_DESCRIPTOR + index) for index in range(int(count))]


def _adopt(descriptor: int) -> socket.socket:
    os.set_inheritable(descriptor, False)       # what `api_key_command` starts must not hold the port
    return socket.socket(fileno=descriptor)


def under_journal(environ: Mapping[str, str] = os.environ) -> bool:
    """stderr goes to the journal."""
    return bool(environ.get("JOURNAL_STREAM"))
