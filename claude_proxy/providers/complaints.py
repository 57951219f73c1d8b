"""A refusal that names what it does not take, and how to ask so that it is taken: healing, as a table.

    remedy(status, text, chat_body, dialect) -> Remedy or None

A complaint is a row: patterns of the provider's words (English or Chinese), and what makes dialect fields of it
(remedies.py). Behind the table stands one rule for the rest: a refusal that names a parameter which was sent. A remedy
is only given where it changes the request: what was not sent, or is already switched off, is not the cause. So a
request is asked again at most once for each remedy (its `name` tells them apart), and a caller that counts to
MAX_REMEDIES ends in any case.

`remedy.changes` are fields of Dialect: records.replace(dialect, **remedy.changes), or the quirks of dialect_for.
"""
from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Dict, List, Optional, Tuple

from . import remedies as heal
from .overflow import overflow_in
from .records import dataclass, field
from .wording import any_of, read

if TYPE_CHECKING:
    from .dialects import Dialect
    from .overflow import Overflow
    from .wording import Pattern

MAX_REMEDIES = 3            # for one request
STATUSES = (400, 404, 413, 415, 422, 500, 501)
MARGIN = 64                 # tokens left free beside a prompt whose length the provider told


@dataclass(frozen=True)
class Remedy:
    """How to ask again. `lasting`: true for this provider and model from now on; else for this request alone."""

    name: str
    changes: Dict[str, Any] = field(default_factory=dict)
    lasting: bool = True

    def line(self, provider: str) -> str:
        """The configuration line that makes it permanent."""
        return '"providers": {%s: {"quirks": %s}}' % (
            json.dumps(provider, ensure_ascii=False), json.dumps(self.changes, ensure_ascii=False, sort_keys=True))


def remedy(status: int, text: str, chat_body: Dict[str, Any], dialect: Dialect) -> Optional[Remedy]:
    """The Remedy for a refused Chat Completions body (a dict), or None: then the refusal goes to the client."""
    if status not in STATUSES:
        return None
    said = read(text)
    overflow = overflow_in(said, status)
    if overflow is not None:
        return _shorter_answer(overflow, chat_body)
    words = " ".join((said.words, said.param)).strip()
    if THE_MODEL_S_FAULT.search(words):
        return None
    for pattern, make in COMPLAINTS:
        changes = make(words, chat_body, dialect) if pattern.search(words) else None
        changes = {name: value for name, value in (changes or {}).items() if getattr(dialect, name) != value}
        if changes:
            return Remedy(_name(changes, dialect), changes)
    return None


def _name(changes: Dict[str, Any], dialect: Dialect) -> str:
    """"drop_params+top_k": the fields that change, and what is new in a list."""
    return ", ".join("+".join([name] + _added(value, getattr(dialect, name)))
                     for name, value in sorted(changes.items()))


def _added(value: Any, before: Any) -> List[str]:
    return [one for one in value if one not in before] if isinstance(value, tuple) else []


def _shorter_answer(overflow: Overflow, body: Dict[str, Any]) -> Optional[Remedy]:
    """Prompt and answer together are too long, but the prompt alone is not: a shorter answer, this once."""
    if not overflow.only_the_sum or overflow.limit is None or overflow.input is None:
        return None
    room = overflow.limit - overflow.input - MARGIN
    if room < heal.SMALLEST_ANSWER or room >= (heal.asked_tokens(body) or 0):
        return None
    return Remedy("shorter answer", {"max_max_tokens": room}, lasting=False)


# -- the words of refusals

NOT_TAKEN = (
    r"(?:not?|n't|un|only|never) ?(?:be )?(?:support|permit|allow|accept|available|recogni|known|expected)"
    r"|(?:not|n't) (?:be )?(?:used|valid|enabled)|unrecognized|invalid|illegal|extra (?:inputs|fields)"
    r"|deprecated|incompatible|must(?: not)? be|cannot|can't|does ?n[o']t|not one of|out of range|no such"
    r"|不支持|无效|非法|未知|错误|不能|不允许|必须|只能|范围")
MAX_TOKENS = r"max(?:_completion|_new|_output|imum)?[ _](?:output[ _]|completion[ _])?tokens?"
TOO_MANY = (
    r"range|at most|less than|no more than|<=|>|exceed|maximum|too (?:large|big|high|many)|larger|greater|limit|between"
    r"|up to|超过|超出|范围|最大|上限|小于|大于|过大|取值")
TOO_FEW = r">=|below|at least|minimum|too (?:small|low)|greater than or equal"
NOT_SEEN = (
    r"(?:not?|n't|only) (?:be )?(?:support|permit|allow|accept|available|enabled|text)"
    r"|unsupported(?! image (?:format|type))|isn't|unknown variant|invalid content type|no endpoints found|mmproj"
    r"|不支持")
IMAGE = r"image(?:_url|s?)|vision|multi-?modal|图片|图像|多模态|视觉"
THE_MODEL_S_FAULT = any_of("tool call validation failed", "failed to call a function", "failed_generation",
                           "wrote a tool call that cannot be read")


