"""Everything of a request that is neither its messages nor its tools: limits, sampling, stops, format, identity.

Each function takes the body and the scope and returns the Chat parameters that it stands for. What has no equivalent is
listed in REFUSED, WARNED and TAKEN; a key that is in none of the lists is new, and is left out with a warning.
"""
import json
from typing import Any, Callable, Dict, List, NamedTuple, Optional, Tuple

from .checks import refuse
from .schema import fitted, qualifies_as_strict
from .scope import Scope

Params = Dict[str, Any]

MAX_MAX_TOKENS = 2 ** 31 - 1
FORMAT_NAME = "output"
FORMAT_REQUEST = "Answer with one JSON value that matches this JSON Schema, and with nothing else:\n%s"

CONVERTED = frozenset((
    "model", "messages", "system", "max_tokens", "stream", "stop_sequences", "temperature", "top_p", "top_k", "tools",
    "tool_choice", "thinking", "output_config", "output_format", "metadata", "service_tier",
))
# what only steers Anthropic's own servers: cost, caching, transport, safety checks, betas
TAKEN = frozenset((
    "cache_control", "diagnostics", "safeguards", "betas", "anthropic_beta", "anthropic_version", "user_profile_id",
    "workspace_id",
))
# what changes quality or policy, and yet leaves a sensible answer
WARNED = frozenset(("inference_geo", "fallbacks", "fallback_credit_token", "billing_policy"))


# -- what has no equivalent

def check_foreign(body: Params, scope: Scope) -> None:
    """Refuse what would make the answer wrong; warn of what is missing from it."""
    if CONVERTED.issuperset(body):
        return
    for name, check in REFUSED.items():
        if body.get(name):
            check(body[name], scope)
    for name in body:
        known = name in CONVERTED or name in TAKEN or name in REFUSED
        if not known and body[name] is not None:
            scope.warn(("dropped:" if name in WARNED else "unknown:") + name)


def _refuse_thread(thread: Dict[str, Any], scope: Scope) -> None:
    raise refuse("thread", "this proxy keeps no conversations; send the whole history",
                 details={"error_code": "thread_unsupported_request"})


def _refuse_compaction(compaction: Dict[str, Any], scope: Scope) -> None:
    raise refuse("compaction", "compaction requests need Anthropic's own servers; ask for a summary instead")


def _refuse_mcp_servers(servers: List[Dict[str, Any]], scope: Scope) -> None:
    raise refuse("mcp_servers", "Anthropic's own servers connect to remote MCP servers; connect to them in the client")


def _check_container(container: Any, scope: Scope) -> None:
    if isinstance(container, dict) and container.get("skills"):
        raise refuse("container.skills", "skills run in a container of Anthropic's own servers")
    scope.warn("dropped:container")


def _check_context_management(management: Any, scope: Scope) -> None:
    edits = management.get("edits") if isinstance(management, dict) else None
    for edit in edits if isinstance(edits, list) else ():
        if isinstance(edit, dict) and str(edit.get("type")).startswith("compact_"):
            scope.warn("dropped:context_management.compact")


def _check_speed(speed: Any, scope: Scope) -> None:
    if speed != "standard":
        scope.warn("dropped:speed")


REFUSED: Dict[str, Callable[[Any, Scope], None]] = {
    "thread": _refuse_thread,
    "compaction": _refuse_compaction,
    "mcp_servers": _refuse_mcp_servers,
    "container": _check_container,
    "context_management": _check_context_management,
    "speed": _check_speed,
}


# -- limits

def max_tokens(body: Params, scope: Scope, row: Any, override: Optional[int]) -> int:
    """The client's number or the one that overrides it, with room to reason, within what the model can."""
    wanted = override or body["max_tokens"]
    limit = max(wanted, scope.dialect.min_max_tokens)
    caps = (scope.dialect.max_max_tokens, getattr(row, "max_output_tokens", None), MAX_MAX_TOKENS)
    return min([limit] + [cap for cap in caps if cap])


