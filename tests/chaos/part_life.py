"""Start, end, reload, and a provider that is killed; each with real signals."""
import concurrent.futures
import json
import os
import select
import signal
import socket
import subprocess
import sys
import tempfile
import time

import client
import upstream
from world import QUICK, ROOT, Process, Proxy, Upstream

PATIENT = dict(QUICK, first_byte_seconds=60, idle_seconds=60)


def run(results, options):
    fake = Upstream()
    providers = {"chaos": dict(PATIENT, base_url=fake.url)}
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        checks = [pool.submit(one, results, fake, providers) for one in
                  (drain, drain_too_long, second_signal, reload, mistakes, taken_port, service, socket_activation)]
        checks.append(pool.submit(killed, results))
        for check in checks:
            check.result()
    start_time(results, providers)
    fake.kill()


def streams(proxy, model, count):
    """Exchanges that run in threads, all of them begun -> futures."""
    pool = concurrent.futures.ThreadPoolExecutor(count)
    nonces = [client.new_nonce() for _ in range(count)]
    return nonces, [pool.submit(client.ask, proxy.address, model, nonce) for nonce in nonces]


def is_refused(address):
    """Nobody listens there (any more)."""
    try:
        socket.create_connection(address, 1).close()
    except OSError:
        return True
    return False


def start_time(results, providers):
    """Seconds until it listens, without those in which others had the processor."""
    times = []
    for _ in range(3):
        began = time.monotonic()
        proxy = Proxy(providers)
        times.append(time.monotonic() - began - proxy.waited())
        out = client.ask(proxy.address, "chaos/good")
        proxy.kill()
    results.check("start: listens within a second", min(times) < 1, times)
    results.check("start: and answers", out.says == "ok", out.says)


def drain(results, fake, providers):
    """Nobody new is let in, who is in is served, who is idle is sent away, exit 0."""
    proxy = Proxy(providers)
    nonces, asked = streams(proxy, "chaos/slow@60", 5)
    idle = client.connect(proxy.address)
    for nonce in nonces:
        fake.seen("request", nonce)
    began = time.monotonic()
    proxy.process.send_signal(signal.SIGTERM)
    gone = select.select([idle], [], [], 2)[0] and not idle.recv(1)
    results.check("end: idle connections are dropped", gone and time.monotonic() - began < 2)
    results.check("end: new ones are refused", is_refused(proxy.address))
    outs = [one.result() for one in asked]
    results.check("end: streams end well", all(out.says == "ok" for out in outs), [out.says for out in outs])
    results.check("end: exit 0", proxy.process.wait(5) == 0, proxy.process.returncode)


def drain_too_long(results, fake, providers):
    """After drain_seconds an error, and the end."""
    proxy = Proxy(providers, {"drain_seconds": 1})
    nonces, asked = streams(proxy, "chaos/silence@text", 3)
    for nonce in nonces:
        fake.seen("request", nonce)
    time.sleep(0.2)
    began = time.monotonic()
    proxy.process.send_signal(signal.SIGTERM)
    code = proxy.process.wait(10)
    outs = [one.result() for one in asked]
    results.check("end: what outlasts the drain ends in an error", all(out.says == "error overloaded_error" and out.text for out in outs),
                  [out.says for out in outs])
    results.check("end: in time, with exit 0", code == 0 and 0.9 < time.monotonic() - began < 5, time.monotonic() - began)


def second_signal(results, fake, providers):
    """The second one ends at once."""
    for number in (signal.SIGTERM, signal.SIGINT):
        proxy = Proxy(providers)
        nonces, asked = streams(proxy, "chaos/silence@text", 1)
        fake.seen("request", nonces[0])
        proxy.process.send_signal(number)
        proxy.log_of("stopping")
        began = time.monotonic()
        proxy.process.send_signal(number)
        proxy.process.wait(10)
        results.check("signals: second %s" % number.name, time.monotonic() - began < 5, time.monotonic() - began)
        asked[0].result()
    proxy = Proxy(providers)
    proxy.process.send_signal(signal.SIGINT)
    results.check("signals: SIGINT ends cleanly", proxy.process.wait(5) in (0, 130)
                  and not any("Traceback" in line for line in proxy.lines), proxy.process.returncode)


