"""A Chat Completions server for the benchmark: ready-made answers, chosen by the model's name in the request.

    python provider.py PORT [CERT KEY]      json: 2 KB at once; stream: 500 chunks at once; paced: a chunk every 0.2 s
"""
import asyncio
import json
import ssl
import sys

CHUNKS = 500
PACED_CHUNKS, PACE_SECONDS = 10, 0.2


def chunk(delta, finish=None):
    """An event of a stream."""
    return b"data: " + json.dumps({"id": "c1", "object": "chat.completion.chunk", "created": 1, "model": "m", "choices": [
        {"index": 0, "delta": delta, "finish_reason": finish}]}, separators=(",", ":")).encode() + b"\n\n"


def framed(data):
    """A chunk of the transfer coding."""
    return b"%x\r\n%s\r\n" % (len(data), data)


TEXT = json.dumps({"id": "c1", "object": "chat.completion", "created": 1, "model": "m", "choices": [
    {"index": 0, "message": {"role": "assistant", "content": "word " * 400}, "finish_reason": "stop"}],
    "usage": {"prompt_tokens": 10, "completion_tokens": 400}}).encode()
PLAIN = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(TEXT) + TEXT
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
FIRST = framed(chunk({"role": "assistant", "content": ""}))
WORDS = [framed(chunk({"content": "word%d " % number})) for number in range(CHUNKS)]
LAST = framed(chunk({}, "stop") + b"data: [DONE]\n\n") + b"0\r\n\r\n"
STREAM = HEAD + FIRST + b"".join(WORDS) + LAST


async def answer(reader, writer):
    """Serve a connection until it ends."""
    try:
        while True:
            head = (await reader.readuntil(b"\r\n\r\n")).lower()
            body = await reader.readexactly(int(head.split(b"content-length:")[1].split(b"\r\n")[0]))
            if b'"paced"' in body:
                writer.write(HEAD + FIRST)
                for words in WORDS[:PACED_CHUNKS]:
                    writer.write(words)
                    await asyncio.sleep(PACE_SECONDS)
                writer.write(LAST)
            else:
                writer.write(STREAM if b'"stream"' in body and b'"model":"stream"' in body.replace(b" ", b"") else PLAIN)
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
