"""usage: counts in all their places and spellings."""
import pytest

from claude_proxy.conversion.usage import TextMeter, UsageCounter


def counted(*chunks, adds_up=False):
    counter = UsageCounter(adds_up)
    for chunk in chunks:
        counter.read(chunk)
    return counter.messages_usage(100, 50)


def usage(**counts):
    return {"choices": [], "usage": counts}


def expect(fresh, read, output, written=0, thinking=None, **more):
    counts = {"input_tokens": fresh, "cache_creation_input_tokens": written, "cache_read_input_tokens": read,
              "output_tokens": output}
    if thinking is not None:
        counts["output_tokens_details"] = {"thinking_tokens": thinking}
    return dict(counts, **more)


BASE = dict(prompt_tokens=10, completion_tokens=4)
DETAILS = "prompt_tokens_details"
COUNTS = {
    "OpenAI": ([usage(**BASE)], expect(10, 0, 4)),
    "cached tokens are part of the prompt": ([usage(**BASE, prompt_tokens_details={"cached_tokens": 8})],
                                             expect(2, 8, 4)),
    "cache writes too": (
        [usage(**BASE, prompt_tokens_details={"cached_tokens": 3, "cache_write_tokens": 5})],
        expect(2, 3, 4, written=5)),
    "DeepSeek": ([usage(**BASE, prompt_cache_hit_tokens=8, prompt_cache_miss_tokens=2)], expect(2, 8, 4)),
    "Moonshot, and twice": (
        [{"choices": [{"usage": dict(BASE, cached_tokens=8)}], "usage": dict(BASE, cached_tokens=8)}], expect(2, 8, 4)),
    "num_cached_tokens": ([usage(**BASE, num_cached_tokens=8)], expect(2, 8, 4)),
    "more cached tokens than prompt": ([usage(**BASE, prompt_tokens_details={"cached_tokens": 64})], expect(0, 10, 4)),
    "Groq": ([{"choices": [{}], "x_groq": {"id": "r", "usage": BASE}}], expect(10, 0, 4)),
    "only in the choice": ([{"choices": [{"usage": BASE}]}], expect(10, 0, 4)),
    "running totals: the last one": ([usage(prompt_tokens=10, completion_tokens=n) for n in (1, 2, 4)],
                                     expect(10, 0, 4)),
    "zeros do not count": ([usage(**BASE), usage(prompt_tokens=0, completion_tokens=0, total_tokens=0)],
                           expect(10, 0, 4)),
    "null": ([usage(**BASE), {"usage": None}, {"x_groq": None}], expect(10, 0, 4)),
    "null details": ([usage(**BASE, prompt_tokens_details=None, completion_tokens_details=None)], expect(10, 0, 4)),
    "floats": ([usage(prompt_tokens=10.0, completion_tokens=4.0)], expect(10, 0, 4)),
    "nonsense": ([usage(prompt_tokens=-1, completion_tokens="4")], expect(100, 0, 50)),
    "never": ([{"choices": [{}]}], expect(100, 0, 50)),
    "no output counted": ([usage(prompt_tokens=10)], expect(10, 0, 50)),
    "reasoning within": ([usage(**BASE, completion_tokens_details={"reasoning_tokens": 3})],
                         expect(10, 0, 4, thinking=3)),
    "reasoning beside: xAI": (
        [usage(**BASE, total_tokens=17, completion_tokens_details={"reasoning_tokens": 3})],
        expect(10, 0, 7, thinking=3)),
    "more reasoning than output": (
        [usage(**BASE, total_tokens=14, completion_tokens_details={"reasoning_tokens": 9})],
        expect(10, 0, 4, thinking=4)),
    "the tier": ([dict(usage(**BASE), service_tier="flex")], expect(10, 0, 4, service_tier="standard")),
    "a tier of their own": ([dict(usage(**BASE), service_tier="on_demand")], expect(10, 0, 4)),
}


@pytest.mark.parametrize("chunks, expected", COUNTS.values(), ids=COUNTS.keys())
def test_usage(chunks, expected):
    assert counted(*chunks) == expected


@pytest.mark.parametrize("literals, tokens", [
    ([], 0), (["Hello", " world"], 3), (["你好,世界"], 4), (["\\n"], 1), (["😀"], 1)])
def test_an_estimate_where_nobody_counts(literals, tokens):
    meter = TextMeter()
    for literal in literals:
        meter.add(literal)
    assert meter.tokens() == tokens


CLOUDFLARE = [{"choices": [{}], "usage": {"prompt_tokens": 10, "completion_tokens": 0}},
              {"choices": [{}], "usage": {"prompt_tokens": 0, "completion_tokens": 3}},
              {"choices": [], "usage": {"prompt_tokens": 0, "completion_tokens": 1}}]


def test_cloudflare_counts_up_and_has_the_totals_in_an_event_of_its_own():
    total = {"response": "", "usage": dict(BASE, prompt_tokens_details={"cached_tokens": 8})}
    assert counted(*CLOUDFLARE, adds_up=True) == expect(10, 0, 4)
    assert counted(*(CLOUDFLARE + [total]), adds_up=True) == expect(2, 8, 4)
    assert counted(*(CLOUDFLARE + [total])) == expect(2, 8, 4)
