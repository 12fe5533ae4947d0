"""Firefox, driven over WebDriver BiDi, with the same interface as Chromium."""

import itertools
import json
import os
import re
import shutil
import signal
import subprocess
import time
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from chromium import CONNECT_OPTIONS
from websockets.sync.client import connect

PROGRAMS = ("firefox-esr", "firefox")

# No page reaches another host: requests to one go to a proxy that does not exist.
PREFERENCES = {
    "app.update.disabledForTesting": True,
    "browser.shell.checkDefaultBrowser": False,
    "datareporting.policy.dataSubmissionEnabled": False,
    "network.captive-portal-service.enabled": False,
    "network.connectivity-service.enabled": False,
    "network.proxy.http": "127.0.0.1",
    "network.proxy.http_port": 9,
    "network.proxy.ssl": "127.0.0.1",
    "network.proxy.ssl_port": 9,
    "network.proxy.type": 1,
    "toolkit.telemetry.server": "",
}

# Long enough for a machine that is busy with other tests.
TIMEOUT = 180.0


@contextmanager
def firefox():
    """Start a browser with a new profile, and yield it. Skip the test if none is installed."""
    program = next(filter(None, map(shutil.which, PROGRAMS)), None)
    if program is None:
        pytest.skip("Firefox is not installed")
    with TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        lines = [f"user_pref({json.dumps(k)}, {json.dumps(v)});\n" for k, v in PREFERENCES.items()]
        Path(profile, "user.js").write_text("".join(lines))
        log = Path(profile, "log.txt")
        with log.open("w") as output:
            process = subprocess.Popen(
                [program, "--headless", "--profile", profile, "--remote-debugging-port=0"],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                # A process group of its own, so that its child processes end with it.
                start_new_session=True,
            )
        try:
            with connect(debugger_url(process, log), **CONNECT_OPTIONS) as socket:
                yield Firefox(socket)
        finally:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait(TIMEOUT)


def debugger_url(process, log):
    """Return the URL that the browser logs once it listens."""
    end = time.monotonic() + TIMEOUT
    while time.monotonic() < end:
        if found := re.search(r"WebDriver BiDi listening on (ws://[\d.:]+)\n", log.read_text()):
            return f"{found[1]}/session"
        assert process.poll() is None, f"Firefox exited with {process.returncode}"
        time.sleep(0.05)
    raise AssertionError("Firefox did not start")


class Firefox:
    """Speaks WebDriver BiDi, one call at a time."""

    name = "firefox"

    def __init__(self, socket):
        self._socket = socket
        self._numbers = itertools.count(1)
        self._pages = {}
        self.call("session.new", capabilities={})
        self.call("session.subscribe", events=["log.entryAdded"])

    @contextmanager
    def page(self, url, *, preload=""):
        """Open *url* in a new user context, with its own cookies, and yield its page."""
        user = self.call("browser.createUserContext")["userContext"]
        try:
            yield self.open_tab(url, user, preload=preload)
        finally:
            self.call("browser.removeUserContext", userContext=user)

    def open_tab(self, url, user, *, preload=""):
        """Open *url* in another window of a user context, and return its page."""
        context = self.call("browsingContext.create", type="window", userContext=user)["context"]
        page = self._pages[context] = FirefoxPage(self, context, user)
        if preload:
            code = f"() => {{ {preload} }}"
            self.call("script.addPreloadScript", functionDeclaration=code, contexts=[context])
        self.call("browsingContext.navigate", context=context, url=url, wait="interactive")
        return page

    def call(self, method, **params):
        number = next(self._numbers)
        self._socket.send(json.dumps({"id": number, "method": method, "params": params}))
        while True:
            message = json.loads(self._socket.recv(timeout=TIMEOUT))
            if message.get("id") == number:
                assert message["type"] == "success", (method, message)
                return message["result"]
            if message.get("method") == "log.entryAdded":
                self._record(message["params"])

    def _record(self, entry):
        page = self._pages.get(entry["source"].get("context"))
        if page is None:
            return
        if entry["type"] == "console":
            level = {"warn": "warning"}.get(entry["method"], entry["method"])
            page.console.append((level, entry["text"]))
        else:
            page.errors.append(entry["text"])


class FirefoxPage:
    """Controls a page in a window, and records its errors and console messages."""

    def __init__(self, browser, context, user):
        self._browser = browser
        self._context = context
        self._user = user
        self.errors = []
        self.console = []

    def open_tab(self, url, *, preload=""):
        """Open *url* in another window with the same cookies and storage, and return its page."""
        return self._browser.open_tab(url, self._user, preload=preload)

    def navigate(self, url):
        """Load *url* in this tab, and wait until it is complete."""
        options = {"context": self._context, "url": url, "wait": "complete"}
        self._browser.call("browsingContext.navigate", **options)

    def close(self):
        """Close the tab as a user does, so that its pagehide event fires."""
        self._browser.call("browsingContext.close", context=self._context)

    def kill(self):
        pytest.skip("WebDriver BiDi cannot crash a tab")

    def offline(self, is_offline=True):
        """Disconnect the tab from the network, or reconnect it."""
        conditions = {"type": "offline"} if is_offline else None
        self._browser.call(
            "emulation.setNetworkConditions",
            networkConditions=conditions,
            contexts=[self._context],
        )

    def cookies(self):
        """Return the names of the page's cookies."""
        partition = {"type": "context", "context": self._context}
        cookies = self._browser.call("storage.getCookies", partition=partition)["cookies"]
        return [cookie["name"] for cookie in cookies]

    def _run(self, expression):
        # As JSON, because the protocol has its own format for values.
        code = f"(async () => JSON.stringify([await ({expression})]))()"
        if ";" in expression:
            code = f"(async () => JSON.stringify([await eval({json.dumps(expression)})]))()"
        return self._browser.call(
            "script.evaluate",
            expression=code,
            target={"context": self._context},
            awaitPromise=True,
        )

    def evaluate(self, expression):
        """Return the value of a JavaScript expression, awaited if it is a promise."""
        response = self._run(expression)
        assert response["type"] == "success", response
        return json.loads(response["result"]["value"])[0]

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
