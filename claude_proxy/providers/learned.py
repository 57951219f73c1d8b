"""What this run has found out: remedies that healed, how many bytes a token is, who cuts prompts in silence.

Kept in memory alone, per provider and model; lost with the process, found out again. Several threads share it: each
step is one operation on a dict, and a lost update costs one more question to the provider, never a wrong answer.
"""
from __future__ import annotations

from typing import TYPE_CHECKING, Any, Dict, List, Optional, Tuple, TypeVar

if TYPE_CHECKING:
    from .complaints import Remedy

Pair = Tuple[str, str]              # provider, model
K = TypeVar("K")
V = TypeVar("V")

MAX_ENTRIES = 2000                  # names of models come from clients: what is kept of them is bounded
FIRST_GUESS = 3.7                   # bytes of request JSON per token, before a provider has counted
LEAST, MOST = 1.2, 8.0              # a ratio beyond these is no ratio: images, or a count of something else
WEIGHT = 0.3                        # of the newest count in the moving average
SMALLEST_SAMPLE = 200               # tokens; shorter prompts are mostly frame
COMPARISONS = 5                     # of a count with our own, per model: each costs an estimate
LEAST_CORRECTION, MOST_CORRECTION = 0.5, 2.0

# A provider that counts less than this share of the estimate, and this many tokens less, has cut the prompt.
CUT_SHARE, CUT_TOKENS = 0.5, 2000

LARGER_CONTEXT = {
    "ollama": "start Ollama with OLLAMA_CONTEXT_LENGTH=65536 (its OpenAI address takes no num_ctx)",
    "lmstudio": "load the model in LM Studio with a larger context length",
    "llama.cpp": "start llama-server with a larger -c, and without --context-shift",
    "vllm": "start vLLM with a larger --max-model-len",
    "sglang": "start SGLang with a larger --context-length",
}
ELSEWHERE = "give the model a larger context there, or state its context_window in its row of providers.%s.models"


class Learned:
    """The memory of one run."""

    def __init__(self) -> None:
        self.version = 0            # another one whenever quirks_for() may say something else
        self._remedies: Dict[Tuple[str, str, str], Remedy] = {}     # by provider, model, and its own name
        self._ratios: Dict[Pair, float] = {}                        # bytes per token
        self._corrections: Dict[Pair, Tuple[float, int]] = {}       # their tokens per token of ours, comparisons
        self._cut: Dict[Pair, str] = {}                             # the warning that was given
        self._untold: Dict[Pair, bool] = {}                         # True where no answer's head has said it

    # -- remedies

    def remember(self, provider: str, model: str, remedy: Remedy) -> bool:
        """Keep a remedy that lasts: quirks_for has it from now on. Whether it is new."""
        key = (provider, model, remedy.name)
        if not remedy.lasting or self._remedies.get(key) == remedy:
            return False
        _keep(self._remedies, key, remedy)
        self.version += 1
        return True

    def quirks_for(self, provider: str, model: str) -> Dict[str, Any]:
        """The dialect fields that healed requests to this model, as `quirks`."""
        quirks: Dict[str, Any] = {}
        for (name, of, _), remedy in self._remedies.copy().items():
            if (name, of) == (provider, model):
                for field, value in remedy.changes.items():
                    quirks[field] = _joined(quirks.get(field), value)
        return quirks

    def listing(self) -> List[Dict[str, str]]:
        """[{"provider", "model", "remedy", "line"}]: for `check` and the status; `line` makes it permanent."""
        return [{"provider": provider, "model": model, "remedy": name, "line": remedy.line(provider)}
                for (provider, model, name), remedy in self._remedies.copy().items()]

    # -- tokens

    def bytes_per_token(self, provider: str, model: str) -> float:
        """Bytes of a request's JSON per prompt token, as this model was seen to count."""
        return self._ratios.get((provider, model), FIRST_GUESS)

    def counted(self, provider: str, model: str, body_bytes: int, prompt_tokens: Optional[int],
                estimate: Optional[int] = None, dialect: str = "") -> Optional[str]:
        """Note the provider's own count for a request of `body_bytes` (without images) -> a warning, once, or None.

        The warning says that the prompt was probably cut in silence; `estimate` are the tokens that we counted.
        """
        if not prompt_tokens or prompt_tokens < 0:
            return None
        key = (provider, model)
        expected = estimate or int(body_bytes / self.bytes_per_token(provider, model))
        if prompt_tokens < expected * CUT_SHARE and expected - prompt_tokens > CUT_TOKENS:
            return self._cut_off(key, prompt_tokens, expected, dialect)
        ratio = body_bytes / float(prompt_tokens)
        if prompt_tokens >= SMALLEST_SAMPLE and LEAST <= ratio <= MOST:
            before = self._ratios.get(key)
            _keep(self._ratios, key, ratio if before is None else before + WEIGHT * (ratio - before))
        return None

    def correction(self, provider: str, model: str) -> float:
        """What an estimate of ours is multiplied with to be this model's count; 1.0 where nothing is known."""
        return self._corrections.get((provider, model), (1.0, 0))[0]

    def wants_comparison(self, provider: str, model: str, prompt_tokens: int) -> bool:
        """Whether an estimate for a request that the provider has counted would teach something."""
        key = (provider, model)
        return (prompt_tokens >= SMALLEST_SAMPLE and key not in self._cut
                and self._corrections.get(key, (1.0, 0))[1] < COMPARISONS)

    def compared(self, provider: str, model: str, estimate: int, prompt_tokens: int) -> None:
        """Note our own count for the same request beside the provider's."""
        ratio = min(max(prompt_tokens / float(estimate), LEAST_CORRECTION), MOST_CORRECTION)
        before, times = self._corrections.get((provider, model), (ratio, 0))
        _keep(self._corrections, (provider, model), (before + WEIGHT * (ratio - before), times + 1))

    def _cut_off(self, key: Pair, counted: int, expected: int, dialect: str) -> Optional[str]:
        provider, model = key
        warning = "%s/%s counted %d prompt tokens of about %d: the beginning was probably cut off, tools and all; %s"
        warning %= (provider, model, counted, expected, LARGER_CONTEXT.get(dialect) or ELSEWHERE % provider)
        if key in self._cut:
            return None
        _keep(self._cut, key, warning)
        _keep(self._untold, key, True)
        return warning

    def untold_cut(self, provider: str, model: str) -> bool:
        """Whether the head of the next answer must say that this model's prompt was cut; True once."""
        return self._untold.pop((provider, model), False)

    def warnings(self) -> List[str]:
        """Every warning that was given."""
        return list(self._cut.copy().values())


def _keep(kept: Dict[K, V], key: K, value: V) -> None:
    if len(kept) >= MAX_ENTRIES and key not in kept:
        kept.clear()
    kept[key] = value


def _joined(before: Any, value: Any) -> Any:
    """Lists of refused things add up; of anything else the newest holds."""
    if isinstance(before, tuple) and isinstance(value, tuple) and set(before) - set(value):
        return before + tuple(one for one in value if one not in before)
    return value
