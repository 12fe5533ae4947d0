"""The deprecated calls of the platform: what they emit, and in which context."""

import json
from types import SimpleNamespace

import pytest
from django.contrib.auth.models import AnonymousUser, User
from django.test import RequestFactory

from eventtracking import tracker
from eventtracking.openedx import views

REQUESTS = RequestFactory()

NO_COURSE = {"course_id": "", "org_id": "", "enterprise_uuid": ""}
COURSE = {"course_id": "a/b/c", "org_id": "a", "enterprise_uuid": ""}
PAGE = "https://h/courses/a/b/c/x"


def requested(user=None, method="get", **fields):
    request = getattr(REQUESTS, method)("/event", fields)
    if user is not None:
        request.user = user
    return request


def track(call, *args, **kwargs):
    with pytest.warns(DeprecationWarning, match=f"^{call} is deprecated: use .*emit"):
        return getattr(views, call)(*args, **kwargs)


def only(events):
    [event] = events
    return event


def test_a_server_event_says_who_asked_and_where(captured_events):
    """In the context `edx.course.server`."""
    with tracker.context("edx.request", {"course_id": "the request's", "ip": "203.0.113.9"}):
        track("server_track", requested(User(username="ana")), "a.b", {"n": 1}, page="x_module")

    event = only(captured_events)

    assert (event["name"], event["data"]) == ("a.b", {"n": 1})
    assert event["context"] == {
        "course_id": "the request's",
        "ip": "203.0.113.9",
        "username": "ana",
        "event_source": "server",
        "page": "x_module",
    }


def test_a_server_event_takes_the_course_of_its_page(captured_events):
    """If the page is the URL of one."""
    track("server_track", requested(User(username="ana")), "a", {}, page=PAGE)

    assert only(captured_events)["context"] == {
        **COURSE,
        "username": "ana",
        "event_source": "server",
        "page": PAGE,
    }


@pytest.mark.parametrize(
    ("request_", "username"),
    [
        (None, "anonymous"),
        (requested(), "anonymous"),
        (requested(AnonymousUser()), ""),
        (requested(User(username="ana")), "ana"),
    ],
)
def test_a_server_event_of_nobody_is_told_apart(captured_events, request_, username):
    """No request, a request that knows no users, one of nobody."""
    track("server_track", request_, "batch.finished", '{"ok": true}')

    event = only(captured_events)

    assert event["data"] == '{"ok": true}'
    assert event["context"] == {"username": username, "event_source": "server", "page": None}


def test_staff_who_read_the_event_logs_are_not_logged(captured_events):
    """Anyone else is, and so is an event without a request."""
    staff, reader = User(username="s", is_staff=True), User(username="r")
    for request in (requested(staff), requested(reader), requested(), None):
        track("server_track", request, "/event_logs/10", {})
    track("server_track", requested(staff), "/elsewhere", {})
    track("server_track", None, None, None)

    assert [event["name"] for event in captured_events] == [
        "/event_logs/10",
        "/event_logs/10",
        "/event_logs/10",
        "/elsewhere",
        "unknown",
    ]


@pytest.mark.parametrize("method", ["get", "post"])
def test_a_browser_event_is_read_from_the_query_or_the_form(captured_events, method):
    """Its name, its JSON and its page; the request's course gives way."""
    fields = {"event_type": "play_video", "event": '{"id": "v1"}', "page": PAGE}
    with tracker.context("edx.request", {"course_id": "the request's", "session": "s"}):
        answer = track("user_track", requested(User(username="ana"), method, **fields))

    event = only(captured_events)

    assert (answer.status_code, answer.content) == (200, b"success")
    assert (event["name"], event["data"]) == ("play_video", {"id": "v1"})
    assert event["context"] == {
        "session": "s",
        **COURSE,
        "username": "ana",
        "event_source": "browser",
        "page": PAGE,
    }


def test_a_browser_event_of_nothing_is_one(captured_events):
    """Whatever is missing has a value that readers know; other methods send nothing."""
    for request in (requested(), REQUESTS.put("/event", "event_type=a"), REQUESTS.head("/event")):
        assert track("user_track", request).content == b"success"

    assert [(event["name"], event["data"]) for event in captured_events] == [("unknown", {})] * 3
    assert captured_events[0]["context"] == {
        **NO_COURSE,
        "username": "anonymous",
        "event_source": "browser",
        "page": "",
    }


