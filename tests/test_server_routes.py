"""Which handler answers which method and path."""
import pytest

from claude_proxy.errors import MethodNotAllowed, ProxyError
from claude_proxy.server import handlers
from claude_proxy.server.routes import ROUTES, find

FOUND = [
    # method  path                                        handler           provider        model id
    ("POST", "/v1/messages",                              "create_message", None,           None),
    ("POST", "/v1/v1/messages",                           "create_message", None,           None),
    ("POST", "//v1/messages",                             "create_message", None,           None),
    ("POST", "/v1/messages/v1/messages",                  "create_message", None,           None),
    ("POST", "/x/v1/messages/v1/messages/count_tokens",   "count_tokens",   "x",            None),
    ("POST", "/deepseek/v1/messages",                     "create_message", "deepseek",     None),
    ("POST", "/deepseek/v1/v1/messages",                  "create_message", "deepseek",     None),
    ("POST", "/%E7%A1%85%E5%9F%BA/v1/messages",           "create_message", "\u7845\u57fa", None),
    ("POST", "/\xe7\xa1\x85\xe5\x9f\xba/v1/messages",     "create_message", "\u7845\u57fa", None),    # raw UTF-8
    ("POST", "/a%2Fb/v1/messages",                        "create_message", "a/b",          None),
    ("POST", "/%76%31/messages",                          "create_message", None,           None),
    ("POST", "/api/v1/messages",                          "create_message", "api",          None),    # no such provider
    ("POST", "/v1/messages/count_tokens",                 "count_tokens",   None,           None),
    ("POST", "/x/v1/messages/count_tokens",               "count_tokens",   "x",            None),
    ("GET",  "/v1/models",                                "list_models",    None,           None),
    ("HEAD", "/v1/models",                                "list_models",    None,           None),
    ("GET",  "/x/v1/models",                              "list_models",    "x",            None),
    ("GET",  "/v1/models/claude-sonnet-5",                "show_model",     None,           "claude-sonnet-5"),
    ("GET",  "/v1/models/deepseek/deepseek-chat",         "show_model",     None,           "deepseek/deepseek-chat"),
    ("GET",  "/v1/models/deepseek%2Fdeepseek-chat",       "show_model",     None,           "deepseek/deepseek-chat"),
    ("GET",  "/v1/models/qwen3%3A8b",                     "show_model",     None,           "qwen3:8b"),
    ("GET",  "/x/v1/v1/models/a",                         "show_model",     "x",            "a"),
    ("GET",  "/",                                         "dashboard",      None,           None),
    ("HEAD", "/",                                         "dashboard",      None,           None),
    ("GET",  "/api/status",                               "status",         None,           None),
    ("HEAD", "/api/hello",                                "alive",          None,           None),
    ("HEAD", "/x",                                        "probe",          "x",            None),
    ("HEAD", "/x/",                                       "probe",          "x",            None),
    ("HEAD", "/x/v1",                                     "probe",          "x",            None),
    ("HEAD", "/x/api/hello",                              "probe",          "x",            None),
]


@pytest.mark.parametrize("method, path, handler, provider, model_id", FOUND)
def test_found(method, path, handler, provider, model_id):
    match = find(method, path)
    assert (match.route.handler, match.provider, match.model_id) == (handler, provider, model_id)


@pytest.mark.parametrize("method, path, status", [
    ("GET", "/v1", 404), ("GET", "/v1/", 404), ("POST", "/v1/messages/", 404), ("POST", "/v1/messages/x", 404),
    ("POST", "/messages", 404), ("POST", "/x/messages", 404), ("POST", "/x/y/v1/messages", 404),
    ("POST", "/v1/messages/v1/x", 404), ("POST", "/v1/messages/messages", 404), ("POST", "/v1/v1/v1/messages", 404), ("POST", "/v1/messages/batches", 404), ("POST", "/v1/files", 404),
    ("GET", "/v1/models/", 404), ("GET", "/v1/models/a//b", 404), ("GET", "/x/health", 404), ("GET", "/x", 404),
    ("GET", "/v1/models/{id}/", 404), ("HEAD", "/x/y", 404), ("HEAD", "/favicon.ico/x", 404),
    ("GET", "/<script>alert(1)</script>", 404), ("GET", "/%3Cscript%3E", 404), ("PUT", "/<b>/v1/messages", 405),
    ("GET", "//", 404), ("HEAD", "//", 404), ("GET", "///", 404), ("GET", "//x", 404),
    ("GET", "/V1/messages", 404), ("GET", "/index.html", 404), ("GET", "/health/", 404), ("GET", "/%2Fhealth", 404),
    ("GET", "/%252e%252e/x", 404), ("GET", "/api%2Fstatus", 404), ("POST", "/v1%2Fmessages", 404),
    ("POST", "/x/v1%2fmessages", 404), ("GET", "/v1%2Fmodels/x", 404),
    ("GET", "/..", 400), ("GET", "/%2e%2e/health", 400), ("GET", "/./health", 400), ("GET", "/x%00", 400),
    ("GET", "/x%0a", 400), ("GET", "/x%C2%85", 400), ("GET", "/%E2%80%A8", 400),
    ("GET", "/%", 400), ("GET", "/%g0", 400), ("GET", "/%C3%28", 400),
])
def test_refused(method, path, status):
    with pytest.raises(ProxyError) as caught:
        find(method, path)
    assert caught.value.status == status
    assert "<" not in caught.value.message and len(caught.value.message) < 200


@pytest.mark.parametrize("method, path, allow", [
    ("GET", "/v1/messages", "POST, OPTIONS"), ("DELETE", "/x/v1/messages", "POST, OPTIONS"),
    ("HEAD", "/v1/messages", "POST, OPTIONS"), ("POST", "/v1/models", "GET, HEAD, OPTIONS"),
    ("POST", "/", "GET, HEAD, OPTIONS"), ("TRACE", "/health", "GET, HEAD, OPTIONS"),
])
def test_wrong_method(method, path, allow):
    with pytest.raises(MethodNotAllowed) as caught:
        find(method, path)
    assert caught.value.headers == {"allow": allow}


def test_every_route_has_its_handler():
    for route in ROUTES:
        assert callable(getattr(handlers, route.handler)), route
