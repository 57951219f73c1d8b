"""Ask three questions and write a configuration: which provider, which key, which model.

Flags answer them without asking. The key is tested with one token before anything is written, and the file is
readable by its owner alone. With --api-key-env the file names the variable, and the key itself is in no file.
"""
from __future__ import annotations

import getpass
import json
import os
import pathlib
import re
import sys
from typing import TYPE_CHECKING, Any, Dict, List, Mapping, Optional

from .. import config as configuration
from ..providers.catalogue import CATALOGUE, Entry
from ..providers.records import replace
from . import outcome, settings
from .launch import LEAST_WINDOW

if TYPE_CHECKING:
    import argparse

    from .exchange import ListedModel

EXAMPLES = """\
examples:
  claude-proxy init
  claude-proxy init --provider deepseek --api-key-env DEEPSEEK_API_KEY
  claude-proxy init --provider http://127.0.0.1:8080/v1 --model qwen3 --no-key
"""

LOCAL = "local"         # the name that an address of one's own network gets
LISTING_SECONDS = 5
SHOWN_MODELS = 5
FIRST_NAMES = ("deepseek", "openai", "siliconflow", "zhipu", "openrouter", "moonshot", "dashscope", "ollama")

VARIABLE = re.compile(r"(?:\$\{(?:env:)?(\w+)\}|\$(?:env:)?(\w+)|%(\w+)%|([A-Za-z_]\w*))\Z", re.I)
LIKE_A_VARIABLE = re.compile(r"[A-Z0-9]+(_[A-Z0-9]+)*_(KEY|TOKEN|SECRET)\Z")

TEMPLATE = """\
// Written by `claude-proxy init`. Comments and trailing commas are allowed; ${NAME} is a variable of the environment.
// A running proxy reads this file again when it changes.
{
  "server": {
    "host": "127.0.0.1",
    "port": 8000,
    // Asked for as soon as there is one; needed to serve other machines ("host": "0.0.0.0").
    "client_keys": []
  },
  "providers": {
    %(name)s: {%(base_url)s
      %(key)s
      // Which model answers which name: exact names, globs, and "default" for every other one.
      "models": %(models)s
    }
  },
  // The provider for names without one. Others are asked as "provider/model".
  "default_provider": %(name)s
}
"""


def arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `init`."""
    parser.add_argument("--provider", metavar="URL|NAME", help="a known name, or a base URL")
    parser.add_argument("--model", metavar="NAME", help="the model that answers every name")
    key = parser.add_mutually_exclusive_group()
    key.add_argument("--api-key-env", metavar="NAME", help="the variable that holds the key")
    key.add_argument("--api-key-file", metavar="FILE", help="the file that holds the key")
    key.add_argument("--no-key", action="store_true", help="the provider asks for none")
    parser.add_argument("--output", metavar="FILE", help="where to write (the user's configuration folder)")
    parser.add_argument("--force", action="store_true", help="overwrite a file that is there")
    parser.add_argument("--no-test", action="store_true", help="do not ask the provider for one token first")


def main(options: argparse.Namespace) -> int:
    """Ask, test, write -> exit code."""
    target = pathlib.Path(os.path.abspath(os.path.expanduser(options.output or str(settings.user_file(os.environ)))))
    if target.exists() and not options.force:
        raise outcome.Failure("%s is there already; edit it, or overwrite it with --force" % target,
                              outcome.CANNOT_CREATE)
    text = render(Answers(options))
    config = read_back(text, target)
    if not options.no_test:
        tested(config)
    write_private(target, text)
    print("written: %s" % target)
    first = found_first(os.environ)
    flag = "" if first == target else "--config %s " % target
    print(("start:   claude-proxy %s" % flag).rstrip())
    print("use:     claude-proxy run %s-- claude" % flag)
    if first not in (None, target):
        print("for good: set CLAUDE_PROXY_CONFIG to it; else %s is read, which is found before it" % first)
    return outcome.OK


def found_first(environ: Mapping[str, str]) -> Optional[pathlib.Path]:
    """The configuration that a start without --config reads; None where there is none."""
    try:
        return settings.find(None, environ)[0]
    except outcome.Failure:             # $CLAUDE_PROXY_CONFIG names a file that is not there
        return None


class Answers:
    """What the three questions gave, from the flags or from the person at the terminal."""

    def __init__(self, options: Any) -> None:
        wanted = options.provider or ask("Provider (%s, ... or a base URL)" % ", ".join(FIRST_NAMES), "deepseek")
        self.entry = settings.entry_at(wanted) if "://" in wanted else CATALOGUE.get(wanted.lower())
        if self.entry is None and "://" not in wanted:
            raise outcome.Failure(settings.unknown_provider(wanted, configuration.Config()), outcome.CONFIG)
        self.name = self.entry.name if self.entry else settings.name_of(wanted)
        self.base_url = wanted if "://" in wanted else ""
        if not self.base_url and self.entry is not None and not self.entry.base_url:
            self.base_url = ask("Base URL (%s)" % self.entry.base_url_shape, "")
        self.model, self.facts = "", {}
        self.key = key_setting(options, self.entry, self.name)
        self.listed = [] if self.entry and self.entry.default or options.no_test else offered(self)
        self.model = options.model or self._model(bool(options.provider))
        self.facts = facts_of(next((model for model in self.listed if model.name == self.model), None))

    def _model(self, quiet: bool) -> str:
        """The model for every name; "" for those of the catalogue. `quiet`: nothing is asked that has an answer."""
        if self.entry and self.entry.default:
            return "" if quiet else ask("Model", self.entry.default)
        names = [model.name for model in self.listed]
        if len(names) == 1 and quiet:
            return names[0]
        told = " (%s%s)" % (", ".join(names[:SHOWN_MODELS]), ", ..." * (len(names) > SHOWN_MODELS)) if names else ""
        model = ask("Model" + told, names[0] if names else "")
        if not model:
            raise outcome.Failure("init: which model? Give --model NAME", outcome.USAGE)
        return model


def facts_of(model: Optional[ListedModel]) -> Dict[str, Any]:
    """The settings that the provider's own list gives a model; a window that is too small for Claude Code is said."""
    if model is None:
        return {}
    facts: Dict[str, Any] = {} if model.images is not False else {"images": False}
    if model.context_window and model.context_window >= LEAST_WINDOW:
        facts["context_window"] = model.context_window
    elif model.context_window:
        print("claude-proxy: warning: %s is served with a context of %d tokens, and Claude Code's own prompt needs "
              "about %d: start its server with a larger one" % (model.name, model.context_window, LEAST_WINDOW),
              file=sys.stderr)
    return facts


def offered(answers: Answers) -> List[ListedModel]:
    """The models that the provider lists; none where it cannot be asked."""
    from ..errors import ProxyError
    from ..upstream.faults import Fault
    from .exchange import Questioner
    config = read_back(render(answers), pathlib.Path("config.json"))
    provider = replace(config.providers[0], connect_seconds=LISTING_SECONDS, first_byte_seconds=LISTING_SECONDS)
    questioner = Questioner(config, provider)
    try:
        return list(questioner.listed_models()[1]) if provider.usable else []
    except (Fault, ProxyError):
        return []
    finally:
        questioner.caller.close()


def ask(question: str, default: str) -> str:
    """One line from the terminal; `default` for an empty one."""
    if not sys.stdin.isatty():
        raise outcome.Failure("init: no terminal to ask on; give --provider, --api-key-env and --model",
                              outcome.USAGE)
    print("%s%s: " % (question, " [%s]" % default if default else ""), end="", file=sys.stderr, flush=True)
    return sys.stdin.readline().strip() or default


def key_setting(options: Any, entry: Optional[Entry], name: str) -> Dict[str, str]:
    """The setting that gives the key: {"api_key": ...}, {"api_key_file": ...}, or nothing."""
    if options.no_key or (entry is not None and entry.local):
        return {}
    if options.api_key_file:
        return {"api_key_file": os.path.abspath(os.path.expanduser(options.api_key_file))}
    named = options.api_key_env and settings.variable_name(options.api_key_env)
    variable = named or (entry.key_variable if entry is not None else "")
    if not named and variable and os.environ.get(variable):
        print("claude-proxy: the key is taken from %s, which is set" % variable, file=sys.stderr)
        named = variable
    if named:
        return {"api_key": "${%s}" % named}
    if entry is None and name != LOCAL:
        variable = re.sub(r"\W", "_", name).upper() + "_API_KEY"
    key = asked_key(entry, variable)
    return {"api_key": key} if key else {}


