"""The environment that makes a client use the proxy: `run` gives it to its child, `env` prints it.

The set is what Claude Code needs (2.1.197 and newer), and nothing that another client minds:

    ANTHROPIC_BASE_URL, ANTHROPIC_AUTH_TOKEN            where, and the key of the proxy, never a provider's;
    ANTHROPIC_API_KEY                                   empty: any value would win, or ask for approval
    ANTHROPIC_MODEL, ANTHROPIC_DEFAULT_*_MODEL          what its tiers mean, as provider/model: names that begin with
                                                        `claude-` make it assume windows of its own
    CLAUDE_CODE_MAX_CONTEXT_TOKENS, ..._AUTO_COMPACT_WINDOW, ..._DISABLE_1M_CONTEXT
                                                        the model's window, else it assumes 200 000 or 1 000 000
    CLAUDE_CODE_AUTO_MODE_SERVER=0                      it judges tool calls with requests of its own
    CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC=1          no telemetry, no updates
    CLAUDE_CODE_ENABLE_GATEWAY_MODEL_DISCOVERY=1        /model lists what the proxy serves
    CLAUDE_CODE_ATTRIBUTION_HEADER=0                    no block in the prompt that defeats prefix caches
    API_FORCE_IDLE_TIMEOUT=0                            a slow model may be silent for longer than five minutes
    NO_PROXY, no_proxy                                  requests to this machine stay off the company's HTTP proxy
"""
import json
import os
from typing import Dict, List, Mapping, Optional, Tuple
from urllib.parse import urlsplit

from .. import errors, routing
from ..config import Config

FAMILIES = ("opus", "sonnet", "haiku", "fable")
MAIN_FAMILY = "sonnet"
PLACEHOLDER_KEY = "claude-proxy"        # a client wants some key, even where the proxy asks for none
LEAST_COMPACT_WINDOW = 100000           # Claude Code's own lower limit
LEAST_WINDOW = 32000                    # below it Claude Code starts no conversation: its prompt and tools fill it
SETTING_THE_WAY = ("ANTHROPIC_BASE_URL", "ANTHROPIC_AUTH_TOKEN", "ANTHROPIC_API_KEY", "ANTHROPIC_MODEL")
LOCAL_NAMES = ("localhost", "127.0.0.1", "::1")


def launch_set(config: Config, url: str, key: str, environ: Mapping[str, str]) -> Dict[str, str]:
    """The variables for a client of the proxy at `url`, as it was started with `environ`."""
    variables = {"ANTHROPIC_BASE_URL": url, "ANTHROPIC_AUTH_TOKEN": key, "ANTHROPIC_API_KEY": ""}
    variables.update(model_variables(config))
    variables.update({
        "CLAUDE_CODE_DISABLE_1M_CONTEXT": "1",
        "CLAUDE_CODE_AUTO_MODE_SERVER": "0",
        "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
        "CLAUDE_CODE_ENABLE_GATEWAY_MODEL_DISCOVERY": "1",
        "CLAUDE_CODE_ATTRIBUTION_HEADER": "0",
        "API_FORCE_IDLE_TIMEOUT": "0",
    })
    exempt = no_proxy(environ, urlsplit(url).hostname or "")
    variables.update({"NO_PROXY": exempt, "no_proxy": exempt})
    return variables


def model_variables(config: Config) -> Dict[str, str]:
    """The tiers of Claude Code and the main model's window."""
    targets = {family: family_target(config, family) for family in FAMILIES}
    main = main_target(targets)
    if main is None:
        return {}
    variables = {"ANTHROPIC_MODEL": model_name(main)}
    for family, target in targets.items():
        variables["ANTHROPIC_DEFAULT_%s_MODEL" % family.upper()] = model_name(target or main)
    window = main.row.context_window
    if window:
        variables["CLAUDE_CODE_MAX_CONTEXT_TOKENS"] = str(window)
        variables["CLAUDE_CODE_AUTO_COMPACT_WINDOW"] = str(max(LEAST_COMPACT_WINDOW, window))
    return variables


def main_target(targets: Mapping[str, Optional[routing.Target]]) -> Optional[routing.Target]:
    """The target that Claude Code talks to: {family: what answers it} -> the main family's, else any."""
    return targets[MAIN_FAMILY] or next((target for target in targets.values() if target), None)


def family_target(config: Config, family: str) -> Optional[routing.Target]:
    """What answers a family of Claude names; None where nothing does."""
    try:
        return routing.targets(config, "claude-%s-5" % family)[0]
    except errors.ProxyError:
        return None


def model_name(target: routing.Target) -> str:
    """The name under which a client asks for exactly this target."""
    return "%s/%s" % (target.provider.name, target.model)


def no_proxy(environ: Mapping[str, str], host: str) -> str:
    """$NO_PROXY with this machine, and with the proxy's own host, added where they are missing."""
    given = environ.get("NO_PROXY") or environ.get("no_proxy") or ""
    names = [name for name in given.replace(",", " ").split() if name]
    names += [name for name in LOCAL_NAMES + ((host,) if host else ()) if name not in names]
    return "*" if "*" in names else ",".join(dict.fromkeys(names))


def client_key(config: Config) -> str:
    """The key that a client of a configured proxy shows."""
    keys = config.server.client_keys
    return keys[0].key.reveal() if keys else PLACEHOLDER_KEY


# What a user may have set on purpose stays; where to ask, and with which key, does not.
OURS = ("ANTHROPIC_BASE_URL", "ANTHROPIC_AUTH_TOKEN", "ANTHROPIC_API_KEY", "NO_PROXY", "no_proxy")


