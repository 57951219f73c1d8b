"""How much a model should think: `thinking` and `output_config.effort` -> what the dialect's `thinking_style` says.

    style                     on                                             off
    ""                        nothing                                        nothing
    "reasoning_effort"        reasoning_effort: "medium"                     "none" or "minimal" where there is one
    "disable_reasoning"       reasoning_effort: "medium"                     disable_reasoning: true
    "enable_thinking"         enable_thinking: true                          enable_thinking: false
    "enable_thinking_budget"  the same, and thinking_budget: 8000            enable_thinking: false
    "thinking_type"           thinking: {"type": "enabled"}                  thinking: {"type": "disabled"}
    "thinking_type_effort"    the same, and reasoning_effort: "medium"       thinking: {"type": "disabled"}
    "openrouter"              reasoning: {"effort"} or {"max_tokens"}        reasoning: {"enabled": false}
    "chat_template"           chat_template_kwargs: {"enable_thinking": true}   ... false
    "chat_template_thinking"  chat_template_kwargs: {"thinking": true}          ... false
    "reasoning_split"         reasoning_split: true, asked or not            reasoning_split: true

"On" is `thinking` enabled, adaptive or between_tools; "off" is disabled; where the client says nothing of thinking,
an effort is still passed on to the styles that know efforts, and the provider's default stands otherwise.
https://docs.anthropic.com/en/docs/build-with-claude/extended-thinking, .../effort
"""
from typing import Any, Callable, Dict, NamedTuple, Optional, Tuple

from .scope import Scope

ON = {"enabled": True, "adaptive": True, "auto": True, "between_tools": True, "disabled": False}
LEVELS = ("none", "minimal", "low", "medium", "high", "xhigh", "max")
LOW_BUDGET, MEDIUM_BUDGET = 4096, 16384          # tokens; a smaller budget is "low", "medium", a larger one "high"


class Wish(NamedTuple):
    """What the client asks for."""

    on: Optional[bool] = None
    effort: Optional[str] = None
    budget: Optional[int] = None                 # tokens


def wish_of(body: Dict[str, Any]) -> Wish:
    """The client's wish; `output_config.effort` wins over what a budget stands for."""
    thinking = body.get("thinking") or {}
    on = ON.get(thinking.get("type"))
    budget = thinking.get("budget_tokens") if thinking.get("type") == "enabled" else None
    effort = (body.get("output_config") or {}).get("effort")
    return Wish(on, effort or _effort_of(budget), budget)


def thinking_params(body: Dict[str, Any], scope: Scope, max_tokens: int) -> Dict[str, Any]:
    """The Chat parameters for this request's thinking."""
    wish = wish_of(body)
    if wish.effort and wish.effort not in LEVELS:
        scope.warn("dropped:output_config.effort")
        wish = wish._replace(effort=None)
    if wish.budget is not None and wish.budget >= max_tokens:
        wish = wish._replace(budget=max(1, max_tokens - 1))
    return STYLES[scope.dialect.thinking_style](wish, scope.dialect.efforts)


def shows_thinking(body: Dict[str, Any]) -> bool:
    """Whether the client asked to see reasoning."""
    return bool(wish_of(body).on)


def nearest_effort(effort: str, efforts: Tuple[str, ...]) -> Optional[str]:
    """The level of `efforts` for `effort`: itself, else the next lower one that thinks, else the lowest above it.

    >>> nearest_effort("max", ("low", "medium", "high"))
    'high'
    """
    wanted = LEVELS.index(effort)
    known = sorted(LEVELS.index(level) for level in efforts if level in LEVELS and level != "none")
    if not known:
        return None
    return LEVELS[max([level for level in known if level <= wanted] or known[:1])]


def _effort_of(budget):
    if budget is None:
        return None
    return "low" if budget < LOW_BUDGET else "medium" if budget < MEDIUM_BUDGET else "high"


def _nothing(wish, efforts):
    return {}


def _reasoning_effort(wish, efforts):
    if wish.on is False:
        level = next((level for level in ("none", "minimal") if level in efforts), None)
    else:
        level = wish.effort and nearest_effort(wish.effort, efforts)
    return {"reasoning_effort": level} if level else {}


def _disable_reasoning(wish, efforts):
    return {"disable_reasoning": True} if wish.on is False else _reasoning_effort(wish, efforts)


def _enable_thinking(wish, efforts):
    return {} if wish.on is None else {"enable_thinking": wish.on}


def _enable_thinking_budget(wish, efforts):
    params = _enable_thinking(wish, efforts)
    if wish.on and wish.budget:
        params["thinking_budget"] = wish.budget
    return params


def _thinking_type(wish, efforts):
    return {} if wish.on is None else {"thinking": {"type": "enabled" if wish.on else "disabled"}}


def _thinking_type_effort(wish, efforts):
    params = _thinking_type(wish, efforts)
    if wish.on is not False:
        params.update(_reasoning_effort(wish, efforts))
    return params


def _openrouter(wish, efforts):
    if wish.on is False:
        return {"reasoning": {"enabled": False}}
    if wish.budget:
        return {"reasoning": {"max_tokens": wish.budget}}
    level = wish.effort and nearest_effort(wish.effort, efforts)
    if level:
        return {"reasoning": {"effort": level}}
    return {"reasoning": {"enabled": True}} if wish.on else {}


def _chat_template(wish, efforts):
    return {} if wish.on is None else {"chat_template_kwargs": {"enable_thinking": wish.on}}


def _chat_template_thinking(wish, efforts):
    return {} if wish.on is None else {"chat_template_kwargs": {"thinking": wish.on}}


def _reasoning_split(wish, efforts):
    return {"reasoning_split": True}


STYLES: Dict[str, Callable[[Wish, Tuple[str, ...]], Dict[str, Any]]] = {
    "": _nothing,
    "reasoning_effort": _reasoning_effort,
    "disable_reasoning": _disable_reasoning,
    "enable_thinking": _enable_thinking,
    "enable_thinking_budget": _enable_thinking_budget,
    "thinking_type": _thinking_type,
    "thinking_type_effort": _thinking_type_effort,
    "openrouter": _openrouter,
    "chat_template": _chat_template,
    "chat_template_thinking": _chat_template_thinking,
    "reasoning_split": _reasoning_split,
}
