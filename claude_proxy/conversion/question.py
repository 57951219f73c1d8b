"""A request that is nothing but one question -> its Chat request, past all that looks for more.

    to_chat_request(body, target, ...)      the request; by request.py, where only_a_question() knows none

What checks a conversation, puts it in order and mends it takes longer than all that such a request needs of it. None
is the answer to everything that more could be seen in: another message, a block, a tool, a parameter, a wrong type.
tests/test_question.py holds the two against each other.
"""
from typing import Any, Dict, Optional

from . import params
from .clients import ANY_CLIENT, Client
from .context import AnswerContext, ChatRequest
from .effort import thinking_params
from .scope import scope_of
from .wellformed import well_formed

QUESTION = frozenset(("model", "max_tokens", "messages", "stream"))


def to_chat_request(body: Dict[str, Any], target: Any, client: Client = ANY_CLIENT, message_id: str = "msg_0",
                    max_tokens_override: Optional[int] = None, is_well_formed: bool = False) -> ChatRequest:
    """The request that `target` (a routing.Target) gets, and what the translation of its answer must know.

    Raises InvalidRequest("<path>: <why>") for what cannot be converted. `body` is not changed. is_well_formed: whoever
    parsed it has seen to it that no text holds a lone surrogate (a look at each string is a quarter of the work here).
    """
    body = body if is_well_formed else well_formed(body)
    chat = only_a_question(body, target, client, message_id, max_tokens_override)
    if chat is None:
        from .request import in_all_steps           # ten modules, not loaded before they are needed
        chat = in_all_steps(body, target, client, message_id, max_tokens_override)
    return chat


def only_a_question(body: Dict[str, Any], target: Any, client: Client, message_id: str,
                    max_tokens_override: Optional[int]) -> Optional[ChatRequest]:
    """The Chat request of a single text of the user's, without system, tools and parameters; None for others."""
    if not _is_question(body):
        return None
    scope = scope_of(target)
    limit = params.max_tokens(body, scope, target.row, max_tokens_override)
    chat = params.beginning(body, scope, limit)
    chat.update(thinking_params(body, scope, limit))
    chat = params.fitted_to_dialect(chat, scope)
    chat.update(target.provider.body)
    chat["messages"] = [{"role": "user", "content": body["messages"][0]["content"]}]
    answer = AnswerContext(message_id=message_id, model=body["model"], provider=scope.provider,
                           upstream_model=scope.model, dialect=scope.dialect, client=client)
    return ChatRequest(chat, answer, tuple(scope.warnings))


def _is_question(body: Dict[str, Any]) -> bool:
    """Whether all of the request is there, is of its type, and is no more than that."""
    messages, limit = body.get("messages"), body.get("max_tokens")
    if not QUESTION.issuperset(body) or messages.__class__ is not list or len(messages) != 1:
        return False
    message, model = messages[0], body.get("model")
    if message.__class__ is not dict or message.get("role") != "user" or not message.get("content"):
        return False
    return (message["content"].__class__ is str and model.__class__ is str and model != ""
            and limit.__class__ is int and limit > 0 and body.get("stream", False).__class__ is bool)
