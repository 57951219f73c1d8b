"""Tool sessions of thirty turns through the whole proxy, against providers that refuse what is not exactly theirs.

Each provider has its thirty turns streamed, with the client's whole history; the other ways to be a client have twelve
(with HISTORIES: thirty as well, `make histories`), because each turn sends all before it again.
"""
import http.client
import json
import os

import pytest
import strict_providers
from answers import accumulate, events_of
from fake_provider import FakeProvider
from server_harness import provider, proxy

from claude_proxy.config import ModelRow

TURNS = 30
FEWER = TURNS if os.environ.get("HISTORIES") else 12
TOOLS = [{"name": "Read", "description": "Reads a file.", "input_schema": {
    "type": "object", "properties": {"path": {"type": "string"}}, "required": ["path"]}}]


class Session:
    """A client with its history: it sends back what it got, or all but the thinking."""

    def __init__(self, listener, keeps_thinking=True):
        self.connection = http.client.HTTPConnection(*listener.address, timeout=10)
        self.keeps_thinking = keeps_thinking
        self.history = [{"role": "user", "content": "Read everything."}]

    def turn(self, name, stream):
        """One request to the provider `name`: whether there is work left."""
        body = {"model": "claude-opus-5", "max_tokens": 8000, "stream": stream, "tools": TOOLS,
                "system": "You read files.", "thinking": {"type": "adaptive"}, "messages": self.history}
        self.connection.request("POST", "/%s/v1/messages" % name, json.dumps(body),
                                {"Content-Type": "application/json"})
        answer = self.connection.getresponse()
        data = answer.read()
        assert answer.status == 200, data
        message = accumulate(events_of(data))[0] if stream else json.loads(data.decode())
        return self._go_on(message)

    def _go_on(self, message):
        blocks = [block for block in message["content"] if self.keeps_thinking or block["type"] != "thinking"]
        self.history.append({"role": "assistant", "content": blocks})
        uses = [block for block in blocks if block["type"] == "tool_use"]
        assert bool(uses) == (message["stop_reason"] == "tool_use")
        self.history.append({"role": "user", "content": [
            {"type": "tool_result", "tool_use_id": use["id"], "content": "of " + use["input"]["path"]}
            for use in uses]})
        if len(self.history) % 5 == 0:              # Claude Code reminds in the midst of the work
            self.history.append({"role": "system", "content": "Mind the time."})
        return bool(uses)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.connection.close()


def row(strict, fake):
    return provider(fake.url, strict.row, dialect_name=strict.row, default_model=ModelRow(strict.model), heal=False)


def play(kinds, turns, turn_of, stream_of, keeps_thinking=True):
    """All turns -> the strict providers, that have refused nothing."""
    strict = [kind(turns) for kind in kinds]
    fakes = [FakeProvider() for _ in kinds]
    for one, fake in zip(strict, fakes):
        fake.script, one.dropped = one, not keeps_thinking
        fake.scripts[one.model] = one
    try:
        with proxy([row(one, fake) for one, fake in zip(strict, fakes)]) as listener:
            with Session(listener, keeps_thinking) as session:
                for turn in range(1, turns + 1):
                    assert session.turn(strict[turn_of(turn)].row, stream_of(turn)) == (turn < turns), turn
    finally:
        for fake in fakes:
            fake.close()
    assert [one.refusals for one in strict] == [[] for _ in strict]
    return strict


@pytest.mark.parametrize("stream", (True, False), ids=("streamed", "plain"))
@pytest.mark.parametrize("kind", strict_providers.ALL)
def test_thinking_comes_back_as_each_wants_it(kind, stream):
    turns = TURNS if stream else FEWER
    strict, = play([kind], turns, lambda turn: 0, lambda turn: stream)
    assert strict.asked == turns


@pytest.mark.parametrize("kind", strict_providers.ALL)
def test_a_client_that_keeps_no_thinking(kind):
    play([kind], FEWER, lambda turn: 0, lambda turn: turn % 3 > 0, keeps_thinking=False)


@pytest.mark.parametrize("kind", strict_providers.ALL)
def test_another_provider_in_between(kind):
    other = strict_providers.DeepSeek if kind is strict_providers.OpenAI else strict_providers.OpenAI
    third = FEWER // 3
    strict = play([kind, other], FEWER, lambda turn: third < turn <= 2 * third, lambda turn: turn % 3 > 0)
    assert [one.asked for one in strict] == [2 * third, third]


def test_every_provider_in_turn():
    kinds = strict_providers.ALL
    strict = play(kinds, TURNS, lambda turn: turn % len(kinds), lambda turn: turn % 2 > 0)
    assert sum(one.asked for one in strict) == TURNS
