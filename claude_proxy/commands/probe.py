"""Ask a proxy's own routes, as a client would: what `check` and `init` know about whether it works.

    Asker       a client of one proxy
    Probe       one question and how it ended
    Probes      a proxy of this configuration in this process, on a port of its own, to ask the providers through
"""
import dataclasses
import http.client
import json
import logging
import ssl
import time
from typing import Any, Callable, Dict, Iterator, List, NamedTuple, Optional, Tuple
from urllib.parse import quote, urlsplit

from ..config import ClientKey, Config, Secret
from . import serving

SECONDS = 60            # for an answer; a local model may have to be loaded first
TOKENS = 64             # enough for a word, after a little thinking
MODEL = "claude-sonnet-5"
KEY_REFUSED = ("401", "402", "403")     # whatever else is asked with it, is refused as well


class Probe(NamedTuple):
    """What was asked, whether the answer was right (None: not asked), and what there is to say about it."""

    name: str
    passed: Optional[bool]
    detail: str
    milliseconds: int = 0


class Refused(Exception):
    """The proxy, or the provider behind it, gave an answer that is none; its words."""


class Asker:
    """A client of the proxy at `url`, with a client's key."""

    def __init__(self, url: str, key: str) -> None:
        self.url = url
        self._key = key

    def probe(self, name: str, question: Callable[[], str]) -> Probe:
        """Ask, and say how it went; question() -> detail, or Refused."""
        began = time.monotonic()
        try:
            detail, passed = question(), True
        except Refused as refusal:
            detail, passed = str(refusal), False
        except (OSError, http.client.HTTPException) as problem:
            detail, passed = "%s: %s" % (self.url, problem or type(problem).__name__), False
        return Probe(name, passed, detail, int((time.monotonic() - began) * 1000))

    def routes(self, provider: str) -> Iterator[Probe]:
        """Every route that a client needs: by the model's name alone, and under the provider's."""
        yield self.probe("health", self.health)
        yield self.probe("models", self.models)
        refused = False
        for path in ("", "/" + quote(provider, safe="")):
            for stream in (False, True):
                name = "%s/v1/messages%s" % (path, " (streamed)" if stream else "")
                if refused:
                    yield Probe(name, None, "not asked, since the key was refused")
                    continue
                found = self.probe(name, lambda path=path, stream=stream: self.message(path, stream))   # type: ignore
                refused = not found.passed and found.detail[:3] in KEY_REFUSED
                yield found

    def health(self) -> str:
        """GET /health"""
        body = self._json("GET", "/health")
        if body.get("status") != "ok":
            raise Refused("this is no claude-proxy, or it is not well: %s" % shortened(json.dumps(body)))
        return "ok"

    def status(self) -> Dict[str, Any]:
        """GET /api/status; Refused where it is not given."""
        return self._json("GET", "/api/status")

    def models(self) -> str:
        """GET /v1/models"""
        rows = self._json("GET", "/v1/models").get("data")
        if not rows:
            raise Refused("the list of models is empty")
        return "%d names" % len(rows)

    def message(self, prefix: str, stream: bool, model: str = MODEL, tokens: int = TOKENS) -> str:
        """POST {prefix}/v1/messages -> the provider and model that answered, and the answer's beginning."""
        request = {"model": model, "max_tokens": tokens, "stream": stream,
                   "messages": [{"role": "user", "content": "Say OK."}]}
        status, headers, data = self._ask("POST", prefix + "/v1/messages", request)
        if status != 200:
            raise Refused(error_text(status, data))
        text = streamed_text(data) if stream else plain_text(data)
        return "%s: %s" % (headers.get("x-claude-proxy-target", "?"), shortened(text) or "(no text)")

    def _json(self, method: str, path: str) -> Dict[str, Any]:
        status, _, data = self._ask(method, path)
        if status != 200:
            raise Refused(error_text(status, data))
        return parsed(data)

    def _ask(self, method: str, path: str, body: Optional[Dict[str, Any]] = None) -> Tuple[int, Dict[str, str], bytes]:
        parts = urlsplit(self.url)
        secure = parts.scheme == "https"
        # the certificate is the proxy's own and its name need not be this machine's: what is checked is our own file
        context = ssl._create_unverified_context() if secure else None      # noqa: SLF001
        connection = (http.client.HTTPSConnection(parts.hostname or "", parts.port, timeout=SECONDS, context=context)
                      if secure else http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=SECONDS))
        headers = {"x-api-key": self._key, "anthropic-version": "2023-06-01", "content-type": "application/json",
                   "user-agent": "claude-proxy-check"}
        try:
            connection.request(method, parts.path.rstrip("/") + path, json.dumps(body) if body else None, headers)
            answer = connection.getresponse()
            return answer.status, {name.lower(): value for name, value in answer.getheaders()}, answer.read()
        finally:
            connection.close()


