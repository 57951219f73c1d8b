"""Two instances behind nginx and HAProxy as the README has them: sessions stick, streams flow, a drain loses none.

    python checks.py            prints a line for each check: `pass` or `FAIL`
"""
import http.client
import json
import os
import pathlib
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[2]
sys.path[:0] = [str(ROOT / "tests"), str(ROOT / "tests" / "bench"), str(ROOT)]
import provider as scripted  # noqa: E402
from processes import Proxy  # noqa: E402

STREAMS = 12


def free_port():
    """A port that nobody has at the moment."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return sock.getsockname()[1]


def waited_for(port):
    """Until somebody listens."""
    end = time.monotonic() + 20
    while True:
        try:
            return socket.create_connection(("127.0.0.1", port), 1).close()
        except OSError:
            if time.monotonic() > end:
                raise
            time.sleep(0.05)


def ask(port, model, session, begun=None):
    """One request -> (status, bytes, when its pieces came, in seconds); `begun` is released when the first has come."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    body = {"model": model, "max_tokens": 100, "stream": model == "paced", "messages": [{"role": "user", "content": "hi"}]}
    began, data, times = time.monotonic(), b"", []
    try:
        connection.request("POST", "/v1/messages", json.dumps(body), {
            "content-type": "application/json", "x-claude-code-session-id": session})
        answer = connection.getresponse()
        while True:
            piece = answer.read1(65536)
            if not piece:
                return answer.status, data, times
            data += piece
            times.append(time.monotonic() - began)
            if begun and len(times) == 1:
                begun.release()
    finally:
        connection.close()


def answered(proxy):
    """How many Messages requests an instance has answered."""
    text = proxy.request("GET", "/metrics")[2].decode()
    return sum(int(count) for count in re.findall(r'requests_total\{provider="bench".*\} (\d+)', text))


def answered_since(before, instances, count):
    """How many requests each has answered since; waits until all `count` are told of, just after their last byte."""
    end = time.monotonic() + 10
    while True:
        grown = [answered(one) - was for one, was in zip(instances, before)]
        if sum(grown) >= count or time.monotonic() > end:
            return grown
        time.sleep(0.05)


def command(name, folder, port, instances):
    """How the balancer is started with the README's own file, its ports changed."""
    text = (HERE / ("nginx.conf" if name == "nginx" else "haproxy.cfg")).read_text()
    for written, real in zip((8000, 8001, 8002), (port,) + instances):
        text = text.replace("127.0.0.1:%d" % written, "127.0.0.1:%d" % real)
    path = folder / name
    if name == "haproxy":
        path.write_text(text)
        return ["haproxy", "-db", "-f", str(path)]
    temporary = "".join("%s_temp_path %s/t;" % (kind, folder) for kind in (
        "client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
    path.write_text("daemon off; pid %s/pid; error_log %s/log; events {} http { access_log off; %s\n%s}" % (
        folder, folder, temporary, text))
    return ["nginx", "-p", str(folder), "-c", str(path)]


def check(name, folder, instances):
    """The checks of one balancer: yields (what, whether it held)."""
    port = free_port()
    ports = tuple(int(one.url.rpartition(":")[2]) for one in instances)
    balancer = subprocess.Popen(command(name, folder, port, ports), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        waited_for(port)
        before = [answered(one) for one in instances]
        fine = all(ask(port, "json", "one-session")[0] == 200 for _ in range(8))
        yield "a session stays with its instance", fine and sorted(answered_since(before, instances, 8)) == [0, 8]
        before = [answered(one) for one in instances]
        for number in range(24):
            ask(port, "json", "session-%d" % number)
        yield "sessions are spread", min(answered_since(before, instances, 24)) > 2
        times = ask(port, "paced", "one-session")[2]
        yield "a stream comes as it is made", len(times) >= scripted.PACED_CHUNKS and times[0] < 0.5 * times[-1]
        yield "one instance drains without a lost stream", drained(port, instances[0])
        yield "requests go on with the other", all(ask(port, "json", "s%d" % number)[0] == 200 for number in range(12))
    finally:
        balancer.terminate()
        balancer.wait(20)


def drained(port, instance):
    """Streams through both instances, while one is told to end."""
    results, begun = [], threading.Semaphore(0)
    threads = [threading.Thread(target=lambda n=number: results.append(ask(port, "paced", "stream-%d" % n, begun)))
               for number in range(STREAMS)]
    for thread in threads:
        thread.start()
    for _ in threads:
        begun.acquire(timeout=10)                   # all have begun; each takes two seconds
    instance.signal(signal.SIGTERM)
    for thread in threads:
        thread.join(30)
    whole = [status == 200 and b"event: message_stop" in data for status, data, _ in results]
    return len(whole) == STREAMS and all(whole) and instance.wait() == 0


def main():
    """All that are installed -> exit code."""
    failed = False
    for name in ("nginx", "haproxy"):
        if not shutil.which(name, path=os.environ.get("PATH", "") + ":/usr/sbin"):
            print("skip balancers: no %s (Debian: %s)" % (name, name))
            continue
        behind = free_port()
        provider = subprocess.Popen([sys.executable, str(ROOT / "tests" / "bench" / "provider.py"), str(behind)])
        try:
            waited_for(behind)
            with tempfile.TemporaryDirectory() as folder:
                os.chmod(folder, 0o755)
                path = pathlib.Path(folder) / "config.json"
                path.write_text(json.dumps({"server": {"port": 0}, "default_provider": "bench", "providers": {"bench": {
                    "base_url": "http://127.0.0.1:%d/v1" % behind, "api_key": "sk-bench-0123456789",
                    "models": {"json": "json", "paced": "paced"}}}}))
                path.chmod(0o600)
                with Proxy("--config", path) as one, Proxy("--config", path) as two:
                    for what, held in check(name, pathlib.Path(folder), (one, two)):
                        print("%s %s: %s" % ("pass" if held else "FAIL", name, what), flush=True)
                        failed = failed or not held
        finally:
            provider.kill()
            provider.wait()
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