def asked_key(entry: Optional[Entry], variable: str) -> str:
    """The key as it is typed, unseen; a variable where one is named, or nothing is typed; "" where none is needed."""
    if not sys.stdin.isatty():
        raise outcome.Failure("init: no key; give --api-key-env NAME, --api-key-file FILE, or --no-key", outcome.USAGE)
    where = " (%s)" % entry.key_url if entry is not None and entry.key_url else ""
    empty = "I will set %s" % variable if variable else "it asks for none"
    typed = getpass.getpass("Key%s, not shown; empty: %s: " % (where, empty)).strip()
    named = variable_named(typed, os.environ)
    if named:
        print("claude-proxy: %s is the name of a variable: the file says ${%s}, and the key stays out of it"
              % (named, named), file=sys.stderr)
    if typed and not named:
        return typed.replace("${", "$${")
    return "${%s}" % (named or variable) if named or variable else ""


def variable_named(typed: str, environ: Mapping[str, str]) -> str:
    """The variable that somebody has typed in place of its value; "" for what can be a key.

    >>> [variable_named(typed, {}) for typed in ("$my_key", "${MY_KEY}", "%MY_KEY%", "$env:MY_KEY", "A_KEY", "sk-1")]
    ['my_key', 'MY_KEY', 'MY_KEY', 'MY_KEY', 'A_KEY', '']
    """
    found = VARIABLE.match(typed)
    if found is None:
        return ""
    name = next(part for part in found.groups() if part)
    return name if name != typed or name in environ or LIKE_A_VARIABLE.match(name) else ""


def render(answers: Answers) -> str:
    """The configuration's text."""
    models: Dict[str, Any] = {} if answers.model or answers.entry is None else dict(answers.entry.models)
    name = answers.model or (answers.entry.default if answers.entry else "") or "unknown"
    models["default"] = dict({"model": name}, **answers.facts) if answers.facts else name
    lines = ["%s: %s" % (quoted(pattern), quoted(row)) for pattern, row in models.items()]
    key = "".join("%s: %s," % (quoted(name), quoted(value)) for name, value in answers.key.items())
    return TEMPLATE % {
        "name": quoted(answers.name),
        "base_url": '\n      "base_url": %s,' % quoted(answers.base_url) if answers.base_url else "",
        "key": key or "// no key is needed",
        "models": "{\n        %s\n      }" % ",\n        ".join(lines),
    }


def quoted(value: Any) -> str:
    """JSON of a value, Chinese names as they are."""
    return json.dumps(value, ensure_ascii=False)


def read_back(text: str, target: pathlib.Path) -> configuration.Config:
    """The configuration that the text makes: what is written must be readable."""
    try:
        return configuration.read(text, os.environ, source=str(target), files=os.path.isfile)
    except configuration.ConfigMistakes as problem:
        raise outcome.Failure(str(problem), outcome.CONFIG) from None


def tested(config: configuration.Config) -> None:
    """Ask the provider for one token; Failure where it refuses."""
    from .probe import Probes
    provider = config.providers[0]
    if not provider.usable:
        print("claude-proxy: not tested, because there is no key yet: %s" % provider.key_hint, file=sys.stderr)
        return
    with Probes(config) as probes:
        result = probes.one_token(provider.name)
    if not result.passed:
        raise outcome.Failure("%s was asked for one token and refused, so nothing was written: %s (--no-test writes "
                              "it all the same)" % (provider.name, result.detail), outcome.UNAVAILABLE)
    print("claude-proxy: %s answered in %d ms" % (provider.name, result.milliseconds), file=sys.stderr)


def write_private(path: pathlib.Path, text: str) -> None:
    """Write a file that only its owner can read, whole or not at all."""
    draft = path.with_name(path.name + ".new")
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        descriptor = os.open(str(draft), os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with open(descriptor, "w", encoding="utf-8") as stream:
            os.chmod(str(draft), 0o600)
            stream.write(text)
        os.replace(str(draft), str(path))
    except OSError as problem:
        raise outcome.Failure("%s: cannot be written: %s" % (path, problem.strerror), outcome.CANNOT_CREATE) from None
