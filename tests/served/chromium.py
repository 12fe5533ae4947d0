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
TIMEOUT = 60.0


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
            with connect(address(process, Path(profile)), max_size=None, proxy=None) as socket:
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

    def __init__(self, socket):
        self._socket = socket
        self._calls = 0
        self._pages = {}

    @contextmanager
    def page(self, url):
        """Open *url* in a window of its own, with its own cookies, and yield its page."""
        window = self.call("Target.createBrowserContext")["browserContextId"]
        target = self.call("Target.createTarget", url="about:blank", browserContextId=window)
        attached = self.call("Target.attachToTarget", targetId=target["targetId"], flatten=True)
        page = self._pages[attached["sessionId"]] = Page(self, attached["sessionId"])
        try:
            for domain in ("Page", "Runtime", "Log"):
                page.call(f"{domain}.enable")
            page.call("Page.navigate", url=url)
            yield page
        finally:
            self.call("Target.disposeBrowserContext", browserContextId=window)

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

    def __init__(self, browser, session):
        self._browser = browser
        self._session = session
        self.dialogs = []
        """The texts of the dialogs that scripts opened."""
        self.complaints = []
        """What the browser and uncaught errors said: refused by a policy, not found, thrown."""

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
