"""The collector's ASGI middleware, called as by a server."""

import asyncio
import json

import pytest
from collector_requests import Site, an_event, encoded

from eventtracking.web.asgi import CollectorMiddleware, TrackMiddleware

HEADERS = [
    (b"host", b"shop.example"),
    (b"origin", b"https://shop.example"),
    (b"content-type", b"application/json"),
]


def scope(**parts):
    return {
        "type": "http",
        "method": "POST",
        "path": "/event",
        "query_string": b"",
        "headers": HEADERS,
        "client": ("203.0.113.9", 4711),
        "server": ("lms-1", 80),
        **parts,
    }


async def app(scope, receive, send):
    await send({"type": "application"})


class Integration:
    """The middleware around an application, and the messages that it sends."""

    def __init__(self, tracked=True, **options):
        self.site = Site()
        self.inner = CollectorMiddleware(app, tracker=self.site.tracker, **options)
        user = {"user": lambda _: (7, "ana")}
        self.outer = TrackMiddleware(self.inner, **user) if tracked else self.inner
        self.received = 0

    def send(self, connection, *messages):
        """Return the messages that were sent."""
        waiting, sent = list(messages), []

        async def receive():
            self.received += 1
            return waiting.pop(0)

        async def send(message):
            sent.append(message)

        asyncio.run(self.outer(connection, receive, send))
        return sent

    def status(self, connection, *messages):
        return self.send(connection, *messages)[0].get("status")


def whole(body):
    return {"type": "http.request", "body": body}


def chunk(body):
    return {"type": "http.request", "body": body, "more_body": True}


def test_events_are_collected_at_the_path_only():
    """The application gets other paths, websockets and the lifespan."""
    integration = Integration()

    assert integration.status(scope(), whole(encoded(an_event()))) == 200
    for path in ("/", "/event/", "/events", "/event/other"):
        assert integration.send(scope(path=path)) == [{"type": "application"}]
    assert integration.send(scope(type="websocket")) == [{"type": "application"}]
    assert integration.send({"type": "lifespan"}) == [{"type": "application"}]
    assert len(integration.site.events) == 1


def test_the_path_is_relative_to_a_mounted_site():
    """The prefix of a server or a framework is ignored."""
    integration = Integration()

    assert (
        integration.status(scope(path="/mount/event", root_path="/mount"), whole(encoded())) == 200
    )


def test_the_facts_are_those_of_the_tracking_middleware():
    """It determines the user and the address."""
    integration = Integration()
    integration.send(scope(), whole(encoded(an_event())))
    context = integration.site.events[0]["context"]

    assert (context["user_id"], context["ip"]) == (7, "203.0.113.9")


def test_the_facts_are_known_without_the_tracking_middleware():
    """The address is that of the socket."""
    integration = Integration(tracked=False)
    integration.send(scope(), whole(encoded(an_event())))
    context = integration.site.events[0]["context"]

    assert (context["ip"], context["username"]) == ("203.0.113.9", "")


def test_a_body_may_come_in_chunks():
    """Some of them may be empty."""
    body = encoded(an_event())
    chunks = [chunk(body[:10]), chunk(b""), chunk(body[10:]), {"type": "http.request"}]

    assert Integration().status(scope(), *chunks) == 200


@pytest.mark.parametrize(("size", "status"), [(65_536, 200), (65_537, 413), (900_000, 413)])
def test_a_body_that_is_too_large_is_read_and_discarded(size, status):
    """Otherwise the client could lose the response."""
    integration = Integration()
    body = encoded().ljust(size)
    chunks = [chunk(body[at : at + 10_000]) for at in range(0, size, 10_000)]

    assert integration.status(scope(), *chunks, whole(b"")) == status
    assert integration.received == len(chunks) + 1


def test_at_most_a_megabyte_of_an_endless_body_is_read():
    """Then the response is sent, even if the client does not read it."""
    integration = Integration()
    endless = [chunk(b"a" * 100_000)] * 1_000

    assert integration.status(scope(), *endless) == 413
    assert integration.received == 11


@pytest.mark.parametrize("origin", [b"https://shop.example", b"https://evil.example"])
def test_a_client_that_disconnects_gets_no_response(origin):
    """Its events are not emitted."""
    integration = Integration()
    headers = [*HEADERS[:1], (b"origin", origin), *HEADERS[2:]]

    assert integration.send(scope(headers=headers), chunk(b"{"), {"type": "http.disconnect"}) == []
    assert integration.site.events == []


def test_a_request_with_two_origins_is_refused():
    """Even if one of them is the site's own."""
    headers = [*HEADERS, (b"origin", b"https://evil.example")]

    assert Integration().status(scope(headers=headers), whole(encoded())) == 403


def test_the_response_is_valid_asgi():
    """Lowercase header names, the length, and no body if the status forbids one."""
    integration = Integration()
    start, body = integration.send(scope(), whole(encoded(an_event(id="a"))))
    headers = dict(start["headers"])
    preflight, nothing = integration.send(scope(method="OPTIONS"), whole(b""))

    assert headers[b"content-type"] == b"application/json"
    assert headers[b"content-length"] == str(len(body["body"])).encode()
    assert json.loads(body["body"]) == {"results": [{"id": "a", "status": "accepted"}]}
    assert (preflight["status"], nothing["body"]) == (204, b"")
    assert b"content-length" not in dict(preflight["headers"])


def test_the_repr_shows_the_application():
    """It helps an operator who inspects a stack of middleware."""
    assert repr(CollectorMiddleware(print)) == f"<CollectorMiddleware of {print!r}>"
