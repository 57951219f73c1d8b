"""Reasoning that goes back to the provider it came from, as the dialect's `echo_reasoning` wants it.

    echo_reasoning      ""            never
                        "tool_turns"  on assistant messages that call tools
                        "always"      on every assistant message that has any
    reasoning_field     "reasoning_content", "reasoning"   the text
                        "reasoning_details"                the opaque list, or the text where there is none
                        "extra_content"                    on each tool call (Gemini's thought signatures)
    missing_reasoning   where a message must have some and the client has dropped it: "omit", "empty" (""), or "dummy"
                        (the signature that Google names for calls that Gemini did not make itself)

What is opaque goes back only to the very model that it came from. Text is never made up.
"""
from __future__ import annotations

from typing import TYPE_CHECKING, Any, Dict, List

from .calls import Call
from .reasoning import Reasoning, restore
from .scope import Scope

if TYPE_CHECKING:
    from ..providers.dialects import Dialect

# https://ai.google.dev/gemini-api/docs/thought-signatures
DUMMY = {"google": {"thought_signature": "skip_thought_signature_validator"}}


def add_reasoning(message: Dict[str, Any], calls: List[Call], thoughts: List[Dict[str, Any]], scope: Scope) -> None:
    """Put what the thinking blocks of a turn hold into its assistant message."""
    dialect = scope.dialect
    if not thoughts and not dialect.echo_reasoning and dialect.missing_reasoning != "dummy":
        return
    own = _own(thoughts, scope)
    _add_extras(calls, own, scope)
    if dialect.echo_reasoning != "always" and not (dialect.echo_reasoning == "tool_turns" and calls):
        return
    details = [detail for reasoning in own if _same_model(reasoning, scope) for detail in reasoning.details or ()]
    words = "".join(reasoning.text for reasoning in own)
    if dialect.reasoning_field == "reasoning_details" and details:
        message["reasoning_details"] = details
    elif dialect.reasoning_field == "reasoning_details" and words:
        message[own[0].field_name] = words
    elif dialect.reasoning_field != "extra_content" and (words or dialect.missing_reasoning == "empty"):
        message[_text_field(dialect)] = words


def _text_field(dialect: Dialect) -> str:
    return "reasoning_content" if dialect.reasoning_field == "reasoning_details" else dialect.reasoning_field


def _own(thoughts: List[Dict[str, Any]], scope: Scope) -> List[Reasoning]:
    restored = [restore(block.get("signature"), block["thinking"]) for block in thoughts]
    return [reasoning for reasoning in restored if reasoning and reasoning.provider == scope.provider]


def _same_model(reasoning: Reasoning, scope: Scope) -> bool:
    return reasoning.model in ("", scope.model)


def _add_extras(calls: List[Call], own: List[Reasoning], scope: Scope) -> None:
    """What came with each call goes back with it; the first of a turn must have something where the dialect says so."""
    extras = {}
    for reasoning in own:
        if _same_model(reasoning, scope):
            extras.update(reasoning.extras)
    for call in calls:
        if call.client_id in extras:
            call.chat["extra_content"] = extras[call.client_id]
    if calls and scope.dialect.missing_reasoning == "dummy" and not any("extra_content" in call.chat for call in calls):
        calls[0].chat["extra_content"] = DUMMY
