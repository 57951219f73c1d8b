"""`serve --processes N`: one port, several whole processes, and the supervisor that minds them."""
import os
import re
import signal
import socket
import sys
import time

import pytest
from fake_provider import FakeProvider
from processes import SECONDS, Proxy, stop
from test_serve import POSIX, write_config

from claude_proxy.commands import processes, serving
from claude_proxy.observe.together import summed, without_gauges

ONE = """\
# HELP claude_proxy_build_info What is running.
# TYPE claude_proxy_build_info gauge
claude_proxy_build_info{version="1"} 1
# HELP a_total Things.
# TYPE a_total counter
a_total{model="x y"} 2
# HELP now_in_progress Things.
# TYPE now_in_progress gauge
now_in_progress 3
# HELP d Time.
# TYPE d histogram
d_bucket{le="0.1"} 1
d_bucket{le="+Inf"} 2
d_sum 0.5
d_count 2
"""
OTHER = ONE.replace('a_total{model="x y"} 2', 'a_total{model="x y"} 5\na_total{model="z"} 1').replace("d_sum 0.5", "d_sum 1.25")
BOTH = (ONE.replace('a_total{model="x y"} 2', 'a_total{model="x y"} 7\na_total{model="z"} 1').replace("progress 3", "progress 6")
        .replace('0.1"} 1', '0.1"} 2').replace('Inf"} 2', 'Inf"} 4').replace("0.5", "1.75").replace("count 2", "count 4"))


# connections of this process, of the other one -> after how many pauses the other takes one more, how many there are
LEFT_TO_OTHERS = {
    "no more than the other has": (3, 3, 0, 0),
    "more, and the other takes it": (1, 0, 1, 1),
    "more, and the other is busy for a moment": (1, 0, 5, 5),
    "more, and the other never comes": (1, 0, 99, processes.TURNS),
    "more, and there is no other": (9, processes.GONE, 0, 0),
}


@pytest.mark.parametrize("own, others, comes, pauses", LEFT_TO_OTHERS.values(), ids=LEFT_TO_OTHERS.keys())
def test_a_new_connection_is_left_to_who_has_fewer(monkeypatch, own, others, comes, pauses):
    turns, slept = processes.Turns(2), []
    turns.tell(own)
    turns.set(1, others)

    def sleep(seconds):
        slept.append(seconds)
        if len(slept) == comes:
            turns.set(1, others + 1)
    monkeypatch.setattr(processes.time, "sleep", sleep)
    turns.wait(own)
    assert slept == [processes.TURN_SECONDS] * pauses


def test_numbers_of_two_are_summed_and_what_runs_is_said_once():
    assert summed([ONE, OTHER]) == BOTH
    assert summed([ONE]) == summed([ONE, ""]) == ONE


def test_of_one_that_has_ended_its_counts_stay():
    assert summed([without_gauges(ONE), ONE]).replace("a_total{model=\"x y\"} 4", "") == summed([ONE, ONE]).replace(
        "in_progress 6", "in_progress 3").replace("a_total{model=\"x y\"} 4", "")


@pytest.fixture
def proxy(tmp_path):
    with FakeProvider() as provider:
        with Proxy("--processes", 2, "--config", write_config(tmp_path / "c.json", provider)) as running:
            running.config = tmp_path / "c.json"
            yield running


def children(proxy):
    """The ids of the processes that the supervisor has started."""
    with open("/proc/%d/task/%d/children" % (proxy.process.pid, proxy.process.pid)) as file:
        return [int(word) for word in file.read().split()]


def answered(proxy):
    """How many requests all have answered together."""
    text = proxy.request("GET", "/metrics")[2].decode("utf-8")
    return sum(int(count) for count in re.findall(r'requests_total\{provider="fake".*\} (\d+)', text))


def until(true):
    """Wait for what another process will do."""
    end = time.monotonic() + SECONDS
    while not true():
        assert time.monotonic() < end
        time.sleep(0.02)


LINUX = pytest.mark.skipif(not os.path.exists("/proc/self/task/%d/children" % os.getpid()), reason="who is whose child")


@POSIX
@LINUX
def test_each_shows_the_sum_and_the_dead_are_replaced_without_a_loss(proxy):
    for _ in range(10):
        assert proxy.message()[0] == 200
    until(lambda: answered(proxy) == 10)    # it is counted once the answer is out
    assert [answered(proxy) for _ in range(6)] == [10] * 6
    first = children(proxy)
    assert len(first) == 2
    os.kill(first[0], signal.SIGKILL)       # what it has counted was seen when the sum was made
    proxy.wait_for("another one starts")
    until(lambda: len(children(proxy)) == 2 and set(children(proxy)) != set(first))
    for _ in range(4):
        assert proxy.message()[0] == 200
    until(lambda: answered(proxy) == 14)
    assert stop(proxy) == 0