def reload(results, fake, providers):
    """SIGHUP and a changed file; streams go on; a broken file changes nothing."""
    proxy = Proxy(providers)
    nonces, asked = streams(proxy, "chaos/slow@100", 3)
    for nonce in nonces:
        fake.seen("request", nonce)
    proxy.write({"renamed": dict(PATIENT, base_url=fake.url)})
    proxy.process.send_signal(signal.SIGHUP)
    results.check("reload: reloaded", proxy.log_of("configuration reloaded"))
    results.check("reload: the new one holds", client.ask(proxy.address, "renamed/good").says == "ok")
    outs = [one.result() for one in asked]
    results.check("reload: streams were not touched", all(out.says == "ok" for out in outs), [out.says for out in outs])
    with open(proxy.path, "w") as file:
        file.write('{"providers": {"renamed": {"base_url": 7}}')
    proxy.process.send_signal(signal.SIGHUP)
    line = proxy.log_of("not reloaded")
    results.check("reload: a broken file is told of", line, proxy.lines[-3:])
    results.check("reload: and changes nothing", client.ask(proxy.address, "renamed/good").says == "ok")
    seen = len(proxy.lines)
    proxy.write({"third": dict(PATIENT, base_url=fake.url)})
    end = time.monotonic() + 6
    while time.monotonic() < end and not any("configuration reloaded" in line for line in proxy.lines[seen:]):
        time.sleep(0.1)
    results.check("reload: a changed file is noticed", client.ask(proxy.address, "third/good").says == "ok")
    proxy.kill()


MISTAKES = {
    "no JSON": ('{"server": ', "line 1"),
    "wrong type": ('{"server": {"port": "eighty"}}', "server.port"),
    "unknown name": ('{"server": {"prot": 80}}', "server.prot"),
    "two at once": ('{"server": {"port": -1, "host": 7}}', "server.host"),
    "a key in it": ('{"providers": {"x": {"base_url": 7, "api_key": "sk-secret-0815-abcdef"}}}', "providers.x.base_url"),
}


def mistakes(results, fake, providers):
    """Exit 78, each mistake with its place, no traceback, no key."""
    with tempfile.TemporaryDirectory() as folder:
        for name, (text, words) in MISTAKES.items():
            path = os.path.join(folder, "config.json")
            with open(path, "w") as file:
                file.write(text)
            code, said = once(["--config", path])
            results.check("mistakes: " + name, code == 78 and words in said and "Traceback" not in said and "0815" not in said
                          and path in said, "%s %s" % (code, said))
        code, said = once(["--config", os.path.join(folder, "nowhere.json")])
        results.check("mistakes: a missing file", code == 78 and "nowhere.json" in said and "Traceback" not in said, said)


def once(arguments):
    """(exit code, stderr) of a start that fails."""
    done = subprocess.run([sys.executable, "-m", "claude_proxy", "serve"] + arguments, stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=20, cwd="/",
                          env=dict(os.environ, PYTHONPATH=str(ROOT)))
    return done.returncode, done.stderr.decode()


def taken_port(results, fake, providers):
    """A second one on the same port fails, and says why."""
    proxy = Proxy(providers)
    code, said = once(["--config", proxy.path, "--port", str(proxy.address[1])])
    results.check("a taken port", code == 69 and "taken" in said and "Traceback" not in said, "%s %s" % (code, said))
    proxy.process.send_signal(signal.SIGTERM)
    proxy.process.wait(5)
    again = Proxy(providers, {"port": proxy.address[1]})
    results.check("and free again at once", client.ask(again.address, "chaos/good").says == "ok")
    again.kill()


