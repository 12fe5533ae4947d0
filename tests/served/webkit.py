"""WebKit, driven over WebDriver, with the same interface as Chromium."""

import json
import os
import shutil
import signal
import socket
import subprocess
import time
from contextlib import contextmanager, suppress
from pathlib import Path
from urllib.error import HTTPError, URLError
from urllib.parse import urlsplit
from urllib.request import ProxyHandler, Request, build_opener

import pytest

DRIVER = "WebKitWebDriver"

DISPLAY = "xvfb-run"

# Long enough for a machine that is busy with other tests.
TIMEOUT = 180.0

WITHOUT_PROXY = build_opener(ProxyHandler({}))


def find_browser():
    """Return the path of the browser that comes with the driver, or None."""
    paths = [*Path("/usr/lib").glob("*/webkit2gtk-4.1/MiniBrowser")]
    paths += Path("/usr/libexec").glob("webkit2gtk-4.1/MiniBrowser")
    return str(paths[0]) if paths else None


@contextmanager
def webkit():
    """Start a driver with a virtual display. Skip the test if either is not installed."""
    program = find_browser()
    if not (program and shutil.which(DRIVER) and shutil.which(DISPLAY)):
        pytest.skip("WebKit, its driver or Xvfb is not installed")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    process = subprocess.Popen(
        [DISPLAY, "-a", DRIVER, "--host=127.0.0.1", f"--port={port}"],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        # A process group of its own, so that its child processes end with it.
        start_new_session=True,
        # The sandbox does not work as root.
        env={**os.environ, "WEBKIT_DISABLE_SANDBOX_THIS_IS_DANGEROUS": "1"},
    )
    try:
        driver = WebKit(f"http://127.0.0.1:{port}", program)
        driver.wait_until_ready(process)
        yield driver
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait(TIMEOUT)


class WebKit:
    """Speaks WebDriver. Each page is opened in a session with its own browser process."""

    name = "webkit"

    def __init__(self, url, program):
        self._url = url
        self._program = program

    def wait_until_ready(self, process):
        end = time.monotonic() + TIMEOUT
        while time.monotonic() < end:
            with suppress(URLError, ConnectionError):
                if self.call("GET", "/status")["ready"]:
                    return
            assert process.poll() is None, f"{DRIVER} exited with {process.returncode}"
            time.sleep(0.05)
        raise AssertionError(f"{DRIVER} did not start")

    @contextmanager
    def page(self, url, *, preload=""):
        """Open *url* in a new browser process, and yield its page."""
        options = {"binary": self._program, "args": ["--automation"]}
        capabilities = {"alwaysMatch": {"webkitgtk:browserOptions": options}}
        session_id = self.call("POST", "/session", capabilities=capabilities)["sessionId"]
        session = f"/session/{session_id}"
        try:
            self.call("POST", f"{session}/timeouts", script=TIMEOUT * 1000)
            page = WebKitPage(self, session, self.call("GET", f"{session}/window"))
            page.load(url, preload)
            yield page
        finally:
            self.call("DELETE", session)

    def call(self, method, path, **params):
        body = json.dumps(params).encode() if method == "POST" else None
        request = Request(f"{self._url}{path}", body, method=method)
        try:
            with WITHOUT_PROXY.open(request, timeout=TIMEOUT) as response:
                return json.load(response)["value"]
        except HTTPError as error:
            raise AssertionError(f"{path}: {error.read().decode()}") from None


class WebKitPage:
    """Controls a page in a window."""

    def __init__(self, browser, session, handle):
        self._browser = browser
        self._session = session
        self._handle = handle

    @property
    def console(self):
        pytest.skip("WebKit's driver does not report console messages")

    errors = console

    def _call(self, method, path, **params):
        self._browser.call("POST", f"{self._session}/window", handle=self._handle)
        return self._browser.call(method, f"{self._session}{path}", **params)

    def load(self, url, preload):
        # WebDriver has no preload scripts, so the site adds the script to its pages.
        if preload:
            parts = urlsplit(url)
            request = Request(f"{parts.scheme}://{parts.netloc}/preload", preload.encode())
            WITHOUT_PROXY.open(request, timeout=TIMEOUT).close()
        self._call("POST", "/url", url=url)

    def open_tab(self, url, *, preload=""):
        """Open *url* in another window of the same browser, and return its page."""
        handle = self._call("POST", "/window/new", type="window")["handle"]
        page = WebKitPage(self._browser, self._session, handle)
        page.load(url, preload)
        return page

    def navigate(self, url):
        """Load *url* in this tab, and wait until it is complete."""
        self._call("POST", "/url", url=url)

    def close(self):
        """Close the tab as a user does, so that its pagehide event fires."""
        self._call("DELETE", "/window")

    def kill(self):
        pytest.skip("WebDriver cannot crash a tab")

    def offline(self, is_offline=True):
        pytest.skip("WebKit's driver cannot disconnect the network")

    def cookies(self):
        """Return the names of the page's cookies."""
        return [cookie["name"] for cookie in self._call("GET", "/cookie")]

    def evaluate(self, expression):
        """Return the value of a JavaScript expression, awaited if it is a promise."""
        try:
            succeeded, value = self._execute(f"return [await ({expression}\n)];")
        except AssertionError as error:
            if '"javascript error"' not in str(error):
                raise
            # The code holds statements. They cannot go through eval, which policies forbid.
            succeeded, value = self._execute(f"{expression}\nreturn [null];")
        assert succeeded, value
        return json.loads(value)[0]

    def _execute(self, code):
        script = f"""
          const done = arguments[arguments.length - 1];
          (async () => {{ {code} }})().then(
            (value) => done([true, JSON.stringify(value)]),
            (error) => done([false, String(error)]));
        """
        return self._call("POST", "/execute/async", script=script, args=[])

    def wait_for(self, expression):
        """Wait until *expression* is true, and return its value."""
        end = time.monotonic() + TIMEOUT
        while time.monotonic() < end:
            # During a navigation, evaluation may fail.
            with suppress(AssertionError):
                if value := self.evaluate(expression):
                    return value
            time.sleep(0.05)
        raise AssertionError(f"still false after {TIMEOUT} s: {expression}")
