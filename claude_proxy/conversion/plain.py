"""A completion that is nothing but text -> its message, past the state machine: what most plain answers are.

    to_message(completion, context)     the message; by response.py and the machine, where only_text() knows none

The machine is made for streams, and building it takes longer than all that such a completion needs of it. None is the
answer to everything that it might see more in: another choice, another member with something in it, a mark that a tag,
a call, or the end of a turn could begin with. tests/test_plain.py holds the two against each other.
"""
from json.encoder import encode_basestring as quote
from typing import Any, Dict, Optional

from .context import AnswerContext
from .usage import TextMeter, UsageCounter
from .wellformed import is_well_formed

CHOICE = frozenset(("index", "message", "finish_reason"))
MESSAGE = frozenset(("role", "content"))


def to_message(completion: Dict[str, Any], context: AnswerContext) -> Dict[str, Any]:
    """A Chat Completions object -> a Messages message; raises ProxyError where it is an error or no answer."""
    message = only_text(completion, context)
    if message is None:
        from .response import by_the_machine        # fifteen modules, not loaded before they are needed
        message = by_the_machine(completion, context)
    return message


def only_text(completion: Any, context: AnswerContext) -> Optional[Dict[str, Any]]:
    """The message of a completion that ended by itself, and of which only the text is to be told; None for others."""
    text = _text_of(completion)
    if text is None or not _goes_straight_through(text, context):
        return None
    counter = UsageCounter(context.dialect.usage_adds_up)
    counter.read(completion)
    meter = TextMeter()
    if not counter.knows_output:
        meter.add(quote(text)[1:-1])
    return {"id": context.message_id, "type": "message", "role": "assistant", "model": context.model,
            "content": [{"type": "text", "text": text}], "stop_reason": "end_turn", "stop_sequence": None,
            "usage": counter.messages_usage(context.input_tokens, meter.tokens())}


def _text_of(completion: Any) -> Optional[str]:
    """The text of the only choice, where nothing stands beside it."""
    choices = completion.get("choices") if completion.__class__ is dict else None
    if choices.__class__ is not list or len(choices) != 1 or choices[0].__class__ is not dict:
        return None
    choice, message = choices[0], choices[0].get("message")
    if choice.get("finish_reason") != "stop" or choice.get("index", 0) not in (0, None):
        return None
    if message.__class__ is not dict:
        return None
    if completion.get("error") or completion.get("base_resp") or completion.get("object") == "error":
        return None
    if any(name not in CHOICE and choice[name] is not None for name in choice):
        return None
    if any(name not in MESSAGE and message[name] for name in message):
        return None
    content = message.get("content")
    return content if content.__class__ is str and content else None


def _goes_straight_through(text: str, context: AnswerContext) -> bool:
    """Whether no filter finds anything in it (filters.py)."""
    if "<" in text or context.local_stops or not (text.isascii() or is_well_formed(text)):
        return False
    return not context.dialect.text_tool_calls or not (
        "[TOOL_CALLS]" in text or text.lstrip().startswith(("[", "{")))
