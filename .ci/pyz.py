"""Build the .pyz: `pyz.py OUTPUT` packs the package beside this folder into one executable file.

    __main__.py     .ci/pyz_main.py: the version check, and the way to the modules
    modules         path, NUL, text, NUL, path ... of the package, one compressed piece: half the size of one for each
    LICENSE

zipapp's own archives differ from build to build (file times, order, the __main__.py that it writes); here every entry
has the commit's time, one mode, and stands in the order of its name. An auditor who builds the same commit gets the
same bytes.
"""
import ast
import io
import os
import pathlib
import subprocess
import sys
import time
import tokenize
import zipfile

ROOT = pathlib.Path(__file__).resolve().parent.parent
SHEBANG = b"#!/usr/bin/env python3\n"
EARLIEST = 315532800            # 1980-01-01, the first day that a zip file knows


def commit_time() -> int:
    """Seconds since the epoch: $SOURCE_DATE_EPOCH, else the commit's time, else 1980."""
    given = os.environ.get("SOURCE_DATE_EPOCH")
    if given:
        return max(EARLIEST, int(given))
    try:
        said = subprocess.check_output(["git", "log", "-1", "--format=%ct"], cwd=str(ROOT), stderr=subprocess.DEVNULL)
        return int(said)
    except (OSError, ValueError, subprocess.CalledProcessError):
        return EARLIEST


def text_of(path: pathlib.Path) -> str:
    """A file's text with Unix line ends, however it was checked out."""
    return path.read_bytes().decode("utf-8").replace("\r\n", "\n")


def modules(root: pathlib.Path = ROOT):
    """{path in the archive: text} of the package, in the order of the names."""
    found = {}
    for path in sorted((root / "claude_proxy").rglob("*"), key=lambda path: path.as_posix()):
        if path.is_file() and "__pycache__" not in path.parts and path.suffix != ".pyc":
            name = path.relative_to(root).as_posix()
            text = text_of(path)
            found[name] = stripped(text, "/commands/" in name) if path.suffix == ".py" else text
    return found


def stripped(source: str, keep_head: bool = False) -> str:
    """A module without comments, docstrings, indents and what only serves to check types, every line at its number.

    `keep_head`: its docstring is a help text.
    """
    tree = ast.parse(source)
    lines = source.split("\n")
    cut_types(tree, lines)
    for node in tree.body:
        if is_for_types(node):
            lines[node.lineno - 1:node.end_lineno] = [""] * (node.end_lineno + 1 - node.lineno)
    blank_docstrings(tree, lines, keep_head)
    for token in tokenize.generate_tokens(io.StringIO("\n".join(lines)).readline):
        if token.type == tokenize.COMMENT:
            row, column = token.start
            lines[row - 1] = lines[row - 1][:column].rstrip()
    return indented_by_one("\n".join(lines))


def indented_by_one(source: str) -> str:
    """The same program with one space for each level, and none where a line goes on in brackets."""
    lines = source.split("\n")
    indents, inside, level, begins = {}, set(), 0, True
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        first, last = token.start[0], token.end[0]
        if token.type in (tokenize.INDENT, tokenize.DEDENT):
            level += 1 if token.type == tokenize.INDENT else -1
        elif token.type == tokenize.NEWLINE:
            begins = True
        elif token.type != tokenize.NL and begins:
            indents[first], begins = level, False
        if token.type not in (tokenize.NEWLINE, tokenize.NL, tokenize.INDENT, tokenize.DEDENT) and last > first:
            inside.update(range(first + 1, last + 1))           # of a text: all that stands there counts
    return "\n".join(line if number in inside else " " * indents.get(number, 0) + line.lstrip(" ")
                     for number, line in enumerate(lines, 1))


def bodies(tree: ast.Module):
    """What may have a docstring: the module, its classes and functions."""
    waiting = [tree]
    while waiting:
        node = waiting.pop()
        if isinstance(node, (ast.Module, ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            yield node
        for name in ("body", "orelse", "finalbody", "handlers"):       # statements stand in statements alone
            waiting.extend(getattr(node, name, ()))


def is_for_types(node) -> bool:
    """`if TYPE_CHECKING:`, without an else."""
    return (isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING"
            and not node.orelse)


def cut_types(tree: ast.Module, lines) -> None:
    """Take the annotations in functions and of their heads out of the lines; what goes over a line's end stays."""
    spans = {}
    for node in bodies(tree):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            for first, last, begin, end in [*types_of(node, lines), *types_inside(node)]:
                if first == last:
                    spans.setdefault(first, set()).add((begin, end))
    for number, found in spans.items():
        line = lines[number - 1].encode("utf-8")            # the columns of a tree count bytes
        for begin, end in sorted(found, reverse=True):
            line = line[:begin] + line[end:]
        lines[number - 1] = line.decode("utf-8")


def types_of(function, lines):
    """(line, line, column, column) of each annotation in the head of a function, with the sign before it."""
    arguments = function.args
    for argument in arguments.args + arguments.kwonlyargs + [arguments.vararg, arguments.kwarg]:
        if argument is not None and argument.annotation is not None:
            begin = argument.col_offset + len(argument.arg.encode("utf-8"))
            yield argument.lineno, argument.annotation.end_lineno, begin, argument.annotation.end_col_offset
    result = function.returns
    if result is not None:
        before = lines[result.lineno - 1].encode("utf-8")[:result.col_offset]
        yield result.lineno, result.end_lineno, len(before[:before.rindex(b"->")].rstrip()), result.end_col_offset


def types_inside(function):
    """The same of each variable that gets a type and a value in the body of a function."""
    for node in ast.walk(function):
        if isinstance(node, ast.AnnAssign) and node.value is not None:
            target, kind = node.target, node.annotation
            yield target.end_lineno, kind.end_lineno, target.end_col_offset, kind.end_col_offset


def blank_docstrings(tree: ast.Module, lines, keep_head: bool) -> None:
    """Make the docstrings' lines blank; `0` stands where a body would be empty without."""
    for node in bodies(tree):
        if ast.get_docstring(node) is None or (keep_head and node is tree):
            continue
        text = node.body[0]
        first, last = text.lineno - 1, text.end_lineno - 1
        indent = lines[first][:text.col_offset]
        lines[first:last + 1] = [""] * (last + 1 - first)
        if len(node.body) == 1:
            lines[first] = indent + "0"


def build(output: pathlib.Path) -> None:
    """Write the archive, whole or not at all."""
    entries = {
        "LICENSE": text_of(ROOT / "LICENSE"),
        "__main__.py": text_of(ROOT / ".ci" / "pyz_main.py"),
        "modules": "\0".join(part for module in modules().items() for part in module),
    }
    moment = time.gmtime(commit_time())[:6]
    output.parent.mkdir(parents=True, exist_ok=True)
    draft = output.with_suffix(".draft")
    with open(str(draft), "wb") as stream:
        stream.write(SHEBANG)
        with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
            for name, text in sorted(entries.items()):
                info = zipfile.ZipInfo(name, moment)
                info.create_system = 3                      # Unix, whichever machine builds
                info.external_attr = 0o100644 << 16
                archive.writestr(info, text.encode("utf-8"), zipfile.ZIP_DEFLATED, 9)
    os.chmod(str(draft), 0o755)
    os.replace(str(draft), str(output))


if __name__ == "__main__":
    if sys.version_info < (3, 8):
        sys.exit("pyz.py: building needs Python 3.8 or newer (running the result needs 3.7)")
    build(pathlib.Path(sys.argv[1]))
    print("%s: %d bytes" % (sys.argv[1], os.path.getsize(sys.argv[1])))
