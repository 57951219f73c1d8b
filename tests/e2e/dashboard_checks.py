"""The dashboard in a real Chromium: dashboard_checks.py --proxy "python3 -m claude_proxy" [--keep DIR].

Prints a line for each check and ends with 1 if one failed; --keep leaves screenshots there.
"""
import argparse
import json
import pathlib
import shlex
import shutil
import sys
import tempfile
import threading
import time
import traceback
import urllib.error
import urllib.request

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

import browser  # noqa: E402
import fake_provider  # noqa: E402
import sealed  # noqa: E402

KEY = "client-key-of-the-dashboard"
FOREIGN = "<img src=x onerror=alert(1)>"
PRICES = {"input": 0.28, "output": 0.42, "cached": 0.028}
USAGE = {"prompt_tokens": 21400, "completion_tokens": 310, "total_tokens": 21710,
         "prompt_tokens_details": {"cached_tokens": 19200}}
SCRIPTS = {
    "large": {"text": "The answer. " * 40, "usage": USAGE, "gap": 0.004},
    "small": {"text": "Short.", "usage": {"prompt_tokens": 812, "completion_tokens": 57, "total_tokens": 869}},
    "broken": {"status": 500, "error": {"message": "the GPU is on fire " + FOREIGN}},
    "capped": [{"status": 400, "error": {"message": "max_tokens: must be at most 8192", "param": "max_tokens"}},
               {"text": "Now."}],
}
CHECKS = []


def check(function):
    CHECKS.append(function)
    return function


class Scene:
    """What a check is given: the provider, the proxy's address, the browser."""

    def __init__(self, window, provider, url, keep):
        self.window, self.provider, self.url, self.keep = window, provider, url, keep

    def ask(self, model, stream=True):
        """One request to the proxy, to its end."""
        body = {"model": model, "max_tokens": 32000, "stream": stream, "messages": [{"role": "user", "content": "hi"}]}
        request = urllib.request.Request(self.url + "/v1/messages", json.dumps(body).encode(), {
            "Content-Type": "application/json", "x-api-key": KEY, "x-claude-code-session-id": "0f3a-session"})
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:
                return answer.read()
        except urllib.error.HTTPError as error:
            return error.read()

    def enter(self):
        """Load the page and show it the key."""
        self.window.open(self.url + "/")
        self.window.wait("document.getElementById('key-dialog').open")
        self.window.type("#key", KEY + "\ue007")
        self.window.wait(LIVE)

    def picture(self, name):
        if self.keep:
            self.window.screenshot(pathlib.Path(self.keep) / (name + ".png"))


LIVE = "document.querySelector('#live .dot').className === 'dot good'"


@check
def loads_in_a_second(scene):
    began = time.monotonic()
    scene.window.open(scene.url + "/")
    scene.window.wait("document.getElementById('key-dialog').open")
    spent = time.monotonic() - began
    assert spent < 1, "%.2f s" % spent


@check
def asks_for_the_key_and_keeps_it_in_the_tab(scene):
    window = scene.window
    window.open(scene.url + "/")
    window.wait("document.getElementById('key-dialog').open")
    assert window.text("#key-why").startswith("This proxy asks for one of server.client_keys")
    scene.picture("key")
    window.type("#key", "not-the-key\ue007")
    window.wait("document.getElementById('key-dialog').open && document.getElementById('key-why').innerText.includes('not know')")
    window.run("document.getElementById('key').value = ''")
    window.type("#key", KEY + "\ue007")
    window.wait(LIVE)
    assert window.run("return [sessionStorage.length, sessionStorage.getItem('claude-proxy-key')]") == [1, KEY]
    window.open(scene.url + "/")
    window.wait(LIVE)
    assert KEY not in window.run("return document.documentElement.outerHTML")
    said = [line for line in window.console() if line[0] == "SEVERE" and "401" not in line[1]]
    assert said == [], said


@check
def tells_how_to_begin(scene):
    scene.enter()
    said = scene.window.text("#recent")
    assert "ANTHROPIC_BASE_URL=%s claude" % scene.url in said, said
    scene.picture("first")