def service(results, fake, providers):
    """What a service manager is told, in its order."""
    with tempfile.TemporaryDirectory() as folder, socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        path = os.path.join(folder, "notify")
        manager.bind(path)
        manager.settimeout(5)
        before = ["env", "NOTIFY_SOCKET=" + path, "WATCHDOG_USEC=1000000"]
        proxy = Proxy(providers, prefix=before)
        said = [manager.recv(4096).decode()]
        results.check("service: READY after listening", said[0].startswith("READY=1") and not is_refused(proxy.address), said)
        times = []
        while len(times) < 3:
            if "WATCHDOG=1" in manager.recv(4096).decode():
                times.append(time.monotonic())
        results.check("service: WATCHDOG within its limit", max(b - a for a, b in zip(times, times[1:])) < 1, times)
        proxy.process.send_signal(signal.SIGHUP)
        said = without_watchdog(manager, 2)
        results.check("service: RELOADING, then READY", "RELOADING=1" in said[0] and "MONOTONIC_USEC=" in said[0]
                      and "READY=1" in said[1], said)
        proxy.process.send_signal(signal.SIGTERM)
        results.check("service: STOPPING", "STOPPING=1" in without_watchdog(manager, 1)[0])
        proxy.process.wait(5)


def without_watchdog(manager, count):
    said = []
    while len(said) < count:
        data = manager.recv(4096).decode()
        if "WATCHDOG" not in data:
            said.append(data)
    return said


ACTIVATE = """import os, sys
os.dup2(int(sys.argv[1]), 3)
os.set_inheritable(3, True)
os.environ.update(LISTEN_PID=str(os.getpid()), LISTEN_FDS="1")
os.execv(sys.executable, [sys.executable] + sys.argv[2:])
"""


def socket_activation(results, fake, providers):
    """An inherited socket is served, also what came before the start."""
    with socket.socket() as listener, tempfile.TemporaryDirectory() as folder:
        listener.bind(("127.0.0.1", 0))
        listener.listen(16)
        early = client.connect(listener.getsockname())
        early.sendall(b"GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n")
        path = os.path.join(folder, "config.json")
        with open(path, "w") as file:
            json.dump({"providers": {"chaos": dict(providers["chaos"], api_key="sk-chaos-0815")}}, file)
        proxy = Process([sys.executable, "-c", ACTIVATE, str(listener.fileno()), "-m", "claude_proxy", "serve", "--config", path],
                        "stderr", pass_fds=[listener.fileno()], cwd="/", env=dict(os.environ, PYTHONPATH=str(ROOT)))
        early.settimeout(20)
        results.check("activation: what came before the start", early.recv(65536).startswith(b"HTTP/1.1 200"))
        results.check("activation: and what comes after it", client.ask(listener.getsockname(), "chaos/good").says in ("ok", "400 invalid_request_error"))
        proxy.kill()


def killed(results):
    """Kill -9 of the provider: streams end in an error, their text kept; it comes back, and so do the answers."""
    fake = Upstream()
    proxy = Proxy({"chaos": dict(PATIENT, base_url=fake.url)})
    nonces, asked = streams(proxy, "chaos/silence@text", 10)
    _, before = streams(proxy, "chaos/silence@head", 3)
    for nonce in nonces:
        fake.seen("request", nonce)
    time.sleep(0.3)
    began = time.monotonic()
    fake.process.kill()
    outs = [one.result() for one in asked]
    results.check("killed: streams end in an error within 5 s", time.monotonic() - began < 5
                  and all(out.says == "error api_error" and upstream.says(nonce).startswith(out.text) and out.text
                          for nonce, out in zip(nonces, outs)), [out.says for out in outs])
    results.check("killed: before the first byte: a status", all(one.result().says == "502 api_error" for one in before))
    results.check("killed: while it is away", client.ask(proxy.address, "chaos/good").says == "502 api_error")
    back = Upstream(port=fake.port)
    out = client.ask(proxy.address, "chaos/good")
    results.check("killed: and when it is back", out.says == "ok", "%s %s" % (out.says, out.words))
    proxy.kill()
    back.kill()
