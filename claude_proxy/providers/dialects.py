"""How a provider's Chat Completions differs from OpenAI's own: one frozen row each, one field a difference.

A field exists only if some provider needs it, and a test names that provider. Every field can be overridden in the
configuration under `quirks`. The rows themselves are data, in rows.py.

    dialect_for(...)      the dialect of one model at one provider
    quirk_mistakes(...)   what is wrong with a configuration's `quirks`
"""
from functools import lru_cache
from typing import Any, Dict, List, Mapping, Optional, Sequence, Tuple
from urllib.parse import urlsplit

from . import rows
from .catalogue import ENTRIES
from .globs import fits
from .records import dataclass, fields, replace


@dataclass(frozen=True)
class Dialect:
    """What a provider takes and gives its own way. The defaults suit a careful unknown server."""

    name: str = "openai-compatible"

    # -- the request: parameters
    max_tokens_field: str = "max_tokens"          # or "max_completion_tokens"
    min_max_tokens: int = 0                       # a smaller max_tokens is raised to this (room for reasoning)
    max_max_tokens: Optional[int] = None          # a larger one is lowered to this
    drop_params: Tuple[str, ...] = ()             # Chat parameters that it refuses: "temperature", "stop", ...
    extra_params: Tuple[str, ...] = ()            # parameters beyond OpenAI's that it takes: "top_k"
    extra_body: Tuple[Tuple[str, Any], ...] = ()  # members that every request gets: (("tool_stream", True),)
    stop_limit: int = 4                           # stop sequences that it takes; the others are enforced here
    stream_options: bool = True                   # takes stream_options.include_usage
    user_field: str = ""                          # "user" or "safety_identifier": gets the hashed user id
    response_format: str = "json_schema"          # or "json_object", or "" where it takes neither
    thinking_style: str = ""                      # how thinking is switched: a key of THINKING_STYLES
    efforts: Tuple[str, ...] = ("low", "medium", "high")   # the values of reasoning_effort; (): none is sent
    effort_off: str = ""                          # reasoning_effort for thinking that is off: "none"; "": cannot be
    effort_with_tools: str = ""                   # the one effort that it takes beside tools: "none" (GPT-5.6)
    thinks_only_streaming: bool = False           # plain requests must switch thinking off (Qwen)

    # -- the request: messages
    system_role: str = "system"                   # or "developer"
    system_anywhere: bool = True                  # False: only a leading one; later ones become <system-reminder>
    user_first: bool = False                      # its template insists on a user message first
    user_after_tool: bool = True                  # False: an assistant message must stand between (Mistral)
    prefill_mark: str = ""                        # key that marks a last assistant message as to be continued:
    #                                               "prefix" (Mistral), "partial" (Kimi, Qwen)
    images: bool = True
    images_in_tool_results: bool = False          # takes image parts in `tool` messages
    files: bool = False                           # takes PDF as a `file` part
    empty_content: Optional[str] = None           # content of an assistant message that only calls tools
    tool_id_style: str = ""                       # "short40" (OpenAI), "alnum9" (Mistral); "": as they are
    echo_reasoning: str = ""                      # "": never back, "tool_turns", "always"
    reasoning_field: str = "reasoning_content"    # where it goes back
    missing_reasoning: str = "omit"               # for reasoning that the client dropped; "empty": an empty text;
    #                                               "dummy": the placeholder that Gemini 3 documents

    # -- the request: tools
    forces_tools: bool = True                     # takes tool_choice "required"
    names_tool: bool = True                       # takes tool_choice {"function": {"name"}}
    forces_in_thinking: bool = True               # False: a forced tool switches thinking off (DeepSeek, Kimi, Qwen)
    tool_choice: bool = True                      # takes tool_choice at all
    parallel_tool_calls: bool = True              # takes parallel_tool_calls
    strict_tools: bool = False                    # takes "strict" on functions
    drop_schema_keys: Tuple[str, ...] = ("$schema",)   # JSON Schema keywords that it refuses
    schema_style: str = ""                        # "gemini": only the keywords that it knows

    # -- the answer
    reasoning_fields: Tuple[str, ...] = ("reasoning_content", "reasoning")   # where it arrives, first wins
    think_tags: bool = True                       # <think> at the start of content is reasoning
    text_tool_calls: bool = False                 # calls may arrive as text: <tool_call>..., and
    #                                               the end of the turn: <|im_end|>
    usage_adds_up: bool = False                   # usage in chunks are increments, not totals
    tokenizer: str = ""                           # family for conversion/tokens.py: "o200k", "deepseek", "qwen"

    # -- transport
    path: str = "/chat/completions"               # {model} is replaced
    query: str = ""                               # "api-version=..."
    auth_header: str = "Authorization"
    auth_scheme: str = "Bearer "
    extra_headers: Tuple[Tuple[str, str], ...] = ()


