"""The deprecated functions of the platform: their events and contexts."""

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


def test_a_server_event_has_the_user_and_the_page(captured_events):
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


def test_a_server_event_has_the_course_of_its_page(captured_events):
    """If the page is the URL of a course."""
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
def test_the_username_shows_why_there_is_no_user(captured_events, request_, username):
    """No request, a request without users, a user who is not logged in."""
    track("server_track", request_, "batch.finished", '{"ok": true}')

    event = only(captured_events)

    assert event["data"] == '{"ok": true}'
    assert event["context"] == {"username": username, "event_source": "server", "page": None}


def test_requests_of_staff_for_event_logs_are_ignored(captured_events):
    """Requests of other users, and events without a request, are emitted."""
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
    """Name, JSON and page. The course of the page replaces that of the request."""
    fields = {"event_type": "play_video", "event": '{"id": "v1"}', "page": PAGE}
    with tracker.context("edx.request", {"course_id": "the request's", "session": "s"}):
        response = track("user_track", requested(User(username="ana"), method, **fields))

    event = only(captured_events)

    assert (response.status_code, response.content) == (200, b"success")
    assert (event["name"], event["data"]) == ("play_video", {"id": "v1"})
    assert event["context"] == {
        "session": "s",
        **COURSE,
        "username": "ana",
        "event_source": "browser",
        "page": PAGE,
    }


def test_a_browser_event_without_parameters_is_emitted(captured_events):
    """Missing values have defaults. Other methods have no parameters."""
    for request in (requested(), REQUESTS.put("/event", "event_type=a"), REQUESTS.head("/event")):
        assert track("user_track", request).content == b"success"

    assert [(event["name"], event["data"]) for event in captured_events] == [("unknown", {})] * 3
    assert captured_events[0]["context"] == {
        **NO_COURSE,
        "username": "anonymous",
        "event_source": "browser",
        "page": "",
    }


def test_a_browser_may_send_the_course(captured_events):
    """It replaces the course of the page."""
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
        ('{"truncated": ', '{"truncated": '),
        ("[" * 100_000, "[" * 100_000),
        ("9" * 9999, "9" * 9999),
        ('{"username": "ana", "user_id": 3}', {"username": "ana", "user_id": 3}),
        # These tests have no database.
        ('{"username": "ana"}', {"username": "ana"}),
    ],
)
def test_any_data_is_an_event_even_if_it_is_not_json(captured_events, sent, data):
    """The response is always the same."""
    response = track("user_track", requested(method="post", event=sent))

    assert (response.status_code, response.content) == (200, b"success")
    assert only(captured_events)["data"] == data


def test_a_site_without_users_looks_up_no_user(captured_events, settings_without_users):
    """The data is unchanged."""
    track("user_track", requested(event='{"username": "ana"}'))

    assert only(captured_events)["data"] == {"username": "ana"}


@pytest.fixture
def settings_without_users():
    from django.test import override_settings

    with override_settings(INSTALLED_APPS=[]):
        yield


def test_a_task_event_has_facts_about_the_request_and_the_task(captured_events):
    """Facts about the task override the event. The dicts of the caller are not changed."""
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


def test_a_task_event_without_a_course_has_empty_course_fields(captured_events):
    """Missing facts about the request are unknown."""
    track("task_track", None, None, "a", {})

    assert only(captured_events)["context"] == {
        **NO_COURSE,
        **dict.fromkeys(("username", "ip", "agent", "host"), "unknown"),
        "event_source": "task",
        "page": None,
    }


def test_a_task_event_must_be_a_mapping(captured_events):
    """The fields of the task are added to it."""
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
def test_a_deprecation_warning_points_to_the_caller(call, arguments):
    """That is the line to change."""
    with pytest.warns(DeprecationWarning, match=call) as warned:
        getattr(views, call)(*arguments)

    assert {warning.filename for warning in warned} == {__file__}


def test_contexts_are_left_after_each_call(captured_events):
    """Later events are not affected."""
    track("server_track", None, "a", {})
    track("user_track", requested(page=PAGE))
    track("task_track", {}, {}, "a", {})
    tracker.emit("after")

    assert captured_events[-1]["context"] == {}
