"""A refusal that names what it does not take, and how to ask so that it is taken: healing, as a table.

    remedy(status, text, chat_body, dialect) -> Remedy or None

A Complaint is a row: a pattern of the provider's words (English or Chinese), and a function that makes dialect
overrides of what matched. A remedy is only given where it changes the request that was refused: what was not sent, or
is already switched off, is not the cause. So a request is asked again at most once for each remedy, and a caller that
counts to MAX_REMEDIES ends in any case.

`remedy.changes` are quirks as the configuration takes them (lists, not tuples): dialects.with_quirks(dialect, changes).
"""
import json
import re
from dataclasses import dataclass, field
from typing import Any, Dict, Optional

from .dialects import with_quirks
from .overflow import overflow_in
from .wording import read

MAX_REMEDIES = 3            # for one request
STATUSES = (400, 404, 413, 415, 422, 500, 501)
SMALLEST_ANSWER = 1024      # below this room an answer is not worth asking for: the conversation must shrink
MARGIN = 64                 # tokens left free beside a prompt whose length the provider told


@dataclass(frozen=True)
class Remedy:
    """How to ask again. `lasting`: true for this provider and model from now on; else for this request alone."""

    name: str
    changes: Dict[str, Any] = field(default_factory=dict)
    lasting: bool = True

    def line(self, provider):
        """The configuration line that makes it permanent."""
        return '"providers": {%s: {"quirks": %s}}' % (
            json.dumps(provider, ensure_ascii=False), json.dumps(self.changes, ensure_ascii=False, sort_keys=True))


def remedy(status, text, chat_body, dialect):
    """The Remedy for a refused Chat Completions body (a dict), or None: then the refusal goes to the client."""
    if status not in STATUSES:
        return None
    said = read(text)
    words = " ".join((said.words, said.param)).lower()
    if not words.strip():
        return None
    shorter = _shorter_answer(said, status, chat_body)
    if shorter or overflow_in(said, status):
        return shorter
    for name, pattern, make in COMPLAINTS:
        match = pattern.search(words)
        changes = make(match, chat_body, dialect) if match else None
        if changes and _is_new(changes, dialect):
            return Remedy(name, changes)
    return None


def _is_new(changes, dialect):
    return with_quirks(dialect, changes) != dialect


def _shorter_answer(said, status, body):
    """Prompt and answer together are too long, but the prompt alone is not: a shorter answer, this once."""
    overflow = overflow_in(said, status)
    if overflow is None or not overflow.only_the_sum:
        return None
    room = overflow.limit - overflow.input - MARGIN
    if room < SMALLEST_ANSWER or room >= (_max_tokens(body) or 0):
        return None
    return Remedy("max_tokens", {"max_max_tokens": room, "min_max_tokens": 0}, lasting=False)


# -- what the makers need

def _max_tokens(body):
    value = body.get("max_tokens") or body.get("max_completion_tokens")
    return value if isinstance(value, int) else None


def _number(text):
    """"8,192" or "64k" -> int."""
    text = text.replace(",", "").replace("_", "")
    return int(float(text[:-1]) * 1024) if text.endswith("k") else int(text)


def _cap(match, body, dialect):
    """max_tokens is too large: the limit is in the text, else half of what was asked for."""
    asked = _max_tokens(body)
    if not asked:
        return None
    told = next((_number(value) for name, value in sorted(match.groupdict().items()) if value), None)
    cap = told if told and told < asked else None
    return {"max_max_tokens": cap, "min_max_tokens": min(dialect.min_max_tokens, cap)} if cap else None


def _blind_cap(match, body, dialect):
    """max_tokens is too large, and the text does not say by how much."""
    asked = _max_tokens(body) or 0
    if asked <= SMALLEST_ANSWER:
        return None
    cap = next(size for size in (32768, 16384, 8192, 4096, SMALLEST_ANSWER) if size < asked)
    return {"max_max_tokens": cap, "min_max_tokens": min(dialect.min_max_tokens, cap)}


def _floor(match, body, dialect):
    asked, told = _max_tokens(body), _number(match.group("least"))
    return {"min_max_tokens": told} if asked and asked < told else None


def _use_field(name):
    other = "max_tokens" if name == "max_completion_tokens" else "max_completion_tokens"
    return lambda match, body, dialect: {"max_tokens_field": name} if other in body else None


