"""upstream/gates.py: max_concurrent with its queue, and the breaker."""
import socket
import threading
import time

import pytest

from claude_proxy.upstream import ClientLeft, Watch, gates
from claude_proxy.upstream.faults import NoRoom
from claude_proxy.upstream.gates import Breaker, Gate


def queued(gate, count):
    """Wait until `count` are in the gate's queue."""
    until = time.monotonic() + 5
    while len(gate._queue) < count and time.monotonic() < until:
        time.sleep(0.001)
    assert len(gate._queue) == count


def test_waiters_come_in_in_their_order():
    gate, order = Gate("local", 1), []
    gate.enter(Watch())

    def wait(number):
        gate.enter(Watch())
        order.append(number)
        gate.leave()
    threads = []
    for number in range(3):
        threads.append(threading.Thread(target=wait, args=(number,)))
        threads[-1].start()
        queued(gate, number + 1)
    gate.leave()
    for thread in threads:
        thread.join(5)
    assert order == [0, 1, 2]
    gate.enter(Watch())                             # the place is free again


def test_whoever_leaves_while_waiting_takes_no_place():
    gate = Gate("local", 1)
    gate.enter(Watch())
    client, served = socket.socketpair()
    threading.Timer(0.05, client.close).start()
    with pytest.raises(ClientLeft):
        gate.enter(Watch(served))
    served.close()
    gate.leave()
    gate.enter(Watch())


def test_the_wait_has_an_end(monkeypatch):
    monkeypatch.setattr(gates, "QUEUE_SECONDS", 0.02)
    gate = Gate("local", 2)
    gate.enter(Watch())
    gate.enter(Watch())
    began = time.monotonic()
    with pytest.raises(NoRoom) as caught:
        gate.enter(Watch())
    assert time.monotonic() - began < 2
    error = caught.value.told_of("local")
    assert (error.status, error.headers, error.message) == (
        529, {"Retry-After": "5"}, "local has all of its max_concurrent (2) requests under way; "
                                   "providers.local.max_concurrent raises it")


class Clock:
    now = 100.0

    def __call__(self):
        return self.now


def told(breaker):
    """"open" where it lets nobody through."""
    try:
        breaker.enter()
    except NoRoom:
        return "open"
    return "closed"


def test_five_failures_in_ten_seconds_open_it_and_one_probe_closes_it():
    clock = Clock()
    breaker = Breaker(clock)
    for _ in range(4):
        breaker.failed()
    assert told(breaker) == "closed"
    breaker.failed()
    assert told(breaker) == "open"
    clock.now += 5
    assert [told(breaker), told(breaker)] == ["closed", "open"]     # the probe, and those who wait for it
    breaker.failed()
    assert told(breaker) == "open"
    clock.now += 5
    assert told(breaker) == "closed"
    breaker.reached()
    assert [told(breaker), told(breaker)] == ["closed", "closed"]


def test_a_probe_that_nobody_waits_for_is_followed_by_another():
    clock = Clock()
    breaker = Breaker(clock)
    for _ in range(5):
        breaker.failed()
    clock.now += 5
    assert told(breaker) == "closed"                # its client leaves: neither reached nor failed
    clock.now += 5
    assert told(breaker) == "closed"


def test_failures_that_lie_apart_do_not_open_it():
    clock = Clock()
    breaker = Breaker(clock)
    for _ in range(9):
        breaker.failed()
        clock.now += 3
    assert told(breaker) == "closed"


def test_a_success_between_them_starts_anew():
    breaker = Breaker(Clock())
    for _ in range(4):
        breaker.failed()
    breaker.reached()
    breaker.failed()
    assert told(breaker) == "closed"
