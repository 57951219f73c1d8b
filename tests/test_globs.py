"""globs: what fnmatch says, for each pair of name and glob."""
import itertools
from fnmatch import fnmatchcase

from claude_proxy.providers import catalogue, rows
from claude_proxy.providers.globs import fits

NAMES = ["", "a", "b", "aa", "ab", "ba", "aba", "abab", "aab", "a.b", "a*b", "a\nb", "o1", "o5", "gpt-5", "gpt-5-mini", "xgpt-5",
         "deepseek-v4-flash", "kimi-k2.5", "kimi-k2.1", "glm-4.5v", "[", "a[b"]


def test_small_globs():
    globs = ["".join(parts) for size in range(5) for parts in itertools.product(("a", "b", "*", "?", "[ab]"), repeat=size)]
    for glob in globs + ["a[", "[!a]b", "a[!b]*", "[a-c]?*", "*[b]"]:
        for name in NAMES[:13]:
            assert fits(name, glob) == fnmatchcase(name, glob), (name, glob)


def test_the_globs_of_the_tables():
    globs = [glob for glob, _ in catalogue.MODEL_FACTS] + [glob for _, globs, _ in rows.MODELS for glob in globs]
    for glob in globs:
        for name in NAMES + [glob, glob.replace("*", ""), glob.replace("*", "x")]:
            assert fits(name, glob) == fnmatchcase(name, glob), (name, glob)
