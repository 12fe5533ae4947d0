"""A Django project, served by Django's own server, by gunicorn and by uvicorn, over HTTP."""

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


def check_own_facts(events):
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
def test_fifty_users_at_once_each_have_their_own_facts(site):
    """On pages and in streams, in threads that serve one after the other."""

    def visit(user):
        asking = headers(user)
        connection = site.connection()
        for path in (f"/page/{user}", f"/stream/{user}", f"/page/{user}"):
            site.get(path, connection, **asking)
        connection.close()

    site.crowd(visit)
    events = site.events()

    assert len(events) == 50 * 6
    check_own_facts(events)


@pytest.mark.parametrize("site", ["uvicorn"], indirect=True)
def test_fifty_users_of_an_async_server_each_have_their_own_facts(site):
    """In sync views, async views, their tasks and threads, and async streams."""

    def visit(user):
        asking = headers(user)
        connection = site.connection()
        for path in (f"/page/{user}", f"/apage/{user}", f"/astream/{user}"):
            site.get(path, connection, **asking)
        connection.close()

    site.crowd(visit)
    events = site.events()

    assert len(events) == 50 * (1 + 3 + 4)
    streamed = [event for event in events if event["name"] in ("part", "closed")]
    assert {event["context"]["user_id"] for event in streamed} == {""}
    check_own_facts([event for event in events if event not in streamed])
    for event in streamed:
        user = event["data"]["of"].rpartition("/")[2]
        assert event["context"]["agent"] == f"agent-{user}"


@pytest.mark.parametrize("site", [*SYNC, "uvicorn"], indirect=True)
def test_a_request_leaves_nothing_behind(site):
    """Not on its thread, not on its connection, whether it ended well or not."""
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
def test_a_client_that_goes_away_ends_the_stream_within_its_request(site, path):
    """What the body does at its end is tracked like its parts; the next request is its own."""
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
def test_asking_for_the_user_shows_in_no_response(site):
    """A cache in front of the site goes on working."""
    response, _ = site.request("/page/7", **headers(7))
    user_ids = [event["context"]["user_id"] for event in site.events()]

    assert response.getheader("Vary") is None
    assert response.getheader("Set-Cookie") is None
    assert user_ids == [7]