def _drop(*names):
    """Stop sending parameters, where they were sent."""
    def make(match, body, dialect):
        sent = [name for name in names if name in body and name not in dialect.drop_params]
        return {"drop_params": list(dialect.drop_params) + sent} if sent else None
    return make


def _set(**changes):
    return lambda match, body, dialect: {name: list(value) if isinstance(value, tuple) else value
                                         for name, value in changes.items()}


def _if_sent(name, **changes):
    return lambda match, body, dialect: dict(changes) if name in body else None


def _drop_named(match, body, dialect):
    """A parameter by the name that the text gives it."""
    name = match.group("name").strip("`'\"").split(".")[-1].split("[")[0]
    known = NAMED.get(name)
    if known:
        return known(match, body, dialect)
    return _drop(name)(match, body, dialect) if name in body and name not in NEEDED else None


def _extra_param(name):
    def make(match, body, dialect):
        kept = [one for one in dialect.extra_params if one != name]
        return {"extra_params": kept} if name in body and name in dialect.extra_params else _drop(name)(match, body, dialect)
    return make


def _schema_keyword(match, body, dialect):
    """A keyword of JSON Schema by name; only where a tool's schema has it."""
    name = next((value for key, value in sorted(match.groupdict().items()) if key.startswith("keyword") and value), "")
    name = name.strip("`'\"").split(".")[-1]
    if not name or name in dialect.drop_schema_keys or name in SCHEMA_ESSENTIALS or not _has_key(body.get("tools"), name):
        return None
    return {"drop_schema_keys": list(dialect.drop_schema_keys) + [name]}


def _plain_schemas(match, body, dialect):
    """Schemas are refused without a keyword: those that grammars and converters stumble on go out."""
    names = [name for name in STUMBLING if name not in dialect.drop_schema_keys and _has_key(body.get("tools"), name)]
    return {"drop_schema_keys": list(dialect.drop_schema_keys) + names} if names else None


def _has_key(value, name):
    if isinstance(value, dict):
        return name in value or any(_has_key(inner, name) for inner in value.values())
    return isinstance(value, list) and any(_has_key(inner, name) for inner in value)


def _echo(match, body, dialect):
    if not any(message.get("role") == "assistant" for message in body.get("messages") or ()):
        return None
    how = "always" if dialect.echo_reasoning == "always" else "tool_turns"
    if dialect.echo_reasoning and dialect.missing_reasoning == "empty":
        how = "always"
    return {"echo_reasoning": how, "missing_reasoning": "empty"}


def _no_images(match, body, dialect):
    """A text model got an image; or only its `tool` messages may not hold one."""
    if '"image_url"' not in json.dumps(body.get("messages")):
        return None
    if dialect.images_in_tool_results:
        return {"images_in_tool_results": False}
    return {"images": False}


def _weaker_choice(match, body, dialect):
    """tool_choice is refused: by name first, then forced at all, then altogether."""
    choice = body.get("tool_choice")
    if choice is None:
        return None
    if isinstance(choice, dict) and dialect.names_tool:
        return {"names_tool": False}
    if choice != "auto" and dialect.forces_tools:
        return {"forces_tools": False, "names_tool": False}
    return {"tool_choice": False}


def _weaker_format(match, body, dialect):
    kind = (body.get("response_format") or {}).get("type")
    if kind == "json_schema" and dialect.response_format == "json_schema":
        return {"response_format": "json_object"}
    return {"response_format": ""} if kind else None


def _fewer_stops(match, body, dialect):
    stops = body.get("stop")
    count = len(stops) if isinstance(stops, list) else 1 if stops else 0
    told = next((int(value) for value in match.groupdict().values() if value), 1 if count > 1 else 0)
    return {"stop_limit": told if told < count else 0} if count else None


def _thinking_refused(match, body, dialect):
    """The switch for thinking, whichever was sent, is not known there."""
    sent = [name for name in ("reasoning_effort", "thinking", "enable_thinking", "reasoning", "chat_template_kwargs",
                              "reasoning_split", "thinking_budget", "disable_reasoning") if name in body]
    return {"thinking_style": ""} if sent and dialect.thinking_style else _drop(*sent)(match, body, dialect) if sent else None


def _efforts(match, body, dialect):
    """reasoning_effort has another value than the provider's; the text lists its own."""
    if "reasoning_effort" not in body:
        return None
    listed = [word for word in ("minimal", "low", "medium", "high", "xhigh", "max", "default")
              if re.search(r"\b%s\b" % word, match.group("list"))]
    refused = body["reasoning_effort"]
    off = {} if dialect.effort_off != refused else {"effort_off": "none" if re.search(r"\bnone\b", match.group("list")) else ""}
    kept = [word for word in listed if word != refused]
    return dict(off, efforts=kept) if kept else dict(off, thinking_style="")


