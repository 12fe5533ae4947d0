"""An event for each request, as in Open edX."""

import asyncio
import json

import pytest
import visitors
from django.conf import settings
from django.http import HttpResponse
from django.test import AsyncClient, Client, override_settings
from django.urls import re_path

from eventtracking.processors.request_context import RequestContext
from eventtracking.testing import capture_events
from eventtracking.tracker import TRACKERS, Tracker, emit, get_tracker, register_tracker

PROJECT = {
    "AUTHENTICATION_BACKENDS": ["visitors.Backend"],
    "EVENT_TRACKING_REQUEST_EVENTS": "legacy",
    "MIDDLEWARE": [
        "django.contrib.sessions.middleware.SessionMiddleware",
        "django.contrib.auth.middleware.AuthenticationMiddleware",
        "eventtracking.django.middleware.TrackMiddleware",
    ],
    "ROOT_URLCONF": __name__,
    "SESSION_ENGINE": "django.contrib.sessions.backends.signed_cookies",
}

READ = []


def view(request):
    emit("from the view")
    if request.path == "/boom":
        raise LookupError
    if request.path == "/raw":
        READ.append(request.read())
    elif request.path == "/upload":
        request.upload_handlers = [*request.upload_handlers]
        READ.append({name: file.read() for name, file in request.FILES.items()})
    elif request.method == "POST":
        request.upload_handlers = [*request.upload_handlers]
        READ.append((request.body, dict(request.POST.lists())))
    return HttpResponse()


async def async_view(request):
    return HttpResponse()


urlpatterns = [re_path("^async", async_view), re_path("", view)]


@pytest.fixture(autouse=True)
def captured():
    READ.clear()
    with override_settings(**PROJECT):
        register_tracker(Tracker(processors=[RequestContext()]))
        with capture_events() as events:
            yield events


def request_events(events):
    return [event for event in events if event["name"] != "from the view"]


def test_each_request_is_an_event_before_its_view_runs(captured):
    """Its name is the path, and its data are the parameters as text."""
    Client().get("/courses/course-v1:X+Y+Z/about?token=abc&password=p&a=1&a=2")

    first, second = captured
    assert first["name"] == "/courses/course-v1:X+Y+Z/about"
    assert first["data"] == (
        '{"GET": {"token": ["abc"], "password": "********", "a": ["1", "2"]}, "POST": {}}'
    )
    assert second["name"] == "from the view"


def test_the_event_has_the_context_of_a_server_event(captured):
    """With the course in the URL. The events of the view do not have these fields."""
    client = Client()
    client.cookies[settings.SESSION_COOKIE_NAME] = visitors.session_key(7)
    client.get("/courses/course-v1:X+Y+Z/about")

    first, second = (event["context"] for event in captured)
    assert {name: first[name] for name in first.keys() - second.keys()} == {
        "event_source": "server",
        "page": None,
        "course_id": "course-v1:X+Y+Z",
        "org_id": "X",
        "enterprise_uuid": "",
    }
    assert (first["user_id"], first["username"], first["path"]) == (
        7,
        "user-7",
        "/courses/course-v1:X+Y+Z/about",
    )


def test_the_course_may_be_in_the_query(captured):
    """The whole URL is searched."""
    Client().get("/?next=/courses/O/C/R")

    assert captured[0]["context"]["course_id"] == "O/C/R"


@pytest.mark.parametrize(
    "name",
    [
        "password",
        "newpassword",
        "new_password",
        "oldpassword",
        "old_password",
        "new_password1",
        "new_password2",
        "Password",
        "NEW_PASSWORD",
    ],
)
def test_passwords_are_censored(captured, name):
    """In the query and in a form, in any case."""
    Client().post(f"/form?{name}=hunter2", {name: "hunter2"}, follow=False)
    Client().post(
        f"/form?{name}=hunter2",
        f"{name}=hunter2&x=1",
        content_type="application/x-www-form-urlencoded",
    )

    assert json.loads(request_events(captured)[1]["data"]) == {
        "GET": {name: "********"},
        "POST": {name: "********", "x": ["1"]},
    }
    assert "hunter2" not in str([event["data"] for event in captured])


