"""http.server's ThreadingHTTPServer, in half a MiB less.

http.server needs `html` for one function (html.escape), and that brings a table of 2,231 entities. Here it gets a
private `html` that has none; whoever else imports `html` gets the whole of it.
"""
import sys
from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING

HTML = ("html", "html.entities")


def lean_http_server() -> ModuleType:
    """The module http.server, as it is where somebody has loaded it already."""
    whole = {name: sys.modules.pop(name) for name in HTML if name in sys.modules}
    entities = ModuleType("html.entities")
    entities.html5 = {}                 # type: ignore[attr-defined]
    sys.modules["html.entities"] = entities
    try:
        return import_module("http.server")
    finally:
        for name in HTML:
            sys.modules.pop(name, None)
        sys.modules.update(whole)


if TYPE_CHECKING:
    from http.server import ThreadingHTTPServer
else:
    ThreadingHTTPServer = lean_http_server().ThreadingHTTPServer