NEEDED = ("model", "messages", "stream", "tools")
SCHEMA_ESSENTIALS = ("type", "properties", "items", "required", "description", "name", "parameters")
STUMBLING = ("pattern", "format", "additionalProperties", "exclusiveMinimum", "exclusiveMaximum", "propertyNames", "minLength",
             "maxLength", "minItems", "maxItems", "uniqueItems", "default", "examples", "const", "$ref", "$defs")
_KEEP_REASONING_HOME = _set(echo_reasoning="")

# What a parameter's own remedy is, where it is more than leaving it out.
NAMED = {
    "max_tokens": _use_field("max_completion_tokens"),
    "max_completion_tokens": _use_field("max_tokens"),
    "stream_options": _if_sent("stream_options", stream_options=False),
    "include_usage": _if_sent("stream_options", stream_options=False),
    "parallel_tool_calls": _if_sent("parallel_tool_calls", parallel_tool_calls=False),
    "tool_choice": _weaker_choice,
    "response_format": _weaker_format,
    "reasoning_content": _KEEP_REASONING_HOME,
    "reasoning_details": _KEEP_REASONING_HOME,
    "extra_content": _KEEP_REASONING_HOME,
    "reasoning_effort": _thinking_refused,
    "thinking": _thinking_refused,
    "enable_thinking": _thinking_refused,
    "thinking_budget": _thinking_refused,
    "reasoning": lambda match, body, dialect: (_thinking_refused(match, body, dialect) if "reasoning" in body
                                               else _KEEP_REASONING_HOME(match, body, dialect)),
    "chat_template_kwargs": _thinking_refused,
    "reasoning_split": _thinking_refused,
    "cache_control": _set(cache_control=False),
    "strict": _set(strict_tools=False),
    "user": _if_sent("user", user_field=""),
    "safety_identifier": _if_sent("safety_identifier", user_field=""),
    "stop": _fewer_stops,
    "top_k": _extra_param("top_k"),
    "$schema": lambda match, body, dialect: {"drop_schema_keys": list(dialect.drop_schema_keys) + ["$schema"]},
}

_MAX = r"max(?:_completion|_new|_output)?[ _]tokens?"
_NAME = r"[`'\"]?(?P<name>\$?[a-z_]+(?:\.[a-z_]+|\[\d+\])*)[`'\"]?"
_NUM = r"\d[\d,]*k?"


def _row(name, pattern, make):
    return name, re.compile(pattern, re.S), make


