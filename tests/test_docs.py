"""Both READMEs say what the program does: their commands, configurations, tables and links are held against it."""
import importlib
import json
import os
import pathlib
import re
import shlex
import shutil
import subprocess
import tempfile

import pytest
from processes import Proxy, inside, stop

from claude_proxy import cli, config
from claude_proxy.commands import COMMANDS, launch
from claude_proxy.config import rows
from claude_proxy.providers.catalogue import ENTRIES
from claude_proxy.server.routes import ROUTES

ROOT = pathlib.Path(__file__).resolve().parent.parent
READMES = ("README.md", "README.zh-CN.md")
TEXTS = {name: (ROOT / name).read_text(encoding="utf-8") for name in READMES}
PROGRAMS = ("claude-proxy", "python3 -m claude_proxy", "python3 claude-proxy.pyz")
OTHERS = ("export", "eval", "claude", "sudo", "curl")       # what else stands in their shell blocks

HEADINGS = {name: re.findall(r"^#+ (.+)$", text, re.M) for name, text in TEXTS.items()}

each = pytest.mark.parametrize("name", READMES)


def blocks(name, language):
    """The fenced blocks of a language."""
    return re.findall(r"^```%s\n(.*?)^```$" % language, TEXTS[name], re.M | re.S)


def commands(name):
    """Every line of the shell blocks, and every command that stands in the text, without assignments before it."""
    lines = [line for block in blocks(name, "bash") for line in block.splitlines() if line.strip()]
    prose = re.sub(r"^```.*?^```$", "", TEXTS[name], flags=re.M | re.S)
    lines += re.findall(r"`((?:claude-proxy|python3 -m claude_proxy|python3 claude-proxy\.pyz)(?: [^`]+)?)`", prose)
    return [re.sub(r"^(?:[A-Z_]+=\S+ )+", "", line) for line in lines]


def table(name, english):
    """The rows of the table below a heading, as lists of cells; `english` is the heading in README.md."""
    part = re.split(r"^#+ ", TEXTS[name], flags=re.M)[HEADINGS["README.md"].index(english) + 1]
    lines = [line for line in part.splitlines() if line.startswith("|")]
    return [[cell.strip().replace("\\|", "|") for cell in re.split(r"(?<!\\)\|", line)[1:-1]] for line in lines[2:]]


def own_commands(name):
    """The commands that are the program's own -> their arguments."""
    for line in commands(name):
        line = line.split(" | ")[0]
        program = next((program for program in PROGRAMS if (line + " ").startswith(program + " ")), None)
        if program is not None:
            yield line, shlex.split(line[len(program):])


@each
def test_the_shell_blocks_hold_nothing_unknown(name):
    own = [line for line, _ in own_commands(name)]
    foreign = [line for line in commands(name) if line.split(" | ")[0] not in own]
    assert own and {line.split()[0] for line in foreign} <= set(OTHERS)


@each
def test_every_command_is_one_that_is_understood(name):
    for line, words in own_commands(name):
        command, rest = cli.split_command([word for word in words if word not in ("COMMAND", "...")])
        if command is None:                 # claude-proxy --help, or the folder claude-proxy/
            assert rest == ["--help"], line
        else:
            module = importlib.import_module("claude_proxy.commands." + command)
            assert cli.command_parser(command, module).parse_args(rest), line


@pytest.fixture(scope="module")
def proxy():
    with Proxy("--port", "0") as running:
        yield running


ENDS = {"check --live": 1, "init": 2, "status": 69}         # without a key, a terminal, a running proxy; the rest: 0
SERVES = ("", "serve", "demo", "--processes 4")
ELSEWHERE = ("env --url https://llm.example.com",)              # it would look the name up


def arguments_of_both():
    """The arguments of every own command, each once; what stands for a program is one that does nothing."""
    found = {" ".join(words): words for name in READMES for _, words in own_commands(name)}
    return {line: words for line, words in found.items() if line not in ("run", "COMMAND --help")}


@pytest.fixture(scope="module")
def programs():
    """A folder with a `claude`, a `python` and a PROGRAM that say that they ran."""
    folder = tempfile.mkdtemp(prefix="claude-proxy-docs-")
    for program in ("claude", "python", "PROGRAM"):
        path = os.path.join(folder, program)
        pathlib.Path(path).write_text("#!/bin/sh\n[ -n \"$ANTHROPIC_BASE_URL\" ] || exit 9\n")
        os.chmod(path, 0o755)
    yield folder
    shutil.rmtree(folder)


@pytest.mark.skipif(os.name == "nt", reason="the programs are shell scripts")
@pytest.mark.parametrize("line, words", arguments_of_both().items(), ids=arguments_of_both().keys())
def test_every_command_runs(line, words, programs):
    if line in SERVES:
        with Proxy(*words, "--port", "0") as proxy:
            assert proxy.request("GET", "/health")[0] == 200 and stop(proxy) == 0
    elif line not in ELSEWHERE:
        environ = {"PATH": programs + os.pathsep + os.environ["PATH"], "MY_KEY": "sk-0123456789", "HOME": programs}
        code, said, complaint = inside(*words, **environ)
        assert code == ENDS.get(line, 0), complaint
        assert said or complaint


