"""The order of messages: what goes where, what is merged, what is repaired."""
import pytest

from targets import (
    PNG,
    PNG_PART,
    assistant,
    call,
    chat_messages,
    converted,
    result,
    system,
    target,
    text,
    tool,
    use,
    user,
)

TURNS = {
    "a string stays a string": (
        [user("Hello")],
        [user("Hello")]),
    "several texts are one": (
        [user([text("one"), text("two")])],
        [user("one\n\ntwo")]),
    "empty texts go": (
        [user([text(""), text("two")])],
        [user("two")]),
    "neighbours of one role are one turn": (
        [user("one"), user([text("two")]), assistant("a"), assistant([text("b")])],
        [user("one\n\ntwo"), assistant("a\n\nb")]),
    "a conversation may begin with the assistant": (
        [assistant("Hi"), user("yes?")],
        [assistant("Hi"), user("yes?")]),
    "an empty message is left out": (
        [user("q"), assistant([]), user("again")],
        [user("q\n\nagain")]),
    "an assistant turn of thoughts alone vanishes": (
        [user("q"), assistant([{"type": "thinking", "thinking": "hm", "signature": "x"}]), user("again")],
        [user("q\n\nagain")]),
    "a call and its result": (
        [user("q"), assistant([text("Looking."), use("t1", path="/")]), user([result("t1", "etc usr")])],
        [user("q"), assistant("Looking.", tool_calls=[call("t1", arguments='{"path": "/"}')]), tool("t1", "etc usr")]),
    "text after a call joins the text before it": (
        [user("q"), assistant([text("a"), use("t1"), text("b")]), user([result("t1", "r")])],
        [user("q"), assistant("a\n\nb", tool_calls=[call("t1")]), tool("t1", "r")]),
    "results come in the order of the calls, before everything else": (
        [user("q"), assistant([use("t1"), use("t2")]),
         user([text("so"), result("t2", "two"), result("t1", "one"), text("go on")])],
        [user("q"), assistant(None, tool_calls=[call("t1"), call("t2")]), tool("t1", "one"), tool("t2", "two"),
         user("so\n\ngo on")]),
    "calls of several messages are answered together": (
        [user("q"), assistant([use("t1")]), assistant([use("t2")]), user([result("t1", "1")]),
         user([result("t2", "2")])],
        [user("q"), assistant(None, tool_calls=[call("t1"), call("t2")]), tool("t1", "1"), tool("t2", "2")]),
    "an unanswered call is answered with a note": (
        [user("q"), assistant([use("t1"), use("t2")]), user([result("t2", "two"), text("never mind")])],
        [user("q"), assistant(None, tool_calls=[call("t1"), call("t2")]),
         tool("t1", "[no result: the call was interrupted]"), tool("t2", "two"), user("never mind")]),
    "also where nothing follows": (
        [user("q"), assistant([use("t1")])],
        [user("q"), assistant(None, tool_calls=[call("t1")]), tool("t1", "[no result: the call was interrupted]")]),
    "a result without a call becomes text in its place": (
        [user("hi"), assistant("yo"), user([text("a"), result("gone", "lost"), text("b")])],
        [user("hi"), assistant("yo"), user("a\n\n[result of an earlier tool call, gone]\n\nlost\n\nb")]),
    "a second result for one call too": (
        [user("q"), assistant([use("t1")]), user([result("t1", "r1"), result("t1", "r2")])],
        [user("q"), assistant(None, tool_calls=[call("t1")]), tool("t1", "r1"),
         user("[result of an earlier tool call, t1]\n\nr2")]),
    "equal ids in one turn are told apart": (
        [user("q"), assistant([use("t1", "a"), use("t1", "b")]), user([result("t1", "r1"), result("t1", "r2")])],
        [user("q"), assistant(None, tool_calls=[call("t1", "a"), call("t1_2", "b")]), tool("t1", "r1"),
         tool("t1_2", "r2")]),
    "equal ids in different turns are let be": (
        [user("q"), assistant([use("call_0")]), user([result("call_0", "1")]), assistant([use("call_0")]),
         user([result("call_0", "2")])],
        [user("q"), assistant(None, tool_calls=[call("call_0")]), tool("call_0", "1"),
         assistant(None, tool_calls=[call("call_0")]), tool("call_0", "2")]),
    "an image of a result follows all results": (
        [user("q"), assistant([use("t1"), use("t2")]),
         user([result("t1", [PNG]), result("t2", [text("two"), PNG]), text("see")])],
        [user("q"), assistant(None, tool_calls=[call("t1"), call("t2")]), tool("t1", "[see the attached image]"),
         tool("t2", "two"),
         user([text("[image from tool result t1]"), PNG_PART, text("[image from tool result t2]"), PNG_PART,
               text("see")])]),
    "a system message stays where it is": (
        [user("q"), system("Be brief."), assistant("a"), user("r")],
        [user("q"), system("Be brief."), assistant("a"), user("r")]),
    "but after the results that are due": (
        [user("q"), assistant([use("t1")]), system("careful"), user([result("t1", "r"), text("go on")])],
        [user("q"), assistant(None, tool_calls=[call("t1")]), tool("t1", "r"), system("careful"), user("go on")]),
    "a system message before all others joins the leading one": (
        [system("first"), user("q")],
        [system("first"), user("q")]),
    "a list of text blocks is the same as their text": (
        [user("q"), system([text("one", cache_control={"type": "ephemeral"}), text("two")])],
        [user("q"), system("one\n\ntwo")]),
    "one that carries only an effort is left out": (
        [user("q"), {"role": "system", "output_config": {"effort": "low"}}, assistant("a"), user("r")],
        [user("q"), assistant("a"), user("r")]),
    "one that is cleared goes with the next user message": (
        [user("q"), system("for now", clear_at="next_user_message"), assistant("a"), user("r"),
         system("and now", clear_at="next_user_message")],
        [user("q"), assistant("a"), user("r"), system("and now")]),
    "whom to bill is nobody's affair": (
        [user("q"), system("x-anthropic-billing-header: cc_version=1;\nBe brief.")],
        [user("q"), system("Be brief.")]),
    "a compaction is all that is left of what was before it": (
        [user("long ago"), assistant([use("t1")]), user([result("t1", "r")]),
         assistant([{"type": "compaction", "content": "We listed files."}, text("And now?")]), user("go on")],
        [user("[Summary of the earlier conversation]\nWe listed files."), assistant("And now?"), user("go on")]),
    "a failed compaction is nothing": (
        [user("q"), assistant([{"type": "compaction", "content": None}, text("a")]), user("r")],
        [user("q"), assistant("a"), user("r")]),
}