@check
def follows_a_stream_while_it_runs(scene):
    scene.enter()
    more, gate = threading.Event(), threading.Event()
    scene.provider.scripts["gated"] = {"chunks": [{"delta": {"content": "one " * 40}}, ("wait", more),
                                                  {"delta": {"content": "two " * 40}}, ("wait", gate),
                                                  {"finish": "stop", "usage": USAGE}]}
    asked = threading.Thread(target=scene.ask, args=("fake/gated",))
    asked.start()
    try:
        scene.window.wait("document.querySelectorAll('[data-running]').length === 1", 3)
        scene.window.wait("document.querySelector('[data-running]').innerText.includes('streaming')", 3)
        scene.window.wait("/~40\\b/.test(document.querySelector('[data-running]').innerText)", 3)      # tokens so far
        more.set()
        scene.window.wait("/~80\\b/.test(document.querySelector('[data-running]').innerText)", 3)
        before = scene.window.text("[data-ticks]")
        scene.window.wait("document.querySelector('[data-ticks]').innerText !== %s" % json.dumps(before), 3)
        scene.picture("running")
    finally:
        more.set()
        gate.set()
        asked.join()
    scene.window.wait("document.querySelectorAll('[data-running]').length === 0", 3)
    row = scene.window.text("[data-request]")
    assert "fake/gated" in row and "end_turn" in row and "19.2K" in row and "310" in row, row


@check
def shows_what_happened(scene):
    for model in ("claude-sonnet-5", "claude-haiku-4-5", "fake/broken", "fake/capped", "claude-opus-5", "claude-sonnet-5"):
        scene.ask(model)
    scene.enter()
    window = scene.window
    text = window.wait("document.querySelectorAll('[data-request]').length >= 6 && document.body.innerText")
    assert "the GPU is on fire " + FOREIGN in text and "api_error" in text
    assert window.run("return document.querySelectorAll('main img').length") == 0
    assert '"max_max_tokens": 8192' in window.text("#learned") and "1 retry" in text
    assert "$" in window.text("[data-tile=cost]") and "%" in window.text("[data-tile=cache_share]")
    assert window.run("return document.querySelectorAll('#plots .spot').length") >= 4
    assert window.run("return document.querySelectorAll('#plots .bar, #plots .bar-bad').length") >= 2
    provider = window.text("[data-provider=fake]")
    assert "claude-*haiku*" in provider and "small" in provider and "default" in provider
    assert "no key" in window.text("[data-provider=deepseek]")
    window.click("[data-request] summary")
    assert "0f3a-session" in window.text("[data-request] dl") and "req_" in window.text("[data-request] dl")
    scene.picture("light")
    window.click("[data-filter=faults]")
    shown = window.run("return [...document.querySelectorAll('[data-request]')].map(row => row.innerText)")
    assert shown and all("fire" in text or "retry" in text or "401" in text for text in shown), shown


@check
def looks_right_everywhere(scene):
    window = scene.window
    for name, dress in (("dark", {"dark": True}), ("phone", {"width": 390, "height": 844, "phone": True}),
                        ("phone-dark", {"width": 390, "height": 844, "phone": True, "dark": True}), ("narrow", {"width": 320})):
        window.dress(**dress)
        scene.enter() if not window.run("return sessionStorage.length") else window.open(scene.url + "/")
        window.wait(LIVE)
        window.wait("document.querySelectorAll('[data-request]').length")
        wide = window.run("return document.documentElement.scrollWidth - document.documentElement.clientWidth")
        assert wide <= 0, "%s: %d pixels too wide" % (name, wide)
        page = window.run("return getComputedStyle(document.body).backgroundColor")
        assert (page == "rgb(22, 21, 19)") == bool(dress.get("dark")), (name, page)
        scene.picture(name)


@check
def speaks_chinese(scene):
    window = scene.window
    scene.enter()
    window.click("#language")
    assert window.run("return document.documentElement.lang") == "zh-CN"
    assert "服务商" in window.text() and "最近的请求" in window.text() and "undefined" not in window.text()
    scene.picture("chinese")
    window.click("#language")
    assert "Recent requests" in window.text()
    both = window.run("const keys = language => Object.keys(WORDS[language]).sort().join(); return [keys('en'), keys('zh')]")
    assert both[0] == both[1]


