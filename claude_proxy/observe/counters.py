"""Counters and histograms as Prometheus reads them: text format 0.0.4.

https://prometheus.io/docs/instrumenting/exposition_formats/ ; https://prometheus.io/docs/practices/naming/
"""
from bisect import bisect_left
from typing import Dict, Iterator, List, Sequence, Tuple

DURATION_BUCKETS = (0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 900)       # seconds
FIRST_CHUNK_BUCKETS = (0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20, 30, 60, 120, 300)     # seconds

Labels = Tuple[str, ...]


class Counter:
    """A family of sums, one for each combination of its labels' values. Not locked: its owner is."""

    def __init__(self, name: str, about: str, labels: Sequence[str] = (), kind: str = "counter") -> None:
        self.name, self.about, self.kind = name, about, kind
        self.labels = tuple(labels)
        self.values: Dict[Labels, float] = {}
        if not labels:
            self.values[()] = 0

    def add(self, amount: float, *values: str) -> None:
        """Add to the sum of these labels' values."""
        self.values[values] = self.values.get(values, 0) + amount

    def samples(self) -> Iterator[str]:
        """Its lines, the comments before them included."""
        yield from _head(self)
        for values in sorted(self.values):
            yield "%s%s %s" % (self.name, label_text(self.labels, values), _number(self.values[values]))


class Histogram:
    """A family of distributions over fixed buckets. Not locked: its owner is."""

    kind = "histogram"

    def __init__(self, name: str, about: str, labels: Sequence[str], buckets: Sequence[float]) -> None:
        self.name, self.about = name, about
        self.labels, self.buckets = tuple(labels), tuple(buckets)
        self.values: Dict[Labels, Tuple[List[int], List[float]]] = {}       # counts a bucket, [sum]

    def observe(self, value: float, *values: str) -> None:
        """Count a value in."""
        counts, total = self.values.setdefault(values, ([0] * (len(self.buckets) + 1), [0.0]))
        counts[bisect_left(self.buckets, value)] += 1
        total[0] += value

    def samples(self) -> Iterator[str]:
        """Its lines; buckets are cumulative."""
        yield from _head(self)
        for values in sorted(self.values):
            counts, total = self.values[values]
            seen = 0
            for bound, count in zip(list(map(_number, self.buckets)) + ["+Inf"], counts):
                seen += count
                text = label_text(self.labels + ("le",), values + (bound,))
                yield "%s_bucket%s %d" % (self.name, text, seen)
            text = label_text(self.labels, values)
            yield "%s_sum%s %s" % (self.name, text, _number(round(total[0], 6)))
            yield "%s_count%s %d" % (self.name, text, seen)


def _head(family: object) -> Iterator[str]:
    yield "# HELP %s %s" % (family.name, family.about.replace("\\", "\\\\").replace("\n", "\\n"))    # type: ignore
    yield "# TYPE %s %s" % (family.name, family.kind)                                               # type: ignore


def label_text(names: Sequence[str], values: Sequence[str]) -> str:
    """{a="x",b="y"}, or nothing where there is no label."""
    pairs = ('%s="%s"' % (name, _escaped(value)) for name, value in zip(names, values))
    return "{%s}" % ",".join(pairs) if names else ""


def _escaped(value: str) -> str:
    text = value.encode("utf-8", "replace").decode("utf-8")         # a lone surrogate cannot be sent
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


def _number(value: float) -> str:
    return "%d" % value if value == int(value) else repr(float(value))
