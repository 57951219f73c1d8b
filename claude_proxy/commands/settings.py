"""Where the configuration is found, and what the flags put over it: files and environment in, one Config out.

Looked for, the first that is there: --config, $CLAUDE_PROXY_CONFIG, config.json beside the program (the folder that
holds the .pyz or the package; never the current folder as such, because `run` is used inside other people's
repositories), the user's configuration folder, /etc/claude-proxy/config.json. With none of them the catalogue of
known providers and the environment are enough.
"""
import json
import os
import pathlib
import re
from typing import Any, Dict, Mapping, Optional, Tuple
from urllib.parse import urlsplit

from .. import config as configuration
from ..providers.catalogue import CATALOGUE, Entry, fact_of
from ..providers.records import replace
from . import outcome

SERVER_FLAGS = ("host", "port", "log_format")
NO_PROVIDERS = '{"providers": {}}'


class Settings:
    """One start's way to its configuration: read() may be called again, for a reload."""

    def __init__(self, options: Any, environ: Mapping[str, str] = os.environ) -> None:
        self.options = options
        self.environ = environ
        self.path, self.why = find(options.config, environ)

    def read(self) -> configuration.Config:
        """The Config of this moment; Failure with code 78 lists every mistake."""
        text = None if self.path is None else read_text(self.path)
        config = self._parse(text, server_flags(self.options))
        if self.options.provider:
            config = self._with_provider(config, text)
        if self.options.model or self.options.api_key_env:
            config = with_model_and_key(config, self.options, self.environ)
        warnings = exposed(self.path, text, config, self.environ) + self._passed_over(config)
        return replace(config, warnings=config.warnings + warnings) if warnings else config

    def _passed_over(self, config: configuration.Config) -> Tuple[str, ...]:
        """A warning where the file that was found has no key, and there is another one."""
        if self.options.config or config.default_provider != configuration.DEMO or self.path is None:
            return ()
        order = configuration.search_order(self.environ, str(program_path().parent), None, os.name == "nt")
        others = [place.path for place in order if os.path.isfile(place.path) and place.path != str(self.path)]
        return tuple("%s is not read, because %s is found before it; name it with --config or $CLAUDE_PROXY_CONFIG"
                     % (other, self.path) for other in others[:1])

    def _parse(self, text: Optional[str], flags: Mapping[str, Any]) -> configuration.Config:
        source = str(self.path) if self.path else "the command line"
        try:
            config = configuration.read(text, self.environ, source=source, files=os.path.isfile, flags=flags)
        except configuration.ConfigMistakes as problem:
            raise outcome.Failure(str(problem), outcome.CONFIG) from None
        return config if self.path else replace(config, source=None)

    def _with_provider(self, config: configuration.Config, text: Optional[str]) -> configuration.Config:
        """The configuration with --provider as its default: a base URL, or the name of one that is known."""
        wanted = self.options.provider
        flags = dict(server_flags(self.options), default_provider=wanted)
        if "://" in wanted:
            entry = entry_at(wanted)
            flags["default_provider"] = entry.name if entry else name_of(wanted)
            flags["providers.%s" % flags["default_provider"]] = self._row(wanted)
        elif wanted != configuration.DEMO:
            known = config.provider(wanted)
            if known is None and wanted not in CATALOGUE:
                raise outcome.Failure(unknown_provider(wanted, config), outcome.CONFIG)
            if known is None:
                flags["providers.%s" % wanted] = {}
            else:
                flags["default_provider"] = known.name
        if text is None and len(flags) > len(server_flags(self.options)) + 1:
            text = NO_PROVIDERS
        config = self._parse(text, flags)
        chosen = config.provider(flags["default_provider"])
        if chosen is not None and not chosen.usable and not self.options.api_key_env:
            raise outcome.Failure("--provider: %s has no key: %s" % (chosen.name, chosen.key_hint), outcome.CONFIG)
        default = config.default_provider if chosen is None else chosen.name    # it may get its key by --api-key-env
        return replace(config, default_provider=default, default_reason="--provider")

    def _row(self, url: str) -> Dict[str, Any]:
        row = {"base_url": url}
        if self.options.api_key_env:
            row["api_key"] = key_in(self.options.api_key_env, self.environ)
        return row

    def signature(self) -> Optional[Tuple[int, int, int]]:
        """Changes when the file does; None while there is none."""
        try:
            status = os.stat(str(self.path)) if self.path else None
        except OSError:
            return None
        return (status.st_mtime_ns, status.st_size, status.st_ino) if status else None