THINKING_STYLES = {
    "": "no switch is sent",
    "effort": 'reasoning_effort: one of `efforts`, or `effort_off` where thinking is off',
    "thinking": 'thinking: {"type": "enabled" or "disabled"}',
    "thinking_effort": 'both of these; reasoning_effort only where thinking is on',
    "enable_thinking": 'enable_thinking: true or false, thinking_budget where one was asked for',
    "reasoning": 'reasoning: {"effort": one of `efforts`} or {"enabled": true or false} (OpenRouter)',
    "reasoning_split": 'reasoning_split: true (MiniMax; its thinking cannot be switched off)',
    "template": 'chat_template_kwargs: {"enable_thinking": true or false, "thinking": the same} (vLLM, SGLang)',
    "disable_reasoning": 'disable_reasoning: true where thinking is off (Cerebras)',
}

# What a field may hold, where that is a closed list.
CHOICES = {
    "max_tokens_field": ("max_tokens", "max_completion_tokens"),
    "user_field": ("", "user", "safety_identifier"),
    "response_format": ("json_schema", "json_object", ""),
    "thinking_style": tuple(THINKING_STYLES),
    "system_role": ("system", "developer"),
    "tool_id_style": ("", "short40", "alnum9"),
    "echo_reasoning": ("", "tool_turns", "always"),
    "missing_reasoning": ("omit", "empty", "dummy"),
    "schema_style": ("", "gemini"),
}

GENERIC = Dialect()
DIALECTS = {name: Dialect(name=name, **row) for name, row in rows.ROWS.items()}
QUIRKS = tuple(field.name for field in fields(Dialect) if field.name != "name")


def dialect_for(provider_name: str, base_url: str, model: str, override: Optional[str] = None,
                quirks: Optional[Mapping[str, Any]] = None) -> Dialect:
    """The Dialect of `model` at a provider: by `override` (a row's name), else by host, else by the provider's name
    where that is a server of one's own, else generic; then what the model changes; then `quirks` (a mapping from JSON).

    Raises KeyError where there is no row `override`, ValueError for quirks that quirk_mistakes would name.
    """
    row = row_name(provider_name, base_url, override)
    dialect = _with_model(row, _address(base_url), _short(model))
    return with_quirks(dialect, quirks) if quirks else dialect


def with_quirks(dialect: Dialect, quirks: Mapping[str, Any]) -> Dialect:
    """`dialect` with fields replaced by values as they come from JSON."""
    mistakes = quirk_mistakes(quirks)
    if mistakes:
        raise ValueError("; ".join(mistakes))
    return replace(dialect, **{name: _frozen(name, value) for name, value in quirks.items()})


@lru_cache(maxsize=1024)             # asked for each request
def row_name(provider_name: str, base_url: Optional[str], override: Optional[str] = None) -> str:
    """The name of the row in DIALECTS; KeyError where `override` names none."""
    if override:
        name = rows.ALIASES.get(override.lower(), override.lower())
        return DIALECTS[name].name
    host, port = _host(base_url)
    by_host = next((row for end, row in rows.HOSTS if host == end or host.endswith("." + end)), None)
    by_host = by_host or _of_catalogue(host)
    by_port = next((row for number, row in rows.LOCAL_PORTS if number == port), None)
    return by_host or by_port or _own_server(provider_name) or GENERIC.name


def _of_catalogue(host: str) -> Optional[str]:
    """A provider of the catalogue need not say its host twice: an entry and a row of one name belong together."""
    named = ((rows.ALIASES.get(entry.name, entry.name), entry) for entry in ENTRIES if not entry.local)
    return next((name for name, entry in named if host in entry.hosts and name in DIALECTS), None)


def nearest_dialect(name: str) -> Optional[str]:
    """A row's name that `name` may have meant, or None."""
    found = _near(name.lower(), list(DIALECTS) + list(rows.ALIASES))
    return rows.ALIASES.get(found[0], found[0]) if found else None


