"""What heals a complaint: from the provider's words, the refused body and its dialect to dialect fields, or None.

Each looks at what was really sent: a parameter that is not in the body is not what the provider complains of.
"""
from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any, Callable, Dict, Iterable, List, Optional

if TYPE_CHECKING:
    from .dialects import Dialect

Body = Dict[str, Any]                           # a Chat Completions request
Changes = Optional[Dict[str, Any]]              # dialect fields; None: this is no remedy
Make = Callable[[str, Body, "Dialect"], Changes]

SMALLEST_ANSWER = 1024      # tokens; below this room an answer is not worth asking for
USUAL_CAPS = (32768, 16384, 8192, 4096, SMALLEST_ANSWER)

NEEDED = ("model", "messages", "stream", "tools")       # parameters that no request can do without
EFFORTS = ("minimal", "low", "medium", "high", "xhigh", "max")
THINKING = ("reasoning_effort", "thinking", "enable_thinking", "thinking_budget", "reasoning", "reasoning_split",
            "chat_template_kwargs", "disable_reasoning")

# JSON Schema keywords that a provider may refuse; without the others there is no schema.
KEYWORDS = ("$schema", "$id", "$ref", "$defs", "$comment", "additionalProperties", "patternProperties",
            "propertyNames", "pattern", "format", "default", "const", "examples", "title", "minimum", "maximum",
            "exclusiveMinimum", "exclusiveMaximum", "multipleOf", "minLength", "maxLength", "minItems", "maxItems",
            "uniqueItems", "minProperties", "maxProperties", "anyOf", "oneOf", "allOf", "not", "if", "then", "else",
            "contentEncoding", "readOnly", "writeOnly", "nullable")
# Those on which grammars and converters stumble, where a refusal names none.
STUMBLING = ("pattern", "format", "additionalProperties", "exclusiveMinimum", "exclusiveMaximum", "propertyNames",
             "minLength", "maxLength", "minItems", "maxItems", "uniqueItems", "default", "examples", "const")


# -- how long the answer may be

def asked_tokens(body: Body) -> Optional[int]:
    """The max_tokens of a body, under either name; None where it has none."""
    value = body.get("max_tokens") or body.get("max_completion_tokens")
    return value if isinstance(value, int) else None


def numbers(words: str) -> List[int]:
    """The whole numbers of a text: "8,192" and "64k" too, parts of names and ids not.

    >>> numbers("gpt-4o-2024-08-06 takes at most 16,384 tokens")
    [16384]
    """
    found = re.findall(r"(?<![\w.-])(\d{1,3}(?:,\d{3})+|\d+)(k?)(?![\w-]|\.\d)", words, re.I)
    return [int(number.replace(",", "")) * (1024 if kilo else 1) for number, kilo in found]


def cap(words: str, body: Body, dialect: Dialect) -> Changes:
    """max_tokens is too large: the limit stands in the words; else the next smaller usual one."""
    asked = asked_tokens(body)
    if not asked:
        return None
    told = [number for number in numbers(words) if 256 <= number < asked]
    if told:
        return {"max_max_tokens": max(told)}
    too_large = asked in numbers(words) or re.search(r"too (?:large|big|high|many)|exceed|超|过大", words, re.I)
    smaller = next((size for size in USUAL_CAPS if size < asked), None)
    return {"max_max_tokens": smaller} if smaller and too_large else None


def floor(words: str, body: Body, dialect: Dialect) -> Changes:
    """max_tokens is too small: the least stands in the words."""
    asked = asked_tokens(body)
    told = [number for number in numbers(words) if asked and asked < number <= SMALLEST_ANSWER]
    return {"min_max_tokens": min(told)} if told else None


def use_field(name: str) -> Make:
    """max_tokens under its other name, where it was sent under this one."""
    other = "max_tokens" if name == "max_completion_tokens" else "max_completion_tokens"
    return if_sent(other, max_tokens_field=name)


# -- changes without a question

def turn(**changes: Any) -> Make:
    """These changes, whatever was sent."""
    return lambda words, body, dialect: dict(changes)


