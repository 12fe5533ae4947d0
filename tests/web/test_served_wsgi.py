"""A WSGI application served by real servers, over HTTP."""

import pytest
from servers import served

SERVERS = ["wsgiref", "gunicorn-sync", "gunicorn-gthread"]


@pytest.fixture(params=SERVERS)
def site(request, tmp_path):
    with served(request.param, "wsgi_site", tmp_path / "log") as client:
        yield client


def by_path(events, name=None):
    found = {}
    for event in events:
        if name in (None, event["name"]):
            found.setdefault(event["data"]["of"], []).append(event)
    return found


def headers(user):
    return {
        "User_Agent": f"agent-{user}",
        "X_Forwarded_For": f"203.0.113.{user}",
        "X_Session": f"session-{user}",
        "X_User": f"user-{user}",
        "Cookie": f"_ga=GA1.2.{user}.{user}",
    }


def test_fifty_concurrent_users_have_their_own_facts(site):
    """On pages and in streams, on reused connections and on new ones."""

    def visit(user):
        connection = site.connection()
        for path in (f"/page/{user}", f"/stream/{user}", f"/page/{user}"):
            site.get(f"{path}?user={user}", connection, **headers(user))
        connection.close()
        site.get(f"/page/{user}", **headers(user))

    site.crowd(visit)
    events = site.events()

    # Three pages, three parts and an end for each user.
    assert len(events) == 50 * 7
    for event in events:
        path, found = event["data"]["of"], event["context"]
        user = path.rpartition("/")[2]
        assert found["path"] == path
        assert found["agent"] == f"agent-{user}"
        assert found["ip"] == f"203.0.113.{user}"
        assert found["session"] == f"session-{user}"
        assert (found["user_id"], found["username"]) == (f"user-{user}", f"user-{user}")
        assert found["client_id"] == f"{user}.{user}"


def test_nothing_remains_of_a_request(site):
    """On its thread and connection, after a success or an error."""
    connection = site.connection()
    for number in range(20):
        site.get(f"/page/{number}", connection, **headers(number))
        site.get("/untracked", connection)
        assert site.request("/boom", **headers(number))[0].status == 500
        site.get(f"/stream/{number}", **headers(number))
        site.get("/untracked")
    connection.close()

    untracked = by_path(site.events())["/untracked"]
    assert len(untracked) == 40
    assert [event["context"] for event in untracked] == [{}] * 40


def test_the_body_of_a_client_that_disconnects_is_closed_within_its_request(site):
    """The events of the next request have its own facts."""
    site.hang_up("/endless/1", **headers(1))
    site.get("/untracked")
    site.get("/page/2", **headers(2))

    events = by_path(site.events())
    [closed] = [event for event in events["/endless/1"] if event["name"] == "closed"]
    assert closed["context"]["agent"] == "agent-1"
    assert {event["context"]["agent"] for event in events["/endless/1"]} == {"agent-1"}
    assert events["/untracked"][0]["context"] == {}
    assert events["/page/2"][0]["context"]["agent"] == "agent-2"
