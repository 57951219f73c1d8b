"""Readiness, watchdog and inherited sockets: sd_notify(3), sd_listen_fds(3)."""
import os
import socket
import subprocess
import sys

import pytest

from claude_proxy.commands import systemd

pytestmark = pytest.mark.skipif(not hasattr(socket, "AF_UNIX") or os.name == "nt", reason="POSIX")


@pytest.fixture
def manager(tmp_path):
    """A service manager's end: a datagram socket."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as channel:
        channel.bind(str(tmp_path / "notify"))
        channel.settimeout(5)
        yield channel


def test_notify(manager, tmp_path):
    assert systemd.notify("READY=1", "STATUS=Listening", environ={"NOTIFY_SOCKET": str(tmp_path / "notify")})
    assert manager.recv(4096) == b"READY=1\nSTATUS=Listening"


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="abstract names are Linux'")
def test_notify_an_abstract_name():
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as channel:
        channel.bind("\0claude-proxy-test-%d" % os.getpid())
        channel.settimeout(5)
        assert systemd.notify("WATCHDOG=1", environ={"NOTIFY_SOCKET": "@claude-proxy-test-%d" % os.getpid()})
        assert channel.recv(4096) == b"WATCHDOG=1"


def test_no_manager_is_no_error(tmp_path):
    assert not systemd.notify("READY=1", environ={})
    assert not systemd.notify("READY=1", environ={"NOTIFY_SOCKET": str(tmp_path / "gone")})


@pytest.mark.parametrize("environ, expected", [
    ({}, None),
    ({"WATCHDOG_USEC": "30000000"}, 15.0),
    ({"WATCHDOG_USEC": "30000000", "WATCHDOG_PID": str(os.getpid())}, 15.0),
    ({"WATCHDOG_USEC": "30000000", "WATCHDOG_PID": "1"}, None),
    ({"WATCHDOG_USEC": "soon"}, None),
])
def test_watchdog_seconds(environ, expected):
    assert systemd.watchdog_seconds(environ) == expected


def test_sockets_for_another_process_are_not_ours():
    environ = {"LISTEN_PID": "1", "LISTEN_FDS": "1", "LISTEN_FDNAMES": "x", "HOME": "/"}
    assert systemd.inherited_sockets(environ) == []
    assert environ == {"HOME": "/"}


INHERIT = r"""
import os, sys
from claude_proxy.commands import systemd
os.environ["LISTEN_PID"] = str(os.getpid())
sock = systemd.inherited_sockets()[0]
connection, _ = sock.accept()
connection.sendall(b"hello from %d" % sock.getsockname()[1])
assert not os.get_inheritable(sock.fileno()) and "LISTEN_FDS" not in os.environ
"""


def test_an_inherited_socket():
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen(1)
        port = listening.getsockname()[1]
        starter = ("import os, sys; os.dup2(%d, 3); os.set_inheritable(3, True); os.environ['LISTEN_FDS'] = '1'; "
                   "os.execv(sys.executable, [sys.executable, '-c', sys.argv[1]])" % listening.fileno())
        root = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
        child = subprocess.Popen([sys.executable, "-c", starter, INHERIT], pass_fds=(listening.fileno(),),
                                 env=dict(os.environ, PYTHONPATH=root))
        with socket.create_connection(("127.0.0.1", port), 10) as client:
            said = client.recv(100)
        assert (said, child.wait(10)) == (b"hello from %d" % port, 0)
