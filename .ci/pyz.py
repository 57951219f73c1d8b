"""Build the .pyz: `pyz.py OUTPUT` packs the package beside this folder into one executable file.

    __main__.py     .ci/pyz_main.py: the version check, and the way to the modules
    modules.json    {path: text} of the package, one compressed piece: half the size of a piece for each module
    LICENSE

zipapp's own archives differ from build to build (file times, order, the __main__.py that it writes); here every entry
has the commit's time, one mode, and stands in the order of its name. An auditor who builds the same commit gets the
same bytes.
"""
import ast
import io
import json
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
    """A module without comments and docstrings, every line at its number. `keep_head`: its docstring is a help text."""
    lines = without_docstrings(source, keep_head).split("\n")
    for token in tokenize.generate_tokens(io.StringIO("\n".join(lines)).readline):
        if token.type == tokenize.COMMENT:
            row, column = token.start
            lines[row - 1] = lines[row - 1][:column].rstrip()
    return "\n".join(lines)


def bodies(tree: ast.Module):
    """What may have a docstring: the module, its classes and functions."""
    waiting = [tree]
    while waiting:
        node = waiting.pop()
        if isinstance(node, (ast.Module, ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            yield node
        for name in ("body", "orelse", "finalbody", "handlers"):       # statements stand in statements alone
            waiting.extend(getattr(node, name, ()))


def without_docstrings(source: str, keep_head: bool) -> str:
    """The docstrings' lines blank; `0` stands where a body would be empty without."""
    tree = ast.parse(source)
    lines = source.split("\n")
    for node in bodies(tree):
        if ast.get_docstring(node) is None or (keep_head and node is tree):
            continue
        text = node.body[0]
        first, last = text.lineno - 1, text.end_lineno - 1
        indent = lines[first][:text.col_offset]
        lines[first:last + 1] = [""] * (last + 1 - first)
        if len(node.body) == 1:
            lines[first] = indent + "0"
    return "\n".join(lines)


def build(output: pathlib.Path) -> None:
    """Write the archive, whole or not at all."""
    entries = {
        "LICENSE": text_of(ROOT / "LICENSE"),
        "__main__.py": text_of(ROOT / ".ci" / "pyz_main.py"),
        "modules.json": json.dumps(modules(), ensure_ascii=False, indent=0),
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
