"""How a provider's Chat Completions differs from OpenAI's own: one frozen row each, one field a difference.

A field exists only if some provider needs it, and a test names that provider. Every field can be
overridden in the configuration under `quirks`.
"""
from dataclasses import dataclass, replace
from typing import Optional, Tuple
from urllib.parse import urlsplit


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
    stop_limit: int = 4                           # stop sequences that it takes; the others are enforced here
    stream_options: bool = True                   # takes stream_options.include_usage
    user_field: str = ""                          # "user" or "safety_identifier": gets the hashed user id
    response_format: str = "json_schema"          # or "json_object", or "" where it takes neither
    thinking_style: str = ""                      # how thinking is switched: see conversion/effort.py
    efforts: Tuple[str, ...] = ("low", "medium", "high")

    # -- the request: messages
    system_role: str = "system"                   # or "developer"
    system_anywhere: bool = True                  # False: only a leading one; later ones become <system-reminder>
    user_first: bool = False                      # its template insists on a user message first
    images: bool = True
    images_in_tool_results: bool = False          # takes image parts in `tool` messages
    files: bool = False                           # takes PDF as a `file` part
    empty_content: Optional[str] = None           # content of an assistant message that only calls tools
    tool_id_style: str = ""                       # "short40" (OpenAI), "alnum9" (Mistral); "": as they are
    echo_reasoning: str = ""                      # "": never back, "tool_turns", "always"
    reasoning_field: str = "reasoning_content"    # where it goes back
    missing_reasoning: str = "omit"               # or "empty": what stands for reasoning that the client dropped

    # -- the request: tools
    forces_tools: bool = True                     # takes tool_choice "required"
    names_tool: bool = True                       # takes tool_choice {"function": {"name"}}
    tool_choice: bool = True                      # takes tool_choice at all
    parallel_tool_calls: bool = True              # takes parallel_tool_calls
    strict_tools: bool = False                    # takes "strict" on functions
    drop_schema_keys: Tuple[str, ...] = ("$schema",)   # JSON Schema keywords that it refuses
    schema_style: str = ""                        # "gemini": only the keywords that it knows

    # -- the answer
    reasoning_fields: Tuple[str, ...] = ("reasoning_content", "reasoning")   # where it arrives, first wins
    think_tags: bool = True                       # <think> at the start of content is reasoning
    text_tool_calls: bool = False                 # calls may arrive as text: <tool_call>...
    usage_adds_up: bool = False                   # usage in chunks are increments, not totals
    tokenizer: str = ""                           # family for conversion/tokens.py: "o200k", "deepseek", "qwen"

    # -- transport
    path: str = "/chat/completions"               # {model} is replaced
    query: str = ""                               # "api-version=..."
    auth_header: str = "Authorization"
    auth_scheme: str = "Bearer "
    extra_headers: Tuple[Tuple[str, str], ...] = ()


GENERIC = Dialect()

DIALECTS = {
    "openai-compatible": GENERIC,
    "openai": replace(GENERIC, name="openai", max_tokens_field="max_completion_tokens", strict_tools=True, files=True,
                      user_field="safety_identifier", tool_id_style="short40", think_tags=False, tokenizer="o200k"),
}

HOSTS = (
    ("api.openai.com", "openai"),
)


def dialect_for(provider_name, base_url, model, override=None, quirks=None):
    """The Dialect of one model at one provider: by `override` (a row's name), else by host; `quirks` on top."""
    host = urlsplit(base_url or "").hostname or ""
    row = override or next((name for suffix, name in HOSTS if host.endswith(suffix)), GENERIC.name)
    return replace(DIALECTS[row], **dict(quirks or {}))
