"""A thousand paced streams at once; no error, little memory, and no word that waits."""
import re
import selectors
import statistics
import time

import client
from part_leaving import settle
from world import Proxy, Upstream

STREAMS = 1000
WORDS, GAP_MILLISECONDS = 6, 1000
STAMP = re.compile(rb"<(\d+)>")


def run(results, options):
    fake = Upstream()
    proxy = Proxy({"chaos": {"base_url": fake.url}})
    client.ask(proxy.address, "chaos/good")
    threads = proxy.threads()
    proxy.forget_peak()
    whole, delays = watch(proxy, "chaos/paced@%d@%d" % (WORDS, GAP_MILLISECONDS))
    peak = proxy.memory("VmHWM")
    results.check("%d streams" % STREAMS, whole == STREAMS and len(delays) == STREAMS * WORDS, "%d, %d words" % (whole, len(delays)))
    results.check("under 120 MiB", peak < 120, "%.0f MiB" % peak)
    results.check("a word waits less than 5 ms", statistics.median(delays) < 0.005, "%.2f ms" % (1000 * statistics.median(delays)))
    settle(proxy)
    results.check("afterwards: no thread is left of them", abs(proxy.threads() - threads) <= 4, proxy.threads())
    print("streams: peak %.0f MiB, median %.2f ms, 99 %% %.1f ms" % (
        peak, 1000 * statistics.median(delays), 1000 * sorted(delays)[int(0.99 * len(delays))]))
    proxy.kill()
    fake.kill()


def watch(proxy, model):
    """Begin all streams within a few seconds, read them -> (how many ended well, seconds from each word's sending)."""
    tails, delays, whole = {}, [], 0
    end, begin_next = time.monotonic() + 60, time.monotonic()
    left = STREAMS
    with selectors.DefaultSelector() as selector:
        while (left or tails) and time.monotonic() < end:
            if left and time.monotonic() >= begin_next:
                begin_next += 4.0 / STREAMS
                left -= 1
                sock = client.connect(proxy.address)
                sock.sendall(client.request(model, "%d" % left, True))
                tails[sock] = b""
                selector.register(sock, selectors.EVENT_READ)
            for key, _ in selector.select(0.002 if left else 1):
                sock, now = key.fileobj, time.monotonic_ns() if hasattr(time, "monotonic_ns") else int(time.monotonic() * 1e9)
                data = sock.recv(65536)
                delays += [(now - int(stamp)) / 1e9 for stamp in STAMP.findall(data)]
                tails[sock] = (tails[sock] + data)[-400:]
                if not data or tails[sock].endswith(b"0\r\n\r\n"):
                    whole += b"message_stop" in tails.pop(sock)
                    selector.unregister(sock)
                    sock.close()
    return whole, delays
