"""Which target answers a name, which one next, and which names are listed."""
import json

import pytest

from claude_proxy import config, routing
from claude_proxy.errors import InvalidRequest, NotFound

TREE = {
    "providers": {
        "main": {"base_url": "https://main.example/v1", "api_key": "sk-1", "models": {
            "claude-haiku-4-5": "small", "claude-*-opus*": "large", "vendor/odd": "odd", "default": "middle"}},
        "deep": {"base_url": "https://deep.example/v1", "api_key": "sk-2", "models": {
            "claude-other-1": {"model": "other", "context_window": 4096, "max_output_tokens": 512},
            "claude-haiku-*": "mini", "gpt-4o": "gpt-4o"}},
        "a/b": {"base_url": "https://ab.example/v1", "api_key": "sk-3"},
        "硅基流动": {"base_url": "https://gui.example/v1", "api_key": "sk-4"},
        "keyless": {"base_url": "https://keyless.example/v1", "api_key": "${NO_KEY}",
                    "models": {"claude-mine": "mine"}},
    },
    "fallbacks": {"main": ["keyless", "deep", "main"], "main/large": ["deep/o3", "a/b,x/y"],
                  "deep/claude-other-1": ["main"]},
}
CONFIG = config.with_demo(config.read(json.dumps(TREE), {}), "http://127.0.0.1:9/v1")

# (name, provider in the path) -> provider, model, warnings
TARGETS = {
    "a row of the default provider": (("claude-haiku-4-5", None), ("main", "small", ())),
    "a glob of it": (("claude-3-opus-20240229", None), ("main", "large", ())),
    "its default row": (("claude-sonnet-5-5", None), ("main", "middle", ())),
    "its default row for a strange name": (("qwen3", None), ("main", "middle", ())),
    "another provider's row": (("claude-other-1", None), ("deep", "other", ())),
    "another provider's model": (("other", None), ("deep", "other", ())),
    "not the row of a provider without a key": (("claude-mine", None), ("main", "middle", ())),
    "not another provider's glob": (("claude-haiku-9", None), ("main", "small", ())),
    "a provider in the name": (("deep/claude-haiku-5", None), ("deep", "mini", ())),
    "with a comma": (("deep,gpt-4o", None), ("deep", "gpt-4o", ())),
    "in other letters": (("DEEP/gpt-4o", None), ("deep", "gpt-4o", ())),
    "behind anthropic/": (("anthropic/deep/other", None), ("deep", "other", ())),
    "anthropic/ alone": (("anthropic/claude-haiku-4-5", None), ("main", "small", ())),
    "a name that the provider does not list": (("deep/qwen3", None), ("deep", "qwen3", ())),
    "a name that the default provider does not list": (("main/qwen3", None), ("main", "qwen3", ())),
    "a Claude name of another family": (("deep/claude-opus-5", None), ("deep", "mini", ("family:haiku",))),
    "a name with the provider's name in it": (("deeper/x", None), ("main", "middle", ())),
    "a provider with a slash in its name": (("a/b/x", None), ("a/b", "x", ())),
    "a Chinese provider": (("硅基流动/Qwen/Qwen3", None), ("硅基流动", "Qwen/Qwen3", ())),
    "a row whose name looks like a provider's": (("vendor/odd", None), ("main", "odd", ())),
    "a provider without a key, asked for": (("keyless/claude-mine", None), ("keyless", "mine", ())),
    "the demo, asked for": (("demo/x", None), ("demo", "x", ())),
    "a provider alone": (("main", None), ("main", "middle", ())),
    "the path wins": (("claude-haiku-4-5", "deep"), ("deep", "mini", ())),
    "the path wins over the name": (("main/claude-haiku-4-5", "deep"), ("deep", "mini", ())),
    "the path's own name is taken off": (("deep/gpt-4o", "deep"), ("deep", "gpt-4o", ())),
    "the path, and a name of its own": (("openai/gpt-oss", "deep"), ("deep", "openai/gpt-oss", ())),
    "a context window": (("claude-haiku-4-5[1m]", None), ("main", "small", ())),
    "a context window of a strange name": (("a/b/qwen3[1M]", None), ("a/b", "qwen3", ())),
}


