"""The processes of a run: misbehaving upstreams, and the proxy between them and us."""
import atexit
import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import threading
import time

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[1]
QUICK = {"connect_seconds": 0.5, "first_byte_seconds": 1.5, "idle_seconds": 1.5, "max_retries": 0}


class Process:
    """A child of ours, ended with us, and the lines that it prints on one of its streams."""

    def __init__(self, command, stream, **popen):
        streams = dict({"stdin": subprocess.DEVNULL, "stdout": subprocess.DEVNULL, "stderr": None}, **{stream: subprocess.PIPE})
        self.process = subprocess.Popen(command, **dict(streams, **popen))
        self.pid = self.process.pid
        self.lines = []
        self._more = threading.Condition()
        self._reader = threading.Thread(target=self._read, args=(getattr(self.process, stream),), daemon=True)
        self._reader.start()
        atexit.register(self.kill)

    def _read(self, stream):
        for line in stream:
            with self._more:
                self.lines.append(line.decode("utf-8", "replace").rstrip("\n"))
                self._more.notify_all()
        with self._more:
            self._more.notify_all()

    def wait_for(self, found, seconds=10):
        """The first line for which found(line) holds; None where there is none in time."""
        end = time.monotonic() + seconds
        at = 0
        with self._more:
            while True:
                while at < len(self.lines):
                    if found(self.lines[at]):
                        return self.lines[at]
                    at += 1
                left = end - time.monotonic()
                if left <= 0:
                    return None
                self._more.wait(left)

    def kill(self):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait(10)


class Upstream(Process):
    """upstream.py as a process."""

    def __init__(self, certificates=None, port=0):
        command = [sys.executable, "-u", str(HERE / "upstream.py")]
        if certificates:
            command += ["--tls", certificates["cert"], certificates["key"]]
        super().__init__(command, "stdout", env=dict(os.environ, PORT=str(port)))
        self.port = int(self.wait_for(str.isdigit))
        self.url = "%s:%d/v1" % ("https://localhost" if certificates else "http://127.0.0.1", self.port)

    def seen(self, saw, nonce, seconds=5):
        """What it saw of a nonce, as an object; None where it saw nothing in time."""
        line = self.wait_for(lambda line: '"saw": "%s"' % saw in line and '"nonce": "%s"' % nonce in line, seconds)
        return json.loads(line) if line else None

    def asked(self, nonce, times=1):
        """How often it was asked for a nonce, once that was `times` (its word of it comes a moment later, or more)."""
        end = time.monotonic() + 5
        while len(self.all_seen("request", nonce)) < times and time.monotonic() < end:
            time.sleep(0.01)
        return len(self.all_seen("request", nonce))

    def all_seen(self, saw, nonce):
        """Everything that it saw of a nonce so far."""
        found = [json.loads(line) for line in list(self.lines) if '"nonce": "%s"' % nonce in line]
        return [one for one in found if one["saw"] == saw]


class Proxy(Process):
    """`python3 -m claude_proxy` with a configuration of ours."""

    def __init__(self, providers, server=None, arguments=(), prefix=(), **more):
        self.folder = tempfile.TemporaryDirectory(prefix="chaos-")
        self.path = os.path.join(self.folder.name, "config.json")
        self.write(providers, server, **more)
        environ = {name: value for name, value in os.environ.items() if not name.endswith("_API_KEY")}
        environ.update(PYTHONPATH=str(ROOT), PYTHONUNBUFFERED="1")
        environ.pop("NOTIFY_SOCKET", None)
        command = list(prefix) + [sys.executable, "-m", "claude_proxy", "serve", "--config", self.path] + list(arguments)
        super().__init__(command, "stderr", env=environ, cwd="/")
        line = self.wait_for(lambda line: "listening on" in line, 20)
        if line is None:
            raise SystemExit("the proxy does not listen:\n%s" % "\n".join(self.lines))
        host, port = re.search(r"https?://([^:\s]+):(\d+)", line).groups()
        self.address = (host, int(port))

    def write(self, providers, server=None, **more):
        """The configuration file; each provider answers every name with the model that follows its own."""
        rows = {name: dict({"api_key": "sk-chaos-0815", "models": {"default": "good"}}, **row)
                for name, row in providers.items()}
        config = dict({"server": dict({"port": 0}, **(server or {})), "providers": rows,
                       "default_provider": next(iter(rows))}, **more)
        with open(self.path + ".new", "w", encoding="utf-8") as file:
            json.dump(config, file)
        os.chmod(self.path + ".new", 0o600)
        os.replace(self.path + ".new", self.path)

    # -- what it holds, as Linux tells

    def fds(self):
        return len(os.listdir("/proc/%d/fd" % self.pid))

    def threads(self):
        return len(os.listdir("/proc/%d/task" % self.pid))

    def memory(self, which="VmRSS"):
        """In MiB; "VmHWM" is the highest that it ever was."""
        with open("/proc/%d/status" % self.pid) as file:
            return int(re.search(r"%s:\s+(\d+)" % which, file.read()).group(1)) / 1024.0

    def waited(self):
        """Seconds that its main thread was ready to run while others had the processor."""
        with open("/proc/%d/schedstat" % self.pid) as file:
            return int(file.read().split()[1]) / 1e9

    def forget_peak(self):
        """Begin to measure VmHWM anew."""
        with open("/proc/%d/clear_refs" % self.pid, "w") as file:
            file.write("5")

    def log_of(self, words, seconds=5):
        """The log line with these words."""
        return self.wait_for(lambda line: words in line, seconds)
