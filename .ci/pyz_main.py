"""claude-proxy in one file: this finds the package's modules in `modules`, beside it in this archive.

They are compressed together there, without comments, docstrings and types, because that makes it half as large; the
lines keep their numbers, so a traceback fits the repository.
"""
import sys

if sys.version_info < (3, 7):
    sys.exit("claude-proxy needs Python 3.7 or newer, and %s is %d.%d. Start it with a newer one, for example "
             "`python3.12 claude-proxy.pyz` (RHEL 8: `dnf install python3.12`)."
             % ((sys.executable,) + sys.version_info[:2]))

import importlib.abc  # noqa: E402
import importlib.util  # noqa: E402
import os  # noqa: E402


class Bundle(importlib.abc.SourceLoader, importlib.abc.MetaPathFinder):
    """Finds and loads modules from a dict of texts; `root` is the archive's path, which their __file__ begins with."""

    def __init__(self, files, root):
        self.files = files
        self.root = root

    def find_spec(self, name, path=None, target=None):
        if self._file(name) is None:
            return None
        return importlib.util.spec_from_file_location(name, self.get_filename(name), loader=self)

    def _file(self, name):
        base = name.replace(".", "/")
        return next((file for file in (base + "/__init__.py", base + ".py") if file in self.files), None)

    def get_filename(self, name):
        file = self._file(name)
        if file is None:
            raise ImportError(name)
        return os.path.join(self.root, *file.split("/"))

    def get_data(self, path):
        file = os.path.relpath(path, self.root).replace(os.sep, "/")
        if file not in self.files:
            raise OSError(path)
        return self.files[file].encode("utf-8")


parts = __loader__.get_data("modules").decode("utf-8").split("\0")          # path, text, path, text ...
sys.meta_path.insert(0, Bundle(dict(zip(parts[::2], parts[1::2])), os.path.abspath(os.path.dirname(__file__))))

from claude_proxy.cli import run  # noqa: E402

if __name__ == "__main__":
    run()