def test_a_browser_may_name_the_course(captured_events):
    """Then its page need not."""
    key = "course-v1:O+C+R"
    track("user_track", requested(page=PAGE, courserun_key=key))
    track("user_track", requested(page=PAGE, courserun_key=""))

    courses = [event["context"]["course_id"] for event in captured_events]

    assert courses == [key, "a/b/c"]


@pytest.mark.parametrize(
    ("sent", "data"),
    [
        ("", {}),
        ("{}", {}),
        ("null", {}),
        ("0", {}),
        ("5", 5),
        ("true", True),
        ('"text"', "text"),
        ('"username"', "username"),
        ('["username"]', ["username"]),
        ("[[1]]", [[1]]),
        ("not json", "not json"),
        ('{"torn": ', '{"torn": '),
        ("[" * 100_000, "[" * 100_000),
        ("9" * 9999, "9" * 9999),
        ('{"username": "ana", "user_id": 3}', {"username": "ana", "user_id": 3}),
        # There is no database here.
        ('{"username": "ana"}', {"username": "ana"}),
    ],
)
def test_any_json_is_an_event_and_so_is_what_is_none(captured_events, sent, data):
    """The answer is always the same."""
    answer = track("user_track", requested(method="post", event=sent))

    assert (answer.status_code, answer.content) == (200, b"success")
    assert only(captured_events)["data"] == data


def test_a_site_without_users_looks_none_up(captured_events, settings_without_users):
    """The event is what the browser sent."""
    track("user_track", requested(event='{"username": "ana"}'))

    assert only(captured_events)["data"] == {"username": "ana"}


@pytest.fixture
def settings_without_users():
    from django.test import override_settings

    with override_settings(INSTALLED_APPS=[]):
        yield


def test_a_task_event_carries_what_is_known_of_request_and_task(captured_events):
    """What the task says about itself wins over the event; the caller's dicts stay."""
    event, task = {"n": 3, "task": "?"}, {"task": "regrade", "task_id": "t1"}
    track(
        "task_track",
        {"username": "ana", "ip": "203.0.113.9", "session": "s"},
        task,
        "edx.regrade.done",
        event,
        page=PAGE,
    )

    emitted = only(captured_events)

    assert emitted["data"] == {"n": 3, "task": "regrade", "task_id": "t1"}
    assert emitted["context"] == {
        "username": "ana",
        "ip": "203.0.113.9",
        "agent": "unknown",
        "host": "unknown",
        "event_source": "task",
        "page": PAGE,
        **COURSE,
    }
    assert event == {"n": 3, "task": "?"}


def test_a_task_event_of_no_course_says_so(captured_events):
    """The fields are there, and empty; nothing need be known about the request."""
    track("task_track", None, None, "a", {})

    assert only(captured_events)["context"] == {
        **NO_COURSE,
        **dict.fromkeys(("username", "ip", "agent", "host"), "unknown"),
        "event_source": "task",
        "page": None,
    }


def test_a_task_event_must_be_a_mapping(captured_events):
    """The task's fields are added to it."""
    with pytest.raises(TypeError):
        track("task_track", {}, {}, "a", json.dumps({}))

    assert captured_events == []


@pytest.mark.parametrize(
    ("call", "arguments"),
    [
        ("server_track", (None, "a", {})),
        ("user_track", (SimpleNamespace(method="PUT"),)),
        ("task_track", ({}, {}, "a", {})),
    ],
)
def test_a_warning_points_at_the_caller(call, arguments):
    """That is the line to change."""
    with pytest.warns(DeprecationWarning, match=call) as warned:
        getattr(views, call)(*arguments)

    assert {warning.filename for warning in warned} == {__file__}


def test_no_context_stays_behind(captured_events):
    """Also if what is emitted cannot be."""
    track("server_track", None, "a", {})
    track("user_track", requested(page=PAGE))
    track("task_track", {}, {}, "a", {})
    tracker.emit("after")

    assert captured_events[-1]["context"] == {}
