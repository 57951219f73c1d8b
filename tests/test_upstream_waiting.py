"""upstream/waiting.py: one wait for two sockets, and the beat that breaks a silence."""
import contextlib
import socket
import struct
import threading
import time

import pytest

from claude_proxy.upstream import waiting
from claude_proxy.upstream.faults import ClientLeft
from claude_proxy.upstream.waiting import LEFT, READY, SILENT, SelectPoller, Watch


@contextlib.contextmanager
def tcp_pair():
    """(client's end, server's end) of a connection on loopback."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(1)
        ours = socket.create_connection(listener.getsockname())
        theirs, _ = listener.accept()
    with ours, theirs:
        yield ours, theirs


@pytest.fixture(params=["poll", "poll without POLLRDHUP", "select"])
def make_watch(request, monkeypatch):
    """Watch, as it works on Linux, on macOS, and on Windows."""
    if request.param != "poll":
        monkeypatch.setattr(waiting, "HANG_UP", 0)
        monkeypatch.setattr(waiting, "GONE", 8 | 16 | 32)
    if request.param == "select":
        monkeypatch.setattr(waiting.select, "poll", SelectPoller)
    return Watch


def soon(watch, seconds=0.05):
    return watch.clock() + seconds


def test_ready_when_the_provider_speaks(make_watch):
    with tcp_pair() as (client, served), tcp_pair() as (provider, asked):
        watch = make_watch(served)
        provider.sendall(b"x")
        assert watch.wait(asked, soon(watch, 5)) == READY
        assert asked.recv(1) == b"x"
        assert watch.wait(asked, soon(watch)) == SILENT


@pytest.mark.parametrize("way", ["close", "reset", "half-close"])
def test_left_when_the_client_goes(make_watch, way):
    with tcp_pair() as (client, served), tcp_pair() as (provider, asked):
        watch = make_watch(served)
        assert watch.wait(asked, soon(watch, 0.01)) == SILENT
        if way == "reset":
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        if way == "half-close":
            client.shutdown(socket.SHUT_WR)
        else:
            client.close()
        began = time.monotonic()
        assert watch.wait(asked, soon(watch, 5)) == LEFT
        assert time.monotonic() - began < 0.1
        with pytest.raises(ClientLeft):
            watch.wait_for(asked, soon(watch, 5))


def test_leaving_counts_more_than_what_the_provider_says(make_watch):
    with tcp_pair() as (client, served), tcp_pair() as (provider, asked):
        provider.sendall(b"x")
        client.close()
        watch = make_watch(served)
        time.sleep(0.01)
        assert watch.wait(asked, soon(watch, 5)) == LEFT


def test_a_pipelined_request_is_no_leaving_and_does_not_spin(make_watch):
    with tcp_pair() as (client, served), tcp_pair() as (provider, asked):
        watch = make_watch(served)
        client.sendall(b"POST /v1/messages HTTP/1.1\r\n")
        time.sleep(0.01)
        before = time.process_time()
        assert watch.wait(asked, soon(watch, 0.2)) == SILENT
        assert time.process_time() - before < 0.05
        provider.sendall(b"x")
        assert watch.wait(asked, soon(watch, 5)) == READY
        assert served.recv(100) == b"POST /v1/messages HTTP/1.1\r\n"


def test_leaving_behind_a_pipelined_request_is_seen_where_a_hang_up_is_an_event():
    if not waiting.HANG_UP:
        pytest.skip("no POLLRDHUP on this system")
    with tcp_pair() as (client, served), tcp_pair() as (provider, asked):
        watch = Watch(served)
        client.sendall(b"POST /v1/messages HTTP/1.1\r\n")
        client.close()
        assert watch.wait(asked, soon(watch, 5)) == LEFT


def test_writing(make_watch):
    with tcp_pair() as (client, served), tcp_pair() as (provider, asked):
        watch = make_watch(served)
        asked.setblocking(False)
        assert watch.wait(asked, soon(watch, 5), writing=True) == READY
        with contextlib.suppress(BlockingIOError):
            while True:
                asked.send(b"x" * 65536)
        assert watch.wait(asked, soon(watch), writing=True) == SILENT
        client.close()
        assert watch.wait(asked, soon(watch, 5), writing=True) == LEFT


def test_beats_come_in_silence_and_only_then(make_watch):
    with tcp_pair() as (client, served), tcp_pair() as (provider, asked):
        watch, beats = make_watch(served), []

        def beat(now):
            beats.append(now)
            return now + 0.03
        watch.beat, watch.beat_at = beat, watch.clock() + 0.03
        assert watch.wait(asked, soon(watch, 0.1)) == SILENT
        assert 1 <= len(beats) <= 3                 # three, unless the machine is busy
        threading.Timer(0.05, client.close).start()
        assert watch.wait(None, soon(watch, 5)) == LEFT


def test_a_beat_that_cannot_be_written_is_a_leaving(make_watch):
    def beat(now):
        raise BrokenPipeError
    with tcp_pair() as (client, served):
        watch = make_watch(served)
        watch.beat, watch.beat_at = beat, watch.clock()
        assert watch.wait(None, soon(watch, 5)) == LEFT


def test_another_socket_and_back(make_watch):
    with tcp_pair() as (client, served), tcp_pair() as (one, first), tcp_pair() as (two, second):
        watch = make_watch(served)
        one.sendall(b"x")
        assert watch.wait(second, soon(watch, 0.01)) == SILENT
        assert watch.wait(first, soon(watch, 5)) == READY
        first.close()
        assert watch.wait(second, soon(watch, 0.01)) == SILENT
        watch.forget()
        with pytest.raises(ClientLeft):
            client.close()
            watch.sleep(5)


def test_without_a_client_it_only_waits(make_watch):
    with tcp_pair() as (provider, asked):
        watch = make_watch()
        assert watch.wait(asked, soon(watch, 0.01)) == SILENT
        provider.sendall(b"x")
        assert watch.wait(asked, soon(watch, 5)) == READY
