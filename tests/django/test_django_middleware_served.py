"""A Django project served by Django's server, gunicorn and uvicorn, over HTTP."""

import pytest
import visitors
from django.test import override_settings
from servers import served

SYNC = ["wsgiref", "django", "gunicorn-gthread"]
SESSIONS = "django.contrib.sessions.backends.signed_cookies"


@pytest.fixture
def site(request, tmp_path):
    with served(request.param, "django_site", tmp_path / "log") as client:
        yield client


def headers(user):
    with override_settings(SESSION_ENGINE=SESSIONS):
        key = visitors.session_key(user)
    return {"User_Agent": f"agent-{user}", "Cookie": f"sessionid={key}; _ga=GA1.2.{user}.{user}"}


def of(events, path):
    return [event for event in events if event["data"]["of"] == path]


def check_facts(events):
    for event in events:
        path, found = event["data"]["of"], event["context"]
        user = path.rpartition("/")[2]
        assert (found["path"], found["agent"]) == (path, f"agent-{user}")
        assert found["client_id"] == f"{user}.{user}"
        if event["name"] != "before":
            assert (found["user_id"], found["username"]) == (int(user), f"user-{user}")
        assert len(found["session"]) == 32
    sessions = {(event["context"]["agent"], event["context"]["session"]) for event in events}
    assert len(sessions) == 50


@pytest.mark.parametrize("site", SYNC, indirect=True)
def test_fifty_concurrent_users_have_their_own_facts(site):
    """On pages and in streams, in threads that serve many requests."""

    def visit(user):
        own = headers(user)
        connection = site.connection()
        for path in (f"/page/{user}", f"/stream/{user}", f"/page/{user}"):
            site.get(path, connection, **own)
        connection.close()

    site.crowd(visit)
    events = site.events()

    assert len(events) == 50 * 6
    check_facts(events)


@pytest.mark.parametrize("site", ["uvicorn"], indirect=True)
def test_fifty_concurrent_users_of_an_async_server_have_their_own_facts(site):
    """In sync views, in async views, in their tasks and threads, and in async streams."""

    def visit(user):
        own = headers(user)
        connection = site.connection()
        for path in (f"/page/{user}", f"/apage/{user}", f"/astream/{user}"):
            site.get(path, connection, **own)
        connection.close()

    site.crowd(visit)
    events = site.events()

    assert len(events) == 50 * (1 + 3 + 4)
    streamed = [event for event in events if event["name"] in ("part", "closed")]
    assert {event["context"]["user_id"] for event in streamed} == {""}
    check_facts([event for event in events if event not in streamed])
    for event in streamed:
        user = event["data"]["of"].rpartition("/")[2]
        assert event["context"]["agent"] == f"agent-{user}"


@pytest.mark.parametrize("site", [*SYNC, "uvicorn"], indirect=True)
def test_nothing_remains_of_a_request(site):
    """On its thread and connection, after a success or an error."""
    connection = site.connection()
    for number in range(10):
        site.get(f"/page/{number}", connection, **headers(number))
        site.get("/untracked", connection)
        assert site.request("/boom/x", **headers(number))[0].status == 500
        site.get("/stream/x", **headers(number)) if number % 2 else None
        site.get("/untracked")
    connection.close()

    untracked = of(site.events(), "/untracked")
    assert [event["context"] for event in untracked] == [{}] * 20


@pytest.mark.parametrize(
    ("site", "path"),
    [*((server, "/stream/endless") for server in SYNC), ("uvicorn", "/astream/endless")],
    indirect=["site"],
)
def test_the_stream_of_a_client_that_disconnects_ends_within_its_request(site, path):
    """The events of the next request have its own facts."""
    site.hang_up(path, **headers(1))
    site.get("/untracked")
    site.get("/page/2", **headers(2))
    events = site.events()

    gone = of(events, path)
    assert gone[-1]["name"] == "closed"
    assert {event["context"]["agent"] for event in gone} == {"agent-1"}
    assert of(events, "/untracked")[0]["context"] == {}
    assert of(events, "/page/2")[0]["context"]["agent"] == "agent-2"


@pytest.mark.parametrize("site", ["django", "uvicorn"], indirect=True)
def test_determining_the_user_does_not_change_the_response(site):
    """A cache in front of the site keeps working."""
    response, _ = site.request("/page/7", **headers(7))
    user_ids = [event["context"]["user_id"] for event in site.events()]

    assert response.getheader("Vary") is None
    assert response.getheader("Set-Cookie") is None
    assert user_ids == [7]
