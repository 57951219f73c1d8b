"""Tokens of a text without a tokenizer: countable features of its bytes, each worth so many tokens.

The features follow how byte-pair tokenizers cut: a text falls into runs of letters (with the sign before them), digits,
punctuation and blanks; a run costs at least one token, and more the longer it is; scripts differ by the share of the
vocabulary that they got. So the runs of each script are counted by length, with knees where the cost per letter
changes ("letters>6" counts the letters beyond the sixth of each run), then a few pairs of neighbours, and a few
sequences that tell languages apart which share an alphabet. Methods of bytes count all this at the speed of C.

WEIGHTS holds a column for each tokenizer family; `make tokens` measures it against the real tokenizers.
"""
from collections import Counter
from typing import Dict, Tuple

FAMILIES = ("o200k", "deepseek", "qwen", "")        # "": not known; never low against the other three
CHARACTERS_PER_TOKEN_AT_MOST = 100                  # a long run of one sign costs next to nothing
SAMPLE_CHARACTERS, STRIPE_CHARACTERS = 262144, 2048 # longer texts are measured in stripes, as many as fit

ASCII = bytes(range(0x80))
CONTINUATION = bytes(range(0x80, 0xC0))             # UTF-8 bytes after the first of a character: not counted
LOWER, UPPER, DIGITS = range(0x61, 0x7B), range(0x41, 0x5B), range(0x30, 0x3A)
LATIN = range(0xC3, 0xCA)                           # first bytes of accented letters
CYRILLIC, HAN, HANGUL = range(0xD0, 0xD3), range(0xE4, 0xEA), range(0xEA, 0xEE)      # first bytes of theirs
PUNCTUATION = [byte for byte in range(0x21, 0x7F) if not chr(byte).isalnum()]


def _classes(default: str, **members) -> bytes:
    """A table for bytes.translate: `members` names a letter for each class of bytes."""
    table = bytearray(default.encode() * 256)
    for name, values in members.items():
        for value in values:
            table[value] = ord(name)
    return bytes(table)


def _utf8(characters: str) -> Tuple[bytes, ...]:
    return tuple(character.encode() for character in characters)


# name of the feature, bytes that make a run, knees
RUNS = (
    ("letters", _classes(" ", a=list(LOWER) + list(UPPER) + list(LATIN)), (6, 8, 11, 15)),
    ("digits", _classes(" ", d=DIGITS), (0,)),
    ("marks", _classes(" ", p=PUNCTUATION), (0, 4)),
)
WIDE_RUNS = (
    ("cyrillic", _classes(" ", c=CYRILLIC), (0, 4, 7)),
    ("han", _classes(" ", h=HAN), (0, 1)),
    ("hangul", _classes(" ", s=HANGUL), (0, 1, 2)),
)

# a: lower letter, A: capital, d: digit, p: punctuation, n: line end, t: tab
SHAPE = _classes("?", a=list(LOWER) + list(LATIN) + list(CYRILLIC), A=UPPER, d=DIGITS, p=PUNCTUATION,
                 n=b"\r\n", t=b"\t", **{" ": b" "})
SHAPES = ("AA", "Aa", "ad", " d", "pa", "p p", "pn", "n", "nn", "n ", "  ", "t")
SEQUENCES = ("ch", "i ", "a ", "w", "z", "k")

# name of the feature, bytes that count for it: characters, or how those of a script begin
WIDE_SEQUENCES = (
    ("é", _utf8("é")), ("traditional", _utf8("這個來說會國時對為們學")), ("ukrainian", _utf8("іїє")), ("о", _utf8("о")),
    ("accented", (b"\xc3",)), ("signs", (b"\xc2",)), ("latin c4", (b"\xc4",)), ("latin c5", (b"\xc5",)),
    ("latin e1", (b"\xe1",)), ("greek", (b"\xce", b"\xcf")), ("hebrew", (b"\xd7",)),
    ("arabic", (b"\xd8", b"\xd9", b"\xda", b"\xdb")), ("brahmic", (b"\xe0",)), ("thai", (b"\xe0\xb8", b"\xe0\xb9")),
    ("kana", (b"\xe3",)), ("katakana", (b"\xe3\x83",)), ("hangul ed", (b"\xed",)), ("symbols", (b"\xe2",)),
    ("full width", (b"\xef",)), ("emoji", (b"\xf0",)),
)


def measure(text: str) -> Dict[str, int]:
    """How often each feature of WEIGHTS occurs in a text."""
    data = text.encode("utf-8", "surrogatepass")
    features = {}
    for name, table, knees in RUNS:
        _count_runs(data.translate(table, CONTINUATION).split(), name, knees, features)
    shape = data.translate(SHAPE, CONTINUATION)
    for name in SHAPES:
        features["shape " + name] = shape.count(name.encode())
    for name in SEQUENCES:
        features["text " + name] = data.count(name.encode())
    if len(data) != len(text):
        _measure_wide(data, features)
    return features


def _measure_wide(data: bytes, features: Dict[str, int]) -> None:
    """Adds what only texts beyond ASCII have."""
    for name, table, knees in WIDE_RUNS:
        _count_runs(data.translate(table, CONTINUATION).split(), name, knees, features)
    wide = data.translate(None, ASCII)
    for name, sequences in WIDE_SEQUENCES:
        features[name] = sum(map(wide.count, sequences))


