"""question: a request that is nothing but one question, and all those that only look like one: every step says the same."""
import json
import random

import pytest
from targets import HELLO, PNG, assistant, system, target, text, use, user

from claude_proxy.conversion import CLAUDE_CODE, to_chat_request
from claude_proxy.conversion.question import only_a_question
from claude_proxy.conversion.request import in_all_steps
from claude_proxy.errors import InvalidRequest
from claude_proxy.providers.dialects import DIALECTS

ROWS = {name: target(**dialect.__dict__) for name, dialect in DIALECTS.items()}
TARGETS = dict(
    ROWS, unknown=target(), capped=target(max_output_tokens=100), floor=target(min_max_tokens=4096),
    more=target(body={"seed": 1, "max_tokens": 7, "model": "other"}), extra=target(extra_body={"stream": 1, "messages": []}),
    refusing=target(drop_params=("max_tokens", "stream", "stream_options")), split=target(thinking_style="reasoning_split"),
    waits=target(thinking_style="enable_thinking", thinks_only_streaming=True), effort=target(effort_with_tools="low"),
)


def all_of(chat):
    """Everything that a conversion says, in its order."""
    return json.dumps([chat.body, dict(chat.answer.__dict__, dialect=chat.answer.dialect.name, client=chat.answer.client.name),
                       chat.warnings, chat.has_files], default=list)


def check(body):
    """How many targets see no more than a question in it; each says what all the steps say."""
    questions = 0
    for name, to in TARGETS.items():
        for override in (None, 77):
            chat = only_a_question(body, to, CLAUDE_CODE, "msg_1", override)
            if chat is not None:
                assert all_of(chat) == all_of(in_all_steps(body, to, CLAUDE_CODE, "msg_1", override)), (name, body)
                questions += 1
    return questions / (2 * len(TARGETS))


def without(name):
    return {key: value for key, value in HELLO.items() if key != name}


QUESTIONS = {
    "a word": HELLO, "a line": dict(HELLO, messages=[user("  \n")]), "another alphabet": dict(HELLO, messages=[user("你好 😀")]),
    "streamed": dict(HELLO, stream=True), "said not to be streamed": dict(HELLO, stream=False),
    "a token": dict(HELLO, max_tokens=1), "all tokens": dict(HELLO, max_tokens=10 ** 12),
    "more in the message": dict(HELLO, messages=[dict(user("Hi"), name="me", clear_at="next_user_message")]),
    "what servers put into a question": dict(HELLO, messages=[user("<think>x</think><|im_end|>")]),
}
OTHERS = {
    "no model": without("model"), "no limit": without("max_tokens"), "no messages": without("messages"), "nothing": {},
    "an empty model": dict(HELLO, model=""), "a model that is none": dict(HELLO, model=["a"]),
    "no token": dict(HELLO, max_tokens=0), "true tokens": dict(HELLO, max_tokens=True), "half a token": dict(HELLO, max_tokens=1.5),
    "null for stream": dict(HELLO, stream=None), "one for stream": dict(HELLO, stream=1),
    "no words": dict(HELLO, messages=[user("")]), "null for words": dict(HELLO, messages=[user(None)]),
    "blocks": dict(HELLO, messages=[user([text("Hi")])]), "an image": dict(HELLO, messages=[user([PNG])]),
    "no block": dict(HELLO, messages=[user([])]), "no content": dict(HELLO, messages=[{"role": "user"}]),
    "a number": dict(HELLO, messages=[user(1)]), "no message": dict(HELLO, messages=[]),
    "messages in no list": dict(HELLO, messages={"0": user("Hi")}), "a message that is none": dict(HELLO, messages=["Hi"]),
    "a beginning of the answer": dict(HELLO, messages=[assistant("It is")]), "a call": dict(HELLO, messages=[assistant([use("a")])]),
    "a system message": dict(HELLO, messages=[system("Hi")]), "no role": dict(HELLO, messages=[{"content": "Hi"}]),
    "a list for a role": dict(HELLO, messages=[{"role": ["user"], "content": "Hi"}]),
    "two questions": dict(HELLO, messages=[user("Hi"), user("Well?")]), "a system": dict(HELLO, system="Be brief."),
    "tools": dict(HELLO, tools=[{"name": "ls", "input_schema": {}}]), "an empty list of tools": dict(HELLO, tools=[]),
    "a temperature": dict(HELLO, temperature=0), "thinking": dict(HELLO, thinking={"type": "disabled"}),
    "stops": dict(HELLO, stop_sequences=["x"]), "who asks": dict(HELLO, metadata={"user_id": "me"}),
    "what is unknown": dict(HELLO, novelty=None),
}


@pytest.mark.parametrize("body", QUESTIONS.values(), ids=QUESTIONS.keys())
def test_no_more_than_a_question(body):
    before = json.dumps(body)
    assert check(body) == 1 and json.dumps(body) == before


@pytest.mark.parametrize("body", OTHERS.values(), ids=OTHERS.keys())
def test_more_than_a_question(body):
    assert check(body) == 0


@pytest.mark.parametrize("asked", [0, 1])
def test_a_lone_surrogate_does_not_come_through(asked):
    body = dict(HELLO, messages=[user("half \ud83d"), assistant("a"), user("b")][:1 if asked else 3])
    assert to_chat_request(body, target()).body["messages"][0] == user("half \ufffd")


def test_whoever_asks_for_more_gets_all_steps():
    chat = to_chat_request(dict(HELLO, system="Be brief.", temperature=0.5), target(), message_id="msg_7", max_tokens_override=9)
    assert list(chat.body.items()) == [("model", "up-model"), ("max_tokens", 9), ("temperature", 0.5), (
        "messages", [system("Be brief."), user("Hello")])]
    assert chat.answer.message_id == "msg_7"
    with pytest.raises(InvalidRequest, match="max_tokens: Field required"):
        to_chat_request(without("max_tokens"), target())


ODD = [None, "", "Hi", 0, 1, 2.5, True, [], ["Hi"], {}, {"type": "text"}, [{"type": "text", "text": "Hi"}], [user("Hi")]]
NAMES = ["model", "max_tokens", "messages", "stream", "system", "tools", "temperature", "thinking", "metadata", "odd"]


def test_random_requests():
    dice = random.Random(11)
    questions = 0
    for _ in range(300):
        body = dict(HELLO, messages=[user(dice.choice(["Hi", "a\nb", "é", "  "]))], max_tokens=dice.choice([1, 500, 10 ** 6]))
        for holder, names in ((body, NAMES), (body["messages"][0], ["role", "content", "odd"])):
            if dice.random() < 0.4:
                holder[dice.choice(names)] = dice.choice(ODD)
        questions += check(body) > 0
    assert 80 < questions < 260
