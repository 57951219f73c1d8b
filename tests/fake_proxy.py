"""An HTTP proxy that records: CONNECT leads to one port of this machine, whatever was asked for; the rest it answers."""
import contextlib
import select
import socket
import threading


class FakeProxy:
    """Listens as soon as it is made. `heads`: the requests that it saw, as text."""

    def __init__(self, port=None, refusal=b""):
        self.port_behind, self.refusal = port, refusal
        self.heads = []
        self._listener = socket.socket()
        self._listener.bind(("127.0.0.1", 0))
        self._listener.listen(16)
        self.port = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    @property
    def url(self):
        return "http://127.0.0.1:%d" % self.port

    def __enter__(self):
        return self

    def __exit__(self, *exc_info):
        try:
            self._listener.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        self._listener.close()

    def _accept(self):
        while True:
            try:
                sock, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(sock,), daemon=True).start()

    def _serve(self, sock):
        with sock, contextlib.suppress(OSError):
            while True:
                head = b""
                while b"\r\n\r\n" not in head:
                    data = sock.recv(65536)
                    if not data:
                        return
                    head += data
                self.heads.append(head.decode("latin-1"))
                if self.refusal:
                    sock.sendall(self.refusal)
                    return
                if head.startswith(b"CONNECT"):
                    self._tunnel(sock)
                    return
                sock.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}")

    def _tunnel(self, sock):
        with socket.create_connection(("127.0.0.1", self.port_behind)) as other:
            sock.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
            pair = [sock, other]
            while True:
                for ready in select.select(pair, [], [])[0]:
                    data = ready.recv(65536)
                    if not data:
                        return
                    pair[1 - pair.index(ready)].sendall(data)
