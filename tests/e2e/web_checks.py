"""Web pages in a real Chromium against the proxy: web_checks.py --proxy "python3 -m claude_proxy".

The proxy listens on loopback and asks for no key, as most do. A page from elsewhere must get no answer and cause no call
to a provider, whatever it tries; a page of http://localhost may use the API. The names of strangers are mapped to this
machine, as a name server does that rebinds one. Prints a line for each check and ends with 1 if one failed.
"""
import argparse
import http.server
import json
import pathlib
import shlex
import shutil
import sys
import tempfile
import threading
import traceback

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

import browser  # noqa: E402
import fake_provider  # noqa: E402
import sealed  # noqa: E402

EVIL, REBOUND = "evil.example", "rebound.example"
ANSWER = "the answer that costs money"
BODY = {"model": "costly", "max_tokens": 32, "messages": [{"role": "user", "content": "hi"}]}
CHECKS = []

# What a page can see of one fetch: its status and words, or why not.
FETCH = """
const [url, options] = arguments;
return fetch(url, options).then(a => a.text().then(t => ({type: a.type, status: a.status, text: t})),
                                e => ({error: String(e)}));
"""
# The pieces of a streamed answer: [milliseconds since the first, text].
STREAM = """
const [url, options] = arguments;
return fetch(url, options).then(async answer => {
  const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader(), pieces = [];
  let began = 0;
  for (;;) {
    const {done, value} = await reader.read();
    if (done) return {status: answer.status, id: answer.headers.get('request-id'), pieces};
    began = began || performance.now();
    pieces.push([performance.now() - began, value]);
  }
});
"""
FORM = """
const [url, kind, name] = arguments, form = document.createElement('form'), field = document.createElement('input');
form.action = url; form.method = 'POST'; form.enctype = kind; form.target = name;
field.name = '{"x": "'; field.value = '", "model": "costly", "max_tokens": 9, "messages": [{"role": "user", "content": "hi"}]}';
form.append(field); document.body.append(form);
const frame = document.createElement('iframe'); frame.name = name; document.body.append(frame);
return new Promise(done => { frame.onload = () => done(true); setTimeout(() => done(false), 3000); form.submit(); });
"""
TAG = """
const [tag, attribute, url] = arguments, element = document.createElement(tag);
return new Promise(done => {
  element.onload = () => done('load'); element.onerror = () => done('error'); setTimeout(() => done('nothing'), 3000);
  element[attribute] = url; document.body.append(element);
});
"""


def check(function):
    CHECKS.append(function)
    return function


def post(kind="application/json", stream=False, **options):
    body = json.dumps(dict(BODY, stream=stream))
    return dict({"method": "POST", "headers": {"Content-Type": kind} if kind else {}, "body": body}, **options)


class Scene:
    """The window, the provider, and the ports of the proxy and of the pages."""

    def __init__(self, window, provider, port, page_port):
        self.window, self.provider, self.port, self.page_port = window, provider, port, page_port

    def page(self, host):
        self.window.open("http://%s:%d/" % (host, self.page_port))

    def proxies(self, *hosts):
        return ["http://%s:%d" % (host, self.port) for host in hosts or ("127.0.0.1", "localhost", "0.0.0.0", REBOUND)]

    def refused(self, script, *arguments):
        """Run it in the page: nothing of an answer is seen, and no provider is asked."""
        before = len(self.provider.requests)
        seen = json.dumps(self.window.run(script, *arguments))
        assert ANSWER not in seen and "claude" not in seen.replace("claude-proxy", ""), seen
        assert len(self.provider.requests) == before, "the provider was asked"
        return seen


@check
def a_simple_post_from_elsewhere(scene):
    scene.page(EVIL)
    for proxy in scene.proxies():
        for kind in ("text/plain", "application/x-www-form-urlencoded", ""):
            for mode in ("cors", "no-cors"):
                scene.refused(FETCH, proxy + "/v1/messages", post(kind, mode=mode))


@check
def a_preflighted_post_from_elsewhere(scene):
    scene.page(EVIL)
    for proxy in scene.proxies():
        for more in ({}, {"headers": {"Content-Type": "application/json", "x-api-key": "k", "anthropic-version": "2023-06-01"}},
                     {"credentials": "include"}):
            for stream in (False, True):
                assert "error" in scene.refused(FETCH, proxy + "/v1/messages", post(stream=stream, **more))


@check
def reading_from_elsewhere(scene):
    scene.page(EVIL)
    for proxy in scene.proxies():
        for path in ("/v1/models", "/api/status", "/api/events", "/metrics", "/health", "/"):
            assert "error" in scene.refused(FETCH, proxy + path, {"mode": "cors"})


@check
def forms_frames_and_tags_from_elsewhere(scene):
    scene.page(EVIL)
    for number, proxy in enumerate(scene.proxies()):
        for kind in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data"):
            scene.refused(FORM, proxy + "/v1/messages", kind, "frame%d%s" % (number, kind[:4]))
        for tag, attribute, path in (("img", "src", "/v1/models"), ("script", "src", "/api/status"), ("link", "href", "/metrics")):
            assert "load" not in scene.refused(TAG, tag, attribute, proxy + path)
        scene.refused("navigator.sendBeacon(arguments[0], arguments[1]); return fetch('/').then(() => 1)",
                      proxy + "/v1/messages", json.dumps(BODY))


