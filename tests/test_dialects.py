"""Dialects: which row a provider gets, and for each field a provider that needs it."""
import pytest

from claude_proxy.providers import rows
from claude_proxy.providers.catalogue import CATALOGUE
from claude_proxy.providers.dialects import (
    CHOICES,
    DIALECTS,
    GENERIC,
    QUIRKS,
    THINKING_STYLES,
    Dialect,
    dialect_for,
    nearest_dialect,
    quirk_mistakes,
    row_name,
    with_quirks,
)
from claude_proxy.providers.records import fields

OPENAI, DEEPSEEK = "https://api.openai.com/v1", "https://api.deepseek.com"
LOCAL = "http://127.0.0.1:9000/v1"

ROWS_CHOSEN = {
    "by host": ("x", OPENAI, None, "openai"),
    "by a region's host": ("x", "https://eu.api.openai.com/v1", None, "openai"),
    "by the end of a host": ("x", "https://res.openai.azure.com", None, "azure-openai"),
    "not by half a word of a host": ("x", "https://notz.ai/v1", None, "openai-compatible"),
    "by an override, whatever the host": ("x", OPENAI, "vllm", "vllm"),
    "by another name for a row": ("x", LOCAL, "Kimi", "moonshot"),
    "by the port of a local server": ("x", "http://localhost:11434/v1", None, "ollama"),
    "by a local server's name": ("vllm", "http://gpu-box:8000/v1", None, "vllm"),
    "not by the name of a provider elsewhere": ("openai", LOCAL, None, "openai-compatible"),
    "a foreign name": ("硅基流动", "https://api.siliconflow.cn/v1", None, "siliconflow"),
    "no address at all": ("x", None, None, "openai-compatible"),
    "a port that is no port": ("x", "http://h:99999999/v1", None, "openai-compatible"),
}


@pytest.mark.parametrize("name, url, override, row", ROWS_CHOSEN.values(), ids=ROWS_CHOSEN.keys())
def test_which_row(name, url, override, row):
    assert row_name(name, url, override) == row
    assert dialect_for(name, url, "some-model", override).name == row


@pytest.mark.parametrize("entry", [entry for entry in CATALOGUE.values() if entry.base_url and not entry.local],
                         ids=lambda entry: entry.name)
def test_the_catalogue_alone_picks_the_row(entry, monkeypatch):
    monkeypatch.setattr(rows, "HOSTS", ())
    row_name.cache_clear()
    assert row_name("mine", entry.base_url) == rows.ALIASES.get(entry.name, entry.name)
    row_name.cache_clear()


def test_an_unknown_row_is_an_error_and_has_a_neighbour():
    with pytest.raises(KeyError):
        dialect_for("x", LOCAL, "m", "opneai")
    assert nearest_dialect("opneai") == "openai"
    assert nearest_dialect("qwenn") == "dashscope"
    assert nearest_dialect("nothing of the kind") is None


def test_an_unknown_server_gets_the_defaults():
    assert dialect_for("x", LOCAL, "some-model") == GENERIC == Dialect()