def turn_from(name: str, before: Any, after: Any) -> Make:
    """One field, where it is as it was refused."""
    return lambda words, body, dialect: {name: after} if getattr(dialect, name) == before else None


def if_sent(name: str, **changes: Any) -> Make:
    """These changes, where the parameter was sent."""
    return lambda words, body, dialect: dict(changes) if name in body else None


def drop(*names: str) -> Make:
    """Send these parameters no more, where they were sent."""
    def make(words: str, body: Body, dialect: Dialect) -> Changes:
        sent = tuple(name for name in names if name in body and name not in dialect.drop_params)
        return {"drop_params": dialect.drop_params + sent} if sent else None
    return make


# -- reasoning and thinking

def echo(words: str, body: Body, dialect: Dialect) -> Changes:
    """Reasoning must come back: on tool turns first, then always."""
    if not any(message.get("role") == "assistant" for message in body.get("messages") or ()):
        return None
    again = dialect.echo_reasoning and dialect.missing_reasoning == "empty"
    how = "always" if again or dialect.echo_reasoning == "always" else "tool_turns"
    return {"echo_reasoning": how, "missing_reasoning": "empty"}


def keep_reasoning(words: str, body: Body, dialect: Dialect) -> Changes:
    """Reasoning may not come back, where some was sent."""
    sent = any(name in message for message in body.get("messages") or ()
               for name in (dialect.reasoning_field, "reasoning_content", "reasoning", "reasoning_details"))
    return {"echo_reasoning": ""} if sent or dialect.echo_reasoning else None


def thinking_refused(words: str, body: Body, dialect: Dialect) -> Changes:
    """The switch for thinking, whichever was sent, is not known there."""
    sent = [name for name in THINKING if name in body]
    if sent and dialect.thinking_style:
        return {"thinking_style": ""}
    return drop(*sent)(words, body, dialect) or (keep_reasoning(words, body, dialect) if "reasoning" in words else None)


def efforts(words: str, body: Body, dialect: Dialect) -> Changes:
    """reasoning_effort has other values there; the words list them."""
    if "reasoning_effort" not in body:
        return None
    marks = r"(?i)supported values|valid values|one of|expected|allowed|should be|must be|available"
    listed = re.split(marks, words, maxsplit=1)[-1]
    refused = body["reasoning_effort"]
    kept = tuple(word for word in EFFORTS if word != refused and re.search(r"\b%s\b" % word, listed))
    changes: Dict[str, Any] = {"efforts": kept} if kept else {"thinking_style": ""}
    if dialect.effort_off == refused:
        changes["effort_off"] = "none" if refused != "none" and re.search(r"\bnone\b", listed) else ""
    return changes


def choice_in_thinking(words: str, body: Body, dialect: Dialect) -> Changes:
    """A forced tool beside thinking is refused: thinking gives way where it can be switched, else the choice."""
    if dialect.forces_in_thinking and dialect.thinking_style and body.get("tool_choice") not in (None, "auto"):
        return {"forces_in_thinking": False}
    return weaker_choice(words, body, dialect)


# -- tools

def weaker_choice(words: str, body: Body, dialect: Dialect) -> Changes:
    """tool_choice is refused: by name first, then forced at all, then altogether."""
    choice = body.get("tool_choice")
    if choice is None:
        return None
    if isinstance(choice, dict) and dialect.names_tool:
        return {"names_tool": False}
    if choice != "auto" and dialect.forces_tools:
        return {"forces_tools": False, "names_tool": False}
    return {"tool_choice": False}


def schema_keywords(words: str, body: Body, dialect: Dialect) -> Changes:
    """JSON Schema keywords that the words name, and a tool's schema has: quoted, or with a capital or a $ inside."""
    named = [name for name in KEYWORDS if re.search(r"[`'\"]%s[`'\"]" % re.escape(name), words)
             or name != name.lower() and name in words or name[0] == "$" and name in words]
    return _without(named, body, dialect)


def plain_schemas(words: str, body: Body, dialect: Dialect) -> Changes:
    """Schemas are refused without a keyword: those that grammars and converters stumble on go out."""
    return _without(STUMBLING, body, dialect)