@check
def a_page_without_an_origin(scene):
    scene.page(EVIL)
    sandboxed = """
    const frame = document.createElement('iframe'); frame.sandbox = 'allow-scripts';
    const said = new Promise(done => { onmessage = e => done(e.data); setTimeout(() => done('silent'), 4000); });
    frame.srcdoc = '<script>fetch("' + arguments[0] + '/v1/messages", {method: "POST", body: JSON.stringify(' + arguments[1] +
      ')}).then(a => a.text()).then(t => parent.postMessage(t, "*"), e => parent.postMessage("error " + e, "*"))</scr' + 'ipt>';
    document.body.append(frame); return said;
    """
    for proxy in scene.proxies("127.0.0.1", "localhost", "0.0.0.0"):
        assert "error" in scene.refused(sandboxed, proxy, json.dumps(BODY))


@check
def a_name_that_was_rebound(scene):
    scene.window.open("http://%s:%d/" % (REBOUND, scene.port))          # the proxy itself, under the stranger's name
    assert "does not name this server" in scene.window.text()
    for kind in ("application/json", "text/plain"):
        for stream in (False, True):
            assert "permission_error" in scene.refused(FETCH, "/v1/messages", post(kind, stream))
    for path in ("/v1/models", "/api/status", "/metrics"):
        assert "permission_error" in scene.refused(FETCH, path, {})


@check
def the_address_0_0_0_0(scene):
    scene.window.open("http://0.0.0.0:%d/" % scene.port)
    assert "<title>" not in scene.window.text() and "does not name this server" in scene.window.text()
    assert "permission_error" in scene.refused(FETCH, "/v1/messages", post())


@check
def a_page_of_localhost_may(scene):
    for host in ("localhost", "127.0.0.1"):
        scene.page(host)
        for proxy in scene.proxies("127.0.0.1", "localhost"):
            before = len(scene.provider.requests)
            seen = scene.window.run(FETCH, proxy + "/v1/messages", post(headers={
                "Content-Type": "application/json", "x-api-key": "any", "anthropic-version": "2023-06-01"}))
            assert seen["status"] == 200 and ANSWER in seen["text"], seen
            assert len(scene.provider.requests) == before + 1
            models = scene.window.run(FETCH, proxy + "/v1/models", {})
            assert models["status"] == 200, models


@check
def a_page_of_localhost_sees_a_stream_as_it_comes(scene):
    scene.page("localhost")
    scene.provider.script = {"text": "one two three four five six", "gap": 0.1}
    try:
        seen = scene.window.run(STREAM, scene.proxies("127.0.0.1")[0] + "/v1/messages", post(stream=True))
    finally:
        scene.provider.script = {"text": ANSWER}
    text = "".join(piece for _, piece in seen["pieces"])
    assert seen["status"] == 200 and seen["id"].startswith("req_"), seen["id"]
    assert "event: message_start" in text and "event: message_stop" in text
    assert len(seen["pieces"]) > 3 and seen["pieces"][-1][0] > 200, seen["pieces"]


@check
def an_error_can_be_read_by_the_page_that_may(scene):
    scene.page("localhost")
    seen = scene.window.run(FETCH, scene.proxies("127.0.0.1")[0] + "/v1/messages", dict(post(), body="{}"))
    assert seen["status"] == 400 and "invalid_request_error" in seen["text"], seen


# -- the scene

class Pages(http.server.BaseHTTPRequestHandler):
    """An empty page, whatever is asked for."""

    def do_GET(self):
        page = b"<!doctype html><meta charset=utf-8><title>page</title><body>page"
        self.send_response(200)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.send_header("Content-Length", str(len(page)))
        self.end_headers()
        self.wfile.write(page)

    def log_message(self, *arguments):
        pass


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--proxy", default="%s -m claude_proxy" % shlex.quote(sys.executable))
    options = parser.parse_args()
    if not browser.is_here():
        print("skip web: no chromium and chromedriver here (Debian: apt-get install chromium chromium-driver)")
        return 0
    folder = pathlib.Path(tempfile.mkdtemp(prefix="web-"))
    pages = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Pages)
    threading.Thread(target=pages.serve_forever, daemon=True).start()
    try:
        with fake_provider.FakeProvider() as provider:
            provider.script = {"text": ANSWER}
            return with_proxy(options, folder, provider, pages.server_port)
    finally:
        pages.shutdown()
        pages.server_close()
        shutil.rmtree(str(folder), ignore_errors=True)


def with_proxy(options, folder, provider, page_port):
    config = sealed.write_config(folder, provider.url, {"default": "costly"})

    def work(url):
        mapped = "--host-resolver-rules=" + ",".join("MAP %s 127.0.0.1" % name for name in (EVIL, REBOUND))
        with browser.Browser(mapped) as window:
            return play(Scene(window, provider, int(url.rpartition(":")[2]), page_port))

    return sealed.with_proxy(shlex.split(options.proxy), config, folder, work)


def play(scene):
    failed = 0
    for function in CHECKS:
        name = function.__name__.replace("_", " ")
        try:
            function(scene)
            print("pass web %s" % name, flush=True)
        except Exception as problem:
            failed += 1
            traceback.print_exc()
            print("FAIL web %s: %s" % (name, str(problem)[:300]), flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
