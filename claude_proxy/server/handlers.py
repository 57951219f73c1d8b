"""What the routes do, in terms of the other rooms. Each takes (app, request, answer, record) and answers once."""
from __future__ import annotations

import base64
import re
from typing import TYPE_CHECKING, Any, Dict, List, Tuple
from urllib.parse import parse_qs

from .. import relay, routing
from ..errors import NotFound
from .live import events  # noqa: F401  (GET /api/events: the route table names it)

if TYPE_CHECKING:
    from ..observe.record import Record
    from .application import Application
    from .request import Request
    from .answers import Answer


def create_message(app: Application, request: Request, answer: Answer, record: Record) -> None:
    """POST /v1/messages"""
    limit = app.door.limits.get(request.key_name) if request.key_name else None
    with app.places.hold(request.key_name, limit):
        relay.create_message(app, request, answer, request.provider, record)


def count_tokens(app: Application, request: Request, answer: Answer, record: Record) -> None:
    """POST /v1/messages/count_tokens"""
    relay.count_tokens(app, request, answer, request.provider, record)


# -- models

def list_models(app: Application, request: Request, answer: Answer, record: Record) -> None:
    """GET /v1/models?limit=20&after_id=..&before_id=.."""
    answer.json(200, routing.models_page(app.config, provider=request.provider, **page_of(request.query)))


def show_model(app: Application, request: Request, answer: Answer, record: Record) -> None:
    """GET /v1/models/{id}"""
    answer.json(200, routing.model_info(app.config, request.model_id or "", provider=request.provider))


def page_of(query: str) -> Dict[str, str]:
    """{"limit", "after_id", "before_id"}, those that a query has; what else stands in it is ignored."""
    values = parse_qs(query, keep_blank_values=True, errors="replace")
    return {name: values[name][-1] for name in ("limit", "after_id", "before_id") if name in values}


# -- health

def alive(app: Application, request: Request, answer: Answer, record: Record) -> None:
    """GET /health and its other names: the process answers."""
    answer.json(200, {"status": "ok"})


def ready(app: Application, request: Request, answer: Answer, record: Record) -> None:
    """GET /readyz: 503 once the process is on its way out, so that a load balancer turns elsewhere."""
    if app.draining:
        answer.json(503, {"status": "draining"})
    else:
        answer.json(200, {"status": "ok"})


def probe(app: Application, request: Request, answer: Answer, record: Record) -> None:
    """HEAD of a base URL with a provider's name, as Claude Code asks it at its start. Without a key it names none."""
    if app.config.provider(request.provider or "") is None and app.door.knows(request.headers):
        raise NotFound("no provider has that name")
    answer.json(200, {"status": "ok"})


# -- operation

def metrics(app: Application, request: Request, answer: Answer, record: Record) -> None:
    """GET /metrics, for Prometheus: of all processes that share the port."""
    answer.content(200, "text/plain; version=0.0.4; charset=utf-8", app.metrics.everywhere().encode("utf-8"))


def status(app: Application, request: Request, answer: Answer, record: Record) -> None:
    """GET /api/status: the dashboard's numbers."""
    answer.json(200, app.metrics.status(app.config, app.learned), {"cache-control": "no-store"})


def dashboard(app: Application, request: Request, answer: Answer, record: Record) -> None:
    """GET /: the dashboard's page; it asks /api/events for its numbers."""
    page, headers = dashboard_page()
    if request.header("if-none-match") == headers["etag"]:
        answer.content(304, "", b"", headers)
    else:
        answer.content(200, "text/html; charset=utf-8", page, headers)


_page = None                                        # the dashboard's bytes and headers, read once


def dashboard_page() -> Tuple[bytes, Dict[str, Any]]:
    """The page and its headers."""
    global _page
    if _page is None:
        import hashlib                              # with OpenSSL behind it: not before it is needed
        import pkgutil
        page = pkgutil.get_data("claude_proxy", "static/dashboard.html") or b""
        _page = (page, {"etag": '"%s"' % hashlib.sha256(page).hexdigest()[:32], "cache-control": "no-cache",
                        "content-security-policy": content_policy(page), "referrer-policy": "no-referrer",
                        "x-frame-options": "DENY"})
    return _page


def content_policy(page: bytes) -> str:
    """A policy under which the page's own inline scripts and styles run, by their hashes, and nothing else."""
    scripts = _hashes(re.findall(rb"<script[^>]*>(.*?)</script>", page, re.S))
    styles = _hashes(re.findall(rb"<style[^>]*>(.*?)</style>", page, re.S))
    return ("default-src 'none'; script-src %s; style-src %s; connect-src 'self'; img-src 'self' data:; "
            "base-uri 'none'; form-action 'none'; frame-ancestors 'none'" % (scripts, styles))


def _hashes(sources: List[bytes]) -> str:
    import hashlib
    found = ["'sha256-%s'" % base64.b64encode(hashlib.sha256(source).digest()).decode("ascii") for source in sources]
    return " ".join(found) or "'none'"
