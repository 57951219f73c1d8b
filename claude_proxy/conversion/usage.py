"""Token counts: what providers report, in all its places and spellings, as Messages counts it.

    Chat Completions   prompt_tokens (with the cached ones), completion_tokens (mostly with the reasoning)
                       https://platform.openai.com/docs/api-reference/chat/object
    Messages           input_tokens (without the cached ones), cache_read_input_tokens,
                       cache_creation_input_tokens, output_tokens
                       https://docs.anthropic.com/en/api/messages#response-usage

Counts come in the last chunk, in the finish chunk, or in every chunk as running totals: the last one wins. Cloudflare
counts up in its chunks and has the totals in an event of its own, without `choices`: that one is final. Numbers may be
null, floats, or 0 throughout where a provider does not know yet.
"""
from typing import Any, Dict, Mapping, Optional, Tuple

SERVICE_TIERS = {"default": "standard", "auto": "standard", "flex": "standard", "scale": "standard",
                 "standard": "standard", "priority": "priority", "fast": "priority"}


class UsageCounter:
    """Keeps the counts that are valid of all that an answer brings."""

    def __init__(self, adds_up: bool = False) -> None:
        self._adds_up = adds_up                     # counts in chunks are increments (dialect.usage_adds_up)
        self._counts: Optional[Mapping[str, Any]] = None
        self._final = False
        self._tier = ""

    def read(self, chunk: Mapping[str, Any]) -> None:
        """Take the counts that a chunk or a completion carries, wherever it carries them."""
        tier = chunk.get("service_tier")
        if isinstance(tier, str):
            self._tier = SERVICE_TIERS.get(tier, "")
        found = reported(chunk)
        if found is None or self._final:
            return
        self._final = not isinstance(chunk.get("choices"), list) and self._counts is not None
        if self._adds_up and not self._final:
            self._counts = added(self._counts or {}, found)
        elif self._counts is None or counts_anything(found):
            self._counts = found

    @property
    def knows_output(self) -> bool:
        """Whether output tokens were reported: then an estimate of them is not needed."""
        counts = self._counts
        return counts is not None and counts_anything(counts) and _output_of(counts) is not None

    def messages_usage(self, input_tokens: int, output_tokens: int) -> Dict[str, Any]:
        """Anthropic's counts; the arguments are the estimates for what the provider did not report."""
        counts = self._counts
        usage: Dict[str, Any]
        if counts is None or not counts_anything(counts):
            usage = {"input_tokens": input_tokens, "cache_creation_input_tokens": 0, "cache_read_input_tokens": 0,
                     "output_tokens": output_tokens}
        else:
            usage = messages_counts(counts, output_tokens)
        if self._tier:
            usage["service_tier"] = self._tier
        return usage


class TextMeter:
    """Measures an answer as it is written, to estimate its tokens where the provider never counts them."""

    def __init__(self) -> None:
        self._chars = 0
        self._more_bytes = 0                        # UTF-8 bytes beyond one for each character

    def add(self, literal: str) -> None:
        """A JSON string literal, or several."""
        self._chars += len(literal)
        if not literal.isascii():
            self._more_bytes += len(literal.encode("utf-8", "replace")) - len(literal)

    def tokens(self) -> int:
        """Four characters of a Latin text are about a token, three of a Chinese one about two."""
        wide = self._more_bytes // 2
        return -(-max(0, self._chars - wide) // 4) - (-2 * wide // 3)


def reported(chunk: Mapping[str, Any]) -> Optional[Mapping[str, Any]]:
    """The usage object of a chunk: at its top, in Groq's x_groq, or in Moonshot's choices[0]."""
    usage = chunk.get("usage")
    if not usage and chunk.get("x_groq"):
        usage = part(chunk, "x_groq").get("usage")
    if not usage and chunk.get("choices"):
        first = chunk["choices"][0] if isinstance(chunk["choices"], list) else None
        usage = first.get("usage") if isinstance(first, dict) else None
    return usage if usage and isinstance(usage, dict) else None


def messages_counts(counts: Mapping[str, Any], estimated_output: int = 0) -> Dict[str, Any]:
    """One usage object -> Anthropic's counts. Never negative: some report more cached tokens than the prompt has."""
    prompt, details = count(counts, "prompt_tokens", "input_tokens"), part(counts, "prompt_tokens_details")
    cached = (details and count(details, "cached_tokens") or
              count(counts, "prompt_cache_hit_tokens", "cached_tokens", "num_cached_tokens", "cache_read_input_tokens"))
    written = details and count(details, "cache_write_tokens") or count(counts, "cache_creation_input_tokens")
    cached = min(cached, prompt)
    written = min(written, prompt - cached)
    output, reasoning = output_counts(counts, prompt)
    known = _output_of(counts) is not None
    usage: Dict[str, Any] = {"input_tokens": prompt - cached - written, "cache_creation_input_tokens": written,
             "cache_read_input_tokens": cached, "output_tokens": output if known else estimated_output}
    if reasoning:
        usage["output_tokens_details"] = {"thinking_tokens": reasoning}
    return usage


def _output_of(counts: Mapping[str, Any]) -> Any:
    return counts.get("completion_tokens", counts.get("output_tokens"))


def output_counts(counts: Mapping[str, Any], prompt: int) -> Tuple[int, int]:
    """(output tokens, reasoning tokens among them): xAI counts its reasoning beside completion_tokens, not in them."""
    output = count(counts, "completion_tokens", "output_tokens")
    details = part(counts, "completion_tokens_details")
    reasoning = count(details, "reasoning_tokens") if details else 0
    if reasoning and count(counts, "total_tokens") == prompt + output + reasoning:
        output += reasoning
    return output, min(reasoning, output)


def count(counts: Mapping[str, Any], *names: str) -> int:
    """The first of `names` that is a positive number, as an integer; 0 where there is none."""
    for name in names:
        value = counts.get(name)
        if value is not None and isinstance(value, (int, float)) and not isinstance(value, bool) and 0 < value < 1e15:
            return int(value)
    return 0


def part(counts: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    """The object under `name`, or an empty one."""
    value = counts.get(name)
    return value if isinstance(value, dict) else {}


def counts_anything(counts: Mapping[str, Any]) -> bool:
    """Whether a usage object says more than zeros."""
    return count(counts, "prompt_tokens", "completion_tokens", "input_tokens", "output_tokens") > 0


def added(total: Mapping[str, Any], more: Mapping[str, Any]) -> Dict[str, Any]:
    """Two usage objects, number by number."""
    out = dict(total)
    for name, value in more.items():
        if isinstance(value, dict):
            out[name] = added(part(out, name), value)
        elif isinstance(value, (int, float)):
            out[name] = count(out, name) + count(more, name)
    return out