@pytest.mark.parametrize("asked, expected", TARGETS.values(), ids=TARGETS.keys())
def test_first_target(asked, expected):
    target = routing.targets(CONFIG, *asked)[0]
    assert (target.provider.name, target.model, target.warnings) == expected
    assert target.requested == asked[0] and target.row.model == target.model


REFUSED = {
    "an unknown provider in the path": (("x", "depe"), InvalidRequest,
                                        "no provider is called depe; did you mean deep? There are: main, deep, a/b, "
                                        "硅基流动, keyless, demo"),
    "a strange provider in the path": (("x", "z\n" * 200), InvalidRequest, "no provider is called z?z?z?z?"),
    "a Claude name and no row": (("a/b/claude-opus-5", None), NotFound,
                                 'model: claude-opus-5: a/b has no models configured. Add providers.a/b.models, such '
                                 'as {"default": "MODEL"}, or ask for a/b/MODEL. There are: claude-haiku-4-5 (main), '),
    "a provider and no model": (("a/b", None), InvalidRequest,
                                "model: a/b names a provider; which of its models? a/b/MODEL"),
    "no text": ((None, None), InvalidRequest, "model: must be a model's name"),
    "blanks": ((" ", None), InvalidRequest, "model: must be a model's name"),
    "a megabyte": (("x" * 1000000, None), InvalidRequest, "model: longer than 512 characters"),
}


@pytest.mark.parametrize("asked, error, message", REFUSED.values(), ids=REFUSED.keys())
def test_refused(asked, error, message):
    with pytest.raises(error) as problem:
        routing.targets(CONFIG, *asked)
    assert problem.value.message.startswith(message) and len(problem.value.message) < 500


CHAINS = {
    "the provider's list; who has no key, and who has failed, is passed over": (
        "claude-haiku-4-5", ["main/small", "deep/mini"]),
    "the model's own list is stronger": ("claude-3-opus", ["main/large", "deep/o3", "a/b/x/y"]),
    "a list for a name that clients use": ("claude-other-1", ["deep/other", "main/middle"]),
    "no list": ("a/b/x", ["a/b/x"]),
}


@pytest.mark.parametrize("name, expected", CHAINS.values(), ids=CHAINS.keys())
def test_fallbacks(name, expected):
    chain = routing.targets(CONFIG, name)
    assert ["%s/%s" % (target.provider.name, target.model) for target in chain] == expected
    assert {target.requested for target in chain} == {name}


def test_a_fallback_where_a_claude_name_means_nothing_is_passed_over():
    tree = {"providers": {"x": {"base_url": "https://x.example", "models": {"default": "m"}},
                          "y": {"base_url": "https://y.example"}}, "fallbacks": {"x": ["y", "y/z"]}}
    chain = routing.targets(config.read(json.dumps(tree), {}), "claude-opus-5")
    assert ["%s/%s" % (target.provider.name, target.model) for target in chain] == ["x/m", "y/z"]


def test_without_a_key_the_demo_answers_every_name():
    empty = config.read(None, {})
    with pytest.raises(InvalidRequest):
        routing.targets(empty, "claude-opus-5")
    running = config.with_demo(empty, "http://127.0.0.1:9/v1")
    for name in ("claude-opus-5", "gpt-4o", "openai/gpt-4o"):
        assert routing.targets(running, name)[0].provider.name == "demo"
    assert routing.targets(running, "gpt-4o", "openai")[0].provider.name == "openai"


def test_the_mere_catalogue_takes_no_names_from_those_with_a_key():
    found = config.read(None, {"GROQ_API_KEY": "gsk-1"})
    target = routing.targets(found, "openai/gpt-oss-120b")[0]
    assert (target.provider.name, target.model) == ("groq", "openai/gpt-oss-120b")


# -- dialects

