"""What the scripted provider plays: the steps of a small piece of agent's work, and how they arrive.

The work is always the same, so that every way of delivery can be held against the same outcome: write a file, read it
back and count its bytes (two calls at once), report. What differs is a Scenario: where the reasoning stands, how calls
are cut into chunks, what goes wrong on the way.
"""
import json
import signal
from dataclasses import dataclass, field
from typing import Mapping, Optional, Tuple

NONCE = "k7-marigold"
FILE = "notes.txt"
CONTENT = 'first line %s\nsecond "quoted" line \\ with a backslash\n\tthird line: äöü 你好 😀\n' % NONCE
REPORT = "WORK DONE " + NONCE


@dataclass(frozen=True)
class Step:
    """One answer of the model: calls are (tool, arguments), or there is the last text."""

    text: str = ""
    reasoning: str = ""
    calls: Tuple[Tuple[str, dict], ...] = ()


@dataclass(frozen=True)
class Scenario:
    """How the steps arrive."""

    says: str                               # what it shows, for people
    reasoning: str = ""                     # "reasoning_content", "reasoning", "tags"; "": there is none
    calls: str = "pieces"                   # or "interleaved", "whole"
    trouble: str = ""                       # what the first request of each step in `at` meets
    at: Tuple[int, ...] = ()
    arguments: Tuple[str, ...] = field(default=())      # for the client
    told: bool = False                      # the client may end in an error, which must name the provider
    through_run: bool = False               # started by `claude-proxy run --`, with the environment that it makes
    always: bool = False                    # every request of a step in `at` meets the trouble
    away: Optional[float] = 0.0             # seconds until a killed provider is back; None: never
    ends: str = ""                          # the client ends in an error with these words
    stop: int = 0                           # a signal for the client, once the provider is silent
    provider: Mapping[str, float] = field(default_factory=dict)     # more of its configuration
    secure: bool = False                    # between client and proxy there is TLS


SCENARIOS = {
    "plain": Scenario("write, read and count, report"),
    "run": Scenario("the same, started by `claude-proxy run`", through_run=True),
    "parallel": Scenario("two calls whose arguments arrive alternately", calls="interleaved"),
    "whole": Scenario("each call in one chunk, all with index 0", calls="whole"),
    "reasoning": Scenario("reasoning_content before each answer", reasoning="reasoning_content"),
    "reasoning-field": Scenario("the same in `reasoning`", reasoning="reasoning", calls="whole"),
    "think-tags": Scenario("<think> at the start of the text", reasoning="tags"),
    "cut": Scenario("a stream ends amid a call; the call must not run", trouble="cut", at=(0,)),
    "cut-after-text": Scenario("the same after a finished text: the client goes on, or tells its user who broke off",
                               trouble="cut", at=(0,), told=True),
    "error-once": Scenario("a 500 for each step's first request", trouble="500", at=(0, 1, 2)),
    "error-in-stream": Scenario("an error chunk amid a call: the client asks again, without streaming",
                                trouble="error chunk", at=(0,)),
    "rate-limit": Scenario("a 429 with retry-after for each step's first request", trouble="429", at=(0, 1, 2)),
    "rate-limit-3": Scenario("a 429 with retry-after 3", trouble="429 after 3", at=(0,)),
    "killed": Scenario("the provider is killed amid a call, and back a second later", trouble="killed", at=(0,), away=1.0),
    "restarted": Scenario("the provider is killed amid two answers, and back at once", trouble="killed", at=(0, 1)),
    "gone": Scenario("the provider is killed, and never back: the client is told so", trouble="killed", at=(0,), away=None,
                     ends="scripted could not be reached"),
    "silent": Scenario("the provider falls silent amid a call: the client asks again", trouble="silent", at=(0,),
                       provider={"idle_seconds": 2}),
    "silent-head": Scenario("the provider never begins to answer, once for each step", trouble="silent head", at=(0, 1, 2),
                            provider={"first_byte_seconds": 2}),
    "silent-for-good": Scenario("it never answers at all: the client is told so", trouble="silent head", at=(0,), always=True,
                                provider={"first_byte_seconds": 1}, ends="scripted said nothing for 1 s"),
    "escape": Scenario("the client is interrupted: the provider's connection closes", trouble="silent", at=(0,),
                       stop=signal.SIGINT),
    "escape-tls": Scenario("the same where the client speaks TLS with the proxy", trouble="silent", at=(0,),
                           stop=signal.SIGINT, secure=True),
    "client-killed": Scenario("the client is killed: the provider's connection closes", trouble="silent", at=(0,),
                              stop=signal.SIGKILL),
    "overflow": Scenario("the provider's context overflows: the client compacts and goes on", trouble="overflow",
                         at=(2,)),
    "nothing": Scenario("an answer with nothing in it, once for each step: the client goes on by itself", trouble="nothing",
                        at=(0, 1, 2)),
    "nothing-seen": Scenario("tokens are counted, and none is seen: the client goes on by itself", trouble="nothing seen",
                             at=(0, 1, 2)),
    "not-streamed": Scenario("errors in two streams running: the non-streamed fallback does a whole step",
                             trouble="error chunk", at=(0, 1)),
}