def server_flags(options: Any) -> Dict[str, Any]:
    """The settings of `server` that stand on the command line, by their paths."""
    given = {name: getattr(options, name, None) for name in SERVER_FLAGS}
    return {"server." + name: value for name, value in given.items() if value is not None}


# -- where it is

def find(flag: Optional[str], environ: Mapping[str, str]) -> Tuple[Optional[pathlib.Path], str]:
    """(the file to read, why that one); (None, ...) where there is none. A file that was named must be there."""
    order = configuration.search_order(environ, str(program_path().parent), flag and os.path.expanduser(flag),
                                       os.name == "nt")
    chosen = configuration.choose(order, os.path.isfile)
    if chosen is None:
        return None, "no configuration file found: known providers, keys from the environment"
    path = pathlib.Path(os.path.abspath(chosen.path))
    if not path.is_file():
        hint = "is a folder; name the file in it" if path.is_dir() else "no such file; `claude-proxy init` writes one"
        raise outcome.Failure("%s: %s: %s" % (chosen.why, path, hint), outcome.CONFIG)
    return path, chosen.why


def user_file(environ: Mapping[str, str]) -> pathlib.Path:
    """The configuration in the user's own folder."""
    if environ.get("CLAUDE_PROXY_CONFIG"):
        return pathlib.Path(os.path.expanduser(environ["CLAUDE_PROXY_CONFIG"]))
    order = configuration.search_order(environ, "", None, os.name == "nt")
    return next((pathlib.Path(candidate.path) for candidate in order if not candidate.required),
                pathlib.Path(configuration.search_order({}, ".")[0].path))


def program_path() -> pathlib.Path:
    """The .pyz that runs, or the package's folder."""
    package = pathlib.Path(os.path.realpath(__file__)).parent.parent
    return package.parent if package.parent.is_file() else package


# -- reading it

def read_text(path: pathlib.Path) -> str:
    """The file's text: UTF-8, or UTF-16 as some Windows editors and PowerShell save it, with or without a mark."""
    try:
        data = path.read_bytes()
    except OSError as problem:
        raise outcome.Failure("%s: cannot be read: %s" % (path, problem.strerror), outcome.CONFIG) from None
    encoding = json.detect_encoding(data)       # as json.loads() does it
    try:
        return data.decode(encoding)
    except UnicodeDecodeError as problem:
        line = data.count(b"\n", 0, problem.start) + 1
        raise outcome.Failure("%s: line %d is not %s; the file was saved in another encoding (ANSI, GBK): save it as "
                              "UTF-8 in your editor" % (path, line, "UTF-8" if "8" in encoding else "whole UTF-16"),
                              outcome.CONFIG) from None


def exposed(path: Optional[pathlib.Path], text: Optional[str], config: configuration.Config,
            environ: Mapping[str, str]) -> Tuple[str, ...]:
    """A warning for each file that has keys in it and that others can read: the configuration, and files of keys."""
    if os.name == "nt":
        return ()
    files = [source.value for provider in config.providers for source in provider.keys if source.kind == "file"]
    open_to_others = [str(name) for name in dict.fromkeys(files)
                      if not is_handed_over(str(name), environ) and others_can_read(str(name))]
    if path is not None and text is not None and holds_keys(text, config) and others_can_read(str(path)):
        open_to_others.insert(0, str(path))
    return tuple("%s holds keys, and others can read it; run: chmod 600 %s" % (name, name) for name in open_to_others)