# (field, value, base_url or dialect, model): every field is there because one of these needs it
NEEDED = (
    ("max_tokens_field", "max_completion_tokens", OPENAI, "gpt-4o"),
    ("max_tokens_field", "max_completion_tokens", LOCAL, "gpt-5-mini"),
    ("min_max_tokens", 4096, OPENAI, "o3"),
    ("min_max_tokens", 0, OPENAI, "gpt-4o"),
    ("max_max_tokens", 8192, DEEPSEEK, "deepseek-chat"),
    ("max_max_tokens", 65536, DEEPSEEK, "deepseek-reasoner"),
    ("max_max_tokens", 12288, "volcengine", "doubao-1-5-pro-32k-250115"),
    ("drop_params", ("temperature", "top_p"), OPENAI, "gpt-5.1"),
    ("drop_params", (), OPENAI, "gpt-5-chat-latest"),
    ("extra_params", ("top_k",), "vllm", "some-model"),
    ("extra_body", (("tool_stream", True),), "zhipu", "glm-5.2"),
    ("extra_body", (("reasoning_format", "parsed"),), "groq", "qwen/qwen3-32b"),
    ("extra_body", (("cache_control", {"type": "ephemeral"}),), "openrouter", "anthropic/claude-sonnet-4.6"),
    ("stop_limit", 0, OPENAI, "o4-mini"),
    ("stop_limit", 1, "zhipu", "glm-4.6"),
    ("stream_options", False, "mistral", "mistral-medium-latest"),
    ("user_field", "safety_identifier", OPENAI, "gpt-4o"),
    ("response_format", "json_object", "dashscope", "qwen3-max"),
    ("response_format", "", "minimax", "MiniMax-M2.5"),
    ("thinking_style", "effort", OPENAI, "gpt-5"),
    ("thinking_style", "thinking_effort", DEEPSEEK, "deepseek-v4-pro"),
    ("thinking_style", "thinking", "https://api.z.ai/api/paas/v4", "glm-5.2"),
    ("thinking_style", "thinking", "https://api.moonshot.ai/v1", "kimi-k2.5"),
    ("thinking_style", "enable_thinking", "https://dashscope.aliyuncs.com/compatible-mode/v1", "qwen3-max"),
    ("thinking_style", "", "dashscope", "qwen3-coder-plus"),
    ("thinking_style", "reasoning", "https://openrouter.ai/api/v1", "x-ai/grok-4.1-fast"),
    ("thinking_style", "reasoning_split", "https://api.minimax.io/v1", "MiniMax-M2.5"),
    ("thinking_style", "template", "sglang", "qwen3-32b"),
    ("thinking_style", "disable_reasoning", "cerebras", "zai-glm-4.7"),
    ("efforts", ("high", "max"), DEEPSEEK, "deepseek-v4-flash"),
    ("efforts", ("low", "high"), "xai", "grok-3-mini"),
    ("efforts", ("minimal", "low", "medium", "high"), OPENAI, "gpt-5-2025-08-07"),
    ("effort_off", "none", "groq", "qwen/qwen3-32b"),
    ("effort_off", "none", "ollama", "qwen3:8b"),
    ("effort_off", "minimal", OPENAI, "gpt-5-mini"),
    ("effort_with_tools", "none", OPENAI, "gpt-5.6-sol"),
    ("effort_with_tools", "", OPENAI, "gpt-5.1"),
    ("thinks_only_streaming", True, "dashscope", "qwen3-32b"),
    ("system_role", "developer", OPENAI, "gpt-5"),
    ("system_role", "system", LOCAL, "gpt-5"),
    ("system_anywhere", False, "minimax", "MiniMax-M2.5"),
    ("user_first", True, "perplexity", "sonar"),
    ("user_after_tool", False, "mistral", "mistral-large-latest"),
    ("user_after_tool", False, "nvidia", "mistralai/mistral-small-4-119b-2603"),
    ("prefill_mark", "prefix", "mistral", "mistral-large-latest"),
    ("prefill_mark", "partial", "moonshot", "kimi-k2.5"),
    ("prefill_mark", "partial", "dashscope", "qwen3-max"),
    ("images", False, DEEPSEEK, "deepseek-v4-pro"),
    ("images", False, LOCAL, "deepseek-ai/DeepSeek-R1"),
    ("images", True, "zhipu", "glm-4.6v"),
    ("images_in_tool_results", True, "moonshot", "kimi-k2.5"),
    ("files", True, OPENAI, "gpt-4o"),
    ("empty_content", "", "cloudflare", "@cf/meta/llama-3.3-70b-instruct-fp8-fast"),
    ("tool_id_style", "alnum9", "mistral", "mistral-small-latest"),
    ("tool_id_style", "short40", OPENAI, "gpt-4o"),
    ("echo_reasoning", "tool_turns", DEEPSEEK, "deepseek-v4-pro"),
    ("echo_reasoning", "tool_turns", LOCAL, "deepseek-v4-pro"),
    ("echo_reasoning", "always", "moonshot", "kimi-k2-thinking"),
    ("echo_reasoning", "", OPENAI, "gpt-5"),
    ("reasoning_field", "reasoning_details", "openrouter", "openai/gpt-5"),
    ("reasoning_field", "reasoning", "vllm", "openai/gpt-oss-120b"),
    ("reasoning_field", "extra_content", "gemini", "gemini-2.5-pro"),
    ("missing_reasoning", "empty", DEEPSEEK, "deepseek-v4-pro"),
    ("missing_reasoning", "empty", "mimo", "mimo-v2-flash"),
    ("missing_reasoning", "omit", "moonshot", "kimi-k2.5"),
    ("missing_reasoning", "dummy", "gemini", "gemini-3-pro-preview"),
    ("forces_tools", False, "zhipu", "glm-5.2"),
    ("names_tool", False, "lmstudio", "some-model"),
    ("forces_in_thinking", False, DEEPSEEK, "deepseek-v4-pro"),
    ("forces_in_thinking", False, "moonshot", "kimi-k2.5"),
    ("tool_choice", False, DEEPSEEK, "deepseek-reasoner"),
    ("parallel_tool_calls", False, OPENAI, "o3"),
    ("strict_tools", True, OPENAI, "gpt-4o"),
    ("drop_schema_keys", ("$schema", "$id"), "groq", "llama-3.3-70b-versatile"),
    ("schema_style", "gemini", "gemini", "gemini-2.5-flash"),
    ("schema_style", "gemini", LOCAL, "gemini-2.5-flash"),
    ("think_tags", False, OPENAI, "gpt-4o"),
    ("text_tool_calls", True, "ollama", "qwen3-coder:30b"),
    ("usage_adds_up", True, "cloudflare", "@cf/zai-org/glm-5.3-flash"),
    ("tokenizer", "o200k", LOCAL, "openai/gpt-oss-120b"),
    ("tokenizer", "qwen", "siliconflow", "Qwen/Qwen3-32B"),
    ("path", "/openai/deployments/{model}/chat/completions", "https://r.openai.azure.com", "gpt-4o"),
    ("path", "/chat/completions", "https://r.openai.azure.com/openai/v1", "gpt-4o"),
    ("path", "/deployments/{model}/chat/completions", "https://r.openai.azure.com/openai", "gpt-4o"),
    ("path", "/chat/completions", "https://r.openai.azure.com/openai/deployments/mine", "gpt-4o"),
    ("query", "api-version=2025-04-01-preview", "https://r.openai.azure.com", "gpt-4o"),
    ("query", "", "https://r.openai.azure.com/openai/v1/", "gpt-4o"),
    ("auth_header", "api-key", "azure-openai", "gpt-4o"),
    ("auth_scheme", "", "azure-openai", "gpt-4o"),
    ("extra_headers", (("HTTP-Referer", "http://localhost"), ("X-Title", "claude-proxy")), "openrouter", "any"),
)


