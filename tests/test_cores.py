"""The threads of a process share one core while several requests run, and only then: seen from outside, in /proc."""
import json
import os
import sys
import threading

import pytest
from processes import Proxy
from server_harness import until

from claude_proxy import cores
from fake_provider import FakeProvider

pytestmark = pytest.mark.skipif(not cores.CAN_MOVE or len(os.sched_getaffinity(0)) < 2, reason="needs Linux and two cores")


def places(pid):
    """The cores on which the threads may run: [those of the main thread, then of each other one, by age]"""
    found = []
    for thread in sorted(map(int, os.listdir("/proc/%d/task" % pid))):
        try:
            found.append(frozenset(os.sched_getaffinity(thread)))
        except ProcessLookupError:
            pass
    return found


def together(pid):
    """All on one core, but for the main thread and the keeper, which is looked for among the rest."""
    everywhere, others = places(pid)[0], places(pid)[1:]
    held = [place for place in others if place != everywhere]
    return len(everywhere) > 1 and len(held) == len(others) - 1 and len(set(held)) == 1 and len(held[0]) == 1


def apart(pid):
    return len(set(places(pid))) == 1


def keepers():
    return [thread for thread in threading.enumerate() if thread.name == "cores"]


@pytest.fixture
def proxy(tmp_path):
    with FakeProvider() as provider:
        telling = "import os; print('cores-%d' % len(os.sched_getaffinity(0)))"        # no key, but it is sent like one
        path = tmp_path / "config.json"
        path.write_text(json.dumps({"server": {"port": 0}, "default_provider": "fake", "providers": {
            "fake": {"base_url": provider.url, "api_key": "sk-fake-0123456789", "models": {"default": "text"}},
            "asking": {"base_url": provider.url, "models": {"default": "text"},
                       "api_key_command": '"%s" -c "%s"' % (sys.executable, telling)}}}))
        with Proxy("--config", path) as running:
            running.provider, running.pid = provider, running.process.pid
            yield running


def asked(proxy, count):
    """So many requests that wait for their provider -> (the event that lets it answer, their threads)"""
    event, before = threading.Event(), len(proxy.provider.requests)
    proxy.provider.scripts["text"] = {"before": [("wait", event)], "text": "done"}
    threads = [threading.Thread(target=proxy.message, daemon=True) for _ in range(count)]
    for thread in threads:
        thread.start()
    proxy.provider.wait_for(before + count)
    return event, threads


def answered(event, threads):
    """Let the provider answer them, and wait until it has."""
    event.set()
    for thread in threads:
        thread.join()


def test_several_requests_share_a_core_until_they_end(proxy):
    event, threads = asked(proxy, 3)
    until(lambda: together(proxy.pid))
    answered(event, threads)
    until(lambda: apart(proxy.pid))
    event, threads = asked(proxy, 2)                # and again
    until(lambda: together(proxy.pid))
    answered(event, threads)


def test_one_request_runs_where_the_kernel_likes(proxy):
    event, threads = asked(proxy, 1)
    assert apart(proxy.pid) and len(places(proxy.pid)[0]) > 1
    answered(event, threads)


def test_what_a_key_command_starts_runs_anywhere(proxy):
    event, threads = asked(proxy, 2)
    until(lambda: together(proxy.pid))
    answered(event, threads)
    assert proxy.message("/asking/v1/messages")[0] == 200
    key = proxy.provider.requests[-1].headers["authorization"]
    assert key == "Bearer cores-%d" % len(os.sched_getaffinity(0))


def test_where_it_is_forbidden_it_is_tried_once(monkeypatch):
    tried = []

    def forbidden(thread, places):
        tried.append(thread)
        raise PermissionError(1, "Operation not permitted")
    monkeypatch.setattr(os, "sched_setaffinity", forbidden)
    end = threading.Event()
    threading.Thread(target=end.wait, daemon=True).start()          # somebody to hold
    held = cores.Cores(lambda: 2)
    held.gather()
    until(lambda: tried)
    until(lambda: not keepers())
    held.gather()
    assert len(tried) == 1 and not keepers()
    end.set()


def test_where_there_is_one_core_it_is_tried_once(monkeypatch):
    asked = []
    monkeypatch.setattr(cores, "allowed", lambda: asked.append(1) or {0})
    held = cores.Cores(lambda: 2)
    held.gather()
    until(lambda: asked and not keepers())
    held.gather()
    assert len(asked) == 1 and not keepers()
