"""An ASGI application served by uvicorn, over HTTP and websockets."""

import pytest
from servers import served
from websockets.sync.client import connect


@pytest.fixture
def site(tmp_path):
    with served("uvicorn", "asgi_site", tmp_path / "log") as client:
        yield client


def headers(user):
    return {
        "User_Agent": f"agent-{user}",
        "X_Session": f"session-{user}",
        "X_User": f"user-{user}",
    }


def of(events, path):
    return [event for event in events if event["data"]["of"] == path]


def test_fifty_concurrent_users_have_their_own_facts(site):
    """In the application, and in its tasks, threads and streams."""

    def visit(user):
        connection = site.connection()
        for path in (f"/page/{user}", f"/again/{user}"):
            site.get(f"{path}?user={user}", connection, **headers(user))
        connection.close()

    site.crowd(visit)
    events = [event for event in site.events() if event["data"]["of"] != "lifespan"]

    # A page, a task, a thread, three parts and an end, twice for each user.
    assert len(events) == 50 * 2 * 7
    for event in events:
        path, found = event["data"]["of"], event["context"]
        user = path.rpartition("/")[2]
        assert (found["path"], found["query"]) == (path, f"user={user}")
        assert (found["agent"], found["session"]) == (f"agent-{user}", f"session-{user}")
        assert (found["user_id"], found["username"]) == (f"user-{user}", f"user-{user}")
        assert (found["ip"], found["method"]) == ("127.0.0.1", "GET")


def test_fifty_concurrent_websockets_have_their_own_facts(site):
    """For each message, as long as they are open."""

    def chat(user):
        url = f"ws://127.0.0.1:{site.port}/chat/{user}"
        with connect(
            url, user_agent_header=f"agent-{user}", additional_headers={"X-User": f"user-{user}"}
        ) as socket:
            for number in range(5):
                socket.send(f"{user}:{number}")
                assert socket.recv() == f"{user}:{number}"

    site.crowd(chat)
    events = [event for event in site.events() if event["data"]["of"] != "lifespan"]

    assert len(events) == 50 * 6
    for event in events:
        user = event["data"]["of"].rpartition("/")[2]
        assert event["context"]["path"] == f"/chat/{user}"
        assert event["context"]["agent"] == f"agent-{user}"
        assert event["context"]["username"] == f"user-{user}"


def test_nothing_remains_of_a_request(site):
    """On its connection, after a success or an error."""
    connection = site.connection()
    for number in range(20):
        site.get(f"/page/{number}", connection, **headers(number))
        site.get("/untracked", connection)
        assert site.request("/boom", **headers(number))[0].status == 500
        site.get("/untracked")
    connection.close()

    untracked = of(site.events(), "/untracked")
    assert len(untracked) == 40 * 7
    assert [event["context"] for event in untracked] == [{}] * len(untracked)


def test_the_events_of_a_task_that_outlives_its_request_have_no_facts(site):
    """Neither those of its own request nor those of the one during which it ends."""
    site.get("/left/1", **headers(1))
    site.get("/release/2", **headers(2))

    names = {event["name"]: event for event in of(site.events(), "/left/1")}
    assert names["started"]["context"]["agent"] == "agent-1"
    assert names["outlived"]["context"] == {}


def test_nothing_remains_of_a_client_that_disconnects(site):
    """The cleanup of the application is still part of its request."""
    site.hang_up("/endless/1", **headers(1))
    site.get("/untracked")
    events = site.events()

    gone = of(events, "/endless/1")
    assert gone[-1]["name"] == "closed"
    assert {event["context"]["agent"] for event in gone} == {"agent-1"}
    assert {str(event["context"]) for event in of(events, "/untracked")} == {"{}"}


def test_the_lifespan_is_served_without_a_request(site):
    """The application starts and stops, and its events have no facts."""
    site.get("/page/1", **headers(1))
    lifespan = of(site.events(), "lifespan")

    assert [event["name"] for event in lifespan] == ["lifespan.startup", "lifespan.shutdown"]
    assert [event["context"] for event in lifespan] == [{}, {}]
