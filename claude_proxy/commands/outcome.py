"""How a command ends: the exit codes, and the failure that carries one with its sentence.

The codes are those of sysexits.h where it has one; `os.EX_*` is absent on Windows.
"""

OK = 0
FAILED = 1              # `check` found something to mend
USAGE = 2               # argparse's own
UNAVAILABLE = 69        # the port is taken, a provider or the proxy cannot be reached
CANNOT_CREATE = 73      # a file is there already, or its folder cannot be written
CONFIG = 78             # the configuration has mistakes
NOT_EXECUTABLE = 126    # `run`: as a shell does it
NOT_FOUND = 127
INTERRUPTED = 130       # Ctrl-C


class Failure(Exception):
    """A command cannot go on. The message says what is wrong and what to do; `code` is the exit code."""

    def __init__(self, message: str, code: int = FAILED) -> None:
        super().__init__(message)
        self.message = message
        self.code = code
