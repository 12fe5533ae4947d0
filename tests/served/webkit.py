"""WebKit, as a visitor: the same things can be done to its pages as to Chromium's."""

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

SHOW = "xvfb-run"

# For a machine that is busy with other tests.
TIMEOUT = 180.0

OPEN = build_opener(ProxyHandler({}))


def small_browser():
    """Return the path of the browser that comes with the driver, or None."""
    found = [*Path("/usr/lib").glob("*/webkit2gtk-4.1/MiniBrowser")]
    found += Path("/usr/libexec").glob("webkit2gtk-4.1/MiniBrowser")
    return str(found[0]) if found else None


@contextmanager
def webkit():
    """Start a driver and a screen for its windows; skip the test where there is none."""
    program = small_browser()
    if not (program and shutil.which(DRIVER) and shutil.which(SHOW)):
        pytest.skip("no WebKit with its driver and Xvfb is installed here")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    process = subprocess.Popen(
        [SHOW, "-a", DRIVER, "--host=127.0.0.1", f"--port={port}"],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        # A group of its own, so that its children end with it. As root there is no sandbox.
        start_new_session=True,
        env={**os.environ, "WEBKIT_DISABLE_SANDBOX_THIS_IS_DANGEROUS": "1"},
    )
    try:
        driver = WebKit(f"http://127.0.0.1:{port}", program)
        driver.await_start(process)
        yield driver
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait(TIMEOUT)


class WebKit:
    """Speaks WebDriver; each window is a session, with a browser of its own."""

    name = "webkit"

    def __init__(self, url, program):
        self._url = url
        self._program = program

    def await_start(self, process):
        end = time.monotonic() + TIMEOUT
        while time.monotonic() < end:
            with suppress(URLError, ConnectionError):
                if self.call("GET", "/status")["ready"]:
                    return
            assert process.poll() is None, f"{DRIVER} ended with {process.returncode}"
            time.sleep(0.05)
        raise AssertionError(f"{DRIVER} did not start")

    @contextmanager
    def page(self, url, *, first=""):
        """Open *url* in a browser of its own, and yield its page."""
        options = {"binary": self._program, "args": ["--automation"]}
        wanted = {"alwaysMatch": {"webkitgtk:browserOptions": options}}
        session = self.call("POST", "/session", capabilities=wanted)["sessionId"]
        here = f"/session/{session}"
        try:
            self.call("POST", f"{here}/timeouts", script=TIMEOUT * 1000)
            page = WebKitPage(self, here, self.call("GET", f"{here}/window"))
            page.begin(url, first)
            yield page
        finally:
            self.call("DELETE", here)

    def call(self, method, path, **params):
        body = json.dumps(params).encode() if method == "POST" else None
        request = Request(f"{self._url}{path}", body, method=method)
        try:
            with OPEN.open(request, timeout=TIMEOUT) as answer:
                return json.load(answer)["value"]
        except HTTPError as error:
            raise AssertionError(f"{path}: {error.read().decode()}") from None


class WebKitPage:
    """A page, and what can be done to it."""

    def __init__(self, browser, here, handle):
        self._browser = browser
        self._here = here
        self._handle = handle

    @property
    def said(self):
        pytest.skip("the driver of WebKit tells nothing of the console")

    complaints = said

    def _call(self, method, path, **params):
        self._browser.call("POST", f"{self._here}/window", handle=self._handle)
        return self._browser.call(method, f"{self._here}{path}", **params)

    def begin(self, url, first):
        # WebDriver has no scripts that run first, so the site puts them into its pages.
        if first:
            parts = urlsplit(url)
            request = Request(f"{parts.scheme}://{parts.netloc}/first", first.encode())
            OPEN.open(request, timeout=TIMEOUT).close()
        self._call("POST", "/url", url=url)

    def beside(self, url, *, first=""):
        """Open *url* in another window of the same browser, and return its page."""
        handle = self._call("POST", "/window/new", type="window")["handle"]
        page = WebKitPage(self._browser, self._here, handle)
        page.begin(url, first)
        return page

    def go(self, url):
        """Leave for *url*, and be there when this returns."""
        self._call("POST", "/url", url=url)

    def close(self):
        """Close the tab as its user does: its scripts hear of it."""
        self._call("DELETE", "/window")

    def kill(self):
        pytest.skip("WebKit ends no process of a tab for a test")

    def offline(self, is_offline=True):
        pytest.skip("the driver of WebKit has no switch for the network")

    def cookies(self):
        """Return the names of the cookies that the page's user has."""
        return [cookie["name"] for cookie in self._call("GET", "/cookie")]

    def evaluate(self, expression):
        """Return what a JavaScript expression gives; a promise is waited for."""
        try:
            good, value = self._execute(f"return [await ({expression}\n)];")
        except AssertionError as error:
            if '"javascript error"' not in str(error):
                raise
            # No expression, but statements; without eval, which policies forbid.
            good, value = self._execute(f"{expression}\nreturn [null];")
        assert good, value
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
        """Return what *expression* gives as soon as it is true."""
        end = time.monotonic() + TIMEOUT
        while time.monotonic() < end:
            # A page that is just being left answers with an error.
            with suppress(AssertionError):
                if value := self.evaluate(expression):
                    return value
            time.sleep(0.05)
        raise AssertionError(f"never true: {expression}")
