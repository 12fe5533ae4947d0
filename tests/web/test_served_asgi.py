"""An ASGI application, served by uvicorn and asked over HTTP and by websocket."""

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


def test_fifty_users_at_once_each_have_their_own_facts(site):
    """In the application, in its tasks, in its threads and in its streams."""

    def visit(user):
        connection = site.connection()
        for path in (f"/page/{user}", f"/again/{user}"):
            site.get(f"{path}?user={user}", connection, **headers(user))
        connection.close()

    site.crowd(visit)
    events = [event for event in site.events() if event["data"]["of"] != "lifespan"]

    # A page, a task, a thread, three parts and an end, twice for each.
    assert len(events) == 50 * 2 * 7
    for event in events:
        path, found = event["data"]["of"], event["context"]
        user = path.rpartition("/")[2]
        assert (found["path"], found["query"]) == (path, f"user={user}")
        assert (found["agent"], found["session"]) == (f"agent-{user}", f"session-{user}")
        assert (found["user_id"], found["username"]) == (f"user-{user}", f"user-{user}")
        assert (found["ip"], found["method"]) == ("127.0.0.1", "GET")


def test_fifty_websockets_at_once_each_have_their_own_facts(site):
    """As long as they are open, message after message."""

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


def test_a_request_leaves_nothing_behind(site):
    """Not on its connection, whether it ended well or not."""
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


def test_a_task_that_outlives_its_request_tells_nothing_of_it(site):
    """Nor of the request that it happens to end in."""
    site.get("/left/1", **headers(1))
    site.get("/release/2", **headers(2))

    names = {event["name"]: event for event in of(site.events(), "/left/1")}
    assert names["started"]["context"]["agent"] == "agent-1"
    assert names["outlived"]["context"] == {}


def test_a_client_that_goes_away_leaves_nothing_behind(site):
    """What the application still does for it is part of its request."""
    site.hang_up("/endless/1", **headers(1))
    site.get("/untracked")
    events = site.events()

    gone = of(events, "/endless/1")
    assert gone[-1]["name"] == "closed"
    assert {event["context"]["agent"] for event in gone} == {"agent-1"}
    assert {str(event["context"]) for event in of(events, "/untracked")} == {"{}"}


def test_the_life_of_the_server_is_no_request(site):
    """Starting and stopping work, and have no visitor."""
    site.get("/page/1", **headers(1))
    life = of(site.events(), "lifespan")

    assert [event["name"] for event in life] == ["lifespan.startup", "lifespan.shutdown"]
    assert [event["context"] for event in life] == [{}, {}]