@check
def speaks_the_browser_s_language(scene):
    scene.window.speak("zh-CN")
    scene.window.open(scene.url + "/")
    scene.window.wait("document.documentElement.lang === 'zh-CN' && document.querySelector('#key-dialog').open")
    assert "客户端密钥" in scene.window.text("#key-dialog")


@check
def comes_back_after_a_restart(scene):
    """The events end when the configuration is replaced, and are asked for again."""
    scene.enter()
    scene.window.run("window.before = document.querySelector('#about').innerText")
    config = pathlib.Path(scene.config)
    config.write_text(config.read_text(encoding="utf-8") + "\n", encoding="utf-8")
    time.sleep(3)
    scene.window.wait(LIVE)
    scene.ask("claude-haiku-4-5")
    scene.window.wait("document.querySelector('[data-request]').innerText.includes('claude-haiku-4-5')", 4)


@check
def asks_again_and_again_where_no_events_come(scene):
    scene.window.command("Network.enable")
    scene.window.command("Network.setBlockedURLs", urls=["*/api/events"])
    scene.enter()
    assert "by asking" in scene.window.text("#live")
    scene.window.click("[data-request] summary")
    scene.ask("claude-fable-5")
    scene.window.wait("document.querySelector('[data-request]').innerText.includes('claude-fable-5')", 5)
    assert scene.window.run("return document.querySelectorAll('details[open]').length") == 1
    scene.window.console()                          # that they are blocked


def quiet(scene):
    """The page asked nobody but its own server, and did not complain."""
    asked = [url for url in scene.window.asked() if not url.startswith((scene.url + "/", "data:", "chrome:"))]
    assert asked == [], asked
    said = [line for line in scene.window.console() if line[0] in ("SEVERE", "WARNING") and "401" not in line[1]]
    assert said == [], said


def run_checks(url, provider, config, options):
    failed = 0
    for function in CHECKS:
        if options.only and function.__name__ not in options.only.split(","):
            continue
        provider.scripts.update({name: list(script) if isinstance(script, list) else script for name, script in SCRIPTS.items()})
        with browser.Browser() as window:
            scene = Scene(window, provider, url, options.keep)
            scene.config = config
            window.dress()
            try:
                function(scene)
                quiet(scene)
            except Exception:       # whatever goes wrong is a failed check, not the end of the others
                failed += 1
                print("FAIL dashboard %s\n%s" % (function.__name__, traceback.format_exc(limit=-3)))
            else:
                print("pass dashboard %s" % function.__name__.replace("_", " "), flush=True)
    return failed


def configuration(folder, url):
    rows = {"claude-*haiku*": "small", "default": {"model": "large", "context_window": 131072, "prices": PRICES}}
    config = {"server": {"port": 0, "client_keys": [{"name": "team", "key": KEY}]}, "default_provider": "fake",
              "providers": {"fake": {"base_url": url, "api_key": "sk-fake-0123456789", "max_retries": 0, "models": rows},
                            "deepseek": {}}}
    path = folder / "config.json"
    path.write_text(json.dumps(config, indent=2), encoding="utf-8")
    path.chmod(0o600)
    return path


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--proxy", required=True)
    parser.add_argument("--keep", help="folder for screenshots")
    parser.add_argument("--only", help="names of checks")
    options = parser.parse_args()
    if not browser.is_here():
        print("dashboard: skipped, no chromium and chromedriver here")
        return 0
    if options.keep:
        pathlib.Path(options.keep).mkdir(parents=True, exist_ok=True)
    folder = pathlib.Path(tempfile.mkdtemp(prefix="dashboard-"))
    try:
        with fake_provider.FakeProvider() as provider:
            config = configuration(folder, provider.url)
            failed = sealed.with_proxy(shlex.split(options.proxy), config, folder,
                                       lambda url: run_checks(url, provider, config, options))
    finally:
        shutil.rmtree(str(folder), ignore_errors=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
