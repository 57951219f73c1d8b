"""stops: text up to the first stop sequence."""
import pytest

from claude_proxy.conversion.stops import StopMatcher

TEXTS = {
    "one in the middle": (["END"], "one END two", "one ", "END"),
    "none": (["END"], "one EN", "one EN", None),
    "the first of two": (["two", "END"], "one END two", "one ", "END"),
    "the one that is complete first": (["END", "EN"], "one END", "one ", "EN"),
    "the longer of two that end together": (["N", "EN"], "one EN", "one ", "EN"),
    "one that begins like itself": (["aab"], "aaab", "a", "aab"),
    "a line break": (["\n\n"], "a\nb\n\nc", "a\nb", "\n\n"),
    "at the very start": (["<"], "<x>", "", "<"),
}


@pytest.mark.parametrize("stops, text, before, matched", TEXTS.values(), ids=TEXTS.keys())
def test_stops_at_every_cut(stops, text, before, matched):
    for size in range(1, len(text) + 1):
        matcher = StopMatcher(stops)
        seen = "".join(matcher.feed(text[at:at + size]) for at in range(0, len(text), size))
        assert (seen + matcher.finish(), matcher.matched) == (before, matched)


def test_only_what_may_be_a_stop_sequence_waits():
    matcher = StopMatcher(["END"])
    assert [matcher.feed(piece) for piece in ("say E", "N", "O", " END")] == ["say ", "", "ENO", " "]
