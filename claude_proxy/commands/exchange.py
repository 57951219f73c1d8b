"""Ask a provider as the proxy does, and keep what went out and what came: `check --live` judges it, `route` shows it.

The same steps as relay.py's, with the same remedies and tries, but no client waits, and nothing is thrown away.
"""
from __future__ import annotations

import dataclasses
import json
import time
from itertools import islice
from typing import TYPE_CHECKING, Any, Dict, Iterator, List, NamedTuple, Optional, Tuple

from .. import conversion, relay, routing
from ..config import Config, Provider
from ..conversion.clients import ANY_CLIENT
from ..observe import Record
from ..providers import refusals
from ..providers.learned import Learned
from ..upstream import Caller, Watch, bodies
from ..upstream.attempts import Attempts, Refused

if TYPE_CHECKING:
    from ..routing import Target
    from ..upstream.keys import Key

PATIENCE_SECONDS = 60           # for a short answer; a local model may have to be loaded first
MODEL = "claude-sonnet-5"       # what the asked provider makes of it is its main model


class Exchange(NamedTuple):
    """One question and its answer."""

    sent: Dict[str, Any]        # the Chat Completions body that was answered
    data: bytes                 # what came
    streamed: bool              # it is a stream of events
    message: Dict[str, Any]     # what a client would be given
    first_ms: int               # to the answer's first byte
    total_ms: int

    def chunks(self) -> Iterator[Dict[str, Any]]:
        """The objects of the stream."""
        for line in self.data.split(b"\n"):
            try:
                chunk = json.loads(line[5:].decode("utf-8")) if line.startswith(b"data:") else None
            except ValueError:
                continue
            if isinstance(chunk, dict):
                yield chunk

    def blocks(self, kind: str) -> List[Dict[str, Any]]:
        """The message's content blocks of a type."""
        return [block for block in self.message["content"] if block["type"] == kind]

    def text(self) -> str:
        """The message's text."""
        return "".join(block["text"] for block in self.blocks("text"))


class Questioner:
    """Asks one provider's model questions, one after the other, and remembers what heals them."""

    def __init__(self, config: Config, provider: Provider, model: str = MODEL) -> None:
        impatient = dataclasses.replace(provider, first_byte_seconds=min(PATIENCE_SECONDS, provider.first_byte_seconds),
                                        idle_seconds=min(PATIENCE_SECONDS, provider.idle_seconds))
        self.provider = impatient
        self.config = dataclasses.replace(config, providers=tuple(
            impatient if other is provider else other for other in config.providers))
        self.asked_model = model
        self.caller, self.learned = Caller(), Learned()
        self.refusals: List[str] = []           # what the provider said no to, in its words

    def target(self) -> routing.Target:
        """Who is asked, with what was learned so far; NotFound where no row says."""
        return routing.targets(self.config, self.asked_model, self.provider.name, self.learned)[0]

    def listed_models(self) -> Any:
        """GET /models -> (status, the ListedModels, the connection's TLS version or ""); Fault."""
        with self.caller.fetch(self.provider, self.target_dialect(), "/models") as answer:
            data = answer.read(relay.MAX_ANSWER_BYTES)
            version = getattr(answer.connection.sock, "version", lambda: "")()
            return answer.status, models_in(data), version or ""

    def target_dialect(self) -> Any:
        """The dialect, also where no row says which model."""
        row = self.provider.default_model
        return routing.targets(self.config, row.model if row else "any", self.provider.name, self.learned)[0].dialect

    def accepted(self, body: Dict[str, Any]) -> Dict[str, Any]:
        """The body that was sent for a request, as soon as its answer begins: the rest is not waited for, nor paid."""
        return self.ask(body, begin=True).sent

    def ask(self, body: Dict[str, Any], begin: bool = False) -> Exchange:
        """A Messages request without a model -> the Exchange; ProxyError where it ends in one."""
        body = dict(body, model=self.asked_model)
        attempts = Attempts(self.caller, self.learned, Watch(None), Record())
        return attempts.run([self.target()], lambda target, key: self._try(body, target, key, begin))

    def _try(self, body: Dict[str, Any], target: Target, key: Key, begin: bool) -> Exchange:
        chat = conversion.to_chat_request(body, target, ANY_CLIENT, "msg_check", self.config.server.max_tokens)
        data = relay.dumps(chat.body).encode("utf-8", "replace")
        began = time.monotonic()
        with self.caller.call(target, data, Watch(None), bool(body.get("stream")), key) as answer:
            if answer.status != 200:
                text = answer.read_some(relay.MAX_ERROR_BYTES).decode("utf-8", "replace")
                error = refusals.from_provider(answer.status, text, answer.headers, target, [key.value])
                self.refusals.append(error.message)
                raise Refused(error, answer.status, text, answer.headers, chat.body)
            first, data = timed(islice(answer.pieces(), 1 if begin else None), began)
            streamed = bodies.looks_like_events(data, answer.headers)
        if begin:
            return Exchange(chat.body, data, streamed, {"content": []}, first, milliseconds(began))
        message = (conversion.message_from_stream(data, chat.answer) if streamed
                   else conversion.to_message(bodies.completion_of(data, target), chat.answer))
        return Exchange(chat.body, data, streamed, message, first, milliseconds(began))


def timed(pieces: Iterator[bytes], began: float) -> Tuple[int, bytes]:
    """(milliseconds to the first piece, all of them)"""
    first, found = None, []
    for piece in pieces:
        first = milliseconds(began) if first is None else first
        found.append(piece)
    return first or milliseconds(began), b"".join(found)


def milliseconds(began: float) -> int:
    """Since a reading of the clock."""
    return int((time.monotonic() - began) * 1000)


class ListedModel(NamedTuple):
    """A model as its provider lists it; None where it says nothing."""

    name: str
    context_window: Optional[int] = None
    images: Optional[bool] = None


WINDOWS = ("max_model_len", "context_length", "context_window", "max_context_length")  # vLLM, OpenRouter, Groq, Mistral


def models_in(data: bytes) -> List[ListedModel]:
    """A list of models; [] where it is none."""
    try:
        rows = json.loads(data.decode("utf-8"))["data"]
        return [listed_model(row) for row in rows if isinstance(row["id"], str) and row["id"].isprintable()]
    except (ValueError, KeyError, TypeError):
        return []


def listed_model(row: Dict[str, Any]) -> ListedModel:
    """One of them. llama.cpp tells the window that it serves in `meta`, and what it takes as OpenRouter does."""
    meta, architecture = row.get("meta"), row.get("architecture")
    found = [row.get(name) for name in WINDOWS] + [meta.get("n_ctx") if isinstance(meta, dict) else None]
    window = next((number for number in found if type(number) is int and number > 0), None)
    takes = architecture.get("input_modalities") if isinstance(architecture, dict) else None
    return ListedModel(row["id"], window, "image" in takes if isinstance(takes, list) else None)
