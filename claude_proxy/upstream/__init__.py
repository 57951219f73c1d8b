"""The provider's side: pooled connections under urllib.request, one call, waiting on both sockets, keys, tries.

    faults.py       what can happen               waiting.py      both sockets in one poll
    connection.py   connect, TLS, send            framing.py      chunks, lengths, compression
    answer.py       head and pieces               pool.py         keep-alive, urllib's director
    call.py         Caller: one call              keys.py         which key
    gates.py        max_concurrent, breaker       attempts.py     which try comes next
    errands.py      what blocks, in a thread      stays.py        which fallback a session is on
"""
from .call import Caller
from .faults import ClientLeft, Fault
from .waiting import Watch

__all__ = ["Caller", "ClientLeft", "Fault", "Watch"]
