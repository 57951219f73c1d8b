"""Thousands of random answers: the order of events, no lost character, the same message streamed and plain.

`make histories` for a long run; a failure names its seed
"""
import os

import pytest

from answers import accumulate, events_of, translate
from claude_proxy.conversion import message_from_stream
from claude_proxy.errors import ProxyError
from histories import History

HISTORIES = int(os.environ.get("HISTORIES", "400"))
BATCHES = 10


@pytest.mark.parametrize("batch", range(BATCHES))
def test_random_answers(batch):
    for seed in range(batch, HISTORIES, BATCHES):
        check(seed)


def check(seed):
    history = History(seed)
    data, answer = translate(history.body, history.context, history.sizes())
    assert translate(history.body, history.context, fast=False)[0] == data, seed
    events = events_of(data)
    if events[0]["type"] == "error":
        assert not history.ends_well, seed
        return
    message, error = accumulate(events)
    if history.ends_well:
        assert error is None, (seed, error)
        assert said(message) == truth(history, message), seed
        assert message["stop_reason"] == expected_stop(history), seed
        assert message["usage"]["input_tokens"] == (5 if history.style["usage"] == "never" else 10), seed
        assert plain(history) == (message["content"], message["usage"], message["stop_reason"]), seed
    else:
        assert error is not None and answer.error is not None, seed
        assert all(text.startswith(part) for text, part in zip(truth(history, message)[:2], said(message)[:2])), seed


def said(message):
    """(visible text, thinking, calls) of a message."""
    content = message["content"]
    return ("".join(block.get("text", "") for block in content),
            "".join(block.get("thinking", "") for block in content),
            [(block["name"], block["input"]) for block in content if block["type"] == "tool_use" and "input" in block])


def truth(history, message):
    """What the model said, as far as the client may see it."""
    context = history.context
    shown = context.show_thinking and not context.omit_thinking_text
    return history.text, history.thinking if shown else "", history.calls


def expected_stop(history):
    if history.word == "length":
        return "max_tokens"
    return "tool_use" if history.calls else "end_turn"


def plain(history):
    """The message of the same body for a plain request."""
    try:
        message = message_from_stream(history.body, history.context)
    except ProxyError as exc:
        return exc.message
    return message["content"], message["usage"], message["stop_reason"]
