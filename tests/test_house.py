"""The house rules, held by walking the source: pure rooms, no cycles, the standard library alone, Python 3.7."""
import ast
import pathlib
import sys

import pytest

ROOT = pathlib.Path(__file__).resolve().parent.parent
PACKAGE = ROOT / "claude_proxy"
FILES = sorted(PACKAGE.rglob("*.py"))

PURE_ROOMS = {"conversion", "providers", "config", "routing", "explaining", "errors"}
# What a pure room may import: nothing that touches a socket, file, clock, thread, environment or random number.
PURE_MODULES = {
    "__future__", "abc", "base64", "binascii", "bisect", "codecs", "collections", "copy", "dataclasses", "difflib",
    "email.utils", "enum", "fnmatch", "functools", "hashlib", "heapq", "ipaddress", "itertools", "json", "keyword", "math",
    "operator", "re", "string", "struct", "textwrap", "types", "typing", "unicodedata", "urllib.parse", "zlib",
}
WORLD_CALLS = {"open", "input", "print", "exec", "eval", "__import__"}
MAX_LINES, MAX_FUNCTION_LINES = 500, 60


def module_of(path):
    """claude_proxy/config/text.py -> ("claude_proxy", "config", "text")"""
    parts = path.relative_to(ROOT).with_suffix("").parts
    return parts[:-1] if parts[-1] == "__init__" else parts


MODULES = {module_of(path): path for path in FILES}
OLDEST = {"feature_version": (3, 7)} if sys.version_info >= (3, 8) else {}
TREES = {path: ast.parse(path.read_text(encoding="utf-8"), str(path), **OLDEST) for path in FILES}    # parses as Python 3.7
NODES = {path: list(ast.walk(tree)) for path, tree in TREES.items()}


def imports(path, top_level_only=False):
    """The modules that a file imports, as dotted tuples; ours are resolved to the file that they mean."""
    nodes = TREES[path].body if top_level_only else NODES[path]
    here = module_of(path)
    package = here if path.name == "__init__.py" else here[:-1]
    for node in nodes:
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield tuple(alias.name.split("."))
        elif isinstance(node, ast.ImportFrom):
            base = package[:len(package) - node.level + 1] if node.level else ()
            stem = tuple(base) + tuple(node.module.split(".") if node.module else ())
            for alias in node.names:
                yield stem + (alias.name,) if stem + (alias.name,) in MODULES else stem


def room_of(module):
    return module[1] if len(module) > 1 else ""


def everywhere(found_in, paths=FILES):
    """What is wrong, by file: {"claude_proxy/x.py": [...]}"""
    wrong = {path.relative_to(ROOT).as_posix(): found_in(path) for path in paths}
    return {name: found for name, found in wrong.items() if found}


@pytest.mark.skipif(not hasattr(sys, "stdlib_module_names"), reason="this Python has no list of its own modules")
def test_only_the_standard_library():
    known = set(getattr(sys, "stdlib_module_names", ())) | {"claude_proxy"}
    assert everywhere(lambda path: sorted({name[0] for name in imports(path)} - known)) == {}


def impure(path):
    """What a module of a pure room has to do with the world, or with a room that has."""
    found = []
    for name in imports(path):
        ours = name[0] == "claude_proxy"
        if not (ours and (len(name) < 2 or room_of(name) in PURE_ROOMS)
                or not ours and (".".join(name) in PURE_MODULES or name[0] in PURE_MODULES)):
            found.append("imports %s" % ".".join(name))
    called = {node.func.id for node in NODES[path] if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)}
    return found + ["calls %s" % name for name in sorted(called & WORLD_CALLS)]


def test_pure_rooms_touch_nothing():
    pure = [path for path in FILES if room_of(module_of(path)) in PURE_ROOMS]
    assert len(pure) > 50
    assert everywhere(impure, pure) == {}


def test_no_import_cycles():
    ours = {module: {name for name in imports(path, top_level_only=True) if name in MODULES and name != module}
            for module, path in MODULES.items()}
    # A package's __init__ re-exports its modules; that a module imports a sibling through it would be a cycle,
    # that its file stands under it is not.
    state = {}

    def visit(module, trail):
        assert state.get(module) != "open", "cycle: %s" % " -> ".join(".".join(name) for name in trail + (module,))
        if module in state:
            return
        state[module] = "open"
        for name in sorted(ours[module]):
            visit(name, trail + (module,))
        state[module] = "done"

    for module in sorted(ours):
        visit(module, ())


def without_docstring(path):
    """The public things of a module that say nothing of themselves."""
    tree = TREES[path]
    missing = [] if ast.get_docstring(tree) else ["the module"]
    return missing + [node.name for node in tree.body if isinstance(node, (ast.FunctionDef, ast.ClassDef))
                      and not node.name.startswith("_") and not ast.get_docstring(node)]


def test_public_things_have_docstrings():
    assert everywhere(without_docstring) == {}


def too_long(path):
    """A module of too many lines, and functions of too many."""
    lines = len(path.read_text(encoding="utf-8").splitlines())
    functions = [node for node in NODES[path] if isinstance(node, ast.FunctionDef)] if sys.version_info >= (3, 8) else []
    return ["%d lines" % lines] * (lines > MAX_LINES) + [
        node.name for node in functions if node.end_lineno - node.lineno >= MAX_FUNCTION_LINES]


def test_small_enough_to_read():
    assert everywhere(too_long) == {}


def words_and_prints(path):
    """What was left for later, and what prints although it is no command."""
    source = path.read_text(encoding="utf-8")
    found = [mark for mark in ("TODO", "FIXME", "XXX") if mark in source]
    if room_of(module_of(path)) not in ("cli", "commands"):
        found += ["prints in line %d" % node.lineno for node in NODES[path] if isinstance(node, ast.Call)
                  and isinstance(node.func, ast.Name) and node.func.id == "print"]
    return found


def test_words_and_prints():
    assert everywhere(words_and_prints) == {}


def test_nothing_happens_at_import():
    """No module opens, starts or reads anything when it is imported: only definitions stand at the top level."""
    for path, tree in TREES.items():
        if path.name == "__main__.py":
            continue
        for node in tree.body:
            if isinstance(node, ast.Expr):
                assert type(node.value).__name__ in ("Constant", "Str"), "%s:%d" % (path, node.lineno)


def test_the_first_file_parses_on_old_pythons():
    """__main__.py and __init__.py are what an old Python reads before it is told that it is too old."""
    for name in ("__init__.py", "__main__.py"):
        tree = TREES[PACKAGE / name]
        modern = (ast.JoinedStr, ast.AnnAssign, ast.AsyncFunctionDef, ast.Nonlocal)
        assert not [node for node in ast.walk(tree) if isinstance(node, modern)]
