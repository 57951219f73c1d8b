"""The numbers of several processes as one: their Prometheus texts, summed line by line.

Counters, histograms and the gauges of this program are all sums, but for the one that says what is running.
"""
from collections import OrderedDict
from typing import Dict, Iterable, List, Tuple

ONCE = "claude_proxy_build_info"                # says the same in every process

Families = Dict[str, Tuple[List[str], Dict[str, float]]]        # name -> (its comments, sample -> sum)


def summed(texts: Iterable[str]) -> str:
    """One text of many; a family's samples stay together, in the order in which they are first seen."""
    families: Families = OrderedDict()
    for text in texts:
        _add(families, text)
    lines: List[str] = []
    for comments, samples in families.values():
        lines += comments
        lines += ["%s %s" % (sample, _number(value)) for sample, value in samples.items()]
    return "".join(line + "\n" for line in lines)


def without_gauges(text: str) -> str:
    """What stays of a process that has ended: all that it has counted, nothing of what it was just doing."""
    gauges = {line.split()[2] for line in text.splitlines() if line.startswith("# TYPE ") and line.endswith(" gauge")}
    return "".join(line + "\n" for line in text.splitlines() if line.startswith("#") or _name(line) not in gauges)


def _add(families: Families, text: str) -> None:
    comments: List[str] = []
    samples: Dict[str, float] = {}
    for line in text.splitlines():
        if line.startswith("# HELP "):
            comments, samples = families.setdefault(line.split()[2], ([], OrderedDict()))
        if line.startswith("#"):
            if line not in comments:
                comments.append(line)
            continue
        sample, _, value = line.rpartition(" ")
        samples[sample] = float(value) if _name(line) == ONCE else samples.get(sample, 0.0) + float(value)


def _name(line: str) -> str:
    return line.partition(" ")[0].partition("{")[0]


def _number(value: float) -> str:
    return "%d" % value if value == int(value) else repr(round(value, 6))
