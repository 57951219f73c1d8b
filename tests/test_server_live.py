"""GET /api/events: the dashboard's numbers as they change."""
import dataclasses
import json
import threading

import pytest
from server_harness import KEY, Client, ask, post, provider, proxy, until

from claude_proxy.server import live

GET = b"GET %b HTTP/1.1\r\nHost: localhost\r\n%b\r\n"
WITH_KEY = b"X-Api-Key: %b\r\n" % KEY.encode()


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    monkeypatch.setattr(live, "INTERVAL_SECONDS", 0.02)
    monkeypatch.setattr(live, "LOOK_SECONDS", 0.01)


class Events:
    """A client that reads the stream, event by event."""

    def __init__(self, client, headers=b""):
        self.client = client
        client.send(GET % (b"/api/events", headers))
        self.head, _, self.buffer = client.read_until(b"\r\n\r\n").partition(b"\r\n\r\n")

    def read(self):
        """(the event's name, its object); ("", "") at the end of the body."""
        while b"\r\n" not in self.buffer:
            self.buffer += self.client.sock.recv(65536) or pytest.fail("the stream broke off")
        size, _, self.buffer = self.buffer.partition(b"\r\n")
        size = int(size, 16)
        while len(self.buffer) < size + 2:
            self.buffer += self.client.sock.recv(65536)
        data, self.buffer = self.buffer[:size], self.buffer[size + 2:]
        if not data or data == b":\n\n":
            return "", data.decode()
        lines = data.decode("utf-8").split("\n")
        assert lines[0][:7] == "event: " and lines[1][:6] == "data: " and lines[2:] == ["", ""], data[:100]
        return lines[0][7:], json.loads(lines[1][6:])

    def read_until(self, claim):
        """The first event whose object fits."""
        while True:
            name, status = self.read()
            if claim(status):
                return name, status


def ask_models(listener, number):
    reply, _ = ask(listener, GET % (b"/v1/models?limit=%d" % number, b""))
    assert reply.status in (200, 400)


def test_first_all_then_what_is_new():
    with proxy([provider("http://127.0.0.1:1/v1")]) as listener, Client(listener) as client:
        ask_models(listener, 1)
        ask_models(listener, 2)
        until(lambda: listener.app.metrics.ended == 2)
        events = Events(client)
        assert b"text/event-stream" in events.head and b"cache-control: no-store" in events.head
        name, first = events.read()
        assert (name, len(first["recent"]), first["sums"]["requests"]) == ("status", 2, 2)
        assert set(first) == set(listener.app.metrics.status(listener.app.config, listener.app.learned))
        ask_models(listener, 9999)
        name, change = events.read_until(lambda status: status["recent"])
        assert (name, [row["status"] for row in change["recent"]], change["sums"]["requests"]) == ("change", [400], 3)


def test_nothing_is_lost_between_two_events():
    with proxy([provider("http://127.0.0.1:1/v1")]) as listener, Client(listener) as client:
        ask_models(listener, 1)
        events = Events(client)
        seen = {row["request_id"] for row in events.read()[1]["recent"]}
        workers = [threading.Thread(target=ask_models, args=(listener, number)) for number in range(1, 21)]
        for worker in workers:
            worker.start()
        while len(seen) < 21:
            seen |= {row["request_id"] for row in events.read()[1]["recent"]}
        for worker in workers:
            worker.join()


def test_no_event_without_a_change(monkeypatch):
    """A silence is broken by a comment, not by an event."""
    monkeypatch.setattr(live, "QUIET_SECONDS", 0.05)
    with proxy([provider("http://127.0.0.1:1/v1")]) as listener, Client(listener) as client:
        events = Events(client)
        assert events.read()[0] == "status"
        assert [events.read(), events.read()] == [("", ":\n\n")] * 2
        assert listener.app.metrics.ended == 0


def test_it_needs_the_key_and_asking_without_one_is_no_request():
    with proxy([provider("http://127.0.0.1:1/v1")], keys=[KEY]) as listener, Client(listener) as client:
        assert ask(listener, GET % (b"/api/events", b""))[0].status == 401
        assert listener.app.metrics.recent() == []
        assert ask(listener, GET % (b"/api/events", b"X-Api-Key: wrong\r\n"))[0].status == 401
        until(lambda: [record.status for record in listener.app.metrics.recent()] == [401])
        name, status = Events(client, WITH_KEY).read()
        assert (name, KEY in json.dumps(status)) == ("status", False)


def test_a_client_that_leaves_is_seen():
    with proxy([provider("http://127.0.0.1:1/v1")]) as listener:
        before = threading.active_count()
        with Client(listener) as client:
            Events(client).read()
        until(lambda: threading.active_count() <= before)


@pytest.mark.parametrize("end", ("drain", "reload"))
def test_it_ends(end):
    """With the process, and with the configuration that it began under."""
    with proxy([provider("http://127.0.0.1:1/v1")], keys=[KEY]) as listener, Client(listener) as client:
        events = Events(client, WITH_KEY)
        assert events.read()[0] == "status"
        if end == "drain":
            assert listener.drain(5)
        else:
            config = listener.app.config
            listener.app.replace_config(dataclasses.replace(config, server=dataclasses.replace(config.server, client_keys=())))
        assert events.read() == ("", "")
        if end == "reload":
            client.send(post({}, headers={"x-api-key": KEY}))
            assert client.read_reply().status == 400