# The first row whose pattern is in the words, and whose remedy changes something.
COMPLAINTS = (
    # -- max_tokens
    _row("max_completion_tokens", r"max_tokens'?`?\"? is not supported[^.]*\. use '?`?max_completion_tokens"
         r"|use '?`?max_completion_tokens'?`? instead|max_tokens[^.]{0,40}(?:deprecated|unsupported)[^.]{0,60}max_completion_tokens",
         _use_field("max_completion_tokens")),
    _row("max_tokens", r"(?:%(max)s)\D{0,40}valid range[^[]{0,40}\[\s*\d+\s*,\s*(?P<a>%(num)s)\s*\]"
         r"|range of (?:%(max)s) should be \[\s*\d+\s*,\s*(?P<b>%(num)s)\s*\]"
         r"|(?:%(max)s).{0,80}supports? at most (?P<c>%(num)s)"
         r"|(?:%(max)s).{0,120}expected a value <= (?P<d>%(num)s)"
         r"|(?:%(max)s).{0,80}(?:less than or equal to|must be <=|<=|at most|no more than|not exceed|cannot exceed|maximum (?:value )?"
         r"(?:is|of)|up to|limit(?:ed)? (?:is|to|of))\s*(?P<e>%(num)s)"
         r"|(?:%(max)s): \d+ > (?P<f>%(num)s)"
         r"|(?:%(max)s)[^.]{0,60}(?:between|range)[^\d]{0,20}\d+ ?(?:and|to|-|,|~) ?(?P<g>%(num)s)"
         r"|maximum (?:allowed )?number of output tokens[^\d]{0,40}(?P<h>%(num)s)"
         r"|(?:%(max)s).{0,40}(?:exceeds?|larger than|greater than|above)[^\d]{0,60}(?P<i>%(num)s)"
         r"|(?:%(max)s)[^\u3002]{0,30}(?:\u6700\u5927|\u4e0a\u9650|\u4e0d\u80fd\u8d85\u8fc7|\u4e0d\u5f97\u8d85\u8fc7|\u8303\u56f4|"
         r"\u5c0f\u4e8e\u7b49\u4e8e|\u53d6\u503c)[^\d]{0,12}(?:\d+ ?[,\uff0c~-] ?)?(?P<j>%(num)s)" % {"max": _MAX, "num": _NUM}, _cap),
    _row("max_tokens", r"(?:%s)[^.]{0,40}(?:too (?:large|big|high|many)|exceed|illegal|out of range|\u8fc7\u5927|\u8d85\u8fc7|"
         r"\u8d85\u51fa|\u975e\u6cd5)" % _MAX, _blind_cap),
    _row("min_max_tokens", r"(?:%s|max_output_tokens)[^.]{0,60}(?:below minimum value|greater than or equal to|at least|>=)"
         r"[^\d]{0,40}(?P<least>\d+)" % _MAX, _floor),

    # -- reasoning that must come back, or may not
    _row("echo_reasoning", r"reasoning_content[^.]{0,80}(?:must be passed back|is missing|required|must be (?:provided|included))"
         r"|missing[^.]{0,20}reasoning_content|\u7f3a\u5c11[^\u3002]{0,10}reasoning_content", _echo),
    _row("dummy_signature", r"missing a `?thought_signature|thought_?signature[^.]{0,40}(?:missing|required|not valid|invalid)",
         _set(echo_reasoning="tool_turns", reasoning_field="extra_content", missing_reasoning="dummy")),
    _row("reasoning_unknown", r"(?:unknown|unsupported|unrecognized|unexpected|extra|invalid)[^.]{0,60}"
         r"(?:reasoning_content|reasoning_details)|(?:reasoning_content|reasoning_details)[^.]{0,60}"
         r"(?:unsupported|not (?:supported|permitted|allowed)|unknown|extra inputs|unexpected|cannot be)", _KEEP_REASONING_HOME),

    # -- thinking and its switches
    _row("effort_with_tools", r"tools with reasoning_effort are not supported|set reasoning_effort to 'none'",
         lambda match, body, dialect: {"effort_with_tools": "none"} if body.get("tools") else None),
    _row("thinks_only_streaming", r"enable_thinking[^.]{0,60}(?:set to false|must be false)[^.]{0,20}non-streaming|only support(?:s)?"
         r" stream(?:ing)?[^.]{0,40}thinking|enable_thinking[^.]{0,30}only support stream",
         _set(thinks_only_streaming=True, thinking_style="enable_thinking")),
    _row("effort", r"reasoning_effort[^\[(]{0,90}(?:supported values|valid values|must be one of|one of|expected|allowed values|"
         r"should be|available)[^a-z]{0,12}(?P<list>[^\n]{3,160})", _efforts),
    _row("forces_in_thinking", r"tool_choice[^.]{0,60}(?:incompatible with|not supported|does not support|not allowed|cannot be)"
         r"[^.]{0,40}think|think[^.]{0,60}(?:does not|doesn't|not) support[^.]{0,30}tool_choice|tool_choice[^.]{0,80}in thinking mode",
         lambda match, body, dialect: {"forces_in_thinking": False} if dialect.forces_in_thinking and dialect.thinking_style
         else _weaker_choice(match, body, dialect)),
    _row("thinking", r"(?:does not|doesn't|not) support (?:thinking|reasoning)|(?:thinking|reasoning)[^.]{0,30}(?:is |are )?not supported"
         r"|\u4e0d\u652f\u6301[^\u3002]{0,6}(?:\u601d\u8003|\u63a8\u7406)|(?:reasoning_effort|enable_thinking|thinking_budget)[^.]{0,60}"
         r"(?:not supported|unsupported|unknown|unrecognized|not permitted|unexpected)", _thinking_refused),

    # -- tools
    _row("tool_choice", r"tool_choice[^.]{0,100}(?:not support|unsupported|only support|invalid|must be|not allowed|does not|unknown|"
         r"not permitted|incompatible)|(?:not support|unsupported|invalid|only)[^.]{0,60}tool_choice|only `?auto`?[^.]{0,40}tool"
         r"|tool_choice[^\u3002]{0,20}\u4e0d\u652f\u6301|\u4e0d\u652f\u6301[^\u3002]{0,10}tool_choice", _weaker_choice),
    _row("parallel_tool_calls", r"parallel_tool_calls", _if_sent("parallel_tool_calls", parallel_tool_calls=False)),
    _row("strict_tools", r"\bstrict\b[^.]{0,80}(?:not (?:supported|permitted|allowed)|unsupported|unknown|unexpected|extra)|(?:unknown|"
         r"unsupported|extra|unexpected)[^.]{0,40}[`'\"]strict[`'\"]|invalid schema for function[^.]*(?:additionalproperties|required)"
         r"[^.]*(?:false|every|all)", lambda match, body, dialect: {"strict_tools": False} if dialect.strict_tools else None),
    _row("tool_id_style", r"tool[ _]call[ _]ids?[^.]{0,60}(?:length of 9|a-z, ?a-z, ?0-9|alphanumeric)|must be a-z, a-z, 0-9",
         _set(tool_id_style="alnum9")),
    _row("schema_style", r"unknown name \\?\"[^\"]+\\?\" at '(?:tools|request\.tools)|function_declarations\[\d+\]\.parameters",
         lambda match, body, dialect: {"schema_style": "gemini"} if not dialect.schema_style else None),
    _row("schema", r"(?:schema|parameters|tools?\[?\d*\]?|function)[^\n]{0,160}(?:unsupported|unknown|unrecognized|not (?:supported|"
         r"permitted|allowed)|invalid)[^\n]{0,40}?(?:keyword|keywords|field|key|property|format)?[:\s]+[`'\"](?P<keyworda>\$?[a-z]+)[`'\"]"
         r"|[`'\"](?P<keywordb>\$?[a-z]+)[`'\"] (?:is )?(?:not (?:supported|permitted|allowed)|unsupported)[^\n]{0,60}schema"
         r"|(?:unsupported|unknown)[^\n]{0,20}(?:json )?schema (?:keyword|feature|field)s?[:\s]*[`'\"]?(?P<keywordc>\$?[a-z]+)",
         None),
    _row("plain_schemas", r"(?:failed to|cannot|could not|unable to) (?:parse|compile|convert|initialize)[^.]{0,40}(?:grammar|schema)"
         r"|(?:json )?schema[^.]{0,60}(?:not supported|unsupported|too complex|conversion failed|invalid)|grammar error"
         r"|unsupported (?:pattern|regex)|pattern must start with", _plain_schemas),

    # -- messages
    _row("images", r"unknown variant `?image_url|image[_ ]?(?:url|input|content)s?[^.]{0,60}(?:not support|unsupported|only support|"
         r"not allowed|isn't)|(?:not|n't) (?:support|accept|allow)[^.]{0,40}(?:image|vision|multimodal)|no endpoints found that support image"
         r"|only supports? text|not a (?:multimodal|vision)|mmproj|(?:image|vision)s?[^.]{0,30}not (?:supported|enabled)"
         r"|invalid content type[^.]*image|unsupported content type[^.]*image|\u4e0d\u652f\u6301[^\u3002]{0,10}(?:\u56fe|\u591a\u6a21\u6001|\u89c6\u89c9)",
         _no_images),
    _row("files", r"unknown variant `?file|content type[^.]*[`'\" ]file\b|(?:not|n't) support[^.]{0,30}(?:pdf|\bfiles?\b)",
         lambda match, body, dialect: {"files": False} if dialect.files else None),
    _row("system_role", r"(?:developer)[`'\"]?[^.]{0,60}(?:not (?:support|a valid|one of|allowed)|unknown|invalid|unexpected)|(?:unknown|"
         r"unsupported|invalid|unexpected)[^.]{0,60}[`'\"]developer|does not support '?`?developer",
         lambda match, body, dialect: {"system_role": "system"} if dialect.system_role == "developer" else None),
    _row("developer_role", r"does not support 'system' with this model",
         lambda match, body, dialect: {"system_role": "developer"} if dialect.system_role == "system" else None),
    _row("system_anywhere", r"system (?:message|prompt|role)s?[^.]{0,40}(?:must be (?:at )?the (?:beginning|first|start)|only[^.]{0,20}(?:first|"
         r"beginning|start)|must (?:come|be) first|not allowed)|unexpected role[^.]{0,10}system|role '?system'?[^.]{0,40}(?:after|position|"
         r"not (?:supported|allowed))|invalid role: system|only the first message can have[^.]*system|system[^\u3002]{0,16}"
         r"(?:\u5fc5\u987b|\u53ea\u80fd)[^\u3002]{0,10}(?:\u9996|\u7b2c\u4e00|\u5f00\u5934)",
         lambda match, body, dialect: {"system_anywhere": False} if dialect.system_anywhere else None),
    _row("user_after_tool", r"unexpected role '?user'? after role '?tool",
         _set(user_after_tool=False)),
    _row("user_first", r"no user query found|first (?:non-system )?message must (?:be|have)[^.]{0,20}user|roles must alternate"
         r"|(?:conversation|messages) must start with a user|should alternate with assistant|first message[^.]{0,20}not[^.]{0,10}user",
         lambda match, body, dialect: {"user_first": True, "system_anywhere": False}),
    _row("empty_content", r"content[^.]{0,60}(?:not (?:be )?null|'string' not in 'null'|none is not|null is not|is required|must be a string)"
         r"|(?:null|none)[^.]{0,30}content|type mismatch of '/messages/\d+/content'", _set(empty_content="")),

    # -- other parameters
    _row("response_format", r"json mode cannot be combined with tool|response_format[^.]{0,100}(?:not support|unsupported|unavailable|invalid|"
         r"unknown|must be|not permitted|only)|json_schema[^.]{0,60}(?:not support|unsupported)|(?:not support|unsupported)[^.]{0,40}"
         r"(?:response_format|json_schema|structured output)|'?response_format\.type'?", _weaker_format),
    _row("stop_limit", r"\bstop\b[^.]{0,80}(?:up to|at most|maximum(?: of)?|no more than|max(?:imum)? length|<=)[^\d]{0,20}(?P<most>\d+)"
         r"|[`'\"]stop[`'\"][^.]{0,80}(?:too long|too many|not support|unsupported|expected a maximum)|too many stop"
         r"|stop sequences?[^.]{0,40}(?:not support|unsupported)", _fewer_stops),
    _row("temperature", r"temperature[^.]{0,120}(?:not support|unsupported|does not|only|deprecated|not permitted|unknown|must be|invalid|"
         r"range|\u4e0d\u652f\u6301|\u8303\u56f4)|(?:unsupported|not support|invalid)[^.]{0,60}temperature", _drop("temperature")),
    _row("top_p", r"top_p[^.]{0,120}(?:not support|unsupported|does not|only|deprecated|not permitted|unknown|must be|invalid|cannot both|"
         r"\u4e0d\u652f\u6301|\u8303\u56f4)|(?:unsupported|not support|invalid)[^.]{0,60}top_p|temperature and top_p", _drop("top_p")),
    _row("stream_options", r"stream_options|include_usage", _if_sent("stream_options", stream_options=False)),

    # -- any parameter, by the name that the text gives it
    _row("parameter", r"(?:unknown|unsupported|unrecognized|unexpected|invalid|unused|extra)[^.\n]{0,24}(?:parameter|argument|field|name|key|"
         r"property|input)s?(?: supplied| received| provided| found| in request)?s?[:\s]*%s" % _NAME, _drop_named),
    _row("parameter", r"(?:property|parameter|argument|field|param) %s[^.\n]{0,20}(?:is |are )?(?:unsupported|not (?:supported|permitted|allowed|"
         r"recognized)|unknown|invalid)" % _NAME, _drop_named),
    _row("parameter", r"(?:^|[\s|])%s: (?:extra inputs are not permitted|unknown field|unexpected field|extra fields? not permitted)" % _NAME,
         _drop_named),
    _row("parameter", r"%s (?:is|are) (?:not (?:supported|permitted|allowed|available)|unsupported)|[`'\"](?:request\.)?%s[`'\"] (?:does not|is un)"
         % (_NAME, _NAME.replace("?P<name>", "?:")), _drop_named),
    _row("parameter", r"\u53c2\u6570[^a-z]{0,6}%s[^\u3002]{0,10}(?:\u4e0d\u652f\u6301|\u65e0\u6548|\u975e\u6cd5|\u672a\u77e5)"
         r"|\u4e0d\u652f\u6301(?:\u7684)?\u53c2\u6570[^a-z]{0,4}%s" % (_NAME, _NAME.replace("<name>", "<other>")), _drop_named),
)
COMPLAINTS = tuple((name, pattern, make or _schema_keyword) for name, pattern, make in COMPLAINTS)
