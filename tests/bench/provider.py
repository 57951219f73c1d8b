"""A Chat Completions server for the benchmark: ready-made answers, chosen by the model's name in the request.

    python provider.py PORT [CERT KEY]

json: 2 KB at once; short: one chunk of text; text, tools: 500 chunks at once; paced: a chunk every 0.2 s, each with
the time at which it left. GET: how many connections there were, this one too.
"""
import asyncio
import itertools
import json
import re
import ssl
import sys
import time

CHUNKS = 500
PACED_CHUNKS, PACE_SECONDS = 10, 0.2


def chunk(delta, finish=None):
    """An event of a stream, as a chunk of the transfer coding."""
    data = b"data: " + json.dumps({"id": "c1", "object": "chat.completion.chunk", "created": 1, "model": "m", "choices": [
        {"index": 0, "delta": delta, "finish_reason": finish}]}, separators=(",", ":")).encode() + b"\n\n"
    return framed(data)


def framed(data):
    """A chunk of the transfer coding."""
    return b"%x\r\n%s\r\n" % (len(data), data)


def call(arguments):
    """A chunk of a tool call."""
    return chunk({"tool_calls": [{"index": 0, "function": {"arguments": arguments}}]})


def plain(data):
    """An answer in one piece."""
    return b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(data) + data


HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
FIRST = chunk({"role": "assistant", "content": ""})
WORDS = [chunk({"content": "word%d " % number}) for number in range(CHUNKS)]
NAMED = {"index": 0, "id": "call_1", "type": "function", "function": {"name": "write", "arguments": ""}}
CALL = [chunk({"tool_calls": [NAMED]}), call('{"text":"')] + [call("word%d " % number) for number in range(CHUNKS - 3)] + [call('"}')]
LAST, LAST_OF_CALL = (chunk({}, why) + framed(b"data: [DONE]\n\n") + b"0\r\n\r\n" for why in ("stop", "tool_calls"))
READY = {
    b"json": plain(json.dumps({"id": "c1", "object": "chat.completion", "created": 1, "model": "m", "choices": [
        {"index": 0, "message": {"role": "assistant", "content": "word " * 400}, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 10, "completion_tokens": 400}}).encode()),
    b"short": HEAD + FIRST + WORDS[0] + LAST,
    b"text": HEAD + FIRST + b"".join(WORDS) + LAST,
    b"tools": HEAD + FIRST + b"".join(CALL) + LAST_OF_CALL,
}
MODEL = re.compile(rb'"model": ?"(\w+)"')
connections = itertools.count(1)


async def paced(writer):
    """A slow stream."""
    writer.write(HEAD + FIRST)
    for _ in range(PACED_CHUNKS):
        await asyncio.sleep(PACE_SECONDS)
        writer.write(chunk({"content": "word@%d@ " % time.monotonic_ns()}))
    writer.write(LAST)


async def answer(reader, writer):
    """Serve a connection until it ends."""
    number = next(connections)
    try:
        while True:
            head = await reader.readuntil(b"\r\n\r\n")
            if head.startswith(b"GET"):
                writer.write(plain(b"%d" % number))
                continue
            body = await reader.readexactly(int(head.lower().split(b"content-length:")[1].split(b"\r\n")[0]))
            model = MODEL.search(body).group(1)
            if model == b"paced":
                await paced(writer)
            else:
                writer.write(READY[model])
            await writer.drain()
    except (OSError, asyncio.IncompleteReadError):
        pass
    finally:
        writer.close()


async def main(port, *files):
    """Serve until killed."""
    context = None
    if files:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*files)
    await asyncio.start_server(answer, "127.0.0.1", port, ssl=context, backlog=2048, limit=1 << 22)
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.get_event_loop_policy().new_event_loop().run_until_complete(main(int(sys.argv[1]), *sys.argv[2:]))