@pytest.mark.parametrize("messages, expected", TURNS.values(), ids=TURNS.keys())
def test_turns(messages, expected):
    assert chat_messages(messages) == expected


NUDGE = "<system-reminder>\ncareful\n</system-reminder>"

LEADING_ONLY = {
    "a later system message ends the user turn that it follows": (
        [user("q"), system("careful"), assistant("a"), user("r")],
        [user("q\n\n" + NUDGE), assistant("a"), user("r")]),
    "after the results": (
        [user("q"), assistant([use("t1")]), user([result("t1", "r")]), system("careful"), assistant("a"), user("r")],
        [user("q"), assistant(None, tool_calls=[call("t1")]), tool("t1", "r"), user(NUDGE), assistant("a"), user("r")]),
    "it is never moved past an assistant turn": (
        [user("q"), assistant("a"), system("careful"), assistant("b"), user("r")],
        [user("q"), assistant("a"), user(NUDGE), assistant("b"), user("r")]),
    "in front of all others it leads": (
        [system("careful"), user("q")],
        [system("careful"), user("q")]),
}


@pytest.mark.parametrize("messages, expected", LEADING_ONLY.values(), ids=LEADING_ONLY.keys())
def test_a_dialect_with_one_leading_system_message(messages, expected):
    assert chat_messages(messages, system_anywhere=False) == expected


SYSTEMS = {
    "a string": ("Be brief.", "Be brief."),
    "blocks": ([text("A", cache_control={"type": "ephemeral", "ttl": "1h"}), text("B")], "A\n\nB"),
    "the billing block": ([text("x-anthropic-billing-header: cc_version=2.1; cch=71fea;"), text("You are.")],
                          "You are."),
    "the billing line alone": ("x-anthropic-billing-header: a=1;\nYou are.", "You are."),
    "not in the middle": ("Why x-anthropic-billing-header: is there", "Why x-anthropic-billing-header: is there"),
}


@pytest.mark.parametrize("given, expected", SYSTEMS.values(), ids=SYSTEMS.keys())
def test_system(given, expected):
    assert converted({"system": given}).body["messages"] == [system(expected), user("Hello")]


@pytest.mark.parametrize("nothing", ["", [], None, [text("")], [text("x-anthropic-billing-header: a=1;")]])
def test_no_system(nothing):
    assert converted({"system": nothing}).body["messages"] == [user("Hello")]


def test_system_and_a_first_system_message_are_one():
    made = converted({"system": "A", "messages": [system("B"), user("q")]})
    assert made.body["messages"] == [system("A\n\nB"), user("q")]


def test_a_developer_role():
    made = converted({"system": "A", "messages": [user("q"), system("B")]}, target(system_role="developer"))
    assert [message["role"] for message in made.body["messages"]] == ["developer", "user", "developer"]


def test_user_first():
    assert chat_messages([assistant("Hi"), user("q")], user_first=True) == [user("…"), assistant("Hi"), user("q")]


def test_no_user_message_after_a_tool_message():
    turn = [user("q"), assistant([use("t1")])]
    assert chat_messages(turn + [user([result("t1", "r"), text("go on")])],
                         user_after_tool=False)[-1] == tool("t1", "r\n\ngo on")
    assert chat_messages(turn + [user([result("t1", [PNG])])], user_after_tool=False)[-3:] == [
        tool("t1", "[see the attached image]"), assistant("…"),
        user([text("[image from tool result t1]"), PNG_PART])]


def test_empty_content_beside_calls():
    assert chat_messages([user("q"), assistant([use("t1")])], empty_content="")[1]["content"] == ""


def test_a_last_assistant_message_is_sent_and_said():
    made = converted({"messages": [user("Name a color"), assistant("The color is")]})
    assert (made.body["messages"][-1], made.warnings) == (assistant("The color is"), ("prefill",))
    assert converted({"messages": [user("q"), assistant("a"), user("r")]}).warnings == ()


def test_some_can_be_told_to_continue_it():
    made = converted({"messages": [user("q"), assistant("The")]}, target(prefill_mark="prefix"))
    assert (made.body["messages"][-1], made.warnings) == (assistant("The", prefix=True), ())


def test_a_long_conversation_keeps_its_turns():
    turns = [(user if number % 2 == 0 else assistant)("turn %d" % number) for number in range(801)]
    assert chat_messages(turns) == turns
