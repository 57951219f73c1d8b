"""What a provider can do, asked of itself: a dozen short questions, each judged, each with what mends it.

    ok        as it should be
    off       not asked, because the configuration says that the provider cannot do it
    mended    refused, asked otherwise, and then as it should be; the line makes that permanent
    warning   works, but something is missing
    failed    does not work
"""
import json
import os
import socket
import time
from typing import Any, Callable, Dict, List, NamedTuple, Optional, Tuple
from urllib.parse import urlsplit

from ..config import Config, Provider, nearest, secrets_of
from ..conversion.usage import counts_anything, reported
from ..errors import BillingProblem, Forbidden, NotAuthenticated, NotFound, ProxyError
from ..providers.records import replace
from ..providers.redaction import redacted
from ..upstream.faults import Fault
from ..upstream.keys import Key
from ..upstream.network import NotTrusted, proxy_for, ways_to_trust
from .exchange import Exchange, Questioner, milliseconds
from .probe import shortened

OK, OFF, MENDED, WARNING, FAILED = "ok", "off", "mended", "warning", "failed"
USUAL_OUTPUT = 32000            # the max_tokens of Claude Code
TOOL = {"name": "get_weather", "description": "The weather in a city.", "input_schema": {
    "type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}}
RED_SQUARE = (                  # 32 x 32 pixels
    "iVBORw0KGgoAAAANSUhEUgAAACAAAAAgCAIAAAD8GO2jAAAAKklEQVR42mN4oKBAU8QwasGoBaMWjFowasGoBaMWjFowasGoBaMWDBULAKWU"
    "gD269a5MAAAAAElFTkSuQmCC")
WEATHER = "What is the weather in Paris? Use the tool."


class Finding(NamedTuple):
    """One question, how it ended, and what there is to say about it."""

    name: str
    state: str
    detail: str
    milliseconds: int = 0


class Judged(Exception):
    """A question that ended otherwise than ok; `quirks` mend it, `last`: the others need not be asked."""

    def __init__(self, state: str, detail: str, quirks: Any = None, last: bool = False) -> None:
        super().__init__(detail)
        self.state, self.detail, self.quirks, self.last = state, detail, quirks, last


class Examiner:
    """One provider's examination: `findings` grow while run() asks; `suggestions`: (member of its row, value)."""

    def __init__(self, config: Config, provider: Provider) -> None:
        self.provider = provider
        self.secrets = secrets_of(config)
        self._config = config
        self.asker = Questioner(config, provider)
        self.findings: List[Finding] = []
        self.quirks: Dict[str, Any] = {}
        self.suggestions: List[Tuple[str, Any]] = []
        self.unreachable = False
        self._listed: List[str] = []
        self._streamed: Any = None
        self._takes_tools = False
        self._answered: Any = None

    def run(self, progress: Callable[[str, int], None]) -> "Examiner":
        """Ask everything that still makes sense; progress(provider, questions asked)."""
        for number, (name, question) in enumerate(QUESTIONS):
            progress(self.provider.name, number)
            if not self._ask(name, question):
                break
        progress(self.provider.name, len(QUESTIONS))
        self._conclude()
        return self

    def _ask(self, name: str, question: Callable[..., Any]) -> bool:
        """Whether the next question makes sense."""
        began, known = time.monotonic(), len(self.asker.learned.listing())
        state, last = OK, False
        try:
            detail = question(self)
        except Judged as judged:
            state, detail, last = judged.state, judged.detail, judged.last
            self.quirks.update(judged.quirks or {})
        except (ProxyError, Fault) as problem:
            state, detail = FAILED, told(problem, self.provider.name)
        healed = self.asker.learned.listing()[known:]
        if healed and state == OK:
            state, detail = MENDED, "mended by %s, after: %s" % (
                ", ".join(entry["remedy"] for entry in healed), shortened(self.asker.refusals[-1], 200))
        self.findings.append(Finding(name, state, redacted(detail, self.secrets), milliseconds(began)))
        return not last

    def _conclude(self) -> None:
        """What was learned on the way, as members of the provider's row."""
        for entry in self.asker.learned.listing():
            self.quirks.update(self.asker.learned.quirks_for(entry["provider"], entry["model"]))
        if self.quirks:
            self.suggestions.append(("quirks", dict(self.provider.quirks, **self.quirks)))
        self.asker.caller.close()

    def suggest_model(self) -> None:
        """The nearest of the models that the provider lists, as its default."""
        row = self.provider.default_model
        near = nearest(row.model, self._listed) if row else None
        if near or self._listed:
            self.suggestions.append(("models", {"default": near or self._listed[0]}))

    # -- the way there

    def resolve(self) -> str:
        """DNS: the host has an address; behind a proxy that is the proxy's affair."""
        host = urlsplit(self.provider.base_url).hostname or ""
        if self.proxy_url():
            return "%s is looked up by the proxy" % host
        try:
            found = {str(entry[4][0]) for entry in socket.getaddrinfo(host, None, 0, socket.SOCK_STREAM)}
        except (OSError, UnicodeError) as problem:
            self.unreachable = True
            raise Judged(FAILED, "%s has no address (%s): check providers.%s.base_url, or the DNS of this machine" % (
                host, problem, self.provider.name), last=True) from None
        return ", ".join(sorted(found)[:3])

    def proxy(self) -> str:
        """The HTTP proxy that requests go through."""
        url = self.proxy_url()
        where = "providers.%s.proxy" % self.provider.name if self.provider.proxy else "the environment"
        return "%s (%s)" % (urlsplit(url).netloc.rpartition("@")[2] or url, where) if url else "none"

    def proxy_url(self) -> str:
        """Its address, or ""."""
        parts = urlsplit(self.provider.base_url)
        return proxy_for(self.provider, parts.scheme, parts.netloc)

    def connect(self) -> str:
        """A connection, with TLS where the address says so; and the list of models, where there is one."""
        try:
            status, listed, version = self.asker.listed_models()
            self._listed = [model.name for model in listed]
        except Fault as fault:
            self.unreachable = True
            if isinstance(fault, NotTrusted):
                self._suggest_trust()
            raise Judged(FAILED, told(fault, self.provider.name), last=True) from None
        return "GET /models: %d%s%s" % (status, ", %d models" % len(self._listed) if self._listed else "",
                                        ", " + version if version else "")

    def _suggest_trust(self) -> None:
        """The first settings with which its certificate verifies, out of what this machine's programs trust.

        Nobody has chosen them yet, so neither a key nor the configured headers go out.
        """
        for changes in ways_to_trust(self.provider, os.environ):
            provider = replace(self.provider, headers={}, **changes)
            asker = Questioner(self._config, provider)
            try:
                asker.caller.fetch(provider, asker.target_dialect(), "/models", key=Key()).close()
            except NotTrusted:
                continue
            except Fault as fault:
                if "ca_file" in fault.text:         # it is no file of certificates
                    continue
            finally:
                asker.caller.close()
            self.suggestions.extend(changes.items())
            return

    # -- whether it answers at all

    def key(self) -> str:
        """The first question; what is wrong with it besides the key is told by the two questions after this."""
        try:
            self._answered = self.asker.ask(saying("Say OK.", 64))
        except (NotAuthenticated, Forbidden, BillingProblem) as problem:
            raise Judged(FAILED, told(problem, self.provider.name), last=True) from None
        except (ProxyError, Fault) as problem:
            self._answered = problem
        return ", ".join(key.origin for key in self.provider.keys) or "none needed"

    def model(self) -> str:
        """The provider knows the model."""
        if isinstance(self._answered, NotFound):
            self.suggest_model()
            raise Judged(FAILED, told(self._answered, self.provider.name), last=True)
        return self.asker.target().model

    def answer(self) -> str:
        """A plain answer."""
        if not isinstance(self._answered, Exchange):
            self.unreachable = getattr(self._answered, "status", 0) >= 500
            raise Judged(FAILED, told(self._answered, self.provider.name), last=True)
        return "%s (%d ms)" % (shortened(self._answered.text(), 40) or "no text", self._answered.total_ms)

    # -- streams

    def stream(self) -> str:
        """A streamed answer comes as a stream."""
        self._streamed = found = self.asker.ask(saying("Count from one to ten, in words.", 256, stream=True))
        if not found.streamed:
            raise Judged(WARNING, "answers at once, not as a stream: nothing can be read before the end")
        return "first byte after %d ms, %d chunks" % (found.first_ms, sum(1 for _ in found.chunks()))

    def usage(self) -> str:
        """A stream says how many tokens it took."""
        if not self.asker.target().dialect.stream_options:
            raise Judged(OFF, "quirks: stream_options is false; where no counts come, estimates stand in")
        found = [reported(chunk) for chunk in self._streamed.chunks()] if self._streamed else []
        counts = [usage for usage in found if usage and counts_anything(usage)]
        if not self._streamed or not self._streamed.streamed:
            raise Judged(OFF, "not asked, because it does not stream")
        if not counts:
            raise Judged(WARNING, "no token counts in a stream: estimates stand in for them", {"stream_options": False})
        return "in %s, out %s" % (counts[-1].get("prompt_tokens"), counts[-1].get("completion_tokens"))

    # -- tools

    def tools(self) -> str:
        """It calls a tool that it is given."""
        found = self.asker.ask(saying(WEATHER, 1024, stream=True, tools=[TOOL]))
        self._takes_tools = True
        return self._calls(found, WARNING)

    def _needs_tools(self) -> None:
        if not self._takes_tools:
            raise Judged(OFF, "not asked, because it takes no tools")

    def parallel(self) -> str:
        """Several calls in one answer, and the switch against that."""
        self._needs_tools()
        both = saying("What is the weather in Paris, and in Rome? Call the tool for both at once.", 1024, stream=True,
                      tools=[TOOL])
        calls = self.asker.ask(both).blocks("tool_use")
        if not self.asker.target().dialect.parallel_tool_calls:
            raise Judged(OFF, "quirks: parallel_tool_calls is false; %d calls at once" % len(calls))
        self.asker.ask(dict(both, tool_choice={"type": "auto", "disable_parallel_tool_use": True}))
        return "%d calls at once" % len(calls) if len(calls) > 1 else "one call at a time"

    def choice(self) -> str:
        """A tool can be forced."""
        self._needs_tools()
        dialect = self.asker.target().dialect
        if not (dialect.tool_choice and dialect.forces_tools and dialect.names_tool):
            raise Judged(OFF, "quirks: not every tool_choice is taken; what is not is replaced by a softer one")
        forced = {"type": "tool", "name": TOOL["name"]}
        found = self.asker.ask(saying("Hello.", 1024, stream=True, tools=[TOOL], tool_choice=forced))
        if self.asker.target().dialect != dialect:
            return ""                           # it was refused, and mended
        return self._calls(found, WARNING, {"names_tool": False, "forces_tools": False})

    def _calls(self, found: Exchange, state: str, quirks: Optional[Dict[str, bool]] = None) -> str:
        calls = found.blocks("tool_use")
        if not calls:
            said = shortened(found.text(), 40) or "nothing"
            raise Judged(state, "did not call the tool; it said: %s" % said, quirks)
        if not isinstance(calls[0]["input"], dict) or "city" not in calls[0]["input"] and not quirks:
            raise Judged(state, "called the tool without its arguments: %s" % shortened(json.dumps(calls[0]["input"])))
        return "%s %s" % (calls[0]["name"], shortened(json.dumps(calls[0]["input"], ensure_ascii=False), 40))

    # -- thinking

    def reasoning(self) -> str:
        """It thinks where it is asked to."""
        found = self.asker.ask(saying("What is 17 times 23?", 2048, stream=True, thinking=THINKING))
        thought = "".join(block.get("thinking", "") for block in found.blocks("thinking"))
        return "%d characters" % len(thought) if thought else "none"

    def reasoning_back(self) -> str:
        """A turn after a tool's result, with the reasoning that led to the call."""
        self._needs_tools()
        first = saying(WEATHER, 2048, stream=True, tools=[TOOL], thinking=THINKING)
        found = self.asker.ask(first)
        call = {"type": "tool_use", "id": "toolu_check", "name": TOOL["name"], "input": {"city": "Paris"}}
        content = found.message["content"] if found.blocks("tool_use") else found.blocks("thinking") + [call]
        results = [{"type": "tool_result", "tool_use_id": block["id"], "content": "Sunny, 21 degrees."}
                   for block in content if block["type"] == "tool_use"]
        messages = first["messages"] + [{"role": "assistant", "content": content}, {"role": "user", "content": results}]
        answer = self.asker.ask(dict(first, messages=messages))
        return "sent back" if found.blocks("thinking") and self.asker.target().dialect.echo_reasoning else shortened(
            answer.text(), 40)

    # -- limits

    def image(self) -> str:
        """It takes an image."""
        target = self.asker.target()
        if target.row.images is False or not target.dialect.images:
            raise Judged(OFF, "the configuration says that it takes none")
        picture = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": RED_SQUARE}}
        found = self.asker.ask(saying([picture, {"type": "text", "text": "Which colour is this? One word."}], 256,
                                      stream=True))
        return shortened(found.text(), 40)

    def max_tokens(self) -> str:
        """It takes the max_tokens that clients send."""
        asked = self.asker.target().row.max_output_tokens or USUAL_OUTPUT
        sent = self.asker.accepted(saying("Say OK.", asked, stream=True))
        return str(sent.get("max_tokens") or sent.get("max_completion_tokens") or "not sent")


THINKING = {"type": "enabled", "budget_tokens": 1024}
QUESTIONS: Tuple[Tuple[str, Callable[[Examiner], str]], ...] = (
    ("DNS", Examiner.resolve),
    ("HTTP proxy", Examiner.proxy),
    ("connection", Examiner.connect),
    ("key", Examiner.key),
    ("model", Examiner.model),
    ("answer", Examiner.answer),
    ("stream", Examiner.stream),
    ("token counts", Examiner.usage),
    ("tools", Examiner.tools),
    ("parallel tools", Examiner.parallel),
    ("forced tool", Examiner.choice),
    ("reasoning", Examiner.reasoning),
    ("reasoning back", Examiner.reasoning_back),
    ("image", Examiner.image),
    ("max_tokens", Examiner.max_tokens),
)


def saying(content: Any, tokens: int, **more: Any) -> Dict[str, Any]:
    """A Messages request with one user turn."""
    return dict({"max_tokens": tokens, "messages": [{"role": "user", "content": content}]}, **more)


def told(problem: Exception, provider: str) -> str:
    """An error as "401 authentication_error: ..."."""
    error = problem.told_of(provider) if isinstance(problem, Fault) else problem
    return "%d %s: %s" % (error.status, error.type, error.message) if isinstance(error, ProxyError) else str(error)
