"""A Messages request -> a Chat Completions request, for one target: the list of steps.

What becomes of each field of the Messages API:

    model                               routing chooses it; the answer echoes the name that was asked for
    messages, system                    turns.py (order, pairing), blocks.py (content), calls.py, echo.py (reasoning)
    tools, tool_choice                  tools.py, typed_tools.py, schema.py, names.py
    thinking, output_config.effort      effort.py
    output_config.format                params.answer_format
    max_tokens                          params.max_tokens: override, floor, caps
    temperature, top_p, top_k           params.sampling
    stop_sequences                      params.stops
    stream                              params.beginning
    metadata, service_tier              params.identity, params.service_tier
    thread, compaction, mcp_servers,
    container, context_management,
    speed, all others                   params.check_foreign: refused, dropped with a warning, or taken in silence

The conversion is deterministic, and what can change between two turns comes last: the bytes of one turn's request are
the beginning of the next one's, so that a provider's prefix cache keeps working.
https://docs.anthropic.com/en/api/messages, https://platform.openai.com/docs/api-reference/chat/create
"""
from __future__ import annotations

from typing import TYPE_CHECKING, Any, Dict, Iterator, List, Optional

from . import params, tokens
from .blocks import content_of, parts_of, text
from .clients import Client
from .context import AnswerContext, ChatRequest
from .effort import shows_thinking, thinking_params
from .scope import Scope, scope_of
from .shapes import check_request
from .tools import ToolParams, tool_params
from .turns import conversation, system_blocks
from .wellformed import well_formed

if TYPE_CHECKING:
    from .params import Stops


def in_all_steps(body: Dict[str, Any], target: Any, client: Client, message_id: str,
                 max_tokens_override: Optional[int]) -> ChatRequest:
    """to_chat_request, whatever the request is, without a lone surrogate. Raises InvalidRequest("<path>: <why>")."""
    check_request(body)
    scope = scope_of(target)
    params.check_foreign(body, scope)
    tools = tool_params(body, scope, client)
    stops = params.stops(body, scope)
    limit = params.max_tokens(body, scope, target.row, max_tokens_override)
    chat = _chat_params(body, scope, limit, stops, tools)
    chat.update(target.provider.body)
    chat["messages"] = _messages(body, scope)
    answer = _answer_context(body, scope, client, message_id, stops, tools)
    return ChatRequest(chat, answer, tuple(scope.warnings), scope.has_files)


def _chat_params(body: Dict[str, Any], scope: Scope, limit: int, stops: params.Stops,
                 tools: ToolParams) -> Dict[str, Any]:
    """Everything but the messages, always in this order."""
    chat = params.beginning(body, scope, limit)
    chat.update(params.sampling(body, scope))
    if stops.sent:
        chat["stop"] = list(stops.sent)
    chat.update(thinking_params(body, scope, limit, forced=_is_forced(tools.params)))
    chat.update(params.answer_format(body, scope))
    chat.update(params.identity(body, scope))
    chat.update(params.service_tier(body, scope))
    chat.update(tools.params)
    return params.fitted_to_dialect(chat, scope)


def _answer_context(body: Dict[str, Any], scope: Scope, client: Client, message_id: str, stops: Stops,
                    tools: ToolParams) -> AnswerContext:
    return AnswerContext(
        message_id=message_id, model=body["model"], provider=scope.provider, upstream_model=scope.model,
        dialect=scope.dialect, client=client, tool_names=tools.names, declared_tools=frozenset(tools.schemas),
        tool_schemas=tools.schemas, used_tool_ids=frozenset(_tool_ids(body)), stop_sequences=stops.wanted,
        local_stops=stops.local, show_thinking=shows_thinking(body), omit_thinking_text=_omits_thinking_text(body))


def count_tokens(body: Dict[str, Any], target: Any = None) -> int:
    """An estimate of a request's tokens, for the target's tokenizer; raises InvalidRequest as to_chat_request does."""
    body = well_formed(body)
    check_request(body, counting=True)
    return tokens.estimate_request(body, target.dialect.tokenizer if target is not None else "")


def has_images(body: Dict[str, Any]) -> bool:
    """Whether an image stands anywhere in the conversation: some providers have another model for that."""
    messages = body.get("messages")
    return any(_holds_image(message.get("content"))
               for message in (messages if isinstance(messages, list) else ()) if isinstance(message, dict))


def _holds_image(content: Any) -> bool:
    blocks = [block for block in content if isinstance(block, dict)] if isinstance(content, list) else ()
    return any(block.get("type") == "image" or _holds_image(block.get("content")) for block in blocks)


def _messages(body: Dict[str, Any], scope: Scope) -> List[Dict[str, Any]]:
    talk = conversation(body["messages"], scope)
    parts = [part for block in system_blocks(body.get("system") or "") for part in parts_of(block, scope, "system")]
    parts += talk.leading + text(params.format_request(body, scope))
    system = [{"role": scope.dialect.system_role, "content": content_of(parts)}] if parts else []
    return system + talk.messages


def _is_forced(tool_parameters: Dict[str, Any]) -> bool:
    choice = tool_parameters.get("tool_choice")
    return choice == "required" or isinstance(choice, dict)


def _omits_thinking_text(body: Dict[str, Any]) -> bool:
    return (body.get("thinking") or {}).get("display") == "omitted"


def _tool_ids(body: Dict[str, Any]) -> Iterator[str]:
    for message in body["messages"]:
        content = message.get("content")
        for block in content if isinstance(content, list) else ():
            if block["type"] == "tool_use":
                yield block["id"]
