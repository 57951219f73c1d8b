"""The catalogue: what a user need not look up."""
import re

import pytest

from claude_proxy.providers.catalogue import CATALOGUE, ENTRIES, UNKNOWN_MODEL, fact_of


@pytest.mark.parametrize("entry", ENTRIES, ids=[entry.name for entry in ENTRIES])
def test_an_entry_is_whole(entry):
    assert CATALOGUE[entry.name] is entry
    assert entry.base_url or entry.base_url_shape
    for url in (entry.base_url or entry.base_url_shape,) + tuple(url for _, url in entry.regions):
        assert re.match(r"https://[\w./-]+[^/]$|http://127\.0\.0\.1:\d+/v1$", url), url
    if entry.local:
        assert not entry.key_variable and not entry.models
    else:
        assert re.match(r"[A-Z0-9_]+$", entry.key_variable) and entry.key_url.startswith("https://")
    if entry.models:
        patterns = [pattern for pattern, _ in entry.models]
        assert patterns == ["claude-*haiku*", "claude-*sonnet*", "claude-*opus*", "claude-*fable*"]
        assert entry.default


def test_the_regions_name_the_entry_s_own_address():
    for entry in ENTRIES:
        if entry.regions:
            assert entry.base_url in [url for _, url in entry.regions]


def test_no_token_for_other_ends_chooses_a_provider():
    variables = {entry.key_variable for entry in ENTRIES} | {name for e in ENTRIES for name in e.key_variables}
    assert not variables & {"GITHUB_TOKEN", "GH_TOKEN", "GOOGLE_API_KEY"}


FACTS = {
    "deepseek-v4-pro": (1000000, False),
    "deepseek-ai/DeepSeek-V3.2": (131072, False),
    "zai-org/GLM-5.2": (200000, False),
    "glm-4.6v": (None, True),
    "moonshotai/kimi-k2.5": (262144, True),
    "gpt-5-mini": (400000, True),
    "anthropic/claude-sonnet-4.6": (200000, True),
    "something-new": (None, None),
}


@pytest.mark.parametrize("model", FACTS)
def test_facts_of_models(model):
    fact = fact_of(model)
    assert (fact.context_window, fact.images) == FACTS[model]


def test_nothing_is_known_of_an_unknown_model():
    assert fact_of("") is UNKNOWN_MODEL
