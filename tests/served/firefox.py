"""Firefox, as a visitor: the same things can be done to its pages as to Chromium's."""

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
from chromium import PATIENTLY
from websockets.sync.client import connect

NAMES = ("firefox-esr", "firefox")

# Nothing past this machine: what is not on it goes to a proxy that nobody runs.
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

# For a machine that is busy with other tests.
TIMEOUT = 180.0


@contextmanager
def firefox():
    """Start a browser of its own, and yield it; skip the test where there is none."""
    program = next(filter(None, map(shutil.which, NAMES)), None)
    if program is None:
        pytest.skip("no Firefox is installed here")
    with TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        lines = [f"user_pref({json.dumps(k)}, {json.dumps(v)});\n" for k, v in PREFERENCES.items()]
        Path(profile, "user.js").write_text("".join(lines))
        said = Path(profile, "said.txt")
        with said.open("w") as output:
            process = subprocess.Popen(
                [program, "--headless", "--profile", profile, "--remote-debugging-port=0"],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                # A group of its own, so that its children end with it.
                start_new_session=True,
            )
        try:
            with connect(address(process, said), **PATIENTLY) as socket:
                yield Firefox(socket)
        finally:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait(TIMEOUT)


def address(process, said):
    """Return where the browser listens, which it says when it does."""
    end = time.monotonic() + TIMEOUT
    while time.monotonic() < end:
        if found := re.search(r"WebDriver BiDi listening on (ws://[\d.:]+)\n", said.read_text()):
            return f"{found[1]}/session"
        assert process.poll() is None, f"Firefox ended with {process.returncode}"
        time.sleep(0.05)
    raise AssertionError("Firefox did not start")


class Firefox:
    """Speaks WebDriver BiDi, one call after the other."""

    name = "firefox"

    def __init__(self, socket):
        self._socket = socket
        self._numbers = itertools.count(1)
        self._pages = {}
        self.call("session.new", capabilities={})
        self.call("session.subscribe", events=["log.entryAdded"])

    @contextmanager
    def page(self, url, *, first=""):
        """Open *url* in a window of its own, with its own cookies, and yield its page."""
        user = self.call("browser.createUserContext")["userContext"]
        try:
            yield self.tab(url, user, first=first)
        finally:
            self.call("browser.removeUserContext", userContext=user)

    def tab(self, url, user, *, first=""):
        """Open *url* in one more window of a user, and return its page."""
        made = self.call("browsingContext.create", type="window", userContext=user)["context"]
        page = self._pages[made] = FirefoxPage(self, made, user)
        if first:
            code = f"() => {{ {first} }}"
            self.call("script.addPreloadScript", functionDeclaration=code, contexts=[made])
        self.call("browsingContext.navigate", context=made, url=url, wait="interactive")
        return page

    def call(self, method, **params):
        number = next(self._numbers)
        self._socket.send(json.dumps({"id": number, "method": method, "params": params}))
        while True:
            said = json.loads(self._socket.recv(timeout=TIMEOUT))
            if said.get("id") == number:
                assert said["type"] == "success", (method, said)
                return said["result"]
            if said.get("method") == "log.entryAdded":
                self._note(said["params"])

    def _note(self, entry):
        page = self._pages.get(entry["source"].get("context"))
        if page is None:
            return
        if entry["type"] == "console":
            kind = {"warn": "warning"}.get(entry["method"], entry["method"])
            page.said.append((kind, entry["text"]))
        else:
            page.complaints.append(entry["text"])


class FirefoxPage:
    """A page, what can be done to it, and what it did that it should not."""

    def __init__(self, browser, context, user):
        self._browser = browser
        self._context = context
        self._user = user
        self.complaints = []
        self.said = []

    def beside(self, url, *, first=""):
        """Open *url* in another tab of the same window, and return its page."""
        return self._browser.tab(url, self._user, first=first)

    def go(self, url):
        """Leave for *url*, and be there when this returns."""
        navigate = {"context": self._context, "url": url, "wait": "complete"}
        self._browser.call("browsingContext.navigate", **navigate)

    def close(self):
        """Close the tab as its user does: its scripts hear of it."""
        self._browser.call("browsingContext.close", context=self._context)

    def kill(self):
        pytest.skip("Firefox ends no process of a tab for a test")

    def offline(self, is_offline=True):
        """Cut the tab off from the network, or bring it back."""
        conditions = {"type": "offline"} if is_offline else None
        self._browser.call(
            "emulation.setNetworkConditions",
            networkConditions=conditions,
            contexts=[self._context],
        )

    def cookies(self):
        """Return the names of the cookies that the page's user has."""
        partition = {"type": "context", "context": self._context}
        found = self._browser.call("storage.getCookies", partition=partition)["cookies"]
        return [cookie["name"] for cookie in found]

    def _run(self, expression):
        # JSON, because the protocol has a form of its own for values.
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
        """Return what a JavaScript expression gives; a promise is waited for."""
        answer = self._run(expression)
        assert answer["type"] == "success", answer
        return json.loads(answer["result"]["value"])[0]

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
