"""How much a model should think: `thinking` and `output_config.effort` -> what the dialect's `thinking_style` says.

    style                     on                                             off
    ""                        nothing                                        nothing
    "effort"                  reasoning_effort: "medium"                     reasoning_effort: the dialect's effort_off
    "disable_reasoning"       reasoning_effort: "medium"                     disable_reasoning: true
    "enable_thinking"         enable_thinking: true, thinking_budget: 8000   enable_thinking: false
    "thinking"                thinking: {"type": "enabled"}                  thinking: {"type": "disabled"}
    "thinking_effort"         the same, and reasoning_effort: "medium"       thinking: {"type": "disabled"}
    "reasoning"               reasoning: {"effort"} or {"max_tokens"}        reasoning: {"enabled": false}
    "template"                chat_template_kwargs: {"enable_thinking": true, "thinking": true}, as templates call it
    "reasoning_split"         reasoning_split: true, asked or not            the same

"On" is `thinking` enabled, adaptive or between_tools; "off" is disabled; where the client says nothing of thinking,
an effort is still passed on to the styles that know efforts, and the provider's default stands otherwise.
https://docs.anthropic.com/en/docs/build-with-claude/extended-thinking, .../effort
"""
from typing import Any, Callable, Dict, NamedTuple, Optional, Tuple

from ..providers.dialects import Dialect
from .scope import Scope

ON = {"enabled": True, "adaptive": True, "auto": True, "between_tools": True, "disabled": False}
LEVELS = ("none", "minimal", "low", "medium", "high", "xhigh", "max")
LOW_BUDGET, MEDIUM_BUDGET = 4096, 16384          # tokens; a smaller budget is "low", "medium", a larger one "high"


class Wish(NamedTuple):
    """What the client asks for."""

    on: Optional[bool] = None
    effort: Optional[str] = None
    budget: Optional[int] = None                 # tokens


NO_WISH = Wish()


def wish_of(body: Dict[str, Any]) -> Wish:
    """The client's wish; `output_config.effort` wins over what a budget stands for."""
    if not body.get("thinking") and not body.get("output_config"):
        return NO_WISH
    thinking = body.get("thinking") or {}
    on = ON.get(str(thinking.get("type")))
    budget = thinking.get("budget_tokens") if thinking.get("type") == "enabled" else None
    effort = (body.get("output_config") or {}).get("effort")
    return Wish(on, effort or _level_of(budget), budget)


def thinking_params(body: Dict[str, Any], scope: Scope, max_tokens: int, forced: bool = False) -> Dict[str, Any]:
    """The Chat parameters for this request's thinking; `forced`: it must call a tool, which some do only without."""
    dialect, wish = scope.dialect, wish_of(body)
    if wish.effort and wish.effort not in LEVELS:
        scope.warn("dropped:output_config.effort")
        wish = wish._replace(effort=None)
    if wish.budget is not None and wish.budget >= max_tokens:
        wish = wish._replace(budget=max(1, max_tokens - 1))
    if forced and not dialect.forces_in_thinking or dialect.thinks_only_streaming and not body.get("stream"):
        wish = wish._replace(on=False)
    params = STYLES[dialect.thinking_style](wish, dialect)
    if body.get("tools") and dialect.effort_with_tools:
        params["reasoning_effort"] = dialect.effort_with_tools
    return params


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


def _level_of(budget: Optional[int]) -> Optional[str]:
    if budget is None:
        return None
    return "low" if budget < LOW_BUDGET else "medium" if budget < MEDIUM_BUDGET else "high"


def _nothing(wish: Wish, dialect: Dialect) -> Dict[str, Any]:
    return {}


def _effort(wish: Wish, dialect: Dialect) -> Dict[str, Any]:
    if wish.on is False:
        level: Optional[str] = dialect.effort_off
    else:
        level = wish.effort and nearest_effort(wish.effort, dialect.efforts)
    return {"reasoning_effort": level} if level else {}


def _disable_reasoning(wish: Wish, dialect: Dialect) -> Dict[str, Any]:
    return {"disable_reasoning": True} if wish.on is False else _effort(wish, dialect)


def _enable_thinking(wish: Wish, dialect: Dialect) -> Dict[str, Any]:
    params: Dict[str, Any] = {} if wish.on is None else {"enable_thinking": wish.on}
    if wish.on and wish.budget:
        params["thinking_budget"] = wish.budget
    return params


def _thinking(wish: Wish, dialect: Dialect) -> Dict[str, Any]:
    return {} if wish.on is None else {"thinking": {"type": "enabled" if wish.on else "disabled"}}


def _thinking_effort(wish: Wish, dialect: Dialect) -> Dict[str, Any]:
    # DeepSeek refuses an effort beside disabled thinking
    return _thinking(wish, dialect) if wish.on is False else dict(_thinking(wish, dialect), **_effort(wish, dialect))


def _reasoning(wish: Wish, dialect: Dialect) -> Dict[str, Any]:
    if wish.on is False:
        return {"reasoning": {"enabled": False}}
    if wish.budget:
        return {"reasoning": {"max_tokens": wish.budget}}
    level = wish.effort and nearest_effort(wish.effort, dialect.efforts)
    if level:
        return {"reasoning": {"effort": level}}
    return {"reasoning": {"enabled": True}} if wish.on else {}


def _template(wish: Wish, dialect: Dialect) -> Dict[str, Any]:
    # a template ignores what it does not know: Qwen's and GLM's read the first, DeepSeek's and Kimi's the second
    return {} if wish.on is None else {"chat_template_kwargs": {"enable_thinking": wish.on, "thinking": wish.on}}


def _reasoning_split(wish: Wish, dialect: Dialect) -> Dict[str, Any]:
    return {"reasoning_split": True}


STYLES: Dict[str, Callable[[Wish, Dialect], Dict[str, Any]]] = {
    "": _nothing,
    "effort": _effort,
    "disable_reasoning": _disable_reasoning,
    "enable_thinking": _enable_thinking,
    "thinking": _thinking,
    "thinking_effort": _thinking_effort,
    "reasoning": _reasoning,
    "template": _template,
    "reasoning_split": _reasoning_split,
}
