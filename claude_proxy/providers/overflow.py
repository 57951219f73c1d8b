"""A context that is full, as each provider words it, in the two phrases on which Claude Code acts.

    prompt is too long: X tokens > Y maximum                                    it compacts the conversation
    input length and `max_tokens` exceed context limit: A + B > C               it asks again for a shorter answer
"""
from __future__ import annotations

import re
from typing import TYPE_CHECKING, Dict, Optional

from .records import dataclass
from .wording import Pattern, any_of

if TYPE_CHECKING:
    from .wording import Said

CODES = ("context_length_exceeded", "model_max_prompt_tokens_exceeded", "exceed_context_size_error",
         "too_many_prompt_tokens", "context_window_exceeded", "contextwindowexceedederror", "request_too_long",
         "prompt_too_long", "input_too_long", "context_too_large", "1261", "1039")

FULL = any_of(
    r"(?:prompt|input|request) (?:is |was |token length )?too (?:long|large)", r"input length (?:is )?too long",
    r"context[_ ]length[_ ]exceeded", r"maximum context (?:length|limit|window|size)", r"max(?:imum)? prompt length",
    r"exceed(?:s|ed|ing)?[^.]{0,60}(?:context|n_ctx|model token limit|maximum number of (?:input )?tokens)",
    r"(?:context|prompt)[^.]{0,40}exceed(?:s|ed)?[^.]{0,30}(?:limit|length|window|deployment|maximum|capacity)",
    r"context size has been exceeded", r"exceeded (?:the )?max(?:imum)? context",
    r"longer than the (?:maximum model length|model'?s (?:maximum )?context)", r"larger than the (?:maximum )?context",
    r"greater than the context (?:length|window|size)", r"input tokens exceed", r"tokens in request more than max",
    r"total length of all messages is too long", r"range of input length should be", r"but model only supports up to",
    r"reduce the length of (?:the messages|either|your prompt)", r"input length \d+ exceeds", r"maximum input length",
    r"`inputs` (?:tokens \+ `max_new_tokens` must be|must have less)", r"too large for model with \d+ max",
    r"context window (?:exceeds|exceeded|limit)", r"context overflow", r"when context the overflows",
    r"max message tokens", r"too many (?:input )?tokens in (?:the )?(?:prompt|request|input)",
    r"(?:上下文|输入|提示词|prompt|对话|(?<!max_)tokens?)[^。，]{0,16}(?:超长|过长|超出|超过)[^。]{0,16}"
    r"(?:限制|上限|最大|长度|窗口|$)")
OF_SOMETHING_ELSE = any_of(
    "policy_blocked", "dlp_request_denied", r"string too long\. expected a string", r"per (?:minute|day|min)\b",
    r"\btpm\b", r"\brpm\b", r"maximum length of (?:tool|function)", "tool_call_id", "每分钟", "频率", "并发")

# Where the numbers stand. `total` is input and answer together; `over` is by how much the input is too long.
NUMBERS = tuple(Pattern(pattern) for pattern in (
    r"exceed context limit: (?P<input>\d+) \+ (?P<answer>\d+) > (?P<limit>\d+)",
    r"prompt is too long[^\d]{0,4}(?P<input>\d+) tokens? > (?P<limit>\d+)",
    r"prompt is too long: (?P<input>\d+), model maximum context length: (?P<limit>\d+)",
    r"context length is (?P<limit>\d+) tokens?.*?request has (?P<input>\d+) input tokens \((?P<answer>\d+) >",
    r"\((?P<answer>\d+) > (?P<limit>\d+) - (?P<input>\d+)\)",
    r"passed (?P<input>\d+) input tokens and requested (?P<answer>\d+) output.*?context length is only (?P<limit>\d+)",
    r"context length is (?:only )?(?P<limit>\d+).*?(?:requested|resulted in|total of)(?: about)? (?P<total>\d+) tokens"
    r" \((?P<input>\d+) (?:in the|of) (?:messages|prompt|text input|input)[^)]*?, (?P<answer>\d+) (?:in|for|of) the"
    r" (?:completion|output)",
    r"context length of (?P<limit>\d+).*?total of (?P<total>\d+) tokens: (?P<input>\d+) .*?and (?P<answer>\d+) ",
    r"context length is (?:only )?(?P<limit>\d+).*?resulted in (?P<input>\d+) tokens",
    r"context length is (?:only )?(?P<limit>\d+).*?(?:requested|total of)(?: about)? \d+ tokens? \((?P<input>\d+) in",
    r"context length is (?:only )?(?P<limit>\d+).*?(?:requested|request has|you passed|total of|contains)"
    r"(?: about| at least)? (?P<input>\d+)",
    r"given: (?P<input>\d+) `inputs` tokens and (?P<answer>\d+) `max_new_tokens`",
    r"must have less than (?P<limit>\d+) tokens\. given: (?P<input>\d+)",
    r"input token count \(?(?P<input>\d+)\)? exceeds the maximum number of tokens allowed \(?(?P<limit>\d+)",
    r"model token limit: (?P<limit>\d+) \(requested: (?P<input>\d+)",
    r"contains (?P<input>\d+) tokens.*?model with (?P<limit>\d+) max",
    r"maximum prompt length is (?P<limit>\d+) but the request contains (?P<input>\d+)",
    r"current length is (?P<input>\d+) while limit is (?P<limit>\d+)",
    r"(?:request|prompt|input) \((?P<input>\d+) tokens\)[^(]*\((?P<limit>\d+) tokens",
    r"token count of (?P<input>\d+) exceeds the limit of (?P<limit>\d+)",
    r"tokens? \((?P<input>\d+)\) exceed(?:s|ed)[^(]*\((?P<limit>\d+)\)",
    r"length (?P<input>\d+) exceeds the maximum length (?P<limit>\d+)",
    r"first (?P<input>\d+) tokens when context the overflows.*?context length of only (?P<limit>\d+)",
    r"(?P<input>\d+) tokens exceeds? (?:the )?[^\d]{0,40}(?P<limit>\d+)",
    r"exceeded max context length by (?P<over>\d+)",
    r"input length should be \[\d+, (?P<limit>\d+)\]",
    r"maximum number of tokens allowed \(?(?P<limit>\d+)",
    r"(?:context|prompt|input)[^\d]{0,40}(?:length|size|window|limit)[^\d(]{0,20}(?P<limit>\d{4,})",
    r"`max_new_tokens` must be <= (?P<limit>\d+)",
    r"\((?P<limit>\d+) tokens?\)",
))