class Learned:
    """What providers/learned.py answers, for one model."""

    def __init__(self, **quirks):
        self.quirks = quirks

    def quirks_for(self, provider, model):
        return self.quirks if model == "m" else {}


def target_of(provider, learned=None, name="m"):
    tree = {"providers": {"x": dict({"base_url": "https://x.example"}, **provider)}}
    return routing.targets(config.read(json.dumps(tree), {}), name, None, learned)[0]


def test_quirks_of_the_model_are_stronger_than_those_of_the_provider_and_what_was_learned_is_strongest():
    provider = {"quirks": {"stop_limit": 1, "stream_options": False, "max_max_tokens": 100},
                "models": {"m": {"model": "m", "quirks": {"stop_limit": 2, "max_max_tokens": 90}}}}
    dialect = target_of(provider, Learned(max_max_tokens=80)).dialect
    assert (dialect.stop_limit, dialect.stream_options, dialect.max_max_tokens) == (2, False, 80)


LIMITS = {
    "nothing known": ({"models": {"m": "m"}}, "m", {}, None),
    "what the file says": ({"models": {"m": {"model": "m", "max_output_tokens": 777}}}, "m", {}, 777),
    "a quirk": (
        {"models": {"m": {"model": "m", "max_output_tokens": 777}}, "quirks": {"max_max_tokens": 5}}, "m", {}, 5),
    "what was learned": ({"models": {"m": {"model": "m", "max_output_tokens": 777}}}, "m", {"max_max_tokens": 5}, 5),
    "a well-known model": ({"models": {"m": "gpt-4o"}}, "m", {}, 16384),
    "what the file says of a well-known model": (
        {"models": {"m": {"model": "gpt-4o", "max_output_tokens": 30000}}}, "m", {}, 30000),
}


@pytest.mark.parametrize("provider, name, learned, expected", LIMITS.values(), ids=LIMITS.keys())
def test_the_longest_answer(provider, name, learned, expected):
    assert target_of(provider, Learned(**learned), name).dialect.max_max_tokens == expected


def test_images_as_the_file_says_until_the_provider_says_otherwise():
    provider = {"models": {"m": {"model": "m", "images": True}}}
    assert target_of(provider).row.images is True
    assert target_of(provider, Learned(images=False)).row.images is False
    assert target_of({}).row.images is None
    assert target_of({"models": {"m": "gpt-oss-20b"}}).row.images is False


def test_a_named_dialect_wins():
    assert target_of({"dialect": "openai"}).dialect.name == "openai"


def test_another_model_of_the_same_provider():
    target = routing.targets(CONFIG, "gpt-4o")[0]
    other = routing.with_model(target, "other")
    assert (other.model, other.row.context_window, other.requested, other.provider) == (
        "other", 4096, "gpt-4o", target.provider)
    assert routing.with_model(target, "unlisted").model == "unlisted"


# -- the list of models

def ids(page):
    return [model["id"] for model in page["data"]]


def test_all_that_is_listed():
    page = routing.models_page(CONFIG, 1000)
    assert ids(page) == [
        "claude-haiku-4-5", "claude-other-1",
        "claude-opus-5-5", "claude-sonnet-5-5", "claude-haiku-5-5", "claude-fable-5-2",
        "vendor/odd", "gpt-4o",
        "anthropic/main/small", "anthropic/main/large", "anthropic/main/odd", "anthropic/main/middle",
        "anthropic/deep/other", "anthropic/deep/mini", "anthropic/deep/gpt-4o"]
    assert page["has_more"] is False
    assert (page["first_id"], page["last_id"]) == ("claude-haiku-4-5", "anthropic/deep/gpt-4o")


def test_each_listed_name_leads_where_it_says():
    for model in routing.models_page(CONFIG, 1000)["data"]:
        target = routing.targets(CONFIG, model["id"])[0]
        assert model["display_name"].endswith("%s (%s)" % (target.model, target.provider.name))
        assert not target.warnings
        assert routing.model_info(CONFIG, model["id"]) == model