def steps(scenario: Scenario, folder: str) -> Tuple[Step, ...]:
    """The work, in the client's working directory.

    Where an answer breaks off there is no text before the call: older Claude Codes take a break after a finished block
    as the end. Only a scenario with `told` has it.
    """
    path = folder + "/" + FILE
    before = "" if scenario.trouble and not scenario.told else "I will write the file."
    return (
        Step(text=before, reasoning="First the file has to exist.",
             calls=(("Write", {"file_path": path, "content": CONTENT}),)),
        Step(reasoning="Now both checks at once.",
             calls=(("Read", {"file_path": path}),
                    ("Bash", {"command": "wc -c < %s && echo RAN-%s" % (path, NONCE), "description": "Count bytes"}))),
        Step(text=REPORT, reasoning="Both results are there."),
    )


def deltas(scenario: Scenario, step: Step, number: int):
    """The deltas of an answer, in order."""
    yield {"role": "assistant", "content": ""}
    if scenario.reasoning == "tags":
        for piece in pieces("<think>%s</think>\n\n" % step.reasoning):
            yield {"content": piece}
    elif scenario.reasoning:
        for piece in pieces(step.reasoning):
            yield {scenario.reasoning: piece}
    for piece in pieces(step.text):
        yield {"content": piece}
    calls = [dict(call_start(number, index, name), arguments=json.dumps(arguments, ensure_ascii=False))
             for index, (name, arguments) in enumerate(step.calls)]
    for delta in CALLS[scenario.calls](calls):
        yield {"tool_calls": [delta]}


def call_start(number, index, name):
    return {"index": index, "id": "call_%d_%d" % (number, index), "name": name}


def opened(call, arguments=""):
    return {"index": call["index"], "id": call["id"], "type": "function",
            "function": {"name": call["name"], "arguments": arguments}}


def one_after_the_other(calls):
    for call in calls:
        yield opened(call)
        for piece in pieces(call["arguments"]):
            yield {"index": call["index"], "function": {"arguments": piece}}


def alternately(calls):
    for call in calls:
        yield opened(call)
    queues = [(call["index"], pieces(call["arguments"])) for call in calls]
    while any(queue for _, queue in queues):
        for index, queue in queues:
            if queue:
                yield {"index": index, "function": {"arguments": queue.pop(0)}}


def whole(calls):
    for call in calls:
        yield dict(opened(call, call["arguments"]), index=0)


CALLS = {"pieces": one_after_the_other, "interleaved": alternately, "whole": whole}


def pieces(text, size=7):
    return [text[at:at + size] for at in range(0, len(text), size)]


def message(scenario: Scenario, step: Step, number: int) -> dict:
    """The same answer for a request without streaming."""
    answer = {"role": "assistant", "content": step.text or None}
    if scenario.reasoning == "tags":
        answer["content"] = "<think>%s</think>\n\n%s" % (step.reasoning, step.text)
    elif scenario.reasoning:
        answer[scenario.reasoning] = step.reasoning
    if step.calls:
        answer["tool_calls"] = [
            {"id": "call_%d_%d" % (number, index), "type": "function",
             "function": {"name": name, "arguments": json.dumps(arguments)}}
            for index, (name, arguments) in enumerate(step.calls)]
    return answer
