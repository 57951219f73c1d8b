"""Answers for tests: chunks as providers send them, Messages streams as one line, an accumulator as the SDKs have."""
import json
import os

from claude_proxy.conversion import AnswerContext, AnswerStream

CONTEXT = AnswerContext(message_id="msg_1", model="claude-sonnet-4-5", provider="acme", upstream_model="acme-1",
                        show_thinking=True, input_tokens=5)


def say(**delta):
    """A chunk with this delta."""
    return {"choices": [{"index": 0, "delta": delta, "finish_reason": None}]}


def end(reason, **choice):
    """A chunk with a finish_reason."""
    return {"choices": [dict({"index": 0, "delta": {}, "finish_reason": reason}, **choice)]}


def call(index, arguments, name=None, tool_id=None, **more):
    """A piece of a tool call; what is None is left out."""
    piece = dict({"index": index, "function": {"arguments": arguments}}, **more)
    if name is not None:
        piece["function"]["name"] = name
    if tool_id is not None:
        piece["id"] = tool_id
    return {key: value for key, value in piece.items() if value is not None}


def calls(*pieces):
    """A chunk with pieces of tool calls."""
    return say(tool_calls=list(pieces))


def sse(chunks, done=True):
    """Chunks (dicts; bytes are taken as they are) as a provider's body."""
    body = b"".join(chunk if isinstance(chunk, bytes) else b"data: %s\n\n" % compact(chunk) for chunk in chunks)
    return body + (b"data: [DONE]\n\n" if done else b"")


def compact(value):
    """JSON without spaces, in UTF-8; escaped only where there are halves of surrogate pairs."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    halves = any("\ud800" <= char <= "\udfff" for char in text)
    return (json.dumps(value, separators=(",", ":")) if halves else text).encode("utf-8")


def translate(body, context=CONTEXT, sizes=(), fast=True):
    """(all that the client gets for a body that comes in pieces of these sizes, then whole; the AnswerStream)"""
    answer = AnswerStream(context, fast=fast)
    out, at = [], 0
    for size in list(sizes) + [len(body) + 1]:
        if answer.done or answer.error:
            break
        out.append(answer.feed(body[at:at + size]))
        at += size
    out.append(answer.finish())
    if answer.error:
        out.append(answer.error_event(answer.error))
    return b"".join(out), answer


def cuts(body):
    """Where a body is cut in two: at line ends, escapes and within characters, and at every ninth byte, or 150 times in a
    long one; CUTS=all: everywhere."""
    step = 1 if os.environ.get("CUTS") == "all" else max(9, len(body) // 150)
    return [at for at in range(len(body)) if at % step == 0 or body[at] >= 0x80 or b"\n" in body[max(at - 1, 0):at + 1]
            or b"\\" in body[max(at - 1, 0):at + 1]]


def events_of(data):
    """The events of a Messages stream; each must have its own type as its name."""
    events = []
    for block in data.decode("utf-8").split("\n\n")[:-1]:
        name, payload = block.split("\n")
        event = json.loads(payload[len("data: "):])
        assert name == "event: " + event["type"]
        events.append(event)
    return events


def outline(data):
    """A Messages stream as one line.

    "0+text" a block opens (a call by its name), "0:Hel" a delta, "0~" a signature, "0-" it closes,
    "=end_turn" the stop reason, "(END)" the stop sequence, "." the message is complete, "error: ..." it is not.
    """
    return " ".join(outline_of(event) for event in events_of(data) if event["type"] != "message_start")


def outline_of(event):
    """One event's part of an outline."""
    kind, index = event["type"], event.get("index")
    if kind == "content_block_start":
        return "%d+%s" % (index, event["content_block"].get("name", event["content_block"]["type"]))
    if kind == "content_block_delta":
        delta = dict(event["delta"])
        text = [value for key, value in delta.items() if key not in ("type", "signature")]
        return "%d:%s" % (index, text[0]) if text else "%d~" % index
    if kind == "content_block_stop":
        return "%d-" % index
    if kind == "message_delta":
        sequence = event["delta"]["stop_sequence"]
        return "=" + event["delta"]["stop_reason"] + ("(%s)" % sequence if sequence is not None else "")
    return {"message_stop": ".", "ping": "ping"}.get(kind) or "error: " + event["error"]["message"]


DELTAS = {"text": ("text_delta",), "thinking": ("thinking_delta", "signature_delta"), "tool_use": ("input_json_delta",)}
FIELDS = {"text_delta": ("text", "text"), "thinking_delta": ("thinking", "thinking"),
          "signature_delta": ("signature", "signature"), "input_json_delta": ("json", "partial_json")}


def accumulate(events):
    """Events -> (message, error), by the rules of the SDKs; asserts the order that they rely on."""
    assert events[0]["type"] == "message_start"
    message, opened, error, ended = dict(events[0]["message"], content=[]), None, None, False
    for event in events[1:]:
        assert error is None and not ended, "events after the end"
        kind = event["type"]
        if kind == "content_block_start":
            assert opened is None and event["index"] == len(message["content"])
            opened = dict(event["content_block"], json="", signed=False)
            message["content"].append(opened)
        elif kind == "content_block_delta":
            add_delta(opened, event, len(message["content"]) - 1)
        elif kind == "content_block_stop":
            assert event["index"] == len(message["content"]) - 1
            close(opened)
            opened = None
        elif kind == "message_delta":
            assert opened is None and message["stop_reason"] is None
            message.update(event["delta"])
            message["usage"] = event["usage"]
        elif kind == "message_stop":
            assert message["stop_reason"] is not None
            ended = True
        elif kind == "error":
            error = event["error"]
        else:
            assert kind == "ping"
    assert ended or error
    return message, error


def add_delta(block, event, index):
    """Add a delta to the open block."""
    delta = event["delta"]
    assert block is not None and event["index"] == index and delta["type"] in DELTAS[block["type"]]
    assert not block["signed"], "a delta after the signature"
    block["signed"] = delta["type"] == "signature_delta"
    key, name = FIELDS[delta["type"]]
    block[key] += delta[name]


def close(block):
    """A block as the client keeps it: a call's input is parsed, or None where it is no JSON."""
    assert block is not None
    assert block["type"] != "thinking" or block["signed"]
    text = block.pop("json")
    del block["signed"]
    if block["type"] == "tool_use":
        block["input"] = parsed(text) if text else {}


def parsed(text):
    """The JSON value of a text, or None."""
    try:
        return json.loads(text)
    except ValueError:
        return None