def holds_keys(text: str, config: configuration.Config) -> bool:
    """A key stands in the file itself, not only the name of the variable that has it."""
    written = [json.dumps(secret)[1:-1] for secret in configuration.secrets_of(config)]
    return any(re.search(r'["\s:=]%s["@&]' % re.escape(secret), text) for secret in written)


def is_handed_over(name: str, environ: Mapping[str, str]) -> bool:
    """A credential of systemd's or a container's secret: who can read it is decided by the folder, not by the mode."""
    folders = [environ.get("CREDENTIALS_DIRECTORY"), "/run/secrets", "/var/run/secrets"]
    return any(folder and name.startswith(folder.rstrip("/") + "/") for folder in folders)


def others_can_read(name: str) -> bool:
    """The file's mode lets its group or everybody in."""
    try:
        return bool(os.stat(name).st_mode & 0o077)
    except OSError:
        return False


# -- what flags put over it

def entry_at(url: str) -> Optional[Entry]:
    """The catalogue's row of a base URL."""
    wanted = url.rstrip("/")
    return next((entry for entry in CATALOGUE.values()
                 if wanted in [entry.base_url] + [address for _, address in entry.regions]), None)


def name_of(url: str) -> str:
    """A provider's name for a base URL.

    >>> [name_of(url) for url in ("https://api.example.com/v1", "http://localhost:1234", "https://10.0.0.1/v1")]
    ['example', 'local', 'local']
    """
    host = urlsplit(url).hostname or ""
    words = [word for word in host.split(".") if word not in ("api", "www")]
    if len(words) < 2 or re.match(r"[\d.]+$", host) or ":" in host:
        return "local"
    return "custom" if words[-2] in configuration.RESERVED else words[-2]


def unknown_provider(name: str, config: configuration.Config) -> str:
    """The sentence for a --provider that nobody knows."""
    known = [provider.name for provider in config.providers] + list(CATALOGUE)
    near = configuration.nearest(name, known)
    hint = "did you mean %s?" % near if near else "give a base URL (https://...), or see `claude-proxy models --all`"
    return "--provider: no provider is called %r; %s" % (name, hint)


def with_model_and_key(config: configuration.Config, options: Any,
                       environ: Mapping[str, str]) -> configuration.Config:
    """The default provider with --model for every name, and the key of --api-key-env."""
    provider = config.provider(config.default_provider)
    if provider is None:
        raise outcome.Failure("--model and --api-key-env belong to a provider, and none has a key; name one with "
                              "--provider", outcome.CONFIG)
    changes: Dict[str, Any] = {}
    if options.model:
        rows = [row for _, row in provider.models] + [provider.default_model]
        known = next((row for row in rows if row is not None and row.model == options.model), None)
        fact = fact_of(options.model)
        changes = {"models": (), "default_model": known or configuration.ModelRow(
            options.model, fact.context_window, fact.max_output_tokens, fact.images)}
    if options.api_key_env:
        key = configuration.Secret(key_in(options.api_key_env, environ))
        source = configuration.KeySource("literal", key, options.api_key_env)
        changes.update(keys=(source,), key_needed=True, key_hint="set %s" % options.api_key_env)
    changed = replace(provider, **changes)
    providers = tuple(changed if other.name == provider.name else other for other in config.providers)
    return replace(config, providers=providers)


def key_in(variable: str, environ: Mapping[str, str]) -> str:
    """The key of --api-key-env."""
    key = environ.get(variable_name(variable), "").strip()
    if not key:
        raise outcome.Failure("--api-key-env: %s is not set; set it to the provider's key" % variable, outcome.CONFIG)
    return key


def variable_name(given: str) -> str:
    """What --api-key-env names; what can be no name may be the key itself, and is not repeated."""
    if re.match(r"[A-Za-z_]\w*\Z", given):
        return given
    raise outcome.Failure("--api-key-env takes the name of a variable, such as DEEPSEEK_API_KEY: not its value, and "
                          "without a $", outcome.USAGE)