@POSIX
def test_the_supervisor_has_loaded_all_that_a_process_after_an_upgrade_may_need(monkeypatch):
    loads = []
    monkeypatch.setattr(serving, "load_the_rest", lambda: loads.append("") or len(loads) == 2)
    monkeypatch.setattr(processes, "LOOK_SECONDS", 0.0)
    supervisor = processes.Supervisor(2, lambda *_: 0)
    supervisor._look()
    assert not loads                                            # a start does not wait for it
    supervisor._all_ready()
    for _ in range(3):
        supervisor._look()
    assert len(loads) == 2                                      # until it could be done


@POSIX
@LINUX
def test_reload_reaches_all_and_a_stop_lets_streams_end(proxy):
    proxy.signal(signal.SIGHUP)
    until(lambda: sum("configuration reloaded" in line for line in proxy.lines) == 2)
    proxy.signal(signal.SIGINT)
    assert proxy.wait() == 130
    assert not [line for line in proxy.lines if "Traceback" in line]


@POSIX
@LINUX
def test_without_their_supervisor_they_end(proxy):
    alone = children(proxy)
    proxy.process.kill()
    proxy.process.wait(SECONDS)
    until(lambda: not any(os.path.exists("/proc/%d/fd/0" % one) for one in alone))


# -- the supervisor alone, its processes played by a few lines: `Supervisor(2, child)`

SUPERVISED = r"""
import os, signal, socket, sys
from claude_proxy import observe
from claude_proxy.commands import outcome, processes

observe.setup_logging("text", sys.stderr)
processes.FIRST_DELAY, processes.LAST_DELAY, processes.LOOK_SECONDS = 0.002, 0.008, 1000
play, manager = sys.argv[1], os.environ.get("NOTIFY_SOCKET")
gate, opened = os.pipe()
heard, waker = socket.socketpair()
waker.setblocking(False)

def say(words):
    os.write(2, words.encode() + b"\n")

def minded(*_):
    if play == "deaf":
        say("not yet")
    else:
        os._exit(0)

def child(link, turns, again):
    signal.signal(signal.SIGTERM, minded)
    signal.signal(signal.SIGHUP, lambda *_: None)
    signal.set_wakeup_fd(waker.fileno())
    processes.take_signals()
    link.serve(lambda: "", lambda: os._exit(1))
    if again:
        os._exit(3)
    if turns.index == 1:
        os.read(gate, 1)                    # the supervisor knows of the first that it is ready
        if play == "broken":
            raise outcome.Failure("no room", 7)
        if manager:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as channel:
                channel.sendto(("only one of two; %s" % os.environ.get("NOTIFY_SOCKET")).encode(), manager)
    link.ready()
    link.everybody()
    os.write(opened, b".")
    if turns.index == 1 and play == "deaf":
        os._exit(3)
    say("listening on http://nobody")
    while True:
        heard.recv(1)                       # not pause(): it sleeps through a signal that comes just before it

sys.exit(processes.Supervisor(2, child).run())
"""


def supervised(play, **environ):
    return Proxy(play, command=[sys.executable, "-c", SUPERVISED], environ=environ)


@POSIX
def test_the_service_manager_hears_of_all_as_of_one(tmp_path):
    heard, end = [], time.monotonic() + SECONDS

    def until_heard(beginning):
        while not heard or not heard[-1].startswith(beginning):
            assert time.monotonic() < end, heard
            said = manager.recv(4096).decode("utf-8")
            heard.extend([said] if said != "WATCHDOG=1" or beginning == said else [])
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(tmp_path / "notify"))
        manager.settimeout(SECONDS)
        with supervised("well", NOTIFY_SOCKET=str(tmp_path / "notify"), WATCHDOG_USEC="40000") as proxy:
            until_heard("READY=1")
            until_heard("WATCHDOG=1")
            proxy.signal(signal.SIGHUP)
            until_heard("RELOADING=1")
            until_heard("READY=1")
            proxy.signal(signal.SIGTERM)
            until_heard("STOPPING=1")
            assert proxy.wait() == 0
    heard[3] = re.sub(r"\d{4,}", "TIME", heard[3])
    assert heard == ["only one of two; None", "READY=1\nSTATUS=2 processes", "WATCHDOG=1",
                     "RELOADING=1\nMONOTONIC_USEC=TIME", "READY=1", "STOPPING=1\nSTATUS=Waiting for the answers under way"]


@POSIX
def test_one_that_dies_at_once_comes_later_and_later_and_a_second_signal_waits_for_nobody():
    with supervised("deaf") as proxy:
        for _ in range(5):
            proxy.wait_for("another one starts", since=len(proxy.lines))
        delays = re.findall(r"\(code 3\); another one starts in (\S+) s", "\n".join(proxy.lines))
        assert delays[:5] == ["0.002", "0.004", "0.008", "0.008", "0.008"]
        proxy.signal(signal.SIGTERM)
        proxy.wait_for("not yet")
        proxy.signal(signal.SIGTERM)
        assert proxy.wait() == 0


@POSIX
def test_where_one_cannot_begin_all_end_with_its_code():
    with supervised("broken") as proxy:
        assert proxy.wait() == 7
    assert "claude-proxy: no room" in "\n".join(proxy.lines) and "Traceback" not in "\n".join(proxy.lines)
