"""Tokens of a text without a tokenizer: countable features of its bytes, each worth so many tokens.

The features follow how byte-pair tokenizers cut: a text falls into runs of letters (with the sign before them), digits,
punctuation and blanks; a run costs at least one token, and more the longer it is; scripts differ by the share of the
vocabulary that they got. So the runs of each script are counted by length, with knees where the cost per letter
changes ("letters>6" counts the letters beyond the sixth of each run), then a few pairs of neighbours, and a few
sequences that tell languages apart which share an alphabet. Methods of bytes count all this at the speed of C.

WEIGHTS holds a column for each tokenizer family; `make tokens` measures it against the real tokenizers.
"""
from collections import Counter
from typing import Dict, List, Tuple, Union

FAMILIES = ("o200k", "deepseek", "qwen", "")        # "": not known; never low against the other three
CHARACTERS_PER_TOKEN_AT_MOST = 100                  # a long run of one sign costs next to nothing
SAMPLE_CHARACTERS, STRIPE_CHARACTERS = 262144, 2048 # longer texts are measured in stripes, as many as fit

ASCII = bytes(range(0x80))
CONTINUATION = bytes(range(0x80, 0xC0))             # UTF-8 bytes after the first of a character: not counted
LOWER, UPPER, DIGITS = range(0x61, 0x7B), range(0x41, 0x5B), range(0x30, 0x3A)
LATIN = range(0xC3, 0xCA)                           # first bytes of accented letters
CYRILLIC, HAN, HANGUL = range(0xD0, 0xD3), range(0xE4, 0xEA), range(0xEA, 0xEE)      # first bytes of theirs
PUNCTUATION = [byte for byte in range(0x21, 0x7F) if not chr(byte).isalnum()]


def _classes(default: str, **members: Union[List[int], range, bytes]) -> bytes:
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
SHAPES = ("AA", "Aa", "ad", " d", "pa", "p p", "pn", "n", "nn", "n ", "  ", "t", "tt")
SEQUENCES = ("ch", "i ", "a ", "w", "z", "k")

# name of the feature, bytes that count for it: characters, or how those of a script begin
WIDE_SEQUENCES = (
    ("japanese", tuple(word.encode() for word in "ます です した して ない から こと いる ください".split())),
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


def _count_runs(runs: List[bytes], name: str, knees: Tuple[int, ...], features: Dict[str, int]) -> None:
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
    "letters":             ( 0.91,  0.85,  0.90,  1.01),
    "letters>6":           ( 0.23,  0.24,  0.21,  0.11),
    "letters>8":           (-0.30, -0.14, -0.12, -0.01),
    "letters>11":          (-0.03, -0.30, -0.30, -0.33),
    "letters>15":          ( 0.57,  0.58,  0.67,  0.78),
    "digits":              ( 0.23,  0.63,  0.22,  0.26),
    "digits>0":            ( 0.00,  0.00,  0.82,  0.66),
    "digits in threes":    ( 1.10,  0.72,  0.59,  0.70),
    "marks":               ( 0.33,  0.68,  0.29,  0.58),
    "marks>0":             ( 0.30,  0.23,  0.26,  0.26),
    "marks>4":             (-0.30, -0.21, -0.26, -0.24),
    "shape AA":            ( 0.05,  0.16,  0.05,  0.39),
    "shape Aa":            ( 0.24,  0.37,  0.27,  0.69),
    "shape ad":            (-0.20, -0.08, -0.37,  0.28),
    "shape  d":            ( 1.03,  0.75,  1.16,  1.44),
    "shape pa":            (-0.25, -0.27, -0.25, -0.14),
    "shape p p":           ( 0.49,  0.05,  0.59,  0.18),
    "shape pn":            (-1.07, -1.35, -0.87, -1.63),
    "shape n":             ( 1.44,  1.47,  1.34,  1.84),
    "shape nn":            (-1.50, -1.50, -1.50, -1.57),
    "shape n ":            ( 1.06,  0.91,  0.99,  1.00),
    "shape   ":            ( 0.01,  0.02,  0.02,  0.03),
    "shape t":             ( 0.34,  0.41,  0.24,  0.12),
    "shape tt":            ( 0.50,  0.22,  0.82,  1.61),
    "text ch":             ( 0.65,  1.55,  1.58,  1.23),
    "text i ":             ( 2.00,  1.89,  2.00,  2.18),
    "text a ":             ( 0.22,  0.90,  0.52,  0.84),
    "text w":              ( 0.53,  0.04,  0.47,  0.37),
    "text z":              ( 1.92,  1.92,  2.00,  2.18),
    "text k":              ( 0.08,  0.29,  0.03,  0.38),
    "cyrillic":            ( 1.49,  1.49,  3.00,  3.27),
    "cyrillic>0":          ( 0.21,  0.15, -0.20, -0.05),
    "cyrillic>4":          (-0.07,  0.20,  0.60,  0.06),
    "cyrillic>7":          ( 0.15, -0.13, -0.07,  0.57),
    "han":                 ( 2.00,  1.77,  2.00,  2.18),
    "han>0":               ( 0.35,  0.20,  0.62,  0.52),
    "han>1":               ( 0.25,  0.17, -0.19,  0.09),
    "hangul":              (-0.17, -0.20,  0.18, -0.63),
    "hangul>0":            ( 0.47,  0.53,  0.49,  0.60),
    "hangul>1":            ( 1.18,  1.32,  1.12,  1.63),
    "hangul>2":            (-1.00, -1.00, -1.00, -1.09),
    "japanese":            (-2.00, -2.00, -1.01, -2.18),
    "é":                   (-0.90, -0.94, -1.33, -0.35),
    "traditional":         ( 2.50,  2.31,  2.42,  2.72),
    "ukrainian":           ( 1.09,  2.04,  2.50,  2.63),
    "о":                   (-1.50, -1.27, -1.50, -1.63),
    "accented":            ( 1.37,  1.88,  2.37,  2.42),
    "signs":               ( 1.15,  1.23,  1.32,  0.72),
    "latin c4":            ( 0.52,  2.00,  0.22,  2.09),
    "latin c5":            ( 0.91, -0.20,  1.78,  0.19),
    "latin e1":            (-1.17, -0.75, -1.50, -1.10),
    "greek":               ( 0.46,  0.57,  1.08,  1.18),
    "hebrew":              ( 0.45,  0.55,  0.46,  0.57),
    "arabic":              ( 0.35,  0.43,  0.40,  0.48),
    "brahmic":             ( 0.41,  0.75,  1.21,  1.31),
    "thai":                (-0.00, -0.39, -0.64, -0.68),
    "kana":                ( 0.58,  0.56,  0.31,  0.56),
    "katakana":            (-0.05,  0.01,  0.43,  0.04),
    "hangul ed":           (-0.57, -0.73, -0.34, -0.57),
    "symbols":             ( 0.64,  0.84,  0.60,  1.08),
    "full width":          ( 0.56,  0.97,  0.50,  1.26),
    "emoji":               ( 2.98,  3.99,  3.70,  5.45),
}
