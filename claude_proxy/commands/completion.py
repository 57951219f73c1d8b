"""Print the completion of a shell: commands, their options, the values that an option takes, files.

It is made from the program's own parsers, so that it knows what this version knows.
"""
from __future__ import annotations

from typing import TYPE_CHECKING, Callable, Dict, List

from .words import Command, Option, commands

if TYPE_CHECKING:
    import argparse

EXAMPLES = """\
examples:
  bash        eval "$(claude-proxy completion bash)"        in ~/.bashrc
  zsh         eval "$(claude-proxy completion zsh)"         in ~/.zshrc
  fish        claude-proxy completion fish > \\
                  ~/.config/fish/completions/claude-proxy.fish
  PowerShell  claude-proxy completion powershell | Out-String |
                  Invoke-Expression                         in $PROFILE
"""


def arguments(parser: argparse.ArgumentParser) -> None:
    """The argument of `completion`."""
    parser.add_argument("shell", choices=sorted(SHELLS), metavar="SHELL", help="bash, zsh, fish or powershell")


def main(options: argparse.Namespace) -> int:
    """Print it -> exit code."""
    print(SHELLS[options.shell](commands()), end="")
    return 0


def takes_file(option: Option) -> bool:
    """Its value is the name of a file."""
    return "FILE" in option.value


def flags(command: Command) -> List[str]:
    """Every name of every option."""
    return [name for option in command.options for name in option.names]


def quoted(text: str) -> str:
    """A word of sh and zsh."""
    return "'%s'" % text.replace("'", "'\\''")


# -- bash

BASH = """\
# bash completion for claude-proxy
_claude_proxy() {
    local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD-1]} command=serve at
    COMPREPLY=()
    for ((at = 1; at < COMP_CWORD; at++)); do
        case ${COMP_WORDS[at]} in
            --) type _command_offset &>/dev/null && _command_offset $((at + 1)); return ;;
            %(names_bar)s) command=${COMP_WORDS[at]}; break ;;
        esac
    done
    if [[ $COMP_CWORD -eq 1 && $word != -* ]]; then
        COMPREPLY=($(compgen -W "%(names)s" -- "$word"))
        return
    fi
    case $command in
%(cases)s
    esac
}
complete -o default -F _claude_proxy claude-proxy claude-proxy.pyz
"""


def bash(found: List[Command]) -> str:
    """For bash 3.2 and newer."""
    names = [command.name for command in found]
    return BASH % {"names": " ".join(names), "names_bar": "|".join(names),
                   "cases": "\n".join(_bash_case(command) for command in found)}


def _bash_case(command: Command) -> str:
    lines = ["        %s)" % command.name, "            case $before in"]
    for option in command.options:
        if option.names and option.choices:
            lines.append('                %s) COMPREPLY=($(compgen -W "%s" -- "$word")); return ;;' % (
                "|".join(option.names), " ".join(option.choices)))
        elif option.names and option.value:
            what = 'COMPREPLY=($(compgen -f -- "$word")); return' if takes_file(option) else "return"
            lines.append("                %s) %s ;;" % ("|".join(option.names), what))
    words = flags(command) + [choice for option in command.options if not option.names for choice in option.choices]
    return "\n".join(lines + ["            esac",
                              '            COMPREPLY=($(compgen -W "%s" -- "$word")) ;;' % " ".join(words)])


# -- zsh

ZSH = """\
#compdef claude-proxy claude-proxy.pyz
_claude_proxy() {
    local -a commands
    commands=(
%(commands)s
    )
    if (( CURRENT == 2 )) && [[ $words[2] != -* ]]; then
        _describe -t commands command commands
        return
    fi
    local command=serve
    if (( ${commands[(I)$words[2]:*]} )); then
        command=$words[2]
        shift words
        (( CURRENT-- ))
    fi
    case $command in
%(cases)s
    esac
}
if [[ $zsh_eval_context[-1] == loadautofunc ]]; then
    _claude_proxy "$@"
else
    (( $+functions[compdef] )) || { autoload -Uz compinit && compinit; }
    compdef _claude_proxy claude-proxy claude-proxy.pyz
fi
"""