def _count_runs(runs, name: str, knees: Tuple[int, ...], features: Dict[str, int]) -> None:
    """Adds the number of runs, and for each knee the characters beyond it; digits also in threes."""
    lengths = Counter(map(len, runs))
    features[name] = len(runs)
    for knee in knees:
        features["%s>%d" % (name, knee)] = sum((n - knee) * times for n, times in lengths.items() if n > knee)
    if name == "digits":
        features["digits in threes"] = sum((n + 2) // 3 * times for n, times in lengths.items())


def text_tokens(text: str, family: str = "") -> int:
    """Tokens of a text for a family of FAMILIES; another name counts as not known."""
    column = FAMILIES.index(family) if family in FAMILIES else FAMILIES.index("")
    sample = _sample(text)
    tokens = sum(count * WEIGHTS[name][column] for name, count in measure(sample).items() if count)
    tokens *= len(text) / max(len(sample), 1)
    return int(max(tokens, len(text) / CHARACTERS_PER_TOKEN_AT_MOST) + 0.5)


def _sample(text: str) -> str:
    """The text itself, or every second, third ... stripe of a long one: what is measured stays bounded."""
    step = len(text) // SAMPLE_CHARACTERS + 1
    if step == 1:
        return text
    return "".join(text[at:at + STRIPE_CHARACTERS] for at in range(0, len(text), STRIPE_CHARACTERS * step))


# tokens that one occurrence is worth: o200k, deepseek, qwen, not known
WEIGHTS = {
    "letters":             ( 0.92,  0.88,  0.88,  1.04),
    "letters>6":           ( 0.08,  0.15,  0.08,  0.04),
    "letters>8":           (-0.10, -0.12,  0.05,  0.05),
    "letters>11":          (-0.01, -0.09, -0.30, -0.32),
    "letters>15":          ( 0.48,  0.36,  0.52,  0.78),
    "digits":              ( 0.21,  0.55,  0.00,  0.44),
    "digits>0":            ( 0.00,  0.00,  0.86,  0.80),
    "digits in threes":    ( 1.01,  0.76,  0.54,  0.25),
    "marks":               ( 0.45,  0.62,  0.47,  0.66),
    "marks>0":             ( 0.30,  0.25,  0.25,  0.23),
    "marks>4":             (-0.30, -0.24, -0.25, -0.21),
    "shape AA":            (-0.04,  0.22, -0.07,  0.39),
    "shape Aa":            ( 0.38,  0.51,  0.50,  0.85),
    "shape ad":            (-0.11, -0.11, -0.17,  0.18),
    "shape  d":            ( 1.11,  0.74,  1.08,  1.52),
    "shape pa":            (-0.36, -0.25, -0.37, -0.16),
    "shape p p":           ( 0.36,  0.12,  0.41,  0.16),
    "shape pn":            (-0.95, -0.89, -0.78, -1.58),
    "shape n":             ( 1.49,  1.47,  1.42,  1.84),
    "shape nn":            (-1.50, -1.50, -1.50, -1.64),
    "shape n ":            ( 0.69,  0.53,  0.64,  0.82),
    "shape   ":            ( 0.02,  0.02,  0.02,  0.03),
    "shape t":             ( 0.63,  0.64,  0.68,  0.56),
    "text ch":             ( 0.65,  1.39,  1.61,  0.92),
    "text i ":             ( 2.00,  2.00,  2.00,  2.18),
    "text a ":             ( 0.38,  0.84,  0.78,  0.67),
    "text w":              ( 0.69,  0.26,  0.60,  0.30),
    "text z":              ( 1.62,  1.84,  2.00,  2.18),
    "text k":              ( 0.16,  0.10,  0.08,  0.28),
    "cyrillic":            ( 1.59,  1.76,  3.00,  3.27),
    "cyrillic>0":          ( 0.17,  0.07, -0.20, -0.07),
    "cyrillic>4":          (-0.02,  0.29,  0.57,  0.13),
    "cyrillic>7":          ( 0.15, -0.19, -0.02,  0.50),
    "han":                 ( 2.00,  1.78,  2.00,  2.18),
    "han>0":               ( 0.39,  0.20,  0.62,  0.55),
    "han>1":               ( 0.17,  0.15, -0.22,  0.04),
    "hangul":              (-0.23, -0.22,  0.09, -0.65),
    "hangul>0":            ( 0.48,  0.53,  0.50,  0.60),
    "hangul>1":            ( 1.20,  1.34,  1.15,  1.63),
    "hangul>2":            (-1.00, -1.00, -1.00, -1.09),
    "é":                   (-0.63, -0.95, -0.92, -0.39),
    "traditional":         ( 2.50,  2.43,  2.50,  2.73),
    "ukrainian":           ( 1.10,  2.04,  2.50,  2.62),
    "о":                   (-1.50, -1.17, -1.50, -1.64),
    "accented":            ( 1.31,  1.97,  2.19,  2.49),
    "signs":               ( 1.07,  1.21,  1.22,  0.72),
    "latin c4":            ( 0.59,  2.00,  0.33,  2.10),
    "latin c5":            ( 0.95, -0.20,  1.68,  0.31),
    "latin e1":            (-1.25, -0.90, -1.50, -1.20),
    "greek":               ( 0.46,  0.57,  1.07,  1.18),
    "hebrew":              ( 0.44,  0.55,  0.45,  0.57),
    "arabic":              ( 0.35,  0.43,  0.40,  0.48),
    "brahmic":             ( 0.41,  0.75,  1.20,  1.31),
    "thai":                (-0.00, -0.38, -0.63, -0.69),
    "kana":                ( 0.46,  0.46,  0.26,  0.44),
    "katakana":            (-0.04, -0.00,  0.41,  0.08),
    "hangul ed":           (-0.63, -0.83, -0.43, -0.54),
    "symbols":             ( 0.58,  0.79,  0.54,  1.04),
    "full width":          ( 1.09,  1.33,  0.83,  1.65),
    "emoji":               ( 2.89,  3.99,  3.68,  5.45),
}
