"""records: what the standard library's dataclasses would do, for each thing that is used of them."""
import dataclasses
from typing import Any, List, Optional

import pytest

from claude_proxy.config import Config, KeySource, Secret
from claude_proxy.providers import records

OURS, THEIRS = (records.dataclass, records.field), (dataclasses.dataclass, dataclasses.field)


def classes(dataclass, field):
    @dataclass(frozen=True)
    class Price:
        model: str
        price: Optional[float] = None
        secret: str = field(default="x", repr=False)
        more: Any = field(default_factory=dict)

    @dataclass
    class Record:
        name: str = ""
        tries: List[str] = field(default_factory=list)

    @dataclass(frozen=True)
    class Fixed:
        first: int = 1
        second: int = 2

    Price.fixed = Fixed
    return Price, Record


def outcome(act):
    """What a call gives, or the kind of error that it ends in."""
    try:
        return repr(act()).replace("classes.<locals>.", "")
    except (TypeError, AttributeError) as problem:
        return (TypeError if isinstance(problem, TypeError) else AttributeError).__name__


@pytest.mark.parametrize("act", [
    lambda price, record: price("a"), lambda price, record: price("a", 2, more={"b": 1}),
    lambda price, record: price(), lambda price, record: price("a", unknown=1), lambda price, record: price(unknown=1),
    lambda price, record: price("a", 1, "y", {}, 5), lambda price, record: price("a").secret,
    lambda price, record: price("a") == price("a"), lambda price, record: price("a") == price("a", 1),
    lambda price, record: price("a") == ("a", None, "x", {}), lambda price, record: price("a") != price("b"),
    lambda price, record: setattr(price("a"), "price", 1), lambda price, record: delattr(price("a"), "price"),
    lambda price, record: hash(price("a", more=1)) == hash(price(more=1, model="a")), lambda price, record: hash(price("a")),
    lambda price, record: hash(record()), lambda price, record: setattr(record(), "name", "b"),
    lambda price, record: record().tries is record().tries, lambda price, record: record(tries=[1]),
    lambda price, record: dataclasses.replace(price("a", 1), model="b"),
    lambda price, record: dataclasses.replace(price("a"), unknown=1), lambda price, record: price.price,
    lambda price, record: price.more, lambda price, record: hasattr(record, "tries"),
    lambda price, record: price.fixed(first=3, unknown=1), lambda price, record: price.fixed(3, second=1),
    lambda price, record: price.fixed(1, 2) == price.fixed(), lambda price, record: price.fixed(1, 2, 3),
    lambda price, record: record(unknown=1), lambda price, record: record("a", ["b"], "c"),
])
def test_like_dataclasses(act):
    assert outcome(lambda: act(*classes(*OURS))) == outcome(lambda: act(*classes(*THEIRS)))


def test_replace_and_fields():
    price, record = classes(*OURS)
    assert records.replace(price("a", 1), model="b") == price("b", 1)
    assert [field.name for field in records.fields(price)] == ["model", "price", "secret", "more"]
    with pytest.raises(TypeError):
        records.replace(record(), unknown=1)


def test_no_secret_is_shown():
    assert repr(KeySource("literal", Secret("sk-12345678901234567890"), "X")) == "KeySource(kind='literal', origin='X')"
    with pytest.raises(AttributeError):
        Config().source = "x"
