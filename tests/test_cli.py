"""The command line without a server: which command is meant, help, versions, and failures of one line."""
import os
import pathlib
import subprocess
import sys

import pytest
from processes import inside

from claude_proxy import __version__, cli
from claude_proxy.commands import COMMANDS

ROOT = pathlib.Path(__file__).resolve().parent.parent

SPLITS = {
    "nothing: serve": ([], ("serve", [])),
    "an option: serve's": (["--port", "8001"], ("serve", ["--port", "8001"])),
    "a command": (["check", "--json"], ("check", ["--json"])),
    "run keeps what is behind --": (["run", "--", "claude", "--help"], ("run", ["--", "claude", "--help"])),
    "--help is the program's": (["--help"], (None, ["--help"])),
    "--version is the program's": (["--version"], (None, ["--version"])),
    "another word is nobody's": (["servee"], (None, ["servee"])),
}


@pytest.mark.parametrize("arguments, expected", SPLITS.values(), ids=SPLITS.keys())
def test_split_command(arguments, expected):
    assert cli.split_command(arguments) == expected


def test_version():
    assert inside("--version") == (0, "claude-proxy %s\n" % __version__, "")


@pytest.mark.parametrize("command", [""] + [name for name, _ in COMMANDS])
def test_help_fits_a_terminal_and_has_examples(command, capsys):
    with pytest.raises(SystemExit) as ended:
        cli.main(([command] if command else []) + ["--help"])
    text = capsys.readouterr().out
    assert ended.value.code == 0
    assert "examples:\n" in text
    assert [line for line in text.splitlines() if len(line) > 80] == []


# arguments, the environment -> exit code, what the one line says
FAILURES = {
    "an unknown command": (["servee"], {}, 2, "did you mean serve?"),
    "an unknown option": (["models", "--frobnicate"], {}, 2, "--frobnicate"),
    "a port that is none": (["--port", "70000"], {}, 2, "no port (0 to 65535)"),
    "a file that is not there": (["--config", "nowhere.json"], {}, 78, "nowhere.json: no such file; `claude-proxy init` writes one"),
    "a variable with a file that is not there": (["models"], {"CLAUDE_PROXY_CONFIG": "/nowhere.json"}, 78,
                                                 "$CLAUDE_PROXY_CONFIG: /nowhere.json: no such file"),
    "a folder": (["models", "--config", str(ROOT)], {}, 78, "is a folder"),
    "an unknown provider": (["models", "--provider", "depseek"], {}, 78, "did you mean deepseek?"),
    "a variable that is not set": (["models", "--provider", "https://api.example.com/v1", "--api-key-env", "NO_SUCH"],
                                   {}, 78, "NO_SUCH is not set"),
    "run without a program": (["run"], {}, 2, "which program?"),
    "run with a program that is not there": (["run", "--", "no-such-program"], {}, 127, "no such program"),
    "init without a terminal": (["init", "--output", "/tmp/never-written.json"], {}, 2, "--provider"),
}


@pytest.mark.parametrize("arguments, environ, code, words", FAILURES.values(), ids=FAILURES.keys())
def test_failures_are_one_line(arguments, environ, code, words):
    ended, stdout, stderr = inside(*arguments, **environ)
    assert (ended, stdout) == (code, "")
    assert words in stderr
    assert "Traceback" not in stderr
    lines = stderr.strip().splitlines()
    assert len(lines) == 1 or lines[0].startswith("usage: ")


def test_mistakes_in_the_configuration(tmp_path):
    config = tmp_path / "config.json"
    config.write_text('{"server": {"prot": 1}, "providers": {"a": {"base_url": "ftp://x"}}}')
    code, _, stderr = inside("models", "--config", str(config))
    assert code == 78
    assert "mistake" in stderr and "did you mean server.port?" in stderr and "Traceback" not in stderr


def test_without_a_stdout_or_a_stderr_everything_is_said_to_nobody(monkeypatch):
    monkeypatch.setattr(sys, "argv", ["claude-proxy", "--version"])
    for name in ("stdout", "stderr"):
        monkeypatch.setattr(sys, name, None)
    with pytest.raises(SystemExit, match="^0$"):
        cli.run()
    for stream in (sys.stdout, sys.stderr):
        stream.write("and it can be written to")
        stream.close()


def test_a_closed_pipe_is_no_error():
    command = "%s -m claude_proxy models --all --json | head -1" % sys.executable
    done = subprocess.run(["sh", "-c", command], cwd=str(ROOT), stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=30)
    assert (done.stdout, done.stderr) == (b"{\n", b"")


def test_a_console_that_cannot_print_chinese(tmp_path):
    config = tmp_path / "config.json"
    config.write_bytes('{"providers": {"硅基流动": {"base_url": "https://example.com/v1"}}}'.encode("utf-8"))
    kept = dict(os.environ, PYTHONPATH=str(ROOT), PYTHONIOENCODING="ascii")
    done = subprocess.run([sys.executable, "-m", "claude_proxy", "models", "--config", str(config)], env=kept, timeout=30,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert (done.returncode, done.stderr) == (0, b"")
    assert b"\\u7845" in done.stdout


# -- old Pythons

def old_pythons():
    """Interpreters before 3.7 that this machine has."""
    found = []
    for version in ("2.7", "3.6"):
        for base in [pathlib.Path(os.environ.get("PYENV_ROOT", "~/.pyenv")).expanduser() / "versions"]:
            found += [str(path / "bin" / "python") for path in base.glob(version + ".*")][:1]
    return found


@pytest.mark.parametrize("python", old_pythons())
def test_an_old_python_gets_one_sentence(python):
    done = subprocess.run([python, "-m", "claude_proxy"], cwd=str(ROOT), stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          env=dict(os.environ, PYTHONDONTWRITEBYTECODE="1"), timeout=30)
    said = done.stderr.decode()
    assert done.returncode == 1
    assert "needs Python 3.7 or newer" in said and "python3.12" in said and "Error" not in said