def test_a_long_text_is_truncated(captured):
    """To 512 characters, as in Open edX."""
    Client().get("/", {"a": "x" * 1000})

    assert len(captured[0]["data"]) == 512
    assert captured[0]["data"].startswith('{"GET": {"a": ["xxx')


@pytest.mark.parametrize(
    "path", ["/event", "/event/x", "/login", "/heartbeat", "/segmentio/event", "/performance"]
)
def test_some_paths_are_ignored(captured, path):
    """Those that Open edX ignores. Other events of their views are emitted."""
    Client().get(path)

    assert [event["name"] for event in captured] == ["from the view"]
    assert captured[0]["context"]["path"] == path


def test_the_ignored_paths_are_a_setting(captured):
    """Its regular expressions match the beginning of a path."""
    with override_settings(TRACKING_IGNORE_URL_PATTERNS=["/a", r".*\.png$"]):
        client = Client()
        for path in ("/abc", "/x/y.png", "/b/a", "/event"):
            client.get(path)

    assert [event["name"] for event in request_events(captured)] == ["/b/a", "/event"]


def test_an_upload_is_not_read_before_the_view(captured):
    """The view can still replace the upload handlers."""
    from django.core.files.base import ContentFile

    Client().post("/upload", {"file": ContentFile(b"content", name="f"), "password": "p"})

    assert READ == [{"file": b"content"}]
    assert captured[0]["data"] == '{"GET": {}, "POST": {}}'


@pytest.mark.parametrize(
    "kind", ["application/json", "text/plain", "multipart/form-data; boundary=b"]
)
def test_a_raw_body_is_not_read_before_the_view(captured, kind):
    """The view can still read the stream."""
    Client().generic("POST", "/raw", b"raw \xff bytes", content_type=kind)

    assert READ == [b"raw \xff bytes"]


def test_a_view_can_read_a_form_in_any_way(captured):
    """As a body, as parameters, and with its own upload handlers."""
    Client().post("/form", "a=1&a=2", content_type="application/x-www-form-urlencoded")

    assert READ == [(b"a=1&a=2", {"a": ["1", "2"]})]


def test_the_event_of_a_form_that_cannot_be_read_has_the_exception(captured):
    """The view gets the same exception."""
    with override_settings(DATA_UPLOAD_MAX_MEMORY_SIZE=3):
        response = Client().post(
            "/form", "a=1&b=2", content_type="application/x-www-form-urlencoded"
        )

    assert response.status_code == 400
    assert captured[0]["data"] == {
        "event-type": "exception",
        "exception": "<class 'django.core.exceptions.RequestDataTooBig'>",
    }


def test_the_event_does_not_depend_on_the_success_of_the_view(captured):
    """It is emitted before the view runs."""
    with pytest.raises(LookupError):
        Client().get("/boom")

    assert [event["name"] for event in captured] == ["/boom", "from the view"]


def test_the_event_has_the_user_in_an_async_project(captured):
    """It is emitted in a thread, where a query does not block other requests."""
    client = AsyncClient()
    client.cookies[settings.SESSION_COOKIE_NAME] = visitors.session_key(7)

    asyncio.run(client.get("/async?password=p"))

    assert captured[0]["name"] == "/async"
    assert captured[0]["context"]["username"] == "user-7"
    assert captured[0]["data"] == '{"GET": {"password": "********"}, "POST": {}}'


def test_the_context_of_the_event_is_exited(captured):
    """Later events do not have it."""
    Client().get("/")

    assert dict(get_tracker().located_context) == {}


def test_no_event_is_emitted_without_a_tracker(captured, caplog):
    """Nor is a warning logged for each request while tracking is disabled."""
    TRACKERS.clear()
    asyncio.run(AsyncClient().get("/async"))

    assert captured == []
    assert caplog.messages == []


def test_request_events_are_disabled_by_default(captured):
    """Any false value disables them."""
    for off in (None, False, ""):
        with override_settings(EVENT_TRACKING_REQUEST_EVENTS=off):
            Client().get("/")

    assert [event["name"] for event in captured] == ["from the view"] * 3