@pytest.mark.parametrize("field, value, place, model", NEEDED,
                         ids=["%s at %s: %s" % (need[0], need[2], need[3]) for need in NEEDED])
def test_who_needs_a_field(field, value, place, model):
    dialect = dialect_for("p", place, model) if "://" in place else dialect_for("p", LOCAL, model, place)
    assert getattr(dialect, field) == value


def test_every_field_is_needed_by_somebody():
    differing = {name for name in QUIRKS if name != "reasoning_fields"}     # an order of names; the default suits all
    assert differing == {need[0] for need in NEEDED}


def test_the_tables_speak_of_fields_and_rows_that_exist():
    names = {field.name for field in fields(Dialect)}
    for row in rows.ROWS.values():
        assert set(row) <= names
    for owners, globs, changes in rows.MODELS:
        assert set(changes) <= names
        assert owners == rows.EVERYWHERE or set(owners) <= set(DIALECTS)
        assert all(glob == glob.lower() for glob in globs)
    assert {row for _, row in rows.HOSTS + rows.LOCAL_PORTS} | set(rows.ALIASES.values()) <= set(DIALECTS)
    for dialect in DIALECTS.values():
        for field, choices in CHOICES.items():
            assert getattr(dialect, field) in choices


def test_every_thinking_style_has_an_owner():
    used = {changes.get("thinking_style") for _, _, changes in rows.MODELS} | {
        dialect.thinking_style for dialect in DIALECTS.values()}
    assert set(THINKING_STYLES) <= used


@pytest.mark.parametrize("entry", CATALOGUE.values(), ids=CATALOGUE.keys())
def test_every_provider_of_the_catalogue_has_a_row_of_its_own(entry):
    url = entry.base_url or entry.base_url_shape
    assert dialect_for(entry.name, url, "m").name != "openai-compatible"
    assert {row_name("", region) for _, region in entry.regions} <= {row_name("", url)}


# -- quirks

MISTAKES = {
    "no quirks": ({}, []),
    "good ones": ({"max_max_tokens": 8192, "drop_params": ["top_p"], "extra_headers": {"X": "1"},
                   "extra_body": {"a": 1},
                   "images": False, "empty_content": "", "stop_limit": 0}, []),
    "not an object": (["images"], ['quirks: must be an object such as {"max_max_tokens": 8192}']),
    "an unknown name": ({"max_token_field": "x"}, ["max_token_field: no such quirk; did you mean max_tokens_field?"]),
    "the name of the row": ({"name": "x"}, ["name: no such quirk"]),
    "a wrong type": ({"images": 1}, ["images: must be true or false"]),
    "true is no number": ({"stop_limit": True}, ["stop_limit: must be a whole number, 0 or more"]),
    "a number too small": ({"max_max_tokens": 0}, ["max_max_tokens: must be a whole number, 1 or more, or null"]),
    "a string for a list": ({"drop_params": "top_p"}, ["drop_params: must be a list of strings"]),
    "a number among headers": ({"extra_headers": {"X": 1}}, ["extra_headers: must be an object of strings"]),
    "a word that is not one of them": (
        {"system_role": "user"}, ['system_role: must be one of "system", "developer"']),
    "several at once": ({"imges": True, "path": None}, [
        "imges: no such quirk; did you mean images?", "path: must be a string"]),
}


@pytest.mark.parametrize("quirks, mistakes", MISTAKES.values(), ids=MISTAKES.keys())
def test_quirk_mistakes(quirks, mistakes):
    assert quirk_mistakes(quirks) == mistakes


def test_quirks_come_last_and_stay_immutable():
    dialect = dialect_for("x", OPENAI, "gpt-5", None, {
        "drop_params": ["seed"], "extra_headers": {"X-A": "b"}, "max_tokens_field": "max_tokens"})
    assert (dialect.drop_params, dialect.extra_headers, dialect.max_tokens_field) == (
        ("seed",), (("X-A", "b"),), "max_tokens")
    with pytest.raises(ValueError, match="imges: no such quirk"):
        with_quirks(GENERIC, {"imges": False})