def test_one_model():
    assert routing.model_info(CONFIG, "claude-other-1") == {
        "type": "model", "id": "claude-other-1", "display_name": "claude-other-1: other (deep)",
        "created_at": "1970-01-01T00:00:00Z", "lifecycle": "active", "max_input_tokens": 4096, "max_tokens": 512}
    assert routing.model_info(CONFIG, "anthropic/main/small")["display_name"] == "small (main)"
    assert routing.model_info(CONFIG, "claude-3-opus")["display_name"] == "claude-3-opus: large (main)"
    with pytest.raises(NotFound):
        routing.model_info(CONFIG, "nobody-knows-it")


def test_the_list_of_one_provider():
    assert ids(routing.models_page(CONFIG, provider="deep")) == [
        "claude-other-1", "claude-haiku-5-5", "gpt-4o", "anthropic/deep/other", "anthropic/deep/mini",
        "anthropic/deep/gpt-4o"]
    assert ids(routing.models_page(CONFIG, provider="keyless")) == ["claude-mine", "anthropic/keyless/mine"]
    assert ids(routing.models_page(CONFIG, provider="a/b")) == []
    with pytest.raises(InvalidRequest):
        routing.models_page(CONFIG, provider="nobody")
    assert routing.model_info(CONFIG, "claude-haiku-4-5", "deep")["display_name"] == "claude-haiku-4-5: mini (deep)"


def test_the_demo_lists_the_newest_names():
    running = config.with_demo(config.read(None, {}), "http://127.0.0.1:9/v1")
    assert ids(routing.models_page(running)) == list(routing.NEWEST) + ["anthropic/demo/demo"]


MANY = config.read(json.dumps({"providers": {"x": {"base_url": "https://x.example", "models": {
    "claude-%02d" % number: "m%d" % number for number in range(25)}}}}), {})
NAMES = ["claude-%02d" % number for number in range(25)] + ["anthropic/x/m%d" % number for number in range(25)]
# (limit, after_id, before_id) -> names, has_more
PAGES = {
    "the first twenty": ((None, None, None), NAMES[:20], True),
    "all": (("1000", None, None), NAMES, False),
    "exactly all": ((50, None, None), NAMES, False),
    "after": ((2, "claude-03", None), NAMES[4:6], True),
    "after, to the end": ((5, NAMES[-3], None), NAMES[-2:], False),
    "after the last": ((5, NAMES[-1], None), [], False),
    "before": ((2, None, "claude-05"), NAMES[3:5], True),
    "before, to the beginning": ((9, None, "claude-02"), NAMES[:2], False),
    "before the first": ((9, None, "claude-00"), [], False),
    "an unknown cursor": ((9, "nobody", None), [], False),
    "another unknown cursor": ((9, None, "nobody"), [], False),
}


@pytest.mark.parametrize("arguments, names, more", PAGES.values(), ids=PAGES.keys())
def test_pages(arguments, names, more):
    page = routing.models_page(MANY, *arguments)
    assert (ids(page), page["has_more"]) == (names, more)
    assert (page["first_id"], page["last_id"]) == ((names[0], names[-1]) if names else (None, None))


@pytest.mark.parametrize("limit", ["0", "1001", "abc", "-1", "1.5", "٣", " 5", "99999"])
def test_limits(limit):
    with pytest.raises(InvalidRequest) as problem:
        routing.models_page(MANY, limit)
    assert problem.value.message == "limit: must be a whole number from 1 to 1000"


def test_both_cursors():
    with pytest.raises(InvalidRequest):
        routing.models_page(MANY, 5, "claude-01", "claude-09")


@pytest.mark.parametrize("name", [".", "..", "azure/..", " .. "])
def test_no_name_moves_an_address(name):
    azure = {"base_url": "https://x.openai.azure.com", "api_key": "k", "dialect": "azure-openai"}
    found = config.read(json.dumps({"providers": {"azure": azure}}), {})
    with pytest.raises(InvalidRequest):
        routing.targets(found, name)
