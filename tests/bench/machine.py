"""Processes for the benchmark, and what they cost: started, measured, always ended."""
import os
import pathlib
import shutil
import socket
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
NGINX = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin:/usr/local/sbin")
NGINX_CONFIG = """\
daemon off; master_process off; pid {folder}/nginx.pid; error_log {folder}/nginx.log;
events {{ worker_connections 8192; }}
http {{
  access_log off; client_max_body_size 0; client_body_buffer_size 4m; keepalive_requests 1000000;
  client_body_temp_path {folder}/b; proxy_temp_path {folder}/p; fastcgi_temp_path {folder}/f;
  uwsgi_temp_path {folder}/u; scgi_temp_path {folder}/s;
  upstream provider {{ server 127.0.0.1:{behind}; keepalive 64; keepalive_requests 1000000; }}
  server {{
    listen 127.0.0.1:{port} backlog=2048;
    location / {{ proxy_pass {scheme}://provider; proxy_http_version 1.1; proxy_set_header Connection ""; proxy_buffering off; }}
  }}
}}
"""


def free_port():
    """A port that nobody has at the moment."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return sock.getsockname()[1]


def environment():
    """This one, without what slows a start down: compiled modules are kept."""
    kept = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    return dict(kept, PYTHONPATH=str(ROOT), PYTHONPYCACHEPREFIX=str(ROOT / "build" / "pycache"))


def cpu_seconds(pids):
    """What processes have used, with their threads that have ended: the CPU clock of each (clock_getcpuclockid(3))."""
    return sum(time.clock_gettime((~pid << 3) | 2) for pid in pids)


def rss_kib(pid):
    """What a process holds in memory."""
    with open("/proc/%d/status" % pid) as file:
        return next(int(line.split()[1]) for line in file if line.startswith("VmRSS"))


def children(pid):
    """The processes that it has started."""
    with open("/proc/%d/task/%d/children" % (pid, pid)) as file:
        return [int(word) for word in file.read().split()]


class Processes:
    """What the benchmark has started."""

    def __init__(self):
        self._running = []

    def start(self, command, port, data=b""):
        """Start what listens on `port` -> (the process, seconds until it took a connection, or answered `data` with 200)."""
        began = time.monotonic()
        process = subprocess.Popen(command, env=environment(), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self._running.append(process)
        while True:
            try:
                with socket.create_connection(("127.0.0.1", port), 5) as sock:
                    if data:
                        sock.sendall(data)
                        assert sock.recv(12) == b"HTTP/1.1 200"
                return process, time.monotonic() - began
            except OSError:
                if process.poll() is not None or time.monotonic() - began > 20:
                    raise SystemExit("did not start: %s" % command)
                time.sleep(0.001)

    def python(self, arguments, *more):
        """start() with this interpreter."""
        return self.start([sys.executable] + [str(argument) for argument in arguments], *more)

    def nginx(self, folder, behind, tls):
        """nginx before the same provider, the floor of any proxy -> (its process, its port)."""
        port = free_port()
        (folder / "nginx.conf").write_text(NGINX_CONFIG.format(
            folder=folder, behind=behind, port=port, scheme="https" if tls else "http"))
        return self.start([NGINX, "-p", str(folder), "-c", str(folder / "nginx.conf")], port)[0], port

    def end(self, process):
        """End one."""
        self._running.remove(process)
        process.terminate()
        try:
            process.wait(5)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def end_all(self):
        """End what still runs."""
        for process in list(self._running):
            self.end(process)