def about(subject: str, verdict: str = NOT_TAKEN, reach: int = 100) -> str:
    """Pattern: `subject` and `verdict` near each other, in either order, in one line."""
    near = r"[^\n]{0,%d}?" % reach
    return "(?:%s)%s(?:%s)|(?:%s)%s(?:%s)" % (subject, near, verdict, verdict, near, subject)


def row(make: heal.Make, *patterns: str) -> Tuple[Pattern, heal.Make]:
    """A complaint: any of `patterns`, and what heals it."""
    return any_of(*patterns), make


# The first row that fits and whose remedy changes something.
COMPLAINTS = (
    # -- how long the answer may be
    row(heal.use_field("max_completion_tokens"),
        r"use '?`?\"?max_completion_tokens",
        r"max_tokens[^\n]{0,60}(?:deprecated|not supported)[^\n]{0,60}max_completion_tokens"),
    row(heal.floor, about(MAX_TOKENS, TOO_FEW)),
    row(heal.cap, about(MAX_TOKENS, TOO_MANY), r"maximum (?:allowed )?number of output tokens"),

    # -- reasoning that must come back, or may not
    row(heal.echo,
        about("reasoning_content", r"must be (?:passed|provided|included|sent)|missing|required|缺少|缺失")),
    row(heal.turn(echo_reasoning="tool_turns", reasoning_field="extra_content", missing_reasoning="dummy"),
        about("thought_?signature", r"missing|required|not valid|invalid")),
    row(heal.keep_reasoning, about("reasoning_content|reasoning_details|extra_content")),

    # -- thinking, its switches, and what goes with it
    row(heal.if_sent("tools", effort_with_tools="none"),
        r"tools with reasoning_effort are not supported", r"set reasoning_effort to '?none"),
    row(heal.turn(thinks_only_streaming=True, thinking_style="enable_thinking"),
        r"enable_thinking[^\n]{0,60}non-?streaming", r"thinking[^\n]{0,40}only supports? stream"),
    row(heal.choice_in_thinking, about("tool_choice", "think")),
    row(heal.efforts,
        about(r"reasoning[_.]effort", "supported values|valid values|one of|expected|allowed|should be|must be")),
    row(heal.thinking_refused,
        about(r"thinking|reasoning(?!_)|reasoning_effort|enable_thinking|思考|推理", NOT_TAKEN, 40)),

    # -- tools
    row(heal.weaker_choice,
        about("tool_choice", NOT_TAKEN + r"|only [`'\"]?auto"), r"only `?'?auto'?`?[^\n]{0,40}tool"),
    row(heal.turn_from("strict_tools", True, False),
        about(r"\bstrict\b"), r"invalid schema for function[^\n]*(?:additionalProperties|'required')"),
    row(heal.turn(tool_id_style="short40"),
        r"\bid[`'\"]?: string too long", r"tool_call_id[^\n]{0,60}(?:too long|maximum length)"),
    row(heal.turn(tool_id_style="alnum9"), r"must be a-z, ?A-Z, ?0-9", r"tool[ _]call[ _]id[^\n]{0,60}length of 9"),
    row(heal.gemini_schema,
        r"unknown name[^\n]{0,40} at '(?:request\.)?tools", r"function_declarations\[\d+\]\.parameters"),
    row(heal.weaker_format,
        about(r"response_format|json_schema|json mode|structured output"), r"json mode cannot be combined"),
    row(heal.schema_keywords, about(r"schema|parameters|tools?\b|function")),
    row(heal.plain_schemas,
        about(r"schema|grammar", NOT_TAKEN + r"|fail(?:ed|ure)?|error|too complex|unable", 60),
        r"unsupported (?:pattern|regex)", r"pattern must start"),

    row(heal.fewer_stops, about(
        r"[`'\"]stop[`'\"]|\bstop (?:sequence|word|parameter|string)|(?:parameter|model):? stop\b",
        NOT_TAKEN + r"|up to|at most|maximum|no more than|too (?:many|long)|<=", 60)),

    # -- messages
    row(heal.no_images, about(IMAGE, NOT_SEEN), r"only supports? text"),
    row(heal.turn_from("files", True, False), about(r"\bpdf\b|[`'\"]file[`'\"]")),
    row(heal.turn_from("system_role", "developer", "system"), about("developer")),
    row(heal.turn_from("system_role", "system", "developer"), r"does not support 'system' with this model"),
    row(heal.leading_system,
        about(r"system (?:message|prompt|role)|role:? ?[`'\"]?system|[`'\"]system[`'\"]",
              NOT_TAKEN + r"|must (?:be|come)|only|first|begin|start|after|首|开头")),
    row(heal.turn(prefill_mark="prefix"), r"assistant with prefix true"),
    row(heal.turn(user_after_tool=False), r"unexpected role '?user'? after role '?tool"),
    row(heal.turn(user_first=True, system_anywhere=False),
        r"no user query found", r"roles must alternate", r"should alternate with",
        r"(?:first|start with)[^\n]{0,40}\buser\b"),
    row(heal.no_null, about(r"\bcontent\b", r"\bnull\b|\bNone\b|empty|required|must be a string|valid string")),

    # -- anything that was sent and is named
    row(heal.drop("top_p"), r"temperature` and `top_p", r"both [^\n]{0,20}temperature[^\n]{0,10}top_p"),
    row(heal.named, NOT_TAKEN),
)
