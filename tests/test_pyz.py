"""The one file: the same bytes from two builds, small, and it runs on what is installed."""
import ast
import calendar
import os
import pathlib
import shutil
import subprocess
import sys
import zipfile

import pytest

ROOT = pathlib.Path(__file__).resolve().parent.parent
BUILDER = ROOT / ".ci" / "pyz.py"
MAX_BYTES = 200 * 1000

pytestmark = pytest.mark.skipif(not BUILDER.exists() or sys.version_info < (3, 8),
                                reason="needs a checkout, and 3.8 to build")


def build(output, **environ):
    """Build the archive as `make pyz` does."""
    subprocess.check_call([sys.executable, str(BUILDER), str(output)], env=dict(os.environ, **environ),
                          stdout=subprocess.DEVNULL, timeout=60)
    return output


@pytest.fixture(scope="module")
def pyz(tmp_path_factory):
    return build(tmp_path_factory.mktemp("pyz") / "claude-proxy.pyz")


def test_the_same_bytes_from_another_tree_at_another_time(pyz, tmp_path):
    """A copy with other file times, another umask and order; only the commit's time is given."""
    moment = zipfile.ZipFile(str(pyz)).infolist()[0].date_time
    epoch = str(calendar.timegm(moment + (0, 0, 0)))
    other = tmp_path / "checkout"
    shutil.copytree(str(ROOT / "claude_proxy"), str(other / "claude_proxy"), copy_function=shutil.copy)
    (other / ".ci").mkdir()
    for name in (".ci/pyz.py", ".ci/pyz_main.py", "LICENSE"):
        shutil.copy(str(ROOT / name), str(other / name))
    rebuilt = other / "again.pyz"
    subprocess.check_call([sys.executable, str(other / ".ci" / "pyz.py"), str(rebuilt)], stdout=subprocess.DEVNULL,
                          env=dict(os.environ, SOURCE_DATE_EPOCH=epoch, TZ="Asia/Shanghai", LC_ALL="C"), timeout=60)
    assert rebuilt.read_bytes() == pyz.read_bytes()


def test_small_with_a_shebang_and_executable(pyz):
    assert pyz.stat().st_size < MAX_BYTES
    assert pyz.read_bytes().startswith(b"#!/usr/bin/env python3\n")
    assert os.name == "nt" or pyz.stat().st_mode & 0o111 == 0o111


def test_everything_is_in_it(pyz):
    archive = zipfile.ZipFile(str(pyz))
    wanted = {path.relative_to(ROOT).as_posix() for path in (ROOT / "claude_proxy").rglob("*")
              if path.is_file() and "__pycache__" not in path.parts}
    assert archive.namelist() == ["LICENSE", "__main__.py", "modules"]
    assert set(texts_in(pyz)) == wanted


def texts_in(pyz):
    """{path: text} of the archive."""
    parts = zipfile.ZipFile(str(pyz)).read("modules").decode("utf-8").split("\0")
    return dict(zip(parts[::2], parts[1::2]))


def without_types(tree):
    """A syntax tree without the types in its functions, and without what is for types alone."""
    tree.body = [node for node in tree.body if not (
        isinstance(node, ast.If) and ast.dump(node.test) == ast.dump(ast.Name("TYPE_CHECKING", ast.Load())) and not node.orelse)]
    for function in ast.walk(tree):
        if isinstance(function, ast.FunctionDef):
            function.returns = None
            for node in ast.walk(function):
                if isinstance(node, ast.arg):
                    node.annotation = None
                for name in ("body", "orelse", "finalbody"):
                    if isinstance(getattr(node, name, None), list):
                        setattr(node, name, list(map(untyped, getattr(node, name))))
    return tree


def untyped(statement):
    """`name: int = 1` as `name = 1`."""
    if not isinstance(statement, ast.AnnAssign) or statement.value is None:
        return statement
    return ast.copy_location(ast.Assign([statement.target], statement.value), statement)


def difference(one, other):
    """Where two syntax trees differ, docstrings and what stands for them left out: in kind, value or line; or None."""
    waiting = [(one, other)]
    while waiting:
        one, other = waiting.pop()
        if type(one) is not type(other):
            return one, other
        if isinstance(one, ast.AST):
            waiting += [(getattr(one, name, None), getattr(other, name, None)) for name in one._fields]
            waiting.append((getattr(one, "lineno", 0), getattr(other, "lineno", 0)))
        elif isinstance(one, list):
            one, other = without_docstring(one), without_docstring(other)
            waiting += [(len(one), len(other))] + list(zip(one, other))
        elif one != other:
            return one, other
    return None


def without_docstring(body):
    documented = body and isinstance(body[0], ast.Expr) and isinstance(body[0].value, ast.Constant)
    return body[1:] if documented else body


def test_stripped_modules_are_the_same_program_on_the_same_lines(pyz):
    for name, text in texts_in(pyz).items():
        if name.endswith(".py"):
            source = (ROOT / name).read_text(encoding="utf-8")
            assert difference(without_types(ast.parse(text)), without_types(ast.parse(source))) is None, name
            assert "#" not in text or len(text) < len(source)


def test_it_runs_with_nothing_but_python(pyz, tmp_path):
    """-I -S: no site-packages, no environment, no current folder; the data files are read from the zip."""
    for arguments, words in ((["--version"], "claude-proxy "), (["service"], "ExecStart="), (["models", "--all"], "deepseek")):
        done = subprocess.run([sys.executable, "-I", "-S", str(pyz)] + arguments, cwd=str(tmp_path), timeout=60,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        assert (done.returncode, words in done.stdout.decode("utf-8")) == (0, True), done.stderr.decode("utf-8")


def test_the_exit_code_is_the_command_s(pyz):
    assert subprocess.call([sys.executable, str(pyz), "no-such-command"], stderr=subprocess.DEVNULL, timeout=60) == 2


def test_config_beside_the_file_is_found(pyz, tmp_path):
    there = tmp_path / "claude-proxy.pyz"
    shutil.copy(str(pyz), str(there))
    (tmp_path / "config.json").write_text('{"providers": {"beside": {"base_url": "http://127.0.0.1:1/v1"}}}')
    done = subprocess.run([sys.executable, str(there), "models"], cwd="/", stdout=subprocess.PIPE, timeout=60)
    assert b"beside" in done.stdout
