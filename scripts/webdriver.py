"""A browser for `browser.py`: Chromium through chromedriver, by the W3C WebDriver protocol.

Not a program. Standard library only; nothing is fetched from anywhere.
"""

import base64
import json
import os
import shutil
import signal
import subprocess
import tempfile
import urllib.error
import urllib.request

from server import Failed
from server import free_port
from server import wait_for

ELEMENT = "element-6066-11e4-a52e-4f735466cecf"
FLAGS = [
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--lang=en",
]


class Browser:
    """A fresh browser; `with Browser() as browser` starts and ends it."""

    def __init__(self, driver="chromedriver", chromium="chromium"):
        self.driver = shutil.which(driver)
        self.chromium = shutil.which(chromium)
        if not self.driver or not self.chromium:
            raise Failed("chromium and chromedriver are installed (apt install chromium-driver)")
        self.url = f"http://127.0.0.1:{free_port()}"
        self.opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        self.session = None

    def __enter__(self):
        self.profile = tempfile.mkdtemp(prefix="browser-")
        port = self.url.rpartition(":")[2]
        # A group of its own, so that the browser can be ended with its driver, and nothing else.
        self.process = subprocess.Popen(
            [self.driver, f"--port={port}", "--log-level=OFF"],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        try:
            wait_for("chromedriver answers", self.is_ready, 20)
            self.session = self.call("POST", "/session", {"capabilities": self.wanted()})
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        try:
            if self.session:
                self.command("DELETE", "")
        except (Failed, OSError):
            pass
        try:
            os.killpg(self.process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        self.process.wait()
        shutil.rmtree(self.profile, ignore_errors=True)

    def wanted(self):
        options = {
            "binary": self.chromium,
            "args": [*FLAGS, f"--user-data-dir={self.profile}"],
        }
        return {
            "alwaysMatch": {
                "browserName": "chrome",
                "goog:chromeOptions": options,
                "goog:loggingPrefs": {"browser": "ALL"},
            }
        }

    def is_ready(self):
        try:
            return self.call("GET", "/status")["ready"]
        except OSError:
            return False

    # What a person does.

    def open(self, url):
        self.command("POST", "/url", {"url": url})

    def type(self, field, text):
        """Types into the field of that name, in place of what stands there."""
        element = self.find(f"input[name={field}]")
        self.command("POST", f"/element/{element}/clear", {})
        self.command("POST", f"/element/{element}/value", {"text": text})

    def choose(self, field, label):
        """Chooses what is shown as that in the list of that name."""
        path = f"//select[@name='{field}']/option[normalize-space()='{label}']"
        self.command("POST", f"/element/{self.find(path, 'xpath')}/click", {})

    def tick(self, field):
        element = self.find(f'input[name="{field}"]')
        self.command("POST", f"/element/{element}/click", {})

    def press(self, label):
        """Presses the button or follows the link of that text, and waits for the next page."""
        path = f"//button[normalize-space()='{label}'] | //a[normalize-space()='{label}']"
        element = self.find(path, "xpath")
        self.evaluate("document.isLeft = true")
        self.command("POST", f"/element/{element}/click", {})
        wait_for(f"{label!r} leads to a page", self.has_arrived, 20)

    def has_arrived(self):
        try:
            return self.evaluate("!document.isLeft && document.readyState == 'complete'")
        except Failed:
            # The page went away while it was asked.
            return False

    # What a person sees.

    def address(self):
        return self.command("GET", "/url")

    def title(self):
        return self.command("GET", "/title")

    def text(self, css="body"):
        return self.command("GET", f"/element/{self.find(css)}/text")

    def value(self, field):
        return self.command("GET", f"/element/{self.find(f'[name={field}]')}/property/value")

    def is_ticked(self, field):
        return self.count(f"input[name={field}]:checked") == 1

    def focused(self):
        """Gives the name of the field that has the focus."""
        element = self.command("GET", "/element/active")[ELEMENT]
        return self.command("GET", f"/element/{element}/property/name")

    # What stands behind it.

    def count(self, css):
        found = {"using": "css selector", "value": css}
        return len(self.command("POST", "/elements", found))

    def evaluate(self, expression):
        script = {"script": f"return {expression}", "args": []}
        return self.command("POST", "/execute/sync", script)

    def status(self):
        """Gives the HTTP status of the page."""
        return self.evaluate("performance.getEntriesByType('navigation')[0].responseStatus")

    def console(self):
        """Gives what was written to the console since the last time."""
        return self.command("POST", "/se/log", {"type": "browser"})

    def devtools(self, command, **parameters):
        body = {"cmd": command, "params": parameters}
        return self.command("POST", "/goog/cdp/execute", body)

    def width_in(self, width):
        """Gives how wide the page is in a window of that width."""
        screen = {"width": width, "height": 800, "deviceScaleFactor": 1, "mobile": False}
        self.devtools("Emulation.setDeviceMetricsOverride", **screen)
        found = self.evaluate("document.documentElement.scrollWidth")
        self.devtools("Emulation.clearDeviceMetricsOverride")
        return found

    def photograph(self, path, width, dark=False):
        """Takes a picture of the whole page in a window of that width."""
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.devtools("Emulation.setEmulatedMedia", features=[scheme])
        screen = {"width": width, "height": 800, "deviceScaleFactor": 1, "mobile": False}
        self.devtools("Emulation.setDeviceMetricsOverride", **screen)
        self.devtools("Emulation.setScrollbarsHidden", hidden=True)
        # Two pictures of one page are alike: colours have arrived, and no cursor blinks.
        self.evaluate("document.getAnimations().forEach(it => it.finish())")
        self.evaluate("document.activeElement.style.caretColor = 'transparent'")
        height = self.evaluate("document.documentElement.scrollHeight")
        clip = {"x": 0, "y": 0, "width": width, "height": height, "scale": 1}
        picture = self.devtools("Page.captureScreenshot", captureBeyondViewport=True, clip=clip)
        path.write_bytes(base64.b64decode(picture["data"]))
        self.devtools("Emulation.clearDeviceMetricsOverride")
        self.devtools("Emulation.setEmulatedMedia", features=[])

    # The protocol.

    def find(self, what, using="css selector"):
        return self.command("POST", "/element", {"using": using, "value": what})[ELEMENT]

    def command(self, method, path, body=None):
        return self.call(method, f"/session/{self.session['sessionId']}{path}", body)

    def call(self, method, path, body=None):
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.url + path, data=data, method=method)
        request.add_header("Content-Type", "application/json")
        try:
            with self.opener.open(request, timeout=60) as answer:
                return json.load(answer)["value"]
        except urllib.error.HTTPError as refusal:
            with refusal:
                fault = json.load(refusal)["value"]
            raise Failed(f"{method} {path} {body}: {fault['message'].splitlines()[0]}") from None
