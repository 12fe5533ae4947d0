"""Chromium, driven over the Chrome DevTools protocol."""

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

PROGRAMS = ("chromium", "chromium-browser", "google-chrome", "chrome")

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
    # No page reaches a host other than this machine.
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1, EXCLUDE localhost",
    "--remote-debugging-port=0",
)

# Long enough for a machine that is busy with other tests.
TIMEOUT = 180.0

# No pings: a test that does not read from the socket for a while would miss the replies, and a
# closed connection would fail all later tests.
CONNECT_OPTIONS = {"max_size": None, "proxy": None, "open_timeout": TIMEOUT, "ping_interval": None}


@contextmanager
def chromium():
    """Start a browser with a new profile, and yield it. Skip the test if none is installed."""
    program = next(filter(None, map(shutil.which, PROGRAMS)), None)
    if program is None:
        # CI is meant to run all tests, so a skipped one must not go unnoticed there.
        (pytest.fail if os.environ.get("CI") else pytest.skip)("Chromium is not installed")
    with TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        process = subprocess.Popen(
            [program, *FLAGS, f"--user-data-dir={profile}", "about:blank"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            # A process group of its own, so that its child processes end with it.
            start_new_session=True,
        )
        try:
            with connect(debugger_url(process, Path(profile)), **CONNECT_OPTIONS) as socket:
                yield Browser(socket)
        finally:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait(TIMEOUT)


def debugger_url(process, profile):
    """Return the URL that the browser writes to a file once it listens."""
    end = time.monotonic() + TIMEOUT
    while time.monotonic() < end:
        with suppress(FileNotFoundError, ValueError):
            port, path = (profile / "DevToolsActivePort").read_text().split()
            return f"ws://127.0.0.1:{port}{path}"
        assert process.poll() is None, f"Chromium exited with {process.returncode}"
        time.sleep(0.05)
    raise AssertionError("Chromium did not start")


class Browser:
    """Speaks the Chrome DevTools Protocol, one call at a time."""

    name = "chromium"

    def __init__(self, socket):
        self._socket = socket
        self._calls = 0
        self._pages = {}

    @contextmanager
    def page(self, url, *, preload=""):
        """
        Open *url* in a new browser context, with its own cookies, and yield its page.

        The script *preload* runs before the scripts of each document.
        """
        context = self.call("Target.createBrowserContext")["browserContextId"]
        try:
            yield self.open_tab(url, context, preload=preload)
        finally:
            self.call("Target.disposeBrowserContext", browserContextId=context)

    def open_tab(self, url, context, *, preload=""):
        """Open *url* in another tab of a browser context, and return its page."""
        # In a window of its own, because a tab in front would hide the others.
        options = {"browserContextId": context, "newWindow": True}
        target = self.call("Target.createTarget", url="about:blank", **options)["targetId"]
        session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        page = self._pages[session] = Page(self, session, target=target, context=context)
        for domain in ("Page", "Runtime", "Log"):
            page.call(f"{domain}.enable")
        if preload:
            page.call("Page.addScriptToEvaluateOnNewDocument", source=preload)
        page.call("Page.navigate", url=url)
        return page

    def call(self, method, session=None, **params):
        number = self.send(method, session, **params)
        while True:
            message = json.loads(self._socket.recv(timeout=TIMEOUT))
            if message.get("id") == number:
                assert "error" not in message, (method, message["error"])
                return message["result"]
            self._dispatch(message)

    def send(self, method, session=None, **params):
        """Send a command without waiting for the response, and return its number."""
        self._calls += 1
        command = {"id": self._calls, "method": method, "params": params}
        self._socket.send(json.dumps(command | ({"sessionId": session} if session else {})))
        return self._calls

    def _dispatch(self, message):
        page = self._pages.get(message.get("sessionId"))
        if page is not None and "method" in message:
            page.handle(message["method"], message["params"])


class Page:
    """Controls a page in a tab, and records its errors and console messages."""

    def __init__(self, browser, session, *, target, context):
        self._browser = browser
        self._session = session
        self._target = target
        self._context = context
        self.dialogs = []
        """The messages of the dialogs that scripts opened."""
        self.errors = []
        """The messages of policy violations, failed requests and uncaught exceptions."""
        self.console = []
        """The messages that scripts wrote to the console, as pairs of level and text."""

    def call(self, method, **params):
        return self._browser.call(method, self._session, **params)

    def handle(self, method, params):
        if method == "Page.javascriptDialogOpening":
            self.dialogs.append(params["message"])
            # A page does not respond while a dialog is open.
            self._browser.send("Page.handleJavaScriptDialog", self._session, accept=True)
        elif method == "Log.entryAdded":
            self.errors.append(params["entry"]["text"])
        elif method == "Runtime.exceptionThrown":
            self.errors.append(params["exceptionDetails"]["exception"].get("description"))
        elif method == "Runtime.consoleAPICalled":
            texts = [str(each.get("value", each.get("description"))) for each in params["args"]]
            self.console.append((params["type"], " ".join(texts)))

    def open_tab(self, url, *, preload=""):
        """Open *url* in another tab with the same cookies and storage, and return its page."""
        return self._browser.open_tab(url, self._context, preload=preload)

    def navigate(self, url):
        """Load *url* in this tab, and wait until it is complete."""
        self.evaluate("window.isLeft = true")
        self.call("Page.navigate", url=url)
        self.wait_for("!window.isLeft && document.readyState === 'complete'")

    def close(self):
        """Close the tab as a user does, so that its pagehide event fires."""
        self._browser.call("Target.closeTarget", targetId=self._target)

    def kill(self):
        """Crash the process of the tab, so that no event fires in it."""
        self._browser.send("Page.crash", self._session)

    def offline(self, is_offline=True):
        """Disconnect the tab from the network, or reconnect it."""
        self.call("Network.enable")
        rates = {"latency": 0, "downloadThroughput": -1, "uploadThroughput": -1}
        self.call("Network.emulateNetworkConditions", offline=is_offline, **rates)

    def cookies(self):
        """Return the names of the page's cookies."""
        return [cookie["name"] for cookie in self.call("Network.getCookies")["cookies"]]

    def evaluate(self, expression):
        """Return the value of a JavaScript expression, awaited if it is a promise."""
        response = self.call(
            "Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True
        )
        assert "exceptionDetails" not in response, response["exceptionDetails"]
        return response["result"].get("value")

    def wait_for(self, expression):
        """Wait until *expression* is true, and return its value."""
        end = time.monotonic() + TIMEOUT
        while time.monotonic() < end:
            # During a navigation, evaluation may fail.
            with suppress(AssertionError):
                response = self.call("Runtime.evaluate", expression=expression, returnByValue=True)
                value = response["result"].get("value")
                if "exceptionDetails" not in response and value:
                    return value
            time.sleep(0.05)
        raise AssertionError(f"still false after {TIMEOUT} s: {expression}")

    def click(self, selector):
        """Wait for an element, and click on it."""
        element = f"document.querySelector({json.dumps(selector)})"
        self.wait_for(f"!!{element}")
        self.evaluate(f"{element}.click()")

    def fill(self, selector, text):
        """Set the value of a field to *text*, and fire its input event."""
        element = f"document.querySelector({json.dumps(selector)})"
        self.evaluate(
            f"{element}.value = {json.dumps(text)};"
            f"{element}.dispatchEvent(new Event('input', {{bubbles: true}}))"
        )

    def texts(self, selector):
        """Return the text of every element that matches *selector*."""
        elements = f"document.querySelectorAll({json.dumps(selector)})"
        return self.evaluate(f"[...{elements}].map((each) => each.textContent)")

    def screenshot(self, path):
        """Write a screenshot of the visible page to *path*, as a PNG."""
        Path(path).write_bytes(base64.b64decode(self.call("Page.captureScreenshot")["data"]))
