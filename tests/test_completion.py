"""`completion` and `man`: made from the parsers, understood by the real shells and by groff where they are."""
import shutil
import subprocess

import pytest
from processes import SECONDS, environment, inside

from claude_proxy.commands import COMMANDS, words


def printed(*arguments):
    """What a command prints."""
    code, said, complaint = inside(*arguments)
    assert code == 0 and not complaint, complaint
    return said


def in_shell(shell, *arguments, **more):
    return subprocess.run([shell] + list(arguments), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=SECONDS,
                          env=environment(HOME="/nonexistent"), **more).stdout.decode("utf-8", "replace")


@pytest.mark.parametrize("shell", ("bash", "zsh", "fish", "powershell"))
def test_every_command_and_option_is_offered(shell):
    text = printed("completion", shell)
    for command in words.commands():
        assert command.name in text
        for option in command.options:
            for name in option.names:
                assert (name if shell != "fish" else name.lstrip("-")) in text


# what is typed -> what is offered; "|" marks the cursor's word
OFFERED = [
    ("ch", ["check"]),
    ("check --l", ["--live"]),
    ("--po", ["--port"]),
    ("env --shell ", ["bash", "cmd", "fish", "powershell", "zsh"]),
    ("completion z", ["zsh"]),
]
BASH = """
source "$1"; shift
COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _claude_proxy; printf '%s\\n' "${COMPREPLY[@]}"
"""


@pytest.mark.skipif(not shutil.which("bash"), reason="no bash here")
@pytest.mark.parametrize("typed, offered", OFFERED, ids=[row[0] for row in OFFERED])
def test_bash(tmp_path, typed, offered):
    script = tmp_path / "completion"
    script.write_text(printed("completion", "bash"))
    said = in_shell("bash", "-c", BASH, "bash", str(script), "claude-proxy", *typed.split(" "))
    assert sorted(said.split()) == offered


@pytest.mark.skipif(not shutil.which("bash"), reason="no bash here")
def test_bash_offers_files(tmp_path):
    (tmp_path / "some.json").write_text("{}")
    script = tmp_path / "completion"
    script.write_text(printed("completion", "bash"))
    said = in_shell("bash", "-c", BASH, "bash", str(script), "claude-proxy", "check", "--config", str(tmp_path / "so"))
    assert said.split() == [str(tmp_path / "some.json")]


@pytest.mark.skipif(not shutil.which("fish"), reason="no fish here")
@pytest.mark.parametrize("typed, offered", OFFERED, ids=[row[0] for row in OFFERED])
def test_fish(tmp_path, typed, offered):
    script = tmp_path / "completion.fish"
    script.write_text(printed("completion", "fish"))
    said = in_shell("fish", "--no-config", "-c", "source %s; complete -C 'claude-proxy %s'" % (script, typed))
    assert [line.split("\t")[0] for line in said.splitlines()] == offered


@pytest.mark.skipif(not shutil.which("zsh"), reason="no zsh here")
def test_zsh(tmp_path):
    script = tmp_path / "completion.zsh"
    script.write_text(printed("completion", "zsh"))
    said = in_shell("zsh", "-f", "-c", "autoload -Uz compinit; compinit -D; source %s; print $_comps[claude-proxy]" % script)
    assert said == "_claude_proxy\n"


def test_manual_page():
    page = printed("man")
    for name, _ in COMMANDS:
        assert ".SS %s\n" % name in page
    for head in ("NAME", "SYNOPSIS", "COMMANDS", "FILES", "ENVIRONMENT", "SIGNALS"):
        assert "\n.SH %s\n" % head in page
    assert "\\-\\-live" in page and page.isascii() if hasattr(str, "isascii") else True


@pytest.mark.skipif(not shutil.which("groff"), reason="no groff here")
def test_manual_page_is_good_troff():
    done = subprocess.run(["groff", "-man", "-Tascii", "-ww", "-z"], input=printed("man").encode(), stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, timeout=SECONDS)
    assert (done.returncode, done.stderr) == (0, b"")
