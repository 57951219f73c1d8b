"""What a run has found out: remedies, bytes per token, prompts that were cut in silence."""
from claude_proxy.providers.complaints import Remedy
from claude_proxy.providers.learned import FIRST_GUESS, MAX_ENTRIES, Learned

CAP = Remedy("max_max_tokens", {"max_max_tokens": 8192})


def test_nothing_is_known_at_first():
    learned = Learned()
    assert (learned.quirks_for("acme", "big"), learned.listing(), learned.warnings()) == ({}, [], [])
    assert learned.bytes_per_token("acme", "big") == FIRST_GUESS


def test_a_remedy_holds_for_its_provider_and_model():
    learned = Learned()
    assert learned.remember("acme", "big", CAP) is True
    assert learned.remember("acme", "big", CAP) is False        # known already
    assert learned.quirks_for("acme", "big") == {"max_max_tokens": 8192}
    assert learned.quirks_for("acme", "small") == learned.quirks_for("other", "big") == {}


def test_what_is_refused_adds_up():
    learned = Learned()
    for name in ("top_p", "temperature"):       # as two requests at once learn them, each without the other
        learned.remember("acme", "big", Remedy("drop_params+" + name, {"drop_params": (name,)}))
    learned.remember("acme", "big", CAP)
    assert learned.quirks_for("acme", "big") == {"drop_params": ("top_p", "temperature"), "max_max_tokens": 8192}


def test_of_other_things_the_newest_holds():
    learned = Learned()
    learned.remember("acme", "big", Remedy("a", {"efforts": ("low", "high"), "images": True}))
    learned.remember("acme", "big", Remedy("b", {"efforts": ("low",), "images": False}))
    assert learned.quirks_for("acme", "big")["images"] is False


def test_a_remedy_for_one_request_is_not_kept():
    learned = Learned()
    assert learned.remember("acme", "big", Remedy("shorter answer", {"max_max_tokens": 5}, lasting=False)) is False
    assert learned.quirks_for("acme", "big") == {}


def test_the_listing_says_how_to_keep_it():
    learned = Learned()
    learned.remember("acme", "big", CAP)
    assert learned.listing() == [{
        "provider": "acme", "model": "big", "remedy": "max_max_tokens",
        "line": '"providers": {"acme": {"quirks": {"max_max_tokens": 8192}}}'}]


def test_the_ratio_follows_what_the_provider_counts():
    learned = Learned()
    assert learned.counted("acme", "big", 4000, 1000) is None
    assert learned.bytes_per_token("acme", "big") == 4.0
    learned.counted("acme", "big", 3000, 1000)
    assert round(learned.bytes_per_token("acme", "big"), 3) == 3.7
    assert learned.bytes_per_token("acme", "small") == FIRST_GUESS


def test_a_ratio_that_is_none_is_not_learned():
    learned = Learned()
    learned.counted("acme", "big", 100, 30)             # too short
    learned.counted("acme", "big", 100000, 90000)       # tokens that no byte explains: images
    learned.counted("acme", "big", 4000, 0)
    learned.counted("acme", "big", 4000, None)
    assert learned.bytes_per_token("acme", "big") == FIRST_GUESS


def test_an_estimate_is_corrected_by_what_the_provider_counts():
    learned = Learned()
    assert learned.correction("acme", "big") == 1.0
    for estimate, counted in ((1000, 1200), (1000, 1200), (2000, 1800), (1000, 1200)):
        assert learned.wants_comparison("acme", "big", counted)
        learned.compared("acme", "big", estimate, counted)
    assert round(learned.correction("acme", "big"), 3) == 1.137
    assert learned.correction("acme", "small") == 1.0
    learned.compared("acme", "big", 10, 100000)             # as if it were twice the estimate, no more
    assert learned.correction("acme", "big") < 1.5
    assert not learned.wants_comparison("acme", "big", 1200)        # often enough: each costs an estimate
    assert not learned.wants_comparison("acme", "small", 100)       # too short to tell


def test_what_was_cut_corrects_nothing():
    learned = Learned()
    learned.counted("ollama", "qwen3", 60000, 2051, estimate=15750)
    assert not learned.wants_comparison("ollama", "qwen3", 2051)


def test_a_prompt_that_was_cut_is_said_once():
    learned = Learned()
    warning = learned.counted("ollama", "qwen3", 60000, 2051, estimate=15750, dialect="ollama")
    assert warning == (
        "ollama/qwen3 counted 2051 prompt tokens of about 15750: the beginning was probably cut off, tools and all; "
        "start Ollama with OLLAMA_CONTEXT_LENGTH=65536 (its OpenAI address takes no num_ctx)")
    assert learned.counted("ollama", "qwen3", 60000, 2051, estimate=15750, dialect="ollama") is None
    assert learned.warnings() == [warning]
    assert learned.bytes_per_token("ollama", "qwen3") == FIRST_GUESS     # nothing is learned from what was cut


def test_a_cut_at_an_unknown_server_names_the_setting():
    warning = Learned().counted("acme", "big", 60000, 2048)
    assert warning.endswith("or state its context_window in its row of providers.acme.models")


def test_an_estimate_that_is_somewhat_off_is_no_cut():
    learned = Learned()
    assert learned.counted("acme", "big", 60000, 9000, estimate=15750) is None
    assert learned.counted("acme", "big", 4000, 300, estimate=1000) is None      # too few tokens to tell


def test_the_memory_is_bounded():
    learned = Learned()
    for number in range(MAX_ENTRIES + 10):
        learned.remember("acme", "m%d" % number, CAP)
        learned.counted("acme", "m%d" % number, 4000, 1000)
    assert len(learned.listing()) <= MAX_ENTRIES