def zsh(found: List[Command]) -> str:
    """For zsh, as a file of $fpath or by eval."""
    return ZSH % {
        "commands": "\n".join("        " + quoted("%s:%s" % (one.name, one.summary)) for one in found),
        "cases": "\n".join("        %s) _arguments -s %s ;;" % (one.name, " ".join(
            _zsh_spec(option) for option in one.options)) for one in found)}


def _zsh_spec(option: Option) -> str:
    about = option.help.replace("[", "(").replace("]", ")").replace(":", "\\:")
    action = "(%s)" % " ".join(option.choices) if option.choices else "_files" if takes_file(option) else " "
    if not option.names:
        return quoted("*:%s:%s" % (about, "_command_names -e" if "..." in option.value else action))
    value = ":%s:%s" % (option.value.replace(":", "\\:"), action) if option.value else ""
    return " ".join(quoted("%s[%s]%s" % (name, about, value)) for name in option.names)


# -- fish

def fish(found: List[Command]) -> str:
    """For fish 3 and newer."""
    names = " ".join(command.name for command in found)
    lines = ["# fish completion for claude-proxy", "complete -c claude-proxy -f"]
    for command in found:
        lines.append("complete -c claude-proxy -n %s -a %s -d %s" % (
            _fish_quoted("not __fish_seen_subcommand_from " + names), command.name, _fish_quoted(command.summary)))
        where = "__fish_seen_subcommand_from %s" % command.name
        if command.name == "serve":
            where += "; or not __fish_seen_subcommand_from %s" % names
        lines += [line for option in command.options for line in _fish_option(option, where)]
    return "\n".join(lines) + "\n"


def _fish_option(option: Option, where: str) -> List[str]:
    parts = ["complete -c claude-proxy -n %s" % _fish_quoted(where)]
    for name in option.names:
        parts.append("-l %s" % name[2:] if name.startswith("--") else "-s %s" % name[1:])
    if option.names and option.value:
        parts.append("-r -F" if takes_file(option) else "-x")
    if option.choices:
        parts.append("-a %s" % _fish_quoted(" ".join(option.choices)))
    elif not option.names:
        return []
    return [" ".join(parts + ["-d %s" % _fish_quoted(option.help)])]


def _fish_quoted(text: str) -> str:
    return "'%s'" % text.replace("\\", "\\\\").replace("'", "\\'")


# -- PowerShell

POWERSHELL = """\
# PowerShell completion for claude-proxy
Register-ArgumentCompleter -Native -CommandName claude-proxy, claude-proxy.pyz -ScriptBlock {
    param($word, $ast, $position)
    $known = [ordered]@{
%(commands)s
    }
    $typed = @($ast.CommandElements | Select-Object -Skip 1 | ForEach-Object { $_.ToString() })
    $command = $typed | Where-Object { $known.Contains($_) } | Select-Object -First 1
    if (-not $command) { $command = 'serve' }
    $offered = @($known[$command])
    if ($typed.Count -eq 0 -or ($typed.Count -eq 1 -and $word)) { $offered = @($known.Keys) + $offered }
    $offered | Where-Object { $_ -like "$word*" } | ForEach-Object {
        [System.Management.Automation.CompletionResult]::new($_, $_, 'ParameterValue', $_)
    }
}
"""


def powershell(found: List[Command]) -> str:
    """For PowerShell 5 and newer."""
    lines = []
    for command in found:
        words = flags(command) + [choice for option in command.options for choice in option.choices]
        lines.append("        '%s' = @(%s)" % (command.name, ", ".join("'%s'" % word for word in words)))
    return POWERSHELL % {"commands": "\n".join(lines)}


SHELLS: Dict[str, Callable[[List[Command]], str]] = {"bash": bash, "zsh": zsh, "fish": fish, "powershell": powershell}
