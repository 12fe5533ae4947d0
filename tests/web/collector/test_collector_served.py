"""The collector behind real servers, over HTTP: WSGI, ASGI and Django."""

import gzip
import http.client
import json
import socket
from datetime import UTC, datetime, timedelta

import pytest
from collector_requests import an_event, encoded
from servers import served

pytest.importorskip("django")

SITES = [
    ("wsgiref", "collector_site"),
    ("gunicorn-gthread", "collector_site"),
    ("uvicorn", "collector_site"),
    ("django", "collector_django_site"),
    ("gunicorn-sync", "collector_django_site"),
    ("uvicorn", "collector_django_site"),
]

CHUNKS = ["gunicorn-gthread", "uvicorn"]


@pytest.fixture(params=SITES, ids="-".join)
def site(request, tmp_path):
    kind, name = request.param
    with served(kind, name, tmp_path / "log") as client:
        client.kind = kind
        yield client


def post(site, body, path="/event", method="POST", **headers):
    headers = {
        "Origin": f"http://127.0.0.1:{site.port}",
        "Content_Type": "application/json",
        **headers,
    }
    response, text = site.request(path, None, method, body, **headers)
    return response, text


def test_events_that_are_sent_repeatedly_are_logged_once(site):
    """In batches and forms, by any of the processes."""
    now = datetime.now(UTC)
    event = an_event(
        id="e-1",
        data={"position": 3},
        time=(now - timedelta(hours=1, minutes=5)).isoformat(),
        page="https://shop.example/courses/a/b/c/x",
        context={"user_id": 666, "theme": "dark"},
    )
    body = encoded(
        event, an_event(id="e-2", name="edx.x"), sent_at=(now - timedelta(hours=1)).isoformat()
    )
    statuses = []
    for _ in range(6):
        response, text = post(site, body, User_Agent="agent-7")
        assert (response.status, response.getheader("Content-Type")) == (200, "application/json")
        first, second = json.loads(text)["results"]
        statuses.append(first["status"])
        assert second == {"id": "e-2", "status": "refused", "reason": "reserved_name"}
    form = {"Content_Type": "application/x-www-form-urlencoded"}
    assert post(site, b"event_type=play_video&event=5&page=", **form)[1] == b"success"
    arrived, legacy = site.events()

    assert statuses == ["accepted"] + ["duplicate"] * 5
    assert (arrived["name"], arrived["data"]) == ("video.played", {"position": 3})
    context = arrived["context"]
    assert context["page_context"] == {"user_id": 666, "theme": "dark"}
    assert (context["event_source"], context["agent"]) == ("browser", "agent-7")
    assert (context["ip"], context["path"]) == ("127.0.0.1", "/event")
    assert context["user_id"] != 666
    assert context["course_id"] == "a/b/c"
    skew = datetime.fromisoformat(arrived["timestamp"]) - (now - timedelta(minutes=5))
    # Even a slow machine does not need an hour.
    assert timedelta(0) <= skew < timedelta(minutes=30)
    assert (legacy["name"], legacy["data"]) == ("play_video", 5)


def test_clients_receive_the_status_for_bodies_of_any_size(site):
    """Even if the request is refused before its body is read."""
    big = b"a" * 900_000
    plain, form = "text/html", "application/x-www-form-urlencoded"
    responses = [
        (post(site, encoded()), 200),
        (post(site, encoded().ljust(65_536)), 200),
        (post(site, encoded().ljust(65_537)), 413),
        (post(site, big), 413),
        (post(site, big, Origin="https://evil.example"), 403),
        (post(site, big, Content_Type=plain), 415),
        (post(site, b"{"), 400),
        (post(site, b"", Content_Type=form), 200),
        (post(site, gzip.compress(encoded()), Content_Encoding="gzip"), 200),
        (post(site, gzip.compress(b"a" * 9_000_000), Content_Encoding="gzip"), 413),
        (post(site, encoded(), Content_Encoding="br"), 415),
        (post(site, None, method="GET"), 405),
        (post(site, None, method="OPTIONS"), 204),
        (post(site, encoded(), Origin="https://friend.example"), 200),
    ]

    statuses = [response.status for (response, _), _ in responses]
    assert statuses == [status for _, status in responses]
    friend = responses[-1][0][0]
    assert friend.getheader("Access-Control-Allow-Origin") == "https://friend.example"
    assert "Origin" in friend.getheader("Vary")


def test_the_client_is_served_and_cached(site):
    """With its media type, and not sent again if the browser has it."""
    response, script = post(site, None, "/event/eventtracking.js", "GET")
    etag = response.getheader("ETag")
    cached, nothing = post(site, None, "/event/eventtracking.js", "GET", If_None_Match=etag)

    assert (response.status, response.getheader("Content-Type")) == (
        200,
        "text/javascript; charset=utf-8",
    )
    assert b"eventtracking" in script
    assert (cached.status, nothing) == (304, b"")
    assert post(site, None, "/event/other.js", "GET")[0].status in (200, 404)


@pytest.mark.parametrize(
    "site", [each for each in SITES if each[0] in CHUNKS], indirect=True, ids="-".join
)
@pytest.mark.parametrize(("size", "status"), [(60_000, 200), (200_000, 413)])
def test_a_chunked_body_has_the_same_limit(site, size, status):
    """It has no declared length."""
    connection = site.connection()
    body = encoded(an_event()).ljust(size)
    parts = (body[at : at + 8_192] for at in range(0, size, 8_192))
    headers = {
        "Origin": f"http://127.0.0.1:{site.port}",
        "Content-Type": "text/plain",
        "Transfer-Encoding": "chunked",
    }
    connection.request("POST", "/event", parts, headers, encode_chunked=True)
    received = connection.getresponse().status
    connection.close()

    assert received == status


def test_a_client_that_disconnects_within_its_body_does_not_affect_others(site):
    """Nothing is emitted for it."""
    head = f"POST /event HTTP/1.1\r\nHost: 127.0.0.1:{site.port}\r\nOrigin: http://127.0.0.1:{site.port}\r\n"
    with socket.create_connection(("127.0.0.1", site.port), timeout=300) as gone:
        gone.sendall(f"{head}Content-Type: text/plain\r\nContent-Length: 500\r\n\r\n{{".encode())
    status = post(site, encoded(an_event("after")))[0].status

    assert status == 200
    assert [event["name"] for event in site.events()] == ["after"]


def test_the_events_of_fifty_concurrent_pages_have_their_own_facts(site):
    """On reused connections and on new ones."""

    def visit(user):
        connection = site.connection()
        for number in range(3):
            body = encoded(an_event(id=f"{user}-{number}", data={"user": user}))
            headers = {"Origin": f"http://127.0.0.1:{site.port}", "Content-Type": "text/plain"}
            try:
                connection.request(
                    "POST", "/event", body, {**headers, "User-Agent": f"agent-{user}"}
                )
                assert connection.getresponse().read().count(b"accepted") == 1
            except http.client.RemoteDisconnected:
                # This server does not reuse connections, so the client opens another one.
                connection.close()
        connection.close()

    site.crowd(visit)
    events = site.events()

    assert {event["context"]["agent"] for event in events} == {f"agent-{n}" for n in range(50)}
    assert all(event["context"]["agent"] == f"agent-{event['data']['user']}" for event in events)
    ids = [event["context"]["event_id"] for event in events]
    assert len(ids) == len(set(ids))
