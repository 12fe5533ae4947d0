"""The collector's door in ASGI, called as a server calls it."""

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
    await send({"type": "mine"})


class Door:
    """A middleware around an application, and what it sends."""

    def __init__(self, tracked=True, **options):
        self.site = Site()
        self.inner = CollectorMiddleware(app, tracker=self.site.tracker, **options)
        user = {"user": lambda _: (7, "ana")}
        self.outer = TrackMiddleware(self.inner, **user) if tracked else self.inner
        self.received = 0

    def ask(self, connection, *messages):
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
        return self.ask(connection, *messages)[0].get("status")


def whole(body):
    return {"type": "http.request", "body": body}


def part(body):
    return {"type": "http.request", "body": body, "more_body": True}


def test_events_are_taken_at_the_path_and_all_else_is_the_applications():
    """The paths beside and below included, and what is no request."""
    door = Door()

    assert door.status(scope(), whole(encoded(an_event()))) == 200
    for path in ("/", "/event/", "/events", "/event/other"):
        assert door.ask(scope(path=path)) == [{"type": "mine"}]
    assert door.ask(scope(type="websocket")) == [{"type": "mine"}]
    assert door.ask({"type": "lifespan"}) == [{"type": "mine"}]
    assert len(door.site.events) == 1


def test_a_mounted_site_has_its_own_paths():
    """What a server or a framework put in front does not count."""
    door = Door()

    assert door.status(scope(path="/mount/event", root_path="/mount"), whole(encoded())) == 200


def test_the_facts_are_those_of_the_middleware_around():
    """The user it knows, the address it believes."""
    door = Door()
    door.ask(scope(), whole(encoded(an_event())))
    context = door.site.events[0]["context"]

    assert (context["user_id"], context["ip"]) == (7, "203.0.113.9")


def test_without_a_middleware_around_the_request_is_known_all_the_same():
    """By the socket's address."""
    door = Door(tracked=False)
    door.ask(scope(), whole(encoded(an_event())))
    context = door.site.events[0]["context"]

    assert (context["ip"], context["username"]) == ("203.0.113.9", "")


def test_a_body_may_come_in_parts():
    """Empty ones among them."""
    body = encoded(an_event())
    parts = [part(body[:10]), part(b""), part(body[10:]), {"type": "http.request"}]

    assert Door().status(scope(), *parts) == 200


@pytest.mark.parametrize(("size", "status"), [(65_536, 200), (65_537, 413), (900_000, 413)])
def test_a_body_that_is_too_large_is_read_and_not_kept(size, status):
    """So that the answer arrives."""
    door = Door()
    body = encoded().ljust(size)
    parts = [part(body[at : at + 10_000]) for at in range(0, size, 10_000)]

    assert door.status(scope(), *parts, whole(b"")) == status
    assert door.received == len(parts) + 1


def test_of_a_body_without_an_end_a_megabyte_is_read():
    """Then the answer comes, whether it is heard or not."""
    door = Door()
    endless = [part(b"a" * 100_000)] * 1_000

    assert door.status(scope(), *endless) == 413
    assert door.received == 11


@pytest.mark.parametrize("origin", [b"https://shop.example", b"https://evil.example"])
def test_a_client_that_goes_away_is_not_answered(origin):
    """And nothing is taken."""
    door = Door()
    headers = [*HEADERS[:1], (b"origin", origin), *HEADERS[2:]]

    assert door.ask(scope(headers=headers), part(b"{"), {"type": "http.disconnect"}) == []
    assert door.site.events == []


def test_headers_that_repeat_are_not_believed():
    """A second origin is no origin."""
    headers = [*HEADERS, (b"origin", b"https://evil.example")]

    assert Door().status(scope(headers=headers), whole(encoded())) == 403


def test_a_server_is_told_what_it_needs():
    """Names of headers in small, the length, and no body where there may be none."""
    door = Door()
    start, body = door.ask(scope(), whole(encoded(an_event(id="a"))))
    headers = dict(start["headers"])
    preflight, nothing = door.ask(scope(method="OPTIONS"), whole(b""))

    assert headers[b"content-type"] == b"application/json"
    assert headers[b"content-length"] == str(len(body["body"])).encode()
    assert json.loads(body["body"]) == {"results": [{"id": "a", "status": "accepted"}]}
    assert (preflight["status"], nothing["body"]) == (204, b"")
    assert b"content-length" not in dict(preflight["headers"])


def test_its_repr_shows_what_it_is_around():
    """For an operator who looks at a stack of middleware."""
    assert repr(CollectorMiddleware(print)) == f"<CollectorMiddleware of {print!r}>"
