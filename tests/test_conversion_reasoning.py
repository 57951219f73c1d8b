"""Reasoning in signatures, and how it goes back to where it came from."""
import pytest

from claude_proxy.conversion.reasoning import Reasoning, restore, sign
from targets import assistant, call, converted, result, target, text, tool, use, user

DETAILS = [{"type": "reasoning.encrypted", "data": "gAAA", "index": 0}]
SIGNATURE = {"google": {"thought_signature": "c2ln"}}

SIGNED = {
    "text that is shown": (
        ("hm", dict(provider="deepseek")), Reasoning("deepseek", "", "reasoning_content", "hm")),
    "text that is not shown": (
        ("", dict(provider="deepseek", text="hm 😀")), Reasoning("deepseek", "", "reasoning_content", "hm 😀")),
    "details": (
        ("", dict(provider="openrouter", field_name="reasoning", model="m", details=DETAILS)),
        Reasoning("openrouter", "m", "reasoning", "", DETAILS)),
    "what belongs to a call": (
        ("", dict(provider="gemini", extras={"t1": SIGNATURE})),
        Reasoning("gemini", "", "reasoning_content", "", None, {"t1": SIGNATURE})),
}


@pytest.mark.parametrize("given, expected", SIGNED.values(), ids=SIGNED.keys())
def test_what_is_signed_is_restored(given, expected):
    thinking, keywords = given
    signature = sign(thinking, **keywords)
    assert signature.startswith("cp1.") and signature.isascii()
    assert restore(signature, thinking) == expected
    assert restore(signature, thinking + "!") is None
    assert restore(signature[:-1], thinking) is None


@pytest.mark.parametrize("signature", ["", None, 1, "SIG", "cp1.", "cp1.e30.x", "cp1.!!.x", sign("other", "deepseek")])
def test_signatures_of_others(signature):
    assert restore(signature, "hm") is None


def thought(words="hm", provider="up", **keywords):
    return {"type": "thinking", "thinking": words, "signature": sign(words, provider, **keywords)}


PLAIN = [user("q"), assistant([thought(), text("a")]), user("r")]
CALLING = [user("q"), assistant([thought(), use("t1")]), user([result("t1", "r")])]
FORGOTTEN = [user("q"), assistant([use("t1")]), user([result("t1", "r")])]
CALLED = dict(tool_calls=[call("t1")])

ECHOES = {
    "not where nobody wants it": (PLAIN, {}, assistant("a")),
    "not beside text, where only calls need it": (PLAIN, {"echo_reasoning": "tool_turns"}, assistant("a")),
    "beside text": (PLAIN, {"echo_reasoning": "always"}, assistant("a", reasoning_content="hm")),
    "beside calls": (
        CALLING, {"echo_reasoning": "tool_turns"}, assistant(None, reasoning_content="hm", **CALLED)),
    "in another field": (
        CALLING, {"echo_reasoning": "always", "reasoning_field": "reasoning"},
        assistant(None, reasoning="hm", **CALLED)),
    "where the client dropped it": (FORGOTTEN, {"echo_reasoning": "tool_turns"}, assistant(None, **CALLED)),
    "where something must stand": (
        FORGOTTEN, {"echo_reasoning": "tool_turns", "missing_reasoning": "empty"},
        assistant(None, reasoning_content="", **CALLED)),
    "another provider's is dropped": (
        [user("q"), assistant([thought(provider="other"), text("a")]), user("r")], {"echo_reasoning": "always"},
        assistant("a")),
    "another signer's is dropped": (
        [user("q"), assistant([{"type": "thinking", "thinking": "hm", "signature": "EqoB"}, text("a")]), user("r")],
        {"echo_reasoning": "always"}, assistant("a")),
    "several blocks are one text again": (
        [user("q"), assistant([thought("a"), text("x"), thought("b")]), user("r")], {"echo_reasoning": "always"},
        assistant("x", reasoning_content="ab")),
    "details go back as they were": (
        [user("q"), assistant([thought("hm", details=DETAILS), text("a")]), user("r")],
        {"echo_reasoning": "always", "reasoning_field": "reasoning_details"},
        assistant("a", reasoning_details=DETAILS)),
    "details are for the model that made them": (
        [user("q"), assistant([thought("hm", field_name="reasoning", details=DETAILS, model="other"), text("a")]),
         user("r")],
        {"echo_reasoning": "always", "reasoning_field": "reasoning_details"}, assistant("a", reasoning="hm")),
    "no details, where an empty text is wanted in their place": (
        FORGOTTEN, {"echo_reasoning": "always", "reasoning_field": "reasoning_details", "missing_reasoning": "empty"},
        assistant(None, reasoning_content="", tool_calls=[call("t1")])),
    "what came with a call goes back with it": (
        [user("q"), assistant([thought("", extras={"t1": SIGNATURE}), use("t1")]), user([result("t1", "r")])],
        {"echo_reasoning": "tool_turns", "reasoning_field": "extra_content"},
        assistant(None, tool_calls=[call("t1", extra_content=SIGNATURE)])),
    "a call that Gemini did not make": (
        FORGOTTEN, {"reasoning_field": "extra_content", "missing_reasoning": "dummy"},
        assistant(None, tool_calls=[call("t1", extra_content={
            "google": {"thought_signature": "skip_thought_signature_validator"}})])),
}


@pytest.mark.parametrize("messages, dialect, expected", ECHOES.values(), ids=ECHOES.keys())
def test_echo(messages, dialect, expected):
    made = converted({"messages": messages}, target(**dialect)).body["messages"]
    assert [message for message in made if message["role"] == "assistant"] == [expected]


def test_text_that_was_not_shown_goes_back_whole():
    messages = [user("q"), assistant([thought("", text="all of it"), use("t1")]), user([result("t1", "r")])]
    assert converted({"messages": messages}, target(echo_reasoning="tool_turns")).body["messages"][1:] == [
        assistant(None, reasoning_content="all of it", **CALLED), tool("t1", "r")]
