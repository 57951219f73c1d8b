"""What can be typed: a module for each command, with `SUMMARY`, `EXAMPLES`, `arguments(parser)` and `main(options)`.

A module is imported when its command is asked for, and not before: `serve` must listen at once.
"""
from typing import Tuple

# In the order of the help.
COMMANDS: Tuple[Tuple[str, str], ...] = (
    ("serve", "serve until stopped (what happens without a command)"),
    ("run", "start a program, such as claude, with a proxy of its own"),
    ("env", "print the environment that makes a client use the proxy"),
    ("check", "check the configuration and the running proxy, say what to mend"),
    ("models", "list the providers, their models, and what the names map to"),
    ("route", "say where a request goes and why, without asking anybody"),
    ("status", "show what a running proxy is doing"),
    ("init", "ask three questions and write a configuration"),
    ("service", "print a systemd unit for this program"),
    ("demo", "serve the built-in demo provider's answers, whatever is configured"),
    ("completion", "print the completion of bash, zsh, fish or PowerShell"),
    ("man", "print the manual page"),
)
