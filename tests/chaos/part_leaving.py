"""A client that leaves is gone at once, in every phase, and leaves nothing behind."""
import concurrent.futures
import contextlib
import socket
import statistics
import struct
import ssl
import time

import certificates
import client
from world import Proxy, Upstream

PATIENT = {"max_retries": 0, "first_byte_seconds": 60, "idle_seconds": 60}
PHASES = {                                  # model, streamed, bytes of the answer to wait for
    "tokens flow": ("flow", True, b"word "),
    "silent mid-stream": ("silence@text", True, b"text_delta"),
    "before the first byte": ("silence@head", True, b""),
    "after an early head": ("silence@head", True, b"ping"),
    "plain request": ("silence@head", False, b""),
    "plain, mid-body": ("silence@body", False, b""),
}
WAYS = ("close", "reset")
GOODBYE = "goodbye"                         # TLS alone: close_notify, and the connection stays
TIMES = 5
ABORTS = 2000


def run(results, options):
    made = certificates.make()
    plain, secure = Upstream(), Upstream(made) if made else None
    providers = {"plain": dict(PATIENT, base_url=plain.url)}
    if made:
        providers["secure"] = dict(PATIENT, base_url=secure.url, ca_file=made["ca"])
    server = {"open_seconds": 0.1, "ping_seconds": 0.1}
    proxy = Proxy(providers, server)
    in_tls = Proxy(providers, dict(server, tls={"cert_file": made["cert"], "key_file": made["key"]})) if made else None
    times = []
    for door, tls in ((proxy, None),) + (((in_tls, ssl.create_default_context(cafile=made["ca"])),) if made else ()):
        for name, fake in (("plain", plain), ("secure", secure)):
            if fake:
                times += leave(results, door, tls, name, fake)
    results.check("leaving: median of all", statistics.median(times) < 0.1, "%.1f ms" % (1000 * statistics.median(times)))
    if in_tls:
        in_tls.kill()
    many(results, proxy, plain, secure)
    for one in (proxy, plain, secure):
        if one:
            one.kill()


def leave(results, proxy, tls, name, fake):
    """Each phase, each way -> seconds from leaving to the upstream's noticing."""
    found = []
    for phase, (model, streamed, mark) in PHASES.items():
        for way in WAYS + ((GOODBYE,) if tls else ()):
            times = [once(proxy, tls, "%s/%s" % (name, model), fake, streamed, mark, way) for _ in range(TIMES)]
            worst = max(times)
            results.check("leaving: %s, %s, client %s, upstream %s" % (phase, way, "TLS" if tls else "plain", name),
                          worst < 1.0, "worst %.0f ms" % (1000 * worst))
            found += times
    return found


def once(proxy, tls, model, fake, streamed, mark, way):
    """Seconds until the upstream sees that the client has gone; infinity where it never does."""
    nonce = client.new_nonce()
    sock = client.connect(proxy.address, tls)
    sock.sendall(client.request(model, nonce, streamed))
    read_until(sock, mark)
    if not fake.seen("request", nonce):
        return float("inf")
    time.sleep(0.02)
    left_at = go(sock, way)
    seen = fake.seen("left", nonce, 3)
    sock.close()
    return seen["at"] - left_at if seen else float("inf")


def read_until(sock, mark):
    data = b""
    while mark not in data:
        piece = sock.recv(65536)
        assert piece, data
        data += piece


def go(sock, way):
    if way == "reset":
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    at = time.monotonic()
    if way == GOODBYE:
        sock.setblocking(False)
        with contextlib.suppress(ssl.SSLError):     # the goodbye is out before it fails
            sock.unwrap()
    else:
        sock.close()
    return at


def many(results, proxy, plain, secure):
    """2,000 clients leave, in every phase; then everything is as before."""
    phases = list(PHASES.values())

    def abort(number):
        model, streamed, mark = phases[number % len(phases)]
        name = "secure" if secure and number % 4 == 0 else "plain"
        sock = client.connect(proxy.address)
        sock.sendall(client.request("%s/%s" % (name, model), client.new_nonce(), streamed))
        if number % 3:
            read_until(sock, mark)
        time.sleep(0.001 * (number % 10))
        go(sock, WAYS[number // 2 % 2])

    with concurrent.futures.ThreadPoolExecutor(16) as pool:
        list(pool.map(abort, range(100)))
        settle(proxy)
        fds, threads, memory = proxy.fds(), proxy.threads(), proxy.memory()
        list(pool.map(abort, range(ABORTS)))
    settle(proxy)
    results.check("leaving: %d aborts leave no descriptor" % ABORTS, abs(proxy.fds() - fds) <= 8, "%d, %d" % (fds, proxy.fds()))
    results.check("leaving: and no thread", abs(proxy.threads() - threads) <= 4, "%d, %d" % (threads, proxy.threads()))
    results.check("leaving: and no memory", proxy.memory() - memory < 5, "%.1f, %.1f MiB" % (memory, proxy.memory()))
    results.check("leaving: one line each, no traceback", not any("Traceback" in line for line in proxy.lines))
    results.check("leaving: a good request afterwards", client.ask(proxy.address, "plain/good").says == "ok")
    open_at_upstream = sum(line.count('"saw": "request"') - line.count('"saw": "left"')
                           for fake in (plain, secure) if fake for line in list(fake.lines))
    results.check("leaving: the upstream saw each of them go", open_at_upstream <= 1, "%d still there" % open_at_upstream)


def settle(proxy, seconds=20):
    """Wait until the pool's idle connections have ended and the number of threads stands still."""
    end, last = time.monotonic() + seconds, None
    while time.monotonic() < end:
        now = (proxy.fds(), proxy.threads())
        if now == last:
            return
        last = now
        time.sleep(2)
