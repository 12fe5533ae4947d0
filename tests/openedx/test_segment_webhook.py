"""The webhook for Segment, on a running site with one user."""

import copy
import http.client
import json
import os
import secrets
import subprocess
import sys
from pathlib import Path
from urllib.parse import quote

import pytest
from django.test import RequestFactory, override_settings

from eventtracking import journal
from eventtracking.openedx import segment_webhook

SITE = Path(__file__).with_name("course_site.py")
SECRET = secrets.token_hex(8) + "-é"

PAYLOAD = {
    "type": "track",
    "userId": 7,
    "timestamp": "2026-01-02T03:04:05.215Z",
    "receivedAt": "2026-01-02T03:04:06Z",
    "context": {
        "library": {"name": "analytics-ios"},
        "app": {"version": "4.1"},
        "userAgent": "Phone",
        "traits": {"email": "x"},
        "integrations": {},
    },
    "properties": {
        "name": "edx.video.played",
        "data": {"module_id": "i4x://a/b/video/v", "current_time": 1.5},
        "context": {"course_id": "a/b/c", "app_name": "app.ios"},
    },
}


class Segment:
    """A client that posts to the site and reads its log."""

    def __init__(self, port, log):
        self.port, self._log, self._known = port, log, 0

    def post(self, payload=PAYLOAD, key=SECRET, *, kind="application/json", method="POST"):
        body = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
        query = "" if key is None else f"?key={quote(key)}"
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=300)
        connection.request(method, f"/segmentio/event{query}", body, {"Content-Type": kind})
        response = connection.getresponse()
        response.read()
        connection.close()
        return response.status

    def events(self):
        """Return the events since the last call."""
        events = [*journal.read(self._log)] if self._log.exists() else []
        new, self._known = events[self._known :], len(events)
        return new


@pytest.fixture(scope="module")
def running(tmp_path_factory):
    folder = tmp_path_factory.mktemp("webhook")
    log = folder / "tracking.log"
    command = [sys.executable, str(SITE), str(log), str(folder / "db.sqlite3")]
    with subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        env={**os.environ, "SITE_WEBHOOK_SECRET": SECRET, "PYTHONUTF8": "1"},
    ) as process:
        yield Segment(int(process.stdout.readline()), log)
        process.stdin.close()
        process.wait(timeout=300)


@pytest.fixture
def segment(running):
    """A client of the running site that ignores earlier events."""
    running.events()
    return running


def changed(**changes):
    """Return the payload with *changes*; `a__b` is the member `b` of `a`, and `...` removes it."""
    payload = copy.deepcopy(PAYLOAD)
    for path, value in changes.items():
        place, _, name = path.rpartition("__")
        target = payload[place] if place else payload
        if value is ...:
            target.pop(name)
        else:
            target[name] = value
    return payload


def test_an_event_of_the_application_is_emitted(segment):
    """With the user from the database, and the times of the device and of Segment."""
    assert segment.post() == 200
    [event] = segment.events()

    assert event["name"] == "edx.video.played"
    assert event["data"] == {"module_id": "i4x://a/b/video/v", "current_time": 1.5}
    assert event["context"] == {
        "event_source": "mobile",
        "application": {"name": "app.ios", "version": "4.1"},
        "client": {"library": {"name": "analytics-ios"}, "app": {"version": "4.1"}},
        "agent": "Phone",
        "ip": "",
        "course_id": "a/b/c",
        "org_id": "a",
        "user_id": 7,
        "username": "ana",
        "timestamp": "2026-01-02T03:04:05.215000+00:00",
        "received_at": "2026-01-02T03:04:06+00:00",
    }


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "DELETE", "OPTIONS"])
def test_only_post_is_allowed(segment, method):
    """With any key."""
    assert segment.post(method=method) == 405


@pytest.mark.parametrize("body", [b"", b"{", b"\xff", b"[" * 100_000])
def test_a_body_that_is_not_json_is_400(segment, body):
    """Before the key is checked."""
    assert segment.post(body, key=None) == 400
    assert segment.post(body) == 400


@pytest.mark.parametrize(
    "wrong",
    [lambda: None, str, lambda: "x", lambda: "é", lambda: SECRET[:-1], lambda: SECRET * 2],
    # Not the keys themselves, because the secret differs between the processes of a test run.
    ids=["none", "empty", "other", "not ASCII", "cut", "twice"],
)
def test_a_wrong_key_is_401(segment, wrong):
    """Also if it is not ASCII."""
    assert segment.post(key=wrong()) == 401
    assert segment.events() == []


@pytest.mark.parametrize("secret", [None, ""])
def test_without_a_secret_in_the_settings_every_key_is_401(secret):
    """Also an empty key."""
    request = RequestFactory().post("/segmentio/event?key=", "{}", content_type="application/json")
    with override_settings(TRACKING_SEGMENTIO_WEBHOOK_SECRET=secret):
        assert segment_webhook.segmentio_event(request).status_code == 401