def sampling(body: Params, scope: Scope) -> Params:
    """temperature, top_p and, where it is known, top_k."""
    params = {name: body[name] for name in ("temperature", "top_p") if body.get(name) is not None}
    if body.get("top_k") is not None:
        if "top_k" in scope.dialect.extra_params:
            params["top_k"] = body["top_k"]
        else:
            scope.warn("dropped:top_k")
    return params


class Stops(NamedTuple):
    """All stop sequences, those that the provider gets, and those that are enforced on its answer."""

    wanted: Tuple[str, ...]
    sent: Tuple[str, ...]
    local: Tuple[str, ...]


NO_STOPS = Stops((), (), ())


def stops(body: Params, scope: Scope) -> Stops:
    """The stop sequences; whitespace alone is none, as with Anthropic."""
    given = body.get("stop_sequences") or ()
    if not given:
        return NO_STOPS
    wanted = tuple(dict.fromkeys(sequence for sequence in given if sequence.strip()))
    if any(not sequence.strip() for sequence in given):
        scope.warn("dropped:stop_sequences")
    limit = 0 if "stop" in scope.dialect.drop_params else scope.dialect.stop_limit
    return Stops(wanted, wanted[:limit], wanted[limit:])


def beginning(body: Params, scope: Scope, limit: int) -> Params:
    """What each Chat request begins with: the model, `stream` and that its end should tell the usage, the limit."""
    params: Params = {"model": scope.model}
    if body.get("stream"):
        params["stream"] = True
        if scope.dialect.stream_options:
            params["stream_options"] = {"include_usage": True}
    params[scope.dialect.max_tokens_field] = limit
    return params


# -- the shape of the answer

def answer_format(body: Params, scope: Scope) -> Params:
    """`response_format` for output_config.format (or output_format, its older name)."""
    schema = _answer_schema(body)
    if schema is None or not scope.dialect.response_format:
        return {}
    if scope.dialect.response_format == "json_object":
        return {"response_format": {"type": "json_object"}}
    schema = fitted(schema, scope.dialect)
    named: Params = {"name": FORMAT_NAME, "schema": schema}
    if qualifies_as_strict(schema):
        named["strict"] = True
    return {"response_format": {"type": "json_schema", "json_schema": named}}


def format_request(body: Params, scope: Scope) -> str:
    """The words that ask for the schema where the provider cannot be bound to it; "" where they are not needed."""
    schema = _answer_schema(body)
    if schema is None or scope.dialect.response_format == "json_schema":
        return ""
    return FORMAT_REQUEST % json.dumps(schema, ensure_ascii=False)


def _answer_schema(body: Dict[str, Any]) -> Optional[Dict[str, Any]]:
    config = body.get("output_config")
    wanted = config and config.get("format") or body.get("output_format")
    return wanted["schema"] if wanted else None


# -- who asks

def identity(body: Params, scope: Scope) -> Params:
    """The user's id, hashed: it names an account and a session, and is longer than OpenAI's fields take."""
    user_id = (body.get("metadata") or {}).get("user_id")
    if not user_id or not scope.dialect.user_field:
        return {}
    import hashlib                      # with OpenSSL behind it: not before it is needed
    return {scope.dialect.user_field: hashlib.sha256(user_id.encode("utf-8")).hexdigest()}


def service_tier(body: Params, scope: Scope) -> Params:
    """"standard_only" is OpenAI's "default"; elsewhere there is nothing to choose."""
    wanted = body.get("service_tier") == "standard_only" and "service_tier" in scope.dialect.extra_params
    return {"service_tier": "default"} if wanted else {}


# -- all of it

def fitted_to_dialect(chat: Params, scope: Scope) -> Params:
    """The Chat parameters without what the dialect refuses, and with what it adds to each request."""
    if scope.dialect.drop_params:
        chat = _without_refused(chat, scope)
    chat.update(scope.dialect.extra_body)
    return chat


def _without_refused(chat: Params, scope: Scope) -> Params:
    """A limit or a stream's option is nobody's loss."""
    for name in scope.dialect.drop_params:
        if name in chat and name not in ("stream_options", "tool_choice", "parallel_tool_calls"):
            scope.warn("dropped:" + name)
    return {name: value for name, value in chat.items() if name not in scope.dialect.drop_params}
