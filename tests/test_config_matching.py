"""What a model's name means to one provider."""
import pytest

from claude_proxy.config import ModelRow, Provider
from claude_proxy.config.matching import family_of, is_claude_name, listed, unlisted


def provider(*names, **more):
    """A provider with a row for each name, whose model is the name in capitals."""
    return Provider("p", "https://x.example", models=tuple((name, ModelRow(name.upper())) for name in names), **more)


# (rows, name) -> the model of the row that lists it
LISTED = {
    "its name": (("claude-a", "claude-b"), "claude-b", "CLAUDE-B"),
    "its name in other letters": (("Claude-A",), "claude-a", "CLAUDE-A"),
    "two rows that differ in letters alone": (("a", "A"), "A", "A"),
    "its own model": (("claude-a",), "CLAUDE-A", "CLAUDE-A"),
    "its name before its model": (("b", "B"), "B", "B"),
    "a context window": (("claude-a",), "claude-a[1m]", "CLAUDE-A"),
    "a row with that context window": (("claude-a[1m]", "claude-a"), "claude-a[1m]", "CLAUDE-A[1M]"),
    "a date": (("claude-haiku-4-5",), "claude-haiku-4-5-20251001", "CLAUDE-HAIKU-4-5"),
    "a date and a context window": (("claude-haiku-4-5",), "claude-haiku-4-5-20251001[1m]", "CLAUDE-HAIKU-4-5"),
    "another date": (("claude-3-5-haiku-20241022",), "claude-3-5-haiku-20251001", "CLAUDE-3-5-HAIKU-20241022"),
    "a date behind an at sign": (("claude-haiku-4-5",), "claude-haiku-4-5@20251001", "CLAUDE-HAIKU-4-5"),
    "latest": (("claude-3-5-haiku-20241022",), "claude-3-5-haiku-latest", "CLAUDE-3-5-HAIKU-20241022"),
    "dots": (("claude-sonnet-4-5",), "claude-sonnet-4.5", "CLAUDE-SONNET-4-5"),
    "a number that is no date": (("m",), "m-12345678", None),
    "a glob": (("claude-*-haiku*",), "claude-3-5-haiku-20241022", "CLAUDE-*-HAIKU*"),
    "a glob with a question mark": (("gpt-?",), "gpt-4", "GPT-?"),
    "a glob matches the whole name": (("gpt-?",), "gpt-4o", None),
    "a glob in other letters": (("Claude-*",), "claude-x", "CLAUDE-*"),
    "the glob with the most letters": (("claude-*", "claude-*haiku*", "*"), "claude-haiku-5-5", "CLAUDE-*HAIKU*"),
    "the first of equal globs": (("claude-*a", "claude-a*"), "claude-aa", "CLAUDE-*A"),
    "a name before a glob": (("claude-*", "claude-a"), "claude-a", "CLAUDE-A"),
    "a glob that fits without the context window": (("*-haiku",), "claude-haiku[1m]", "*-HAIKU"),
    "brackets are letters": (("a[1m]*",), "a1", None),
    "the default row is not a name": ((), "default", None),
    "nothing": (("claude-a",), "gpt-4o", None),
}


@pytest.mark.parametrize("rows, name, expected", LISTED.values(), ids=LISTED.keys())
def test_listed(rows, name, expected):
    match = listed(provider(*rows), name)
    assert (match and match.row.model) == expected


DEFAULT = ModelRow("DEFAULT")
# (rows, default row, name, whether the name said its provider) -> (model, warnings)
UNLISTED = {
    "the same family": (("claude-haiku-4-5", "claude-opus-4-1"), None, "claude-opus-5-5", False, "CLAUDE-OPUS-4-1", ()),
    "the same family before the default row": (("claude-opus-4-1",), DEFAULT, "opus", False, "CLAUDE-OPUS-4-1", ()),
    "the family of a glob": (("claude-3*haiku",), None, "claude-haiku-5-5", False, "CLAUDE-3*HAIKU", ()),
    "a family word alone": (("haiku",), None, "claude-3-5-haiku-20241022", False, "HAIKU", ()),
    "the default row": (("claude-opus-4-1",), DEFAULT, "claude-haiku-5-5", False, "DEFAULT", ()),
    "the default row for any name": ((), DEFAULT, "gpt-4o", False, "DEFAULT", ()),
    "the nearest family": (("claude-sonnet-5", "claude-opus-5"), None, "claude-haiku-5", False, "CLAUDE-SONNET-5",
                           ("family:sonnet",)),
    "the larger of two that are as near": (("claude-haiku-5", "claude-opus-5"), None, "claude-sonnet-5", False,
                                           "CLAUDE-OPUS-5", ("family:opus",)),
    "fable is opus where there is none": (("claude-haiku-5", "claude-opus-5"), None, "claude-fable-5-2", False,
                                          "CLAUDE-OPUS-5", ("family:opus",)),
    "a Claude name without a family counts as sonnet": (("claude-opus-5", "claude-sonnet-5"), None, "claude-2.1", False,
                                                        "CLAUDE-SONNET-5", ("family:sonnet",)),
    "another name as it is": (("claude-opus-5",), None, "gpt-4o", False, "gpt-4o", ()),
    "another name as it is, without the context window": ((), None, "gpt-4o[1m]", False, "gpt-4o", ()),
    "a Claude name among rows without families": (("gpt-4o",), None, "claude-opus-5", False, "claude-opus-5", ()),
    "a name that said its provider is no default": ((), DEFAULT, "gpt-4o", True, "gpt-4o", ()),
    "a Claude name that said its provider is one": ((), DEFAULT, "claude-opus-5", True, "DEFAULT", ()),
    "a provider alone, by its default": ((), DEFAULT, "", True, "DEFAULT", ()),
    "a provider alone, by its sonnet": (("claude-haiku-5", "claude-sonnet-5"), None, "", True, "CLAUDE-SONNET-5",
                                        ("family:sonnet",)),
    "a provider alone, without a row": ((), None, "", True, None, None),
    "a Claude name without a row": ((), None, "claude-opus-5", False, None, None),
}


@pytest.mark.parametrize("rows, default, name, explicit, expected, warnings", UNLISTED.values(), ids=UNLISTED.keys())
def test_unlisted(rows, default, name, explicit, expected, warnings):
    match = unlisted(provider(*rows, default_model=default), name, explicit)
    assert (match and match.row.model, match and match.warnings) == (expected, warnings)


WORDS = {"claude-3-5-haiku-20241022": "haiku", "Opus": "opus", "octopus": None, "claude-opusplan": None, "gpt-4o": None,
         "vendor/claude-sonnet-4.5": "sonnet", "claude-fable-5-2": "fable"}


@pytest.mark.parametrize("name, family", WORDS.items())
def test_family_of(name, family):
    assert family_of(name) == family
    assert is_claude_name(name) == (family is not None or name.startswith("claude"))