def child_environment(variables: Mapping[str, str], environ: Mapping[str, str], models: bool) -> Dict[str, str]:
    """The environment of `run`'s child: the user's own over the launch set, but for what must be ours.

    `models`: the tiers were asked for on the command line, so they are ours as well.
    """
    ours = OURS + tuple(name for name in variables if models and name.endswith("_MODEL"))
    child = dict(variables, **{name: value for name, value in environ.items() if name not in ours})
    child.update((name, variables[name]) for name in ours)
    if not child["ANTHROPIC_API_KEY"]:
        del child["ANTHROPIC_API_KEY"]      # absent is even clearer than empty, where that can be had
    return child


def warnings(environ: Mapping[str, str], url: str, project: str = "") -> List[str]:
    """What is known to get in the way of a client of the proxy at `url`: in the environment, in Claude Code's settings.

    `project`: the folder in which the client is started.
    """
    home = environ.get("HOME") or environ.get("USERPROFILE")
    folders = [environ.get("CLAUDE_CONFIG_DIR") or (home and os.path.join(home, ".claude"))]
    folders += [os.path.join(project, ".claude")] if project else []
    found = [line for folder in folders if folder for line in settings_in_the_way(folder, url)]
    if environ.get("CLAUDE_CODE_USE_BEDROCK") or environ.get("CLAUDE_CODE_USE_VERTEX"):
        found.append("CLAUDE_CODE_USE_BEDROCK or CLAUDE_CODE_USE_VERTEX is set: Claude Code will not ask this proxy; "
                     "unset it")
    return found


def unexempted(environ: Mapping[str, str], url: str) -> List[str]:
    """A sentence where a client that was started without `run` or `env` would look for us behind another proxy."""
    names = ("HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy")
    name = next((name for name in names if environ.get(name)), None)
    host = urlsplit(url).hostname or ""
    exempt = (environ.get("NO_PROXY") or environ.get("no_proxy") or "").replace(",", " ").split()
    if name is None or host in exempt or "*" in exempt:
        return []
    return ["%s is set and NO_PROXY lacks %s: a client that is started without `claude-proxy run` or `env` sends its "
            "requests for %s to that proxy" % (name, host, url)]


def narrow_window(config: Config) -> List[str]:
    """A sentence where the main model's window, as configured, is too small for Claude Code to start in."""
    main = main_target({family: family_target(config, family) for family in FAMILIES})
    window = main.row.context_window if main else None
    if main is None or not window or window >= LEAST_WINDOW:
        return []
    return ["%s has a context_window of %d, and Claude Code starts no conversation in less than about %d; give the "
            "model a larger one (and the server, where it is your own), or take context_window out"
            % (model_name(main), window, LEAST_WINDOW)]


def settings_in_the_way(folder: str, url: str) -> List[str]:
    """A sentence for each settings file of Claude Code whose "env" leads elsewhere: it wins over the environment."""
    found = []
    for name in ("settings.json", "settings.local.json"):
        path = os.path.join(folder, name)
        env = settings_env(path)
        names = [variable for variable in SETTING_THE_WAY if variable in env]
        if names and env.get("ANTHROPIC_BASE_URL") != url:
            found.append("%s sets %s in its \"env\", and Claude Code obeys that file first; take it out"
                         % (path, " and ".join(names)))
    return found


def settings_env(path: str) -> Mapping[str, str]:
    """The "env" of a settings.json; nothing where there is no such file, or another kind of one."""
    try:
        with open(path, encoding="utf-8") as stream:
            env = json.load(stream)["env"]
    except (OSError, ValueError, KeyError, TypeError):
        return {}
    return env if isinstance(env, dict) else {}


# -- in the words of a shell

def quote_posix(text: str) -> str:
    """A word of sh, bash, zsh."""
    return "'%s'" % text.replace("'", "'\\''")


def quote_fish(text: str) -> str:
    """A word of fish, whose single quotes know \\' and \\\\."""
    return "'%s'" % text.replace("\\", "\\\\").replace("'", "\\'")


def quote_powershell(text: str) -> str:
    """A word of PowerShell, which doubles quotes."""
    return "'%s'" % text.replace("'", "''")


def quote_cmd(text: str) -> str:
    """What stands behind the = of cmd's set "NAME=...": only % has a meaning there."""
    return text.replace("%", "%%")


# name -> (a variable's line, its quoting, how the output is used)
SHELLS: Dict[str, Tuple[str, object, str]] = {
    "bash": ("export %s=%s", quote_posix, "# eval \"$(claude-proxy env)\""),
    "zsh": ("export %s=%s", quote_posix, "# eval \"$(claude-proxy env)\""),
    "fish": ("set -gx %s %s", quote_fish, "# claude-proxy env --shell fish | source"),
    "powershell": ("$env:%s = %s", quote_powershell, "# claude-proxy env | Out-String | Invoke-Expression"),
    "cmd": ('set "%s=%s"', quote_cmd, "rem claude-proxy env --shell cmd > env.cmd & env.cmd"),
}


def in_shell(shell: str, variables: Mapping[str, str]) -> str:
    """The lines that set `variables` in a shell."""
    form, quote, usage = SHELLS[shell]
    lines = [usage] + [form % (name, quote(value)) for name, value in variables.items()]      # type: ignore[operator]
    return "\n".join(lines)


def guess_shell(environ: Mapping[str, str], platform: str) -> str:
    """The shell that is probably used: `platform` as os.name."""
    if platform == "nt":
        return "powershell" if environ.get("PSModulePath") and not environ.get("PROMPT") else "cmd"
    return "fish" if environ.get("SHELL", "").endswith("fish") else "bash"
