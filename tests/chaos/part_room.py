"""What a client may take of time and room, and what the others notice of it."""
import concurrent.futures
import contextlib
import json
import re
import select
import socket
import time

import client
from world import QUICK, Proxy, Upstream

LIMITS = {"header_seconds": 1, "body_seconds": 1, "keep_alive_seconds": 1, "write_seconds": 1}
CAP = 20
SOFT_LIMIT = ["sh", "-c", 'ulimit -Sn 100; exec "$@"', "sh"]
HARD_LIMIT = ["sh", "-c", 'ulimit -n 40; exec "$@"', "sh"]


def run(results, options):
    fake = Upstream()
    providers = {"chaos": dict(QUICK, base_url=fake.url, first_byte_seconds=60, idle_seconds=60),
                 "two": dict(QUICK, base_url=fake.url, first_byte_seconds=60, max_concurrent=2)}
    proxy = Proxy(providers)
    hasty = Proxy(providers, LIMITS)
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        checks = [pool.submit(deadlines, results, hasty), pool.submit(slow_reader, results, hasty),
                  pool.submit(queue, results, proxy, fake), pool.submit(caps, results, providers)]
        for check in checks:
            check.result()
    many_streams(results, proxy)
    idle(results, proxy)
    endless(results, proxy)
    descriptors(results, providers)
    for one in (proxy, hasty, fake):
        one.kill()


# -- time

DRIPS = {
    "a head that drips": (b"POST /v1/messages HTTP/1.1\r\nHost: localhost\r\n", b"X-A: b\r\n"),
    "a body that drips": (b"POST /v1/messages HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
                              b"Content-Length: 9000\r\n\r\n", b"{"),
    "a chunked body that drips": (b"POST /v1/messages HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
                                      b"Transfer-Encoding: chunked\r\n\r\n", b"1\r\n \r\n"),
    "a silent connection": (b"", b""),
    "an idle one": (b"GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n", b""),
}


def deadlines(results, proxy):
    def one(name):
        first, drop = DRIPS[name]
        with client.connect(proxy.address) as sock:
            seconds, said = drip(sock, first, drop)
            fine = 0.8 < seconds < 5 and (not drop or b" 408 " in said.split(b"\r\n")[0] or not said)
            results.check(name, fine, "%.1f s, %r" % (seconds, said[:60]))

    with concurrent.futures.ThreadPoolExecutor(len(DRIPS)) as pool:
        list(pool.map(one, DRIPS))


def drip(sock, first, drop):
    """Send, then a bit now and then, until the other side closes -> (seconds, what it said)."""
    began, said = time.monotonic(), b""
    sock.sendall(first or b"")
    while time.monotonic() - began < 10:
        with contextlib.suppress(OSError):
            if drop:
                sock.sendall(drop)
        if select.select([sock], [], [], 0.1)[0]:
            try:
                data = sock.recv(65536)
            except OSError:
                break
            if not data:
                break
            said += data
    return time.monotonic() - began, said


def slow_reader(results, proxy):
    """Who does not read is let go, costs no memory, and no other client anything."""
    before = proxy.memory()
    with client.connect(proxy.address) as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        sock.sendall(client.request("chaos/huge@text", "slow", True))
        time.sleep(0.3)
        out = client.ask(proxy.address, "chaos/good")
        results.check("slow reader: another client is served meanwhile", out.says == "ok" and out.seconds < 1, "%.1f s" % out.seconds)
        line = proxy.log_of("chaos/huge@text", 20)
        results.check("slow reader: is let go", line and "client-left" in line, line)
    results.check("slow reader: nothing is queued for it", proxy.memory() - before < 20, "%.0f MiB" % (proxy.memory() - before))


# -- quantity

def queue(results, proxy, fake):
    """max_concurrent: never more under way, and the others wait (in their order: tests/test_upstream_gates.py)."""
    nonces = [client.new_nonce() for _ in range(6)]
    with concurrent.futures.ThreadPoolExecutor(6) as pool:
        waiting = []
        for nonce in nonces:
            waiting.append(pool.submit(client.ask, proxy.address, "two/slow@10", nonce))
            time.sleep(0.05)
        outs = [one.result() for one in waiting]
    results.check("max_concurrent: all are answered", [out.says for out in outs] == ["ok"] * 6, [out.says for out in outs])
    seen = [fake.seen("request", nonce)["at"] for nonce in nonces]
    ends = sorted(seen)
    results.check("max_concurrent: two at a time", ends[2] - ends[0] > 0.1 and ends[4] - ends[2] > 0.1, ends)


def caps(results, providers):
    """Above max_connections a 503 that says so; below it again, everything is as before."""
    proxy = Proxy(providers, {"max_connections": CAP})
    held = [client.connect(proxy.address) for _ in range(CAP)]
    time.sleep(0.3)
    outs = [client.ask(proxy.address, "chaos/good") for _ in range(3)]
    results.check("cap: refused above it", all(out.says == "503 overloaded_error" and out.headers.get("retry-after") for out in outs),
                  "%s %s" % ([out.says for out in outs], outs[0].headers))
    for sock in held:
        sock.close()
    time.sleep(0.3)
    results.check("cap: served below it again", client.ask(proxy.address, "chaos/good").says == "ok")
    proxy.kill()


