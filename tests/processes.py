"""Real processes of the program for tests: started on free ports, waited for by what they print, always ended."""
import _thread
import contextlib
import http.client
import io
import json
import logging
import os
import pathlib
import re
import signal
import subprocess
import sys
import threading

ROOT = pathlib.Path(__file__).resolve().parent.parent
SECONDS = 20


def environment(**more):
    """This process's environment without anything that configures the proxy or a client."""
    kept = {name: value for name, value in os.environ.items()
            if not name.endswith(("_API_KEY", "_TOKEN")) and not name.startswith(("ANTHROPIC", "CLAUDE", "LISTEN_", "SSL_CERT"))
            and name.lower() not in ("http_proxy", "https_proxy", "all_proxy", "no_proxy", "journal_stream")}
    kept.update({"PYTHONPATH": str(ROOT), "PYTHONIOENCODING": "utf-8", "HOME": str(ROOT / "build" / "no-home")}, **more)
    return kept


def inside(*arguments, **environ):
    """A command in this process, which costs no start -> (exit code, stdout, stderr). One that stays is interrupted."""
    from claude_proxy import cli
    before, stdout, stderr = dict(os.environ), io.StringIO(), io.StringIO()
    logger = logging.getLogger("claude_proxy")
    logged = logger.handlers[:], logger.level, logger.propagate
    handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    guard = threading.Timer(SECONDS, _thread.interrupt_main)
    guard.start()
    os.environ.clear()
    os.environ.update(environment(**environ))
    try:
        with contextlib.redirect_stdout(stdout), contextlib.redirect_stderr(stderr):
            code = cli.main(list(arguments))
    except SystemExit as ended:
        code = ended.code
    finally:
        guard.cancel()
        for number, handler in handlers.items():
            signal.signal(number, handler)
        os.environ.clear()
        os.environ.update(before)
        logger.handlers[:], logger.level, logger.propagate = logged
    return code, stdout.getvalue(), stderr.getvalue()


@contextlib.contextmanager
def served(path):
    """The configuration at `path`, answered on a free port by this process, for what need not be one of its own -> the URL."""
    from claude_proxy import config
    from claude_proxy.commands.serving import Serving
    with open(str(path), encoding="utf-8") as file:
        read = config.read(file.read(), {}, source=str(path), flags={"server.port": 0})
    with Serving(read) as proxy:
        yield proxy.url


class Proxy:
    """`claude-proxy serve ARGUMENTS`, from the line that says where it listens to its end."""

    def __init__(self, *arguments, command=None, environ=None, **popen):
        self.process = subprocess.Popen(
            (command or [sys.executable, "-m", "claude_proxy"]) + [str(argument) for argument in arguments],
            env=environment(**(environ or {})), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
            cwd="/", **popen)
        self.lines = []
        self._said = threading.Condition()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        self.url = re.search(r"https?://[^\s\"/]+", self.wait_for("listening on")).group()

    def _read(self):
        for line in self.process.stderr:
            with self._said:
                self.lines.append(line.decode("utf-8").rstrip("\n"))
                self._said.notify_all()
        with self._said:
            self._said.notify_all()

    def wait_for(self, words, since=0):
        """The first line with `words` in it (from line number `since` on), as soon as it is printed."""
        def found():
            return next((line for line in self.lines[since:] if words in line), None) or not self._reader.is_alive()
        with self._said:
            self._said.wait_for(found, SECONDS)
            line = next((line for line in self.lines[since:] if words in line), None)
        if line is None:
            self.end()
            raise AssertionError("%r was not said:\n%s" % (words, "\n".join(self.lines)))
        return line

    def request(self, method, path, body=None, headers=None):
        """One request on a connection of its own -> (status, headers, bytes)."""
        host, _, port = self.url.rpartition("//")[2].rpartition(":")
        connection = http.client.HTTPConnection(host, int(port), timeout=SECONDS)
        try:
            data = json.dumps(body).encode("utf-8") if body is not None else None
            connection.request(method, path, data, dict({"content-type": "application/json"}, **(headers or {})))
            answer = connection.getresponse()
            return answer.status, dict(answer.getheaders()), answer.read()
        finally:
            connection.close()

    def message(self, path="/v1/messages", headers=None, **more):
        """Ask for an answer -> (status, the object)."""
        body = dict({"model": "claude-sonnet-5", "max_tokens": 200, "messages": [{"role": "user", "content": "hi"}]}, **more)
        status, _, data = self.request("POST", path, body, headers)
        return status, json.loads(data.decode("utf-8"))

    def signal(self, number):
        """Send a signal."""
        self.process.send_signal(number)

    def wait(self):
        """The exit code, once it has ended by itself."""
        code = self.process.wait(SECONDS)
        self._reader.join(SECONDS)
        return code

    def end(self):
        """Make sure that it has ended."""
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait(SECONDS)
        self._reader.join(SECONDS)
        self.process.stderr.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.end()


def stop(proxy):
    """SIGTERM, and the exit code."""
    proxy.signal(signal.SIGTERM)
    return proxy.wait()