def _near(name: str, known: Sequence[str]) -> List[str]:
    import difflib                      # only those who mistype wait for it
    return difflib.get_close_matches(name, known, 1)


def _own_server(provider_name: str) -> Optional[str]:
    """A server on one's own machine has no telling host: its provider's name picks the row."""
    name = (provider_name or "").lower()
    name = rows.ALIASES.get(name, name)
    return name if name in ("ollama", "lmstudio", "vllm", "sglang", "llama.cpp") else None


@lru_cache(maxsize=1024)
def _with_model(row: str, address: str, model: str) -> Dialect:
    dialect = DIALECTS[row]
    changes: Dict[str, Any] = {}
    for names, globs, change in rows.MODELS:
        if (row in names or names == rows.EVERYWHERE) and any(fits(model, glob) for glob in globs):
            changes.update(change)
    if row == "azure-openai":
        changes.update(_azure_path(address))
    return replace(dialect, **changes)


def _azure_path(path: str) -> Dict[str, str]:
    """Azure has three addresses: its v1 API takes OpenAI's own path, the others want api-version."""
    if path.rstrip("/").endswith("/v1"):
        return {"path": "/chat/completions", "query": ""}
    if "/deployments/" in path or path.rstrip("/").endswith("/models"):
        return {"path": "/chat/completions"}
    if path.rstrip("/").endswith("/openai"):
        return {"path": "/deployments/{model}/chat/completions"}
    return {}


def _host(base_url: Optional[str]) -> Tuple[str, Optional[int]]:
    parts = urlsplit(base_url or "")
    try:
        return (parts.hostname or "").lower(), parts.port
    except ValueError:      # a port that is no number: another room reports it
        return "", None


def _address(base_url: str) -> str:
    return urlsplit(base_url or "").path


def _short(model: str) -> str:
    return (model or "").lower().rsplit("/", 1)[-1]


# -- quirks

def quirk_mistakes(quirks: Any) -> List[str]:
    """What is wrong with a mapping of quirks from the configuration: a list of "name: what; hint"."""
    if not isinstance(quirks, dict):
        return ["quirks: must be an object such as {\"max_max_tokens\": 8192}"]
    return [mistake for name, value in quirks.items() for mistake in _mistakes(name, value)]


def _mistakes(name: str, value: Any) -> List[str]:
    if name not in QUIRKS:
        near = _near(str(name), QUIRKS)
        return ["%s: no such quirk%s" % (name, "; did you mean %s?" % near[0] if near else "")]
    wanted = _wanted(name)
    if not WANTED[wanted](value):
        return ["%s: must be %s" % (name, wanted)]
    if name in CHOICES and value not in CHOICES[name]:
        return ["%s: must be one of %s" % (name, ", ".join('"%s"' % choice for choice in CHOICES[name]))]
    return []


def _wanted(name: str) -> str:
    """A key of WANTED: what the field takes."""
    default = getattr(GENERIC, name)
    if name in PAIRS:
        return PAIRS[name]
    if name == "max_max_tokens":
        return "a whole number, 1 or more, or null"
    if name == "empty_content":
        return "a string or null"
    if isinstance(default, bool):
        return "true or false"
    if isinstance(default, int):
        return "a whole number, 0 or more"
    return "a list of strings" if isinstance(default, tuple) else "a string"


PAIRS = {"extra_headers": "an object of strings", "extra_body": "an object"}


def _is_number(value: Any, least: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= least


def _is_list_of_strings(value: Any) -> bool:
    return isinstance(value, (list, tuple)) and all(isinstance(item, str) for item in value)


WANTED = {
    "a string": lambda value: isinstance(value, str),
    "a string or null": lambda value: value is None or isinstance(value, str),
    "true or false": lambda value: isinstance(value, bool),
    "a whole number, 0 or more": lambda value: _is_number(value, 0),
    "a whole number, 1 or more, or null": lambda value: value is None or _is_number(value, 1),
    "a list of strings": _is_list_of_strings,
    "an object of strings": lambda value: isinstance(value, dict) and all(isinstance(v, str) for v in value.values()),
    "an object": lambda value: isinstance(value, dict),
}


def _frozen(name: str, value: Any) -> Any:
    """A value from JSON as the dataclass holds it: tuples, so that a dialect stays immutable."""
    if name in PAIRS:
        return tuple(value.items())
    return tuple(value) if isinstance(value, list) else value