def many_streams(results, proxy):
    """A hundred at once."""
    with concurrent.futures.ThreadPoolExecutor(100) as pool:
        outs = list(pool.map(lambda _: client.ask(proxy.address, "chaos/slow"), range(100)))
    results.check("100 streams", all(out.says == "ok" and not out.faults for out in outs), {out.says for out in outs})


def idle(results, proxy):
    """500 idle connections cost little and hinder nobody."""
    before = proxy.memory()
    held = [client.connect(proxy.address) for _ in range(500)]
    time.sleep(1)
    out = client.ask(proxy.address, "chaos/good")
    cost = (proxy.memory() - before) * 1024 / 500
    results.check("idle: a request beside 500 of them", out.says == "ok" and out.seconds < 3, "%s %.1f s" % (out.says, out.seconds))
    results.check("idle: under 20 KiB each", cost < 20, "%.1f KiB" % cost)
    for sock in held:
        sock.close()


def endless(results, proxy):
    """Bodies and heads without an end are refused, and nothing of them is kept."""
    heads = {
        "a chunked body": (b"POST /v1/messages HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
                           b"Transfer-Encoding: chunked\r\n\r\n", b"10000\r\n" + b" " * 65536 + b"\r\n", (413,)),
        "a header": (b"GET / HTTP/1.1\r\nHost: localhost\r\nX-A: ", b"a" * 65536, (431,)),
        "headers": (b"GET / HTTP/1.1\r\nHost: localhost\r\n", b"X-A: b\r\n" * 8192, (431,)),
        "a request line": (b"GET /", b"a" * 65536, (414,)),
        "an announced body": (b"POST /v1/messages HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
                              b"Content-Length: 999999999\r\n\r\n", b" " * 65536, (413,)),
    }
    for name, (head, more, statuses) in heads.items():
        before = proxy.memory()
        proxy.forget_peak()
        said, sent = flood(proxy, head, more)
        status = re.match(rb"HTTP/1.1 (\d+)", said)
        peak = proxy.memory("VmHWM") - before
        results.check("%s without an end" % name, status and int(status.group(1)) in statuses and peak < 80 and is_error(said),
                      "%r after %.1f MiB, %.0f MiB more" % (said[:40], sent / 1048576, peak))


def flood(proxy, head, more):
    """Send until it is refused -> (answer, bytes sent)."""
    said, sent, end = b"", len(head), time.monotonic() + 10
    with client.connect(proxy.address, None, 5) as sock:
        try:
            sock.sendall(head)
            while time.monotonic() < end and not select.select([sock], [], [], 0)[0]:
                sock.sendall(more)
                sent += len(more)
            while time.monotonic() < end:
                data = sock.recv(65536)
                if not data:
                    break
                said += data
        except OSError:
            pass
    return said, sent


def is_error(said):
    """Whether an answer is an error in Anthropic's form."""
    try:
        return json.loads(said.partition(b"\r\n\r\n")[2].decode())["type"] == "error"
    except (ValueError, KeyError):
        return False


def descriptors(results, providers):
    """A low limit is raised; where it cannot be, the proxy refuses, lives, and does not spin."""
    proxy = Proxy(providers, prefix=SOFT_LIMIT)
    held = [client.connect(proxy.address) for _ in range(300)]
    time.sleep(0.5)
    results.check("descriptors: the limit is raised", client.ask(proxy.address, "chaos/good").says == "ok")
    results.check("descriptors: and logged", proxy.log_of("open files"), proxy.lines)
    for sock in held:
        sock.close()
    proxy.kill()
    proxy = Proxy(providers, prefix=HARD_LIMIT)
    held = [client.connect(proxy.address) for _ in range(150)]
    time.sleep(0.5)
    before = cpu_of(proxy)
    outs = [client.ask(proxy.address, "chaos/good", seconds=3) for _ in range(2)]
    time.sleep(1)
    results.check("descriptors: without any, refused in form", all(out.says == "503 overloaded_error" for out in outs),
                  [out.says for out in outs])
    results.check("descriptors: without spinning", cpu_of(proxy) - before < 0.5, "%.1f s" % (cpu_of(proxy) - before))
    for sock in held:
        sock.close()
    time.sleep(0.5)
    results.check("descriptors: and afterwards all is well", client.ask(proxy.address, "chaos/good").says == "ok")
    results.check("descriptors: without a flood of log lines", len(proxy.lines) < 30, len(proxy.lines))
    held = [client.connect(proxy.address) for _ in range(18)]
    with concurrent.futures.ThreadPoolExecutor(len(held)) as pool:
        outs = list(pool.map(lambda sock: client.ask(proxy.address, "chaos/slow@50", sock=sock), held))
    says = {out.says for out in outs}                   # 503: not let in; 529: let in, and no socket left to ask with
    results.check("descriptors: none left to ask with", says <= {"ok", "503 overloaded_error", "529 overloaded_error"}
                  and len(says) > 1 and "ok" in says, says)
    for sock in held:
        sock.close()
    time.sleep(0.5)
    results.check("descriptors: and that is no fault of the provider", client.ask(proxy.address, "chaos/good").says == "ok")
    proxy.kill()


def cpu_of(proxy):
    """Seconds of processor time that it has had."""
    with open("/proc/%d/stat" % proxy.pid) as file:
        fields = file.read().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / 100.0


