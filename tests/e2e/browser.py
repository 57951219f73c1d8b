"""A headless Chromium, driven over WebDriver with the standard library alone; needs chromium and chromedriver.

https://www.w3.org/TR/webdriver2/
"""
import base64
import json
import os
import pathlib
import shutil
import subprocess
import tempfile
import time
import urllib.error
import urllib.request

FLAGS = ("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync",
         "--disable-background-networking", "--disable-component-update", "--hide-scrollbars", "--force-color-profile=srgb")
SECONDS = 15


def is_here():
    """Whether this machine has what it takes."""
    return bool(shutil.which("chromium") and shutil.which("chromedriver"))


class Browser:
    """A context manager: one window, in a profile of its own. `flags`: more of Chromium's."""

    def __init__(self, *flags):
        self.flags = list(FLAGS + flags)

    def __enter__(self):
        self.folder = tempfile.mkdtemp(prefix="browser-")
        self.driver = next(filter(None, (self._started() for _ in range(3))))
        wanted = {"browserName": "chrome", "goog:loggingPrefs": {"browser": "ALL", "performance": "ALL"},
                  "goog:chromeOptions": {"binary": shutil.which("chromium"), "args": self.flags + [
                      "--user-data-dir=%s" % os.path.join(self.folder, "profile")]}}
        made = self._ask("POST", "/session", {"capabilities": {"alwaysMatch": wanted}})
        self.session = "/session/%s" % made["sessionId"]
        return self

    def _started(self):
        """The running driver; None where it ended at once, as it does when somebody takes its port."""
        driver = subprocess.Popen(["chromedriver", "--port=0", "--log-path=%s" % os.path.join(self.folder, "log")],
                                  stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        for line in driver.stdout:
            if b"successfully on port" in line:
                self.address = "http://127.0.0.1:%d" % int(line.split()[-1].rstrip(b"."))
                return driver
        driver.stdout.close()
        driver.wait(SECONDS)
        return None

    def __exit__(self, *exc_info):
        try:
            self._ask("DELETE", self.session)
        finally:
            self.driver.terminate()
            self.driver.wait(SECONDS)
            self.driver.stdout.close()
            shutil.rmtree(self.folder, ignore_errors=True)

    def _ask(self, method, path, body=None):
        data = json.dumps(body or {}).encode() if method == "POST" else None
        request = urllib.request.Request(self.address + path, data, {"Content-Type": "application/json"}, method=method)
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        try:
            with opener.open(request, timeout=60) as answer:
                return json.loads(answer.read().decode("utf-8"))["value"]
        except urllib.error.HTTPError as error:
            raise AssertionError(error.read().decode("utf-8", "replace")[:600]) from None

    # -- what a person does and sees

    def open(self, url):
        """Load a page."""
        self._ask("POST", self.session + "/url", {"url": url})

    def run(self, script, *arguments):
        """Run `script` in the page: what it returns."""
        return self._ask("POST", self.session + "/execute/sync", {"script": script, "args": list(arguments)})

    def text(self, selector="body"):
        """What can be read there; "" where it is not."""
        return self.run("const e = document.querySelector(arguments[0]); return e ? e.innerText : ''", selector)

    def wait(self, claim, seconds=SECONDS):
        """Wait until the JavaScript expression holds; its value."""
        end = time.monotonic() + seconds
        while True:
            value = self.run("return " + claim)
            if value:
                return value
            assert time.monotonic() < end, "never came true: %s\n%s" % (claim, self.text()[:1500])
            time.sleep(0.05)

    def click(self, selector):
        """Click the first one."""
        self._ask("POST", self.session + "/element/%s/click" % self._find(selector))

    def type(self, selector, text):
        """Type, key by key; "\\ue007" is Enter."""
        self._ask("POST", self.session + "/element/%s/value" % self._find(selector), {"text": text})

    def _find(self, selector):
        found = self._ask("POST", self.session + "/element", {"using": "css selector", "value": selector})
        return next(iter(found.values()))

    # -- how the window is

    def command(self, name, **parameters):
        """A command of the DevTools protocol."""
        return self._ask("POST", self.session + "/goog/cdp/execute", {"cmd": name, "params": parameters})

    def dress(self, width=1280, height=900, dark=False, phone=False):
        """The window's size, and what the person prefers."""
        self.command("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=phone)
        self.command("Emulation.setEmulatedMedia", features=[
            {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}])

    def speak(self, language):
        """The languages that the pages which are opened from now on are told of."""
        self.command("Page.addScriptToEvaluateOnNewDocument",
                     source="Object.defineProperty(navigator, 'language', {get: () => %s})" % json.dumps(language))

    def screenshot(self, path, whole=True):
        """Write a PNG of the page."""
        data = self.command("Page.captureScreenshot", format="png", captureBeyondViewport=whole)["data"]
        pathlib.Path(path).write_bytes(base64.b64decode(data))

    def console(self):
        """What the page has said since the last time: [(level, message)]."""
        said = self._ask("POST", self.session + "/se/log", {"type": "browser"})
        return [(entry["level"], entry["message"]) for entry in said]

    def asked(self):
        """The addresses that were asked for since the last time."""
        entries = self._ask("POST", self.session + "/se/log", {"type": "performance"})
        events = [json.loads(entry["message"])["message"] for entry in entries]
        return [event["params"]["request"]["url"] for event in events if event["method"] == "Network.requestWillBeSent"]
