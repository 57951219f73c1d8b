"""Listening sockets for an address, and the TLS context that goes with them."""
from __future__ import annotations

import errno
import os
import socket
import ssl
from typing import TYPE_CHECKING, Any, List, Tuple

if TYPE_CHECKING:
    from ..config import Server

BACKLOG = 512


def tls_context(server: Server) -> ssl.SSLContext:
    """A context with the configured certificate; OSError (ssl.SSLError) where that is no good."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    if hasattr(context, "minimum_version"):         # not with the OpenSSL of RHEL 7
        context.minimum_version = ssl.TLSVersion.TLSv1_2
    for path in filter(None, (server.tls_cert_file, server.tls_key_file)):
        open(path, "rb").close()                    # its error names the file, the next line's does not
    context.load_cert_chain(server.tls_cert_file or "", server.tls_key_file or None)
    context.set_alpn_protocols(["http/1.1"])
    return context


def bind(host: str, port: int) -> List[socket.socket]:
    """Listening sockets for all addresses of a name (localhost has two); OSError where none can be had."""
    sockets: List[socket.socket] = []
    mistake = None
    flags = socket.AI_PASSIVE if not host else 0
    name = host.encode("ascii") if host.isascii() else host      # for a text all of encodings.idna would be loaded
    places = set(socket.getaddrinfo(name or None, port, 0, socket.SOCK_STREAM, 0, flags))
    for family, kind, proto, _, address in sorted(places, key=lambda place: place[0] != socket.AF_INET):
        try:
            sockets.append(_listening(family, kind, proto, address, port or _port_of(sockets), len(places) == 1))
        except OSError as error:
            if error.errno not in (errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT):
                for sock in sockets:
                    sock.close()
                raise
            mistake = error                         # localhost is ::1 as well, but not every machine has that
    if not sockets:
        raise mistake or OSError("%s has no address" % host)
    return sockets


def _port_of(sockets: List[socket.socket]) -> int:
    """The port that the first address was given, for the others as well."""
    return sockets[0].getsockname()[1] if sockets else 0


def _listening(family: socket.AddressFamily, kind: socket.SocketKind, proto: int, address: Tuple[Any, ...], port: int,
               alone: bool) -> socket.socket:
    sock = socket.socket(family, kind, proto)
    try:
        # On Windows SO_REUSEADDR would let two servers share the port.
        reuse = "SO_EXCLUSIVEADDRUSE" if os.name == "nt" else "SO_REUSEADDR"
        sock.setsockopt(socket.SOL_SOCKET, getattr(socket, reuse), 1)
        if family == socket.AF_INET6:
            both = alone and address[0] == "::"     # IPv4 as well
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0 if both else 1)
        sock.bind((address[0], port) + address[2:])
        sock.listen(BACKLOG)
    except OSError:
        sock.close()
        raise
    return sock
