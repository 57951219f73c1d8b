"""One file for each provider, providers/NAME.json: what it is asked, what it answers, and what becomes of both.

    about       what is its own
    model       a model of it; base_url: only where the catalogue has none
    request     a Messages request       -> sent       the Chat Completions request; asked: its address and key
    stream      payloads of a stream     -> events     the Messages stream as one line (answers.outline); usage of it
    answer      a chat.completion        -> message    content and stop reason (signatures: "...")
    error       a status and a body      -> refused    our status, type and message

What stands on the right is filled in by `PYTHONPATH=. python tests/test_provider_cases.py NAME`; then read it, line by
line.
"""
import json
import pathlib
import sys

import pytest
from answers import outline, translate

from claude_proxy import config, routing
from claude_proxy.conversion import to_chat_request, to_message
from claude_proxy.errors import ProxyError
from claude_proxy.providers import refusals
from claude_proxy.providers.catalogue import CATALOGUE
from claude_proxy.providers.rows import ROWS
from claude_proxy.upstream.call import address

FOLDER = pathlib.Path(__file__).resolve().parent / "providers"
CASES = {path.stem: json.loads(path.read_text(encoding="utf-8")) for path in sorted(FOLDER.glob("*.json"))}


def target(name, case):
    settings = {"api_key": "sk-test-0123456789abcdef", "models": {"default": case["model"]}}
    if "base_url" in case:
        settings["base_url"] = case["base_url"]
    read = config.read(json.dumps({"providers": {name: settings}}), {})
    return routing.targets(read, "claude-sonnet-5", name)[0]


def chat(name, case):
    return to_chat_request(dict({"model": "claude-sonnet-5"}, **case["request"]), target(name, case))


def asked(name, case):
    at = target(name, case)
    return "%s %s: %sKEY" % (
        address(at.provider, at.dialect, at.model), at.dialect.auth_header, at.dialect.auth_scheme)


def streamed(name, case):
    payloads = [item if isinstance(item, str) else json.dumps(item, ensure_ascii=False) for item in case["stream"]]
    body = "".join((text if text.startswith(":") else "data: " + text) + "\n\n" for text in payloads).encode()
    context = chat(name, case).answer
    whole, answer = translate(body, context)
    for cut in range(1, len(body), 7):
        assert translate(body, context, sizes=[cut])[0] == whole
    return [outline(whole), answer.usage]


def answered(name, case):
    message = to_message(case["answer"], chat(name, case).answer)
    for block in message["content"]:
        if "signature" in block:
            block["signature"] = "..."
    return {"content": message["content"], "stop_reason": message["stop_reason"]}


def refused(name, case):
    error = case["error"]
    text = json.dumps(error["body"], ensure_ascii=False)
    ours = refusals.from_provider(error["status"], text, {}, target(name, case))
    assert isinstance(ours, ProxyError)
    return "%d %s: %s" % (ours.status, ours.type, ours.message)


@pytest.mark.parametrize("name", CASES)
def test_a_provider(name):
    case = CASES[name]
    assert asked(name, case) == case["asked"]
    assert chat(name, case).body == case["sent"]
    assert streamed(name, case) == [case["events"], case["usage"]]
    assert answered(name, case) == case["message"]
    assert refused(name, case) == case["refused"]


@pytest.mark.parametrize("name", CASES)
def test_a_provider_needs_its_row(name):
    """A row of its own, and an entry of the catalogue with its address or the shape of it."""
    entry = CATALOGUE[name]
    assert name in ROWS and (entry.base_url or entry.base_url_shape)


KEYS = ("about", "model", "base_url", "request", "asked", "sent", "stream", "events", "usage", "answer", "message",
        "error", "refused")


def fill_in(name):
    """Write what becomes of a case into its file."""
    path = FOLDER / (name + ".json")
    case = json.loads(path.read_text(encoding="utf-8"))
    case.update(asked=asked(name, case), sent=chat(name, case).body, message=answered(name, case),
                refused=refused(name, case))
    case["events"], case["usage"] = streamed(name, case)
    lines = [" %s: %s" % (json.dumps(key), laid_out(case[key])) for key in KEYS if key in case]
    path.write_text("{\n%s\n}\n" % ",\n".join(lines), encoding="utf-8")


def laid_out(value):
    """JSON, the members of an object or a list of objects one a line."""
    if isinstance(value, dict) and len(json.dumps(value)) > 100:
        return "{\n%s}" % ",\n".join("  %s: %s" % (json.dumps(key), laid_out_list(value[key])) for key in value)
    return laid_out_list(value)


def laid_out_list(value):
    text = json.dumps(value, ensure_ascii=False)
    if isinstance(value, list) and len(text) > 90:
        return "[\n%s]" % ",\n".join("   " + json.dumps(item, ensure_ascii=False) for item in value)
    return text


if __name__ == "__main__":
    for wanted in sys.argv[1:]:
        fill_in(wanted)
