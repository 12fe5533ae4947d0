"""A real browser for pages that are to be believed only when one has shown them."""

import base64
import json
import os
import shutil
import signal
import subprocess
import time
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from websockets.sync.client import connect

NAMES = ("chromium", "chromium-browser", "google-chrome", "chrome")

FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-quic",
    "--no-first-run",
    "--no-default-browser-check",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-extensions",
    "--disable-sync",
    "--window-size=1280,860",
    # Nothing past this machine, whatever a page asks for.
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1, EXCLUDE localhost",
    "--remote-debugging-port=0",
)

# For a machine that is busy with other tests.
TIMEOUT = 180.0

# Without pings: a test that looks elsewhere for a while reads no answers to them either, and a
# connection that ends for it fails all tests after it.
PATIENTLY = {"max_size": None, "proxy": None, "open_timeout": TIMEOUT, "ping_interval": None}


@contextmanager
def chromium():
    """Start a browser of its own, and yield it; skip the test where there is none."""
    program = next(filter(None, map(shutil.which, NAMES)), None)
    if program is None:
        # Where all tests are meant to run, one that does not must not pass for one that did.
        (pytest.fail if os.environ.get("CI") else pytest.skip)("no Chromium is installed here")
    with TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        process = subprocess.Popen(
            [program, *FLAGS, f"--user-data-dir={profile}", "about:blank"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            # A group of its own, so that its children end with it.
            start_new_session=True,
        )
        try:
            with connect(address(process, Path(profile)), **PATIENTLY) as socket:
                yield Browser(socket)
        finally:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait(TIMEOUT)


def address(process, profile):
    """Return where the browser listens, which it writes down when it does."""
    end = time.monotonic() + TIMEOUT
    while time.monotonic() < end:
        with suppress(FileNotFoundError, ValueError):
            port, path = (profile / "DevToolsActivePort").read_text().split()
            return f"ws://127.0.0.1:{port}{path}"
        assert process.poll() is None, f"Chromium ended with {process.returncode}"
        time.sleep(0.05)
    raise AssertionError("Chromium did not start")


class Browser:
    """Speaks the Chrome DevTools protocol, one call after the other."""

    name = "chromium"

    def __init__(self, socket):
        self._socket = socket
        self._calls = 0
        self._pages = {}

    @contextmanager
    def page(self, url, *, first=""):
        """
        Open *url* in a window of its own, with its own cookies, and yield its page.

        The script *first* runs in it before the scripts of each document.
        """
        window = self.call("Target.createBrowserContext")["browserContextId"]
        try:
            yield self.tab(url, window, first=first)
        finally:
            self.call("Target.disposeBrowserContext", browserContextId=window)

    def tab(self, url, window, *, first=""):
        """Open *url* in one more tab of a window, and return its page."""
        # Seen at the same time as the others: a tab in front would hide them.
        made = {"browserContextId": window, "newWindow": True}
        target = self.call("Target.createTarget", url="about:blank", **made)["targetId"]
        attached = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        page = self._pages[attached] = Page(self, attached, target=target, window=window)
        for domain in ("Page", "Runtime", "Log"):
            page.call(f"{domain}.enable")
        if first:
            page.call("Page.addScriptToEvaluateOnNewDocument", source=first)
        page.call("Page.navigate", url=url)
        return page

    def call(self, method, session=None, **params):
        number = self.send(method, session, **params)
        while True:
            said = json.loads(self._socket.recv(timeout=TIMEOUT))
            if said.get("id") == number:
                assert "error" not in said, (method, said["error"])
                return said["result"]
            self._note(said)

    def send(self, method, session=None, **params):
        """Send a command, and wait for no answer; return its number."""
        self._calls += 1
        own = {"id": self._calls, "method": method, "params": params}
        self._socket.send(json.dumps(own | ({"sessionId": session} if session else {})))
        return self._calls

    def _note(self, said):
        page = self._pages.get(said.get("sessionId"))
        if page is not None and "method" in said:
            page.note(said["method"], said["params"])


class Page:
    """A page, what can be done to it, and what it did that it should not."""

    def __init__(self, browser, session, *, target, window):
        self._browser = browser
        self._session = session
        self._target = target
        self._window = window
        self.dialogs = []
        """The texts of the dialogs that scripts opened."""
        self.complaints = []
        """What the browser and uncaught errors said: refused by a policy, not found, thrown."""
        self.said = []
        """What scripts wrote to the console: how bad, and the texts joined by blanks."""

    def call(self, method, **params):
        return self._browser.call(method, self._session, **params)

    def note(self, method, params):
        if method == "Page.javascriptDialogOpening":
            self.dialogs.append(params["message"])
            # At once: the page answers nothing while a dialog is open.
            self._browser.send("Page.handleJavaScriptDialog", self._session, accept=True)
        elif method == "Log.entryAdded":
            self.complaints.append(params["entry"]["text"])
        elif method == "Runtime.exceptionThrown":
            self.complaints.append(params["exceptionDetails"]["exception"].get("description"))
        elif method == "Runtime.consoleAPICalled":
            words = [str(each.get("value", each.get("description"))) for each in params["args"]]
            self.said.append((params["type"], " ".join(words)))

    def beside(self, url, *, first=""):
        """Open *url* in another tab of the same window, and return its page."""
        return self._browser.tab(url, self._window, first=first)

    def go(self, url):
        """Leave for *url*, and be there when this returns."""
        self.evaluate("window.isLeft = true")
        self.call("Page.navigate", url=url)
        self.wait_for("!window.isLeft && document.readyState === 'complete'")

    def close(self):
        """Close the tab as its user does: its scripts hear of it."""
        self._browser.call("Target.closeTarget", targetId=self._target)

    def kill(self):
        """End the process of the tab: its scripts hear of nothing."""
        self._browser.send("Page.crash", self._session)

    def offline(self, is_offline=True):
        """Cut the tab off from the network, or bring it back."""
        self.call("Network.enable")
        rates = {"latency": 0, "downloadThroughput": -1, "uploadThroughput": -1}
        self.call("Network.emulateNetworkConditions", offline=is_offline, **rates)

    def cookies(self):
        """Return the names of the cookies that the page's user has."""
        return [cookie["name"] for cookie in self.call("Network.getCookies")["cookies"]]

    def evaluate(self, expression):
        """Return what a JavaScript expression gives; a promise is waited for."""
        answer = self.call(
            "Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True
        )
        assert "exceptionDetails" not in answer, answer["exceptionDetails"]
        return answer["result"].get("value")

    def wait_for(self, expression):
        """Return what *expression* gives as soon as it is true."""
        end = time.monotonic() + TIMEOUT
        while time.monotonic() < end:
            # A page that is just being left answers with an error.
            with suppress(AssertionError):
                answer = self.call("Runtime.evaluate", expression=expression, returnByValue=True)
                if "exceptionDetails" not in answer and (value := answer["result"].get("value")):
                    return value
            time.sleep(0.05)
        raise AssertionError(f"never true: {expression}")

    def click(self, selector):
        """Click on the element, once it is there."""
        found = f"document.querySelector({json.dumps(selector)})"
        self.wait_for(f"!!{found}")
        self.evaluate(f"{found}.click()")

    def fill(self, selector, text):
        """Put *text* into a field, as typing it would."""
        found = f"document.querySelector({json.dumps(selector)})"
        self.evaluate(
            f"{found}.value = {json.dumps(text)};"
            f"{found}.dispatchEvent(new Event('input', {{bubbles: true}}))"
        )

    def texts(self, selector):
        """Return the text of every element."""
        found = f"document.querySelectorAll({json.dumps(selector)})"
        return self.evaluate(f"[...{found}].map((each) => each.textContent)")

    def screenshot(self, path):
        """Write down what is seen, as a PNG."""
        Path(path).write_bytes(base64.b64decode(self.call("Page.captureScreenshot")["data"]))
