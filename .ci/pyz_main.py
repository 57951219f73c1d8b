"""claude-proxy in one file: this finds the package's modules in `modules`, beside it in this archive.

They are compressed together there, without comments, docstrings and types, because that makes it half as large; the
lines keep their numbers, so a traceback fits the repository.
"""
import sys

if sys.version_info < (3, 7):
    sys.exit("claude-proxy needs Python 3.7 or newer, and %s is %d.%d. Start it with a newer one, for example "
             "`python3.12 claude-proxy.pyz` (RHEL 8: `dnf install python3.12`)."
             % ((sys.executable,) + sys.version_info[:2]))

import os  # noqa: E402
from importlib.machinery import ModuleSpec  # noqa: E402


class Bundle:
    """Finds and loads modules from a dict of texts in UTF-8; `root` is the archive's path, where __file__ begins.

    importlib's SourceLoader would look for files and for bytecode first: a tenth of a start.
    """

    def __init__(self, files, root):
        self.files = files
        self.root = root

    def find_spec(self, name, path=None, target=None):
        base = name.replace(".", "/")
        for file, is_package in ((base + "/__init__.py", True), (base + ".py", False)):
            if file in self.files:
                spec = ModuleSpec(name, self, origin=os.path.join(self.root, *file.split("/")), is_package=is_package)
                spec.has_location = True
                return spec
        return None

    def create_module(self, spec):
        return None                     # the usual one

    def exec_module(self, module):
        exec(compile(self.get_source(module.__name__), module.__file__, "exec", dont_inherit=True), module.__dict__)

    def get_source(self, name):
        """The text of a module; tracebacks show its lines."""
        base = name.replace(".", "/")
        return (self.files.get(base + ".py") or self.files[base + "/__init__.py"]).decode("utf-8")

    def get_data(self, path):
        """The bytes of a file beside a module (pkgutil.get_data)."""
        file = os.path.relpath(path, self.root).replace(os.sep, "/")
        if file not in self.files:
            raise OSError(path)
        return self.files[file]


parts = __loader__.get_data("modules").split(b"\0")          # path, text, path, text ...
texts = {path.decode("utf-8"): text for path, text in zip(parts[::2], parts[1::2])}
sys.meta_path.insert(0, Bundle(texts, os.path.abspath(os.path.dirname(__file__))))

from claude_proxy.cli import run  # noqa: E402

if __name__ == "__main__":
    run()