@pytest.mark.parametrize(
    "payload",
    [
        [],
        5,
        {},
        changed(context=...),
        changed(context=5),
        changed(context__library=...),
        changed(context__library={"name": "analytics-python"}),
        changed(context__library={"name": ["analytics-ios"]}),
        changed(type=...),
        changed(type="identify"),
        changed(type=5),
        changed(properties__name="edx.bi.excluded.launched"),
        changed(properties__name="edx.BI.Excluded.launched"),
        changed(properties=...),
        changed(properties=5),
        changed(properties__name=...),
        changed(properties__name=5),
        changed(properties__data=...),
        changed(properties__data=[1]),
        changed(properties__data="{}"),
        changed(properties__context="x"),
        changed(userId=...),
        changed(userId=""),
        changed(userId="ana"),
        changed(userId=True),
        changed(userId=7.5),
        changed(userId=8),
        changed(userId=-1),
        changed(userId=10**30),
        changed(timestamp=...),
        changed(timestamp="yesterday"),
        changed(timestamp=5),
        changed(receivedAt=...),
        changed(receivedAt="x"),
    ],
)
def test_an_ignored_event_is_200(segment, payload):
    """Segment cannot fix it, and a client must not learn which users exist."""
    assert segment.post(payload) == 200
    assert segment.events() == []


def test_bodies_of_other_types_are_ignored(segment):
    """They are treated as empty."""
    assert segment.post(kind="text/plain") == 200
    assert segment.post(b"{", kind="text/plain") == 200
    assert segment.events() == []


@pytest.mark.parametrize("kind", ["APPLICATION/JSON", "Application/Json; charset=utf-8"])
def test_the_content_type_is_case_insensitive(segment, kind):
    """As in HTTP. The event is checked, because an ignored event is 200 as well."""
    assert segment.post(kind=kind) == 200
    assert [event["name"] for event in segment.events()] == ["edx.video.played"]


def test_a_type_is_case_insensitive_and_a_user_id_may_be_text(segment):
    """Both are normalized before they are compared."""
    assert segment.post(changed(type="Track", userId="7")) == 200
    assert segment.events()[0]["context"]["user_id"] == 7


def test_an_event_of_the_forum_is_renamed(segment):
    """It is recognised by its label."""
    payload = changed(properties__label="Forum: View Thread", properties__name=...)

    assert segment.post(payload) == 200
    assert [event["name"] for event in segment.events()] == ["edx.bi.app.navigation.screen"]


def test_the_application_can_set_the_rest_of_the_context(segment):
    """Except the user and the times, which come from the server and from Segment."""
    own = {
        "event_source": "tablet",
        "agent": "Tablet",
        "session": "s",
        "ip": "203.0.113.9",
        "application": {"name": "mine"},
        "app_name": "other",
        "user_id": 666,
        "username": "root",
        "received_at": "1999",
        "timestamp": "1999",
    }
    payload = changed(properties__context=own, properties__label="l", properties__course_id="x/y/z")

    assert segment.post(payload) == 200
    context = segment.events()[0]["context"]
    assert (context["event_source"], context["agent"], context["session"]) == (
        "tablet",
        "Tablet",
        "s",
    )
    assert (context["application"], context["ip"]) == ({"name": "mine"}, "203.0.113.9")
    assert (context["user_id"], context["username"]) == (7, "ana")
    assert {context[name][:4] for name in ("timestamp", "received_at")} == {"2026"}
    assert (context["label"], context["course_id"], context["org_id"]) == ("l", "x/y/z", "x")
    assert "app_name" not in context


@pytest.mark.parametrize("course_id", ["nonsense", 5, ["a/b/c"]])
def test_an_invalid_course_has_no_organisation(segment, course_id):
    """The event is emitted."""
    assert segment.post(changed(properties__context={"course_id": course_id})) == 200
    context = segment.events()[0]["context"]
    assert context["course_id"] == course_id
    assert "org_id" not in context


def test_the_view_is_exempt_from_csrf_protection():
    """Segment has no token."""
    assert segment_webhook.segmentio_event.csrf_exempt


def test_the_reason_for_an_ignored_event_is_logged_or_raised(caplog):
    """Logged as DEBUG by the view, and raised by `track_segmentio_event`."""
    caplog.set_level("DEBUG", "eventtracking.openedx.segment_webhook")
    payload = changed(properties__data=...)
    request = RequestFactory().post(
        "/segmentio/event?key=k", payload, content_type="application/json"
    )

    with override_settings(TRACKING_SEGMENTIO_WEBHOOK_SECRET="k"):
        assert segment_webhook.segmentio_event(request).status_code == 200
    assert caplog.messages == ["Ignored an event from Segment: The event has no data"]
    with pytest.raises(
        segment_webhook.EventValidationError, match=segment_webhook.ERROR_MISSING_DATA
    ):
        segment_webhook.track_segmentio_event(request)


@pytest.mark.parametrize(
    "name",
    [segment_webhook.ALLOWED_TYPES, segment_webhook.DISALLOWED_NAMES, segment_webhook.SOURCE_MAP],
)
def test_a_setting_that_is_none_has_its_default(name, caplog):
    """The view does not fail. Segment would take the status 500 for an outage."""
    caplog.set_level("DEBUG", segment_webhook.__name__)
    request = RequestFactory().post(
        "/segmentio/event?key=k",
        json.dumps(changed(properties={"name": "edx.video.played"})),
        content_type="application/json",
    )
    with override_settings(**{segment_webhook.SECRET: "k", name: None}):
        assert segment_webhook.segmentio_event(request).status_code == 200

    # All checks before that of the data have passed.
    assert caplog.messages == ["Ignored an event from Segment: The event has no data"]


def test_every_error_has_its_own_text():
    """Readers of the log can distinguish them."""
    texts = [text for name, text in vars(segment_webhook).items() if name.startswith("ERROR_")]

    assert len(set(texts)) == len(texts) == 9
