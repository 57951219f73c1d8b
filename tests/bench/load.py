"""The benchmark's clients: asyncio, one thread, so that one process makes a thousand streams."""
import asyncio
import json
import re
import time

from provider import PACE_SECONDS

SENT_AT = re.compile(rb"word@(\d+)@")


def request(direct, model, size=0):
    """The bytes of a request, with so many bytes more in its message."""
    body = {"model": model, "max_tokens": 1000, "stream": model != "json",
            "messages": [{"role": "user", "content": "hello " * 20 + "x" * size}]}
    if model == "tools":
        schema = {"type": "object", "properties": {"text": {"type": "string"}}}
        body["tools"] = [{"type": "function", "function": {"name": "write", "parameters": schema}} if direct
                         else {"name": "write", "input_schema": schema}]
    data = json.dumps(body).encode()
    path = b"/v1/chat/completions" if direct else b"/v1/messages"
    return b"POST %s HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % (
        path, len(data)) + data


async def exchange(reader, writer, data, late=None):
    """One request and its answer -> seconds until the first text. Raises ValueError where it was no good answer.

    `late` takes, for each chunk of a paced stream, how old it was when it came.
    """
    began = time.monotonic()
    writer.write(data)
    head = (await reader.readuntil(b"\r\n\r\n")).lower()
    if not head.startswith(b"http/1.1 200"):
        raise ValueError(head[:60])
    if b"content-length:" in head:
        await reader.readexactly(int(head.split(b"content-length:")[1].split(b"\r\n")[0]))
        return time.monotonic() - began
    end, first = b"", 0.0
    while not end.endswith(b"0\r\n\r\n"):
        piece = await reader.read(1 << 18)
        if not piece or b"event: error" in piece:
            raise ValueError("cut")
        end = (end + piece)[-5:]
        if not first and b"word" in piece:
            first = time.monotonic() - began
        if late is not None:
            now = time.monotonic_ns()
            late.extend((now - int(sent)) / 1e6 for sent in SENT_AT.findall(piece))
    return first


async def clients(way, data, count, seconds=None, each=None):
    """So many clients, for so long or for so many requests each -> (times to the first text, errors, seconds)."""
    times, errors, began = [], [], time.monotonic()

    async def client():
        try:
            reader, writer = await asyncio.open_connection("127.0.0.1", way.port, limit=1 << 22, ssl=way.tls)
            done = 0
            while (time.monotonic() - began < seconds) if each is None else done < each:
                times.append(await exchange(reader, writer, data))
                done += 1
            writer.close()
        except (OSError, ValueError, asyncio.IncompleteReadError) as error:
            errors.append(error)
    await asyncio.gather(*(client() for _ in range(count)))
    return times, len(errors), time.monotonic() - began


async def slow_streams(port, data, count, look):
    """So many paced streams, begun evenly within five paces -> (milliseconds that each chunk took, errors).

    `look` is called a few times meanwhile.
    """
    late, failed = [], []

    async def client(number):
        await asyncio.sleep(number * 5 * PACE_SECONDS / count)
        try:
            reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=1 << 16)
            await exchange(reader, writer, data, late)
            writer.close()
        except (OSError, ValueError, asyncio.IncompleteReadError) as error:
            failed.append(error)
    work = asyncio.ensure_future(asyncio.gather(*(client(number) for number in range(count))))
    while not work.done():
        await asyncio.wait([work], timeout=PACE_SECONDS)
        look()
    return late, len(failed)