def gemini_schema(words: str, body: Body, dialect: Dialect) -> Changes:
    """Schemas for Gemini behind a gateway."""
    return {"schema_style": "gemini"} if body.get("tools") and not dialect.schema_style else None


def _without(names: Iterable[str], body: Body, dialect: Dialect) -> Changes:
    there = tuple(name for name in names if name not in dialect.drop_schema_keys and _has_key(body.get("tools"), name))
    return {"drop_schema_keys": dialect.drop_schema_keys + there} if there else None


def _has_key(value: Any, name: str) -> bool:
    if isinstance(value, dict):
        return name in value or any(_has_key(inner, name) for inner in value.values())
    return isinstance(value, list) and any(_has_key(inner, name) for inner in value)


# -- messages and the answer's form

def no_images(words: str, body: Body, dialect: Dialect) -> Changes:
    """A text model got an image; or only its `tool` messages may not hold one."""
    if '"image_url"' not in json.dumps(body.get("messages")):
        return None
    return {"images_in_tool_results": False} if dialect.images_in_tool_results else {"images": False}


def no_null(words: str, body: Body, dialect: Dialect) -> Changes:
    """A message without content: an empty text stands for it."""
    return {"empty_content": ""} if any(message.get("content", "") is None for message in body["messages"]) else None


def leading_system(words: str, body: Body, dialect: Dialect) -> Changes:
    """A system message in the middle is refused."""
    roles = [message.get("role") for message in body.get("messages") or ()]
    return {"system_anywhere": False} if set(roles[1:]) & {"system", "developer"} else None


def weaker_format(words: str, body: Body, dialect: Dialect) -> Changes:
    """A JSON schema is refused, then JSON at all."""
    kind = (body.get("response_format") or {}).get("type")
    if kind == "json_schema" and dialect.response_format == "json_schema" and "cannot be combined" not in words:
        return {"response_format": "json_object"}
    return {"response_format": ""} if kind else None


def fewer_stops(words: str, body: Body, dialect: Dialect) -> Changes:
    """As many stop sequences as the words allow; else one; else none: the others are enforced here."""
    stops = body.get("stop")
    count = len(stops) if isinstance(stops, list) else 1 if stops else 0
    told = [number for number in numbers(words) if 0 < number < count]
    fewer = 1 if count > 1 and re.search(r"(?i)too (?:many|long)|at most|maximum|up to", words) else 0
    return {"stop_limit": max(told) if told else fewer} if count else None


# -- a parameter by its name

ANY_WORD = r"(?<![A-Za-z_])%s(?![A-Za-z_])"
ORDINARY_WORDS = ("user", "stop", "thinking", "reasoning", "metadata", "store", "n", "seed")  # must stand out in a text
ORDINARY_WORD = (r"(?<!role )(?<!role: )[`'\"]%s[`'\"]|(?:parameter|argument|property|field|model|supplied):? %s\b"
                 r"|\b%s: [Ee]xtra")


def named(words: str, body: Body, dialect: Dialect) -> Changes:
    """A parameter that was sent and that the words name: its own remedy, else it is left out."""
    for name in sorted(body, key=len, reverse=True):
        pattern = ORDINARY_WORD if name in ORDINARY_WORDS else ANY_WORD
        if name not in NEEDED and re.search(pattern.replace("%s", re.escape(name)), words):
            changes = NAMED.get(name, drop(name))(words, body, dialect)
            if changes:
                return changes
    return None


def _top_k(words: str, body: Body, dialect: Dialect) -> Changes:
    kept = tuple(name for name in dialect.extra_params if name != "top_k")
    return {"extra_params": kept} if kept != dialect.extra_params else drop("top_k")(words, body, dialect)


NAMED: Dict[str, Make] = {
    **dict.fromkeys(THINKING, thinking_refused),
    "max_tokens": use_field("max_completion_tokens"),
    "max_completion_tokens": use_field("max_tokens"),
    "stream_options": turn(stream_options=False),
    "parallel_tool_calls": turn(parallel_tool_calls=False),
    "tool_choice": weaker_choice,
    "response_format": weaker_format,
    "stop": fewer_stops,
    "user": turn(user_field=""),
    "safety_identifier": turn(user_field=""),
    "top_k": _top_k,
}