# -- Windows

PROGRAMS_THERE = (("python3 -m claude_proxy", "py -m claude_proxy"), ("claude-proxy", "claude-proxy"))


@each
def test_each_shell_command_has_its_powershell_form(name):
    """The same program, with the same arguments; a variable is set in a line of its own."""
    there = [line for block in blocks(name, "powershell") for line in block.splitlines() if line]
    here = [line for block in blocks(name, "bash") for line in block.splitlines() if not re.match("sudo|.*sudo tee", line)]
    for line in here:
        for variable, value in re.findall(r"^(?:export )?([A-Z_]+)=(\S+)", line):
            assert '$env:%s = "%s"' % (variable, value) in there, line
        command = re.sub(r"^(?:export )?(?:[A-Z_]+=\S+ ?)+", "", line)
        assert not command or in_powershell(command) in there or asks_the_same(command, there), line


def in_powershell(command):
    """A command of bash as PowerShell has it."""
    for program, other in PROGRAMS_THERE:
        command = re.sub("^%s\\b" % program, other, command)
    return re.sub(r'^eval "\$\((.+)\)"$', r"\1 | Out-String | Invoke-Expression", command)


def asks_the_same(command, lines):
    """curl's question, put by Invoke-RestMethod: the same address and body, not streamed."""
    words = shlex.split(command)
    if words[0] != "curl" or "-d" not in words:
        return False
    body = dict(json.loads(words[words.index("-d") + 1]))
    del body["stream"]
    asked = [re.match(r"\(Invoke-RestMethod (\S+) -Method Post -ContentType \"application/json\" -Body '(.*)'\)", line)
             for line in lines]
    bodies = [(match.group(1), dict(json.loads(match.group(2)), messages=body["messages"])) for match in asked if match]
    return (next(word for word in words if word.startswith("http")), body) in bodies


@each
def test_the_scheduled_task_starts_what_is_understood(name):
    program, words = re.search(r'-Execute "(.+?)" -Argument "-3 (.+?)"', TEXTS[name]).groups()
    assert program == "pyw.exe" and re.match(r"C:\\Tools\\claude-proxy\.pyz ", words)
    module = importlib.import_module("claude_proxy.commands.serve")
    assert cli.command_parser("serve", module).parse_args(words.split()[1:]).log_file == "C:\\Tools\\claude-proxy.log"


# -- clients

@each
def test_the_lines_for_vscode_are_those_that_the_program_prints(name):
    shown = next(json.loads(block) for block in blocks(name, "json") if "claudeCode" in block)
    printed = json.loads(inside("env", "--vscode")[1])
    assert list(shown) == list(printed) and shown["claudeCode.disableLoginPrompt"] is True
    names = [row["name"] for row in printed["claudeCode.environmentVariables"]]
    for row in shown["claudeCode.environmentVariables"]:
        assert set(row) == {"name", "value"} and row["name"] in names and isinstance(row["value"], str)


@each
def test_both_sdks_are_asked_the_same(name):
    python, typescript = blocks(name, "python")[0], blocks(name, "typescript")[0]
    values = [re.findall(r'"(http[^"]+|any|claude-[^"]+|user|Hello)"|\b(300)\b', text) for text in (python, typescript)]
    assert values[0] == values[1] and len(values[0]) == 6
    if shutil.which("node"):
        checked = subprocess.run(["node", "--input-type=module", "--check"], input=typescript.encode(),
                                 stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, timeout=20)
        assert checked.returncode == 0, checked.stderr


# -- troubleshooting

@each
def test_what_one_sees_is_what_the_program_says(name):
    source = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "claude_proxy").rglob("*.py"))
    source = re.sub(r'"\s*\n\s*"', "", source)              # a text that goes on in the next line
    seen = [phrase for row in table(name, "Troubleshooting") for phrase in re.findall("`([^`]+)`", row[0])]
    seen = [phrase for phrase in seen if not re.match("NO_PROXY|ANTHROPIC", phrase)]
    assert len(seen) > 20
    assert [phrase for phrase in seen if phrase not in source] == []


