"""A configuration's text and the environment -> Config, or every mistake at once.

The order: parse, fill in ${NAME}, check each setting by its row, put providers together, choose the default.
Nothing is raised before all of it was looked at, except where the text is no JSON.
"""
from typing import Any, Callable, Dict, Iterable, Mapping, NamedTuple, Optional, Tuple

from ..providers.catalogue import CATALOGUE
from ..providers.records import replace
from .assembly import DEMO, catalogue_provider, demo_provider, provider_from, server_from
from .checks import no_such
from .interpolation import interpolate
from .mistakes import ConfigMistakes, Notes, Place
from .rows import CONFIG
from .shapes import Config, Provider
from .text import NotJson, read_tree

AUTO = "auto"
Names = Tuple[str, ...]
_KEY_NAMES = ("api_key", "api_key_file", "api_key_command")


def read(text: Optional[str], environ: Mapping[str, str], source: str = "config.json",
         files: Optional[Callable[[str], bool]] = None, flags: Optional[Mapping[str, Any]] = None) -> Config:
    """The Config of a file's text, or of the environment alone where there is no file (`text` None).

    `files` tells whether a path is a file (None: not asked); `flags` are settings of the command line, by their dotted
    path: {"server.port": 9000}. Raises ConfigMistakes.
    """
    notes = Notes(environ, _folder(source), files)
    values = CONFIG.read(Place(notes), _tree("{}" if text is None else text, flags or {}, notes, source))
    for path in flags or {}:
        notes.origins[path] = "flag"
    server = server_from(Place(notes, ("server",)), values["server"])
    providers = _providers(notes, values["providers"])
    names = tuple(values["providers"]) or tuple(provider.name for provider in providers)
    default = _default(Place(notes, ("default_provider",)), values["default_provider"], names, providers)
    fallbacks = _fallbacks(Place(notes, ("fallbacks",)), values["fallbacks"], names, providers)
    notes.raise_mistakes(source if text is not None else "environment")
    return Config(server, providers, default.name, fallbacks, source if text is not None else None,
                  notes.origins, default.reason, tuple(notes.warnings))


def _folder(source: str) -> str:
    cut = max(source.rfind("/"), source.rfind("\\"))
    return source[:cut] if cut > 0 else ""


def _tree(text: str, flags: Mapping[str, Any], notes: Notes, source: str) -> Any:
    """Parse, put the command line over it, fill in; what is wrong with single places goes into `notes`."""
    try:
        tree = read_tree(text)
    except NotJson as error:
        raise ConfigMistakes(source, [str(error)])
    if not isinstance(tree.value, dict):
        raise ConfigMistakes(source, ["must be an object: {...}"])
    notes.lines = tree.lines
    filled = interpolate(_with_flags(tree.value, flags), notes.environ)
    notes.variables, notes.unset = filled.variables, filled.unset
    for path in tree.twice:
        Place(notes, path).wrong("stands twice")
    for path in filled.malformed:
        Place(notes, path).wrong("${ begins no variable; ${NAME} and ${NAME:-default} do, and $${ is a plain ${")
    for path, names in filled.unset.items():
        if not (path[:1] == ("providers",) and path[2:3] and path[2] in _KEY_NAMES):
            Place(notes, path).wrong("${%s} is not set" % "}, ${".join(names))
    return filled.value


def _with_flags(tree: Dict[str, Any], flags: Mapping[str, Any]) -> Dict[str, Any]:
    """The tree with the command line's settings in it."""
    tree = dict(tree)
    for path, value in flags.items():
        group, dot, name = path.partition(".")
        if not dot:
            tree[group] = value
        elif isinstance(tree.setdefault(group, {}), dict):
            tree[group] = dict(tree[group], **{name: value})
    return tree


def _providers(notes: Notes, rows: Mapping[str, Any]) -> Tuple[Provider, ...]:
    """The file's providers; where it has none, the whole catalogue."""
    place = Place(notes, ("providers",))
    if rows:
        made = (provider_from(place.child(name), row) for name, row in rows.items() if row is not None)
        return tuple(provider for provider in made if provider is not None)
    entries = [entry for entry in CATALOGUE.values() if entry.base_url and not entry.local]
    return tuple(catalogue_provider(place.child(entry.name), entry) for entry in entries)


class Default(NamedTuple):
    """The provider for names without one, and why it is that."""

    name: str
    reason: str


def _default(place: Place, named: Optional[str], names: Names, providers: Tuple[Provider, ...]) -> Default:
    """The named provider; for "auto" the first with a key; where there is no key at all, the demo."""
    usable = [provider for provider in providers if provider.usable]
    if named == DEMO:
        return Default(DEMO, 'default_provider is "demo"')
    if named and named != AUTO:
        known = {name.casefold(): name for name in names}
        if named.casefold() not in known:
            no_such(place, named, "provider", names)
        elif usable:
            return Default(known[named.casefold()], "default_provider names it")
    if not usable:
        return Default(DEMO, "no provider has a key: the built-in demo answers")
    return Default(usable[0].name, "the first provider %s" % ("with a key" if usable[0].keys else "that needs no key"))


def _fallbacks(place: Place, rows: Mapping[str, Tuple[str, ...]], names: Names,
               providers: Tuple[Provider, ...]) -> Dict[str, Tuple[str, ...]]:
    """`fallbacks` as written, each end of it a provider that exists."""
    without = {provider.name: provider.key_hint for provider in providers if not provider.usable}
    for name, others in rows.items():
        for spot, written in [(place.child(name), name)] + [(place.child(name), other) for other in others]:
            found = split_name(written, names)[0]
            if found is None:
                no_such(spot, written, "provider", names)
            elif found in without and written != name:
                spot.warn("%s has no key and is passed over: %s" % (found, without[found]))
    return {name: tuple(others) for name, others in rows.items()}


def split_name(written: str, names: Iterable[str]) -> Tuple[Optional[str], str]:
    """"deepseek", "deepseek/x" or "deepseek,x" -> (the provider's name, "x" or ""); (None, as it is) where it has none.

    The longest name that fits wins, for names may have slashes in them.
    """
    folded = written.casefold()
    for name in sorted(names, key=len, reverse=True):
        if folded == name.casefold():
            return name, ""
        if folded.startswith(name.casefold()) and written[len(name):][:1] in ("/", ","):
            return name, written[len(name) + 1:]
    return None, written


def with_demo(config: Config, base_url: str) -> Config:
    """The configuration with the demo provider at `base_url`, as the last of its providers."""
    others = tuple(provider for provider in config.providers if provider.name != DEMO)
    return replace(config, providers=others + (demo_provider(base_url),))
