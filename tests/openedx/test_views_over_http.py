"""Browser events, sent over HTTP to a running site."""

import http.client
import json
import subprocess
import sys
from pathlib import Path
from urllib.parse import urlencode

import pytest

from eventtracking import journal

SITE = Path(__file__).with_name("course_site.py")


class Browser:
    """A client that keeps cookies and reads the log of the site."""

    def __init__(self, port, log):
        self.port, self.log, self.cookies = port, log, {}

    def request(self, method, target, body=None, **headers):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=300)
        headers["Cookie"] = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        connection.request(method, target, body, headers)
        response = connection.getresponse()
        for header in response.msg.get_all("Set-Cookie", []):
            name, _, value = header.partition(";")[0].partition("=")
            self.cookies[name] = value
        status, content = response.status, response.read().decode()
        connection.close()
        return status, content

    def post(self, fields, token=None):
        kind = "application/x-www-form-urlencoded"
        headers = {"Content-Type": kind, **({"X-CSRFToken": token} if token else {})}
        return self.request("POST", "/event", urlencode(fields), **headers)

    def events(self):
        return [*journal.read(self.log)] if self.log.exists() else []


@pytest.fixture
def browser(tmp_path):
    """A browser and a running site."""
    log = tmp_path / "tracking.log"
    command = [sys.executable, str(SITE), str(log), str(tmp_path / "db.sqlite3")]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        yield Browser(int(process.stdout.readline()), log)
        process.stdin.close()
        process.wait(timeout=300)


def test_a_browsers_event_reaches_the_log(browser):
    """With the user, the page and the course of the page."""
    _, token = browser.request("GET", "/login")
    fields = {
        "event_type": "play_video",
        "event": json.dumps({"id": "v1", "currentTime": 3, "username": "ana"}),
        "page": "https://h/courses/a/b/c/x",
    }

    response = browser.post(fields, token)
    [event] = browser.events()

    assert response == (200, "success")
    assert event["name"] == "play_video"
    assert event["data"] == {"id": "v1", "currentTime": 3, "username": "ana", "user_id": 7}
    assert event["context"] == {
        "course_id": "a/b/c",
        "org_id": "a",
        "enterprise_uuid": "",
        "username": "ana",
        "event_source": "browser",
        "page": "https://h/courses/a/b/c/x",
    }


def test_post_requires_the_csrf_token_and_get_does_not(browser):
    """The CSRF protection of the site applies. A page can send an event while it closes."""
    refused, _ = browser.post({"event_type": "forged"})
    response = browser.request("GET", "/event?event_type=page_close&event=&page=https%3A%2F%2Fh%2F")

    assert refused == 403
    assert response == (200, "success")
    assert [(event["name"], event["data"]) for event in browser.events()] == [("page_close", {})]
    assert browser.events()[0]["context"]["username"] == ""


def test_an_unknown_username_is_accepted(browser):
    """Also a name that a database cannot store."""
    for name in ("nobody", "ana\x00", "\ud800", ["ana"], {"ana": 1}, 5, None, ""):
        target = f"/event?{urlencode({'event': json.dumps({'username': name})})}"

        assert browser.request("GET", target) == (200, "success")

    assert all("user_id" not in event["data"] for event in browser.events())
    assert len(browser.events()) == 8