@dataclass(frozen=True)
class Overflow:
    """What an overflow's text tells, in tokens; None where it does not."""

    input: Optional[int] = None         # what the prompt has
    answer: Optional[int] = None        # what was asked for beside it
    limit: Optional[int] = None         # what the model holds
    over: Optional[int] = None          # by how much the prompt is too long, where only that is told

    @property
    def only_the_sum(self) -> bool:
        """Whether the prompt alone would fit."""
        if self.input is None or self.answer is None or self.limit is None:
            return False
        return self.input < self.limit


def overflow_in(said: Said, status: int = 400) -> Optional[Overflow]:
    """The Overflow of an error body (wording.Said), or None where it is about something else."""
    text = said.everything
    if status not in (400, 413, 422, 500, 502) or OF_SOMETHING_ELSE.search(text):
        return None
    if not said.any_code(*CODES) and not FULL.search(text):
        return None
    numbers = numbers_in(said)
    if "max_tokens" in said.param and numbers.input is None and numbers.limit is None:
        return None
    return numbers


def numbers_in(said: Said) -> Overflow:
    """The numbers of an overflow's text."""
    fields = said.fields or {}
    if "n_prompt_tokens" in fields and "n_ctx" in fields:       # llama.cpp
        return Overflow(fields["n_prompt_tokens"], None, fields["n_ctx"])
    text = re.sub(r"(?<=\d),(?=\d{3})", "", said.words.lower().replace("\n", " "))
    found: Dict[str, int] = {}
    for pattern in NUMBERS:
        match = pattern.search(text)
        if match:
            for name, number in match.groupdict().items():
                found.setdefault(name, int(number))
            if "over" in found or ("input" in found and "limit" in found):
                break
    return _sensible(found)


def _sensible(found: Dict[str, int]) -> Overflow:
    limit, count, answer = found.get("limit"), found.get("input"), found.get("answer")
    if "total" in found and answer is not None:
        count = found["total"] - answer         # tools are counted apart from the messages
    whole = answer + (count or 0) if answer is not None else count
    if count is not None and limit is not None and whole is not None and whole <= limit:
        return Overflow(None, None, limit)      # read wrongly: it would not be too long
    return Overflow(count, answer, limit, found.get("over"))


def phrase(overflow: Overflow, window: Optional[int] = None, estimate: Optional[int] = None) -> str:
    """The sentence for the client; `window` and `estimate` stand in for a limit and a length that were not told."""
    count, answer, limit = overflow.input, overflow.answer, overflow.limit
    if overflow.only_the_sum and count is not None and answer is not None and limit is not None:
        return "input length and `max_tokens` exceed context limit: %d + %d > %d" % (count, answer, limit)
    limit = limit or window
    if count is None and limit and overflow.over:
        count = limit + overflow.over
    if count is None and estimate and limit and estimate > limit:
        count = estimate
    if count is not None and limit is not None and count > limit:
        return "prompt is too long: %d tokens > %d maximum" % (count, limit)
    return "prompt is too long"
