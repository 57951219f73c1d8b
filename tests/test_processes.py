"""`serve --processes N`: one port, several whole processes, and the supervisor that minds them."""
import os
import re
import signal
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
    assert [answered(proxy) for _ in range(6)] == [10] * 6
    first = children(proxy)
    assert len(first) == 2
    time.sleep(1.2)                         # what a process has counted is kept from the last look at it, a second ago
    os.kill(first[0], signal.SIGKILL)
    proxy.wait_for("another one starts")
    until(lambda: len(children(proxy)) == 2 and set(children(proxy)) != set(first))
    for _ in range(4):
        assert proxy.message()[0] == 200
    assert answered(proxy) == 14
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