class Probes:
    """While this is open: a proxy of `config` on a port of its own, and one-token questions to its providers."""

    def __init__(self, config: Config) -> None:
        logging.getLogger("claude_proxy").addHandler(logging.NullHandler())     # what went wrong is in the answers
        key = serving.fresh_key()
        server = dataclasses.replace(config.server, host="127.0.0.1", port=0, tls_cert_file=None, tls_key_file=None,
                                     client_keys=(ClientKey("check", Secret(key)),))
        self._proxy = serving.Serving(dataclasses.replace(config, server=server))
        self.asker = Asker(self._proxy.url, key)

    def one_token(self, provider: str) -> Probe:
        """Ask a provider's default model for one token."""
        prefix = "/" + quote(provider, safe="")
        return self.asker.probe(provider, lambda: self.asker.message(prefix, False, tokens=1))

    def __enter__(self) -> "Probes":
        self._proxy.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._proxy.stop(0)


# -- reading answers

def parsed(data: bytes) -> Dict[str, Any]:
    """An object of JSON; Refused for anything else."""
    try:
        body = json.loads(data.decode("utf-8"))
    except ValueError:
        body = None
    if not isinstance(body, dict):
        raise Refused("the answer is no JSON: %s" % shortened(data.decode("utf-8", "replace")))
    return body


def error_text(status: int, data: bytes) -> str:
    """"401 authentication_error: ..." of an error's body."""
    try:
        error = json.loads(data.decode("utf-8"))["error"]
        return "%d %s: %s" % (status, error["type"], error["message"])
    except (ValueError, KeyError, TypeError):
        return "%d: %s" % (status, shortened(data.decode("utf-8", "replace")))


def plain_text(data: bytes) -> str:
    """The text of a message."""
    body = parsed(data)
    if body.get("type") != "message":
        raise Refused("the answer is no message: %s" % shortened(json.dumps(body)))
    return "".join(block.get("text", "") for block in body.get("content", []))


def streamed_text(data: bytes) -> str:
    """The text of a stream of events, which must begin and end as one."""
    events = stream_events(data)
    kinds = [event.get("type") for event in events]
    failed = next((event["error"] for event in events if event.get("type") == "error"), None)
    if failed:
        raise Refused("the stream ended in an error: %s" % failed.get("message"))
    if kinds[:1] != ["message_start"] or kinds[-1:] != ["message_stop"]:
        raise Refused("the stream is not whole: %s" % ", ".join(str(kind) for kind in kinds[-3:]))
    return "".join(event["delta"].get("text", "") for event in events if event["type"] == "content_block_delta")


def stream_events(data: bytes) -> List[Dict[str, Any]]:
    """The events of a stream."""
    return [parsed(line[5:]) for line in data.split(b"\n") if line.startswith(b"data:")]


def shortened(text: str, limit: int = 60) -> str:
    """One line, at most so many characters."""
    line = " ".join(text.split())
    return line if len(line) <= limit else line[:limit - 3] + "..."
