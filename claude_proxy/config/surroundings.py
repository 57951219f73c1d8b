"""What depends on where the program runs: which file is the configuration, and whether its door stands open."""
from typing import Callable, Iterable, Mapping, NamedTuple, Optional, Tuple

from .assembly import is_loopback
from .shapes import Config

FILE_NAME = "config.json"
VARIABLE = "CLAUDE_PROXY_CONFIG"


class Candidate(NamedTuple):
    """A place where the configuration may be."""

    path: str
    why: str                            # for people: "--config"
    required: bool                      # it was asked for: that it is missing is a mistake


def search_order(environ: Mapping[str, str], beside: str, explicit: Optional[str] = None,
                 windows: bool = False) -> Tuple[Candidate, ...]:
    """Where to look, first to last. `beside` is the folder that holds the .pyz or the package."""
    if explicit:
        return (Candidate(explicit, "--config", True),)
    if environ.get(VARIABLE):
        return (Candidate(environ[VARIABLE], "$" + VARIABLE, True),)
    slash = "\\" if windows else "/"
    places = [(beside, "beside the program"), (_user_folder(environ, windows), "the user's configuration")]
    if not windows:
        places.append(("/etc/claude-proxy", "the machine's configuration"))
    return tuple(Candidate(folder.rstrip("/\\") + slash + FILE_NAME, why, False) for folder, why in places if folder)


def _user_folder(environ: Mapping[str, str], windows: bool) -> str:
    if windows:
        return environ["APPDATA"] + "\\claude-proxy" if environ.get("APPDATA") else ""
    base = environ.get("XDG_CONFIG_HOME", "")
    if not base.startswith("/"):        # the specification: a relative one is to be ignored
        base = environ["HOME"].rstrip("/") + "/.config" if environ.get("HOME") else ""
    return base.rstrip("/") + "/claude-proxy" if base else ""


def choose(candidates: Iterable[Candidate], exists: Callable[[str], bool]) -> Optional[Candidate]:
    """The first candidate that exists or was asked for; None: run on the catalogue and the environment."""
    return next((candidate for candidate in candidates if candidate.required or exists(candidate.path)), None)


def exposure(config: Config, fresh_key: str) -> Optional[str]:
    """Why this configuration would let strangers spend the owner's money, and the line that mends it; or None.

    `fresh_key` is a new random key: it goes into the line, ready to be pasted.
    """
    server = config.server
    if server.client_keys:
        return None
    foreign = [name for name in server.allowed_hosts if not is_loopback(name)]
    if not is_loopback(server.host):
        why = "server.host: %s can be reached from other machines, and no client key is asked" % server.host
    elif foreign:
        why = "server.allowed_hosts: %s leads here from other machines, and no client key is asked" % foreign[0]
    else:
        return None
    return '%s. Put this into "server": {...} of %s, and give clients the key:\n    "client_keys": ["%s"],' % (
        why, config.source or FILE_NAME, fresh_key)