@each
def test_every_make_target_is_one(name):
    targets = re.findall(r"^([a-z0-9-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.M)
    assert set(re.findall(r"`make ([a-z-]+)`", TEXTS[name])) <= set(targets)


@each
def test_the_first_minute(name, proxy):
    """The first two commands, as they stand there: the proxy without a key, and a question by curl."""
    start, ask = commands(name)[:2]
    assert start == "python3 -m claude_proxy"
    words = shlex.split(ask)
    headers = dict(word.split(": ") for flag, word in zip(words, words[1:]) if flag == "-H")
    address = next(word for word in words if word.startswith("http"))
    assert words[:2] == ["curl", "-N"] and address.startswith("http://127.0.0.1:8000/")
    body = json.loads(words[words.index("-d") + 1])
    status, _, data = proxy.request("POST", address.partition(":8000")[2], body, headers)
    events = [json.loads(line[6:]) for line in data.decode("utf-8").splitlines() if line.startswith("data: ")]
    said = "".join(event["delta"].get("text", "") for event in events if event["type"] == "content_block_delta")
    assert (status, events[-1]["type"]) == (200, "message_stop")
    assert body["messages"][0]["content"] in said and re.search("demo|演示", said)


@each
def test_every_configuration_can_be_read(name):
    examples = blocks(name, "jsonc")
    assert len(examples) >= 3
    for text in examples:
        environ = dict.fromkeys(["DEEPSEEK_API_KEY"] + re.findall(r"\$\{(\w+)", text), "sk-0123456789")
        read = config.read(text, environ, "/x/config.json")
        assert read.providers and not read.warnings
        assert read.default_provider != "demo"


@each
def test_the_python_compiles(name):
    for text in blocks(name, "python"):
        compile(text, name, "exec")


# -- the tables

@each
def test_every_setting_is_in_the_table(name):
    assert [row[:2] for row in table(name, "All settings")] == [
        ["`%s`" % row.path, "`%s`" % row.default] for row in rows.settings()]


def test_the_settings_are_explained_in_the_words_of_the_program():
    assert [row[2] for row in table("README.md", "All settings")] == [row.help for row in rows.settings()]
    assert all(re.search("[\u4e00-\u9fff]", row[2]) for row in table("README.zh-CN.md", "All settings"))


@each
def test_the_catalogue_is_whole(name):
    documented = table(name, "The catalogue")
    assert [row[0] for row in documented] == ["`%s`" % entry.name for entry in ENTRIES]
    assert [re.sub("[^A-Z_]", "", row[1]) for row in documented] == [entry.key_variable for entry in ENTRIES]
    assert [row[2].split("`")[1] for row in documented] == [
        entry.base_url or entry.base_url_shape for entry in ENTRIES]


@each
def test_every_route_is_in_the_table(name):
    documented = [(row[0].strip("`"), row[1].strip("`")) for row in table(name, "Endpoints")]
    assert sorted(documented) == sorted((route.method, route.path) for route in ROUTES)


@each
def test_every_command_is_in_the_table(name):
    assert [re.split("[ `]", row[0])[2] for row in table(name, "Commands")] == [command for command, _ in COMMANDS]


@each
def test_every_variable_of_the_launch_set_is_explained(name):
    read = config.read(None, {"DEEPSEEK_API_KEY": "sk-0123456789"})
    for variable in launch.launch_set(read, "http://127.0.0.1:8000", "any", {}):
        short = re.sub("^ANTHROPIC_DEFAULT", "...", variable)       # `..._SONNET_MODEL`, after the first of them
        assert re.search(r"`(%s|%s)(=\w+)?`" % (re.escape(variable), re.escape(short)), TEXTS[name]), variable


# -- links and paths

@each
def test_links_lead_somewhere(name):
    anchors = {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in HEADINGS[name]}
    for target in re.findall(r"\]\(([^)]+)\)", TEXTS[name]):
        if target.startswith("#"):
            assert target[1:] in anchors, target
        elif not target.startswith("http"):
            assert (ROOT / target).exists(), target


@each
def test_the_paths_that_are_named_exist(name):
    for path in re.findall(r"`((?:claude_proxy|tests)/[\w./-]*)`", TEXTS[name]):
        assert (ROOT / path).exists(), path


@each
def test_every_room_is_named(name):
    for path in (ROOT / "claude_proxy").iterdir():
        if path.name not in ("__init__.py", "__main__.py", "__pycache__"):
            shown = "claude_proxy/%s" % path.name + ("/" if path.is_dir() else "")
            assert "`%s`" % shown in TEXTS[name], shown


# -- the two say the same

def code(name, language):
    """The code of a language, without comments and what a person has written."""
    return [re.sub(r"//(?!/).*|\"content\": \"[^\"]*\"", "", block) if language == "jsonc" else
            re.sub(r"\"content\": \"[^\"]*\"", "", block) for block in blocks(name, language)]


@pytest.mark.parametrize("language", ["bash", "powershell", "jsonc", "json", "python", "typescript", "nginx", "haproxy"])
def test_the_code_is_the_same_in_both(language):
    english, chinese = (code(name, language) for name in READMES)
    assert [re.sub(r"\s+\n", "\n", block) for block in english] == [re.sub(r"\s+\n", "\n", block) for block in chinese]


def test_the_sections_are_the_same_in_both():
    english, chinese = (re.findall(r"^(#+) ", re.sub(r"(?ms)^```.*?^```$", "", TEXTS[name]), re.M) for name in READMES)
    assert english == chinese


def test_the_configuration_that_lies_here_is_one():
    text = (ROOT / "config.json").read_text(encoding="utf-8")
    assert [provider.name for provider in config.read(text, {}).providers]


@each
def test_the_size_that_is_promised_is_kept(name):
    assert re.search("200 KB", TEXTS[name])         # test_pyz.py holds the file to it
