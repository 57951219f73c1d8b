"""A minute of everything at once. Each client checks that what it gets is its own, whole, or a proper error."""
import collections
import random
import statistics
import threading
import time

import client
import part_leaving
import upstream
from table import CASES
from world import QUICK, Proxy, Upstream

ABORTED = 0.3
GOOD = 0.35                                     # of what is not aborted; the rest are faults of every kind
WARM_SECONDS = 10
NOT_HERE = ("drip", "silence")                  # they only wait; aborted ones are enough of that
ABORTS = [("flow", True), ("silence@text", True), ("silence@head", True), ("silence@head", False), ("slow", True), ("good", True)]


class Soak:
    """What the clients share."""

    def __init__(self, proxy, seconds):
        self.proxy, self.end = proxy, time.monotonic() + seconds
        self.counts = collections.Counter()
        self.wrong, self.slowest = [], 0.0
        self.rows = [(model, streamed, expected) for _, model, *both in CASES for streamed, expected in zip((True, False), both)
                     if expected and not model.startswith(NOT_HERE)]

    def client(self, number):
        """One client's life: on one connection as long as that is kept, or on one for each request."""
        chance, sock = random.Random(number), None
        while time.monotonic() < self.end:
            if chance.random() < ABORTED:
                self.abort(chance)
                continue
            if sock is None and number % 2:
                sock = client.connect(self.proxy.address)
            sock = self.exchange(chance, sock)
        if sock:
            sock.close()

    def abort(self, chance):
        model, streamed = chance.choice(ABORTS)
        self.counts["aborted"] += 1
        sock = client.connect(self.proxy.address)
        sock.sendall(client.request("chaos/" + model, client.new_nonce(), streamed))
        time.sleep(chance.random() * 0.05)
        part_leaving.go(sock, chance.choice(part_leaving.WAYS))

    def exchange(self, chance, sock):
        """Ask, and judge -> the connection, where it can be used again."""
        good = chance.random() < GOOD
        model, streamed, expected = ("good", chance.random() < 0.5, "ok") if good else chance.choice(self.rows)
        nonce = client.new_nonce()
        try:
            out = client.ask(self.proxy.address, "chaos/" + model, nonce, streamed, sock=sock, seconds=20)
        except OSError as exc:
            self.wrong.append("%s: %s" % (model, exc))
            return None
        self.counts["good" if good else "fault"] += 1
        self.slowest = max(self.slowest, out.seconds)
        whole = upstream.says(nonce)
        if out.says not in expected.split("|") or out.faults:
            self.wrong.append("%s %s: %s, not %s %s %s" % (model, streamed, out.says, expected, out.faults, out.words))
        elif "call" not in model and (not out.text.endswith(whole) if out.says == "ok" else not whole.startswith(out.text)):
            self.wrong.append("%s: a foreign text %r" % (model, out.text))
        elif any(nonce not in str(call) for call in out.calls) and model == "call":
            self.wrong.append("%s: a foreign call %r" % (model, out.calls))
        if sock is not None and (out.torn or out.headers.get("connection") == "close" or out.error and streamed):
            sock.close()
            return None
        return sock


def watch(proxy, clients):
    """The proxy's memory in MiB, twice a second for as long as a client lives."""
    memory = []
    while any(one.is_alive() for one in clients):
        time.sleep(0.5)
        memory.append(proxy.memory())
    for one in clients:
        one.join()
    return memory


def growth(memory, seconds):
    """How much the median of the last fifth is above that of the first, once it is warm -> (MiB, the five medians)."""
    warm = memory[int(len(memory) * min(WARM_SECONDS / seconds, 0.2)):]
    fifth = max(1, len(warm) // 5)
    levels = [statistics.median(warm[at:at + fifth]) for at in range(0, 5 * fifth, fifth)]
    return levels[-1] - levels[0], ["%.1f" % level for level in levels]


def run(results, options):
    fake = Upstream()
    proxy = Proxy({"chaos": dict(QUICK, base_url=fake.url, connect_seconds=10, first_byte_seconds=20, idle_seconds=20)},
                  {"open_seconds": 30})
    for streamed in (True, False):
        client.ask(proxy.address, "chaos/good", None, streamed)
    fds, threads = proxy.fds(), proxy.threads()
    soak = Soak(proxy, options.soak)
    clients = [threading.Thread(target=soak.client, args=(number,)) for number in range(options.clients)]
    for one in clients:
        one.start()
    memory = watch(proxy, clients)
    part_leaving.settle(proxy, 40)
    grown, levels = growth(memory, options.soak)
    said = dict(soak.counts, slowest="%.1f s" % soak.slowest, memory=levels)
    results.check("soak: no wrong and no mixed answer", not soak.wrong, "%d: %s" % (len(soak.wrong), soak.wrong[:5]))
    results.check("soak: enough of everything", min(soak.counts[kind] for kind in ("good", "fault", "aborted")) > 2 * options.clients, said)
    results.check("soak: no hang", soak.slowest < 15, said)
    results.check("afterwards: descriptors", abs(proxy.fds() - fds) <= 8, "%d, %d" % (fds, proxy.fds()))
    results.check("afterwards: threads", abs(proxy.threads() - threads) <= 4, "%d, %d" % (threads, proxy.threads()))
    results.check("soak: memory after the first %d s" % WARM_SECONDS, grown < 5, said)
    results.check("no traceback in the log", not any("Traceback" in line for line in proxy.lines))
    print("soak: %s" % said)
    proxy.kill()
    fake.kill()
