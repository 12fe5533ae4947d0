"""The collector's door in WSGI, called as a server calls it."""

import io
import json
from wsgiref.util import setup_testing_defaults
from wsgiref.validate import validator

import pytest
from collector_requests import Site, an_event, encoded

from eventtracking.web.wsgi import CollectorMiddleware, TrackMiddleware


class Input(io.BytesIO):
    """Counts what is read, and gives it in small pieces."""

    def read(self, size=-1):
        assert size >= 0, "a server that waits for more would wait for ever"
        return super().read(min(size, 1000))


class Broken:
    def read(self, size=-1):
        raise ConnectionResetError


def environ(body=b"", **variables):
    variables = {
        "REQUEST_METHOD": "POST",
        "SCRIPT_NAME": "",
        "PATH_INFO": "/event",
        "HTTP_HOST": "shop.example",
        "HTTP_ORIGIN": "https://shop.example",
        "REMOTE_ADDR": "203.0.113.9",
        "CONTENT_TYPE": "application/json",
        "CONTENT_LENGTH": str(len(body)),
        "wsgi.input": Input(body),
        **variables,
    }
    setup_testing_defaults(variables)
    return variables


def app(environ, start_response):
    start_response("299 Mine", [])
    return [b"the application's"]


class Door:
    """A middleware around an application, and what it answers."""

    def __init__(self, tracked=True, **options):
        self.site = Site()
        self.inner = CollectorMiddleware(app, tracker=self.site.tracker, **options)
        self.outer = (
            TrackMiddleware(self.inner, user=lambda _: (7, "ana")) if tracked else self.inner
        )

    def ask(self, variables):
        """Return status, headers and body."""
        started = []
        body = b"".join(self.outer(variables, lambda *given: started.append(given)))
        [(status, headers)] = started
        return status, dict(headers), body


def test_events_are_taken_at_the_path_and_all_else_is_the_applications():
    """The paths beside and below included."""
    door = Door()

    assert door.ask(environ(encoded(an_event())))[0] == "200 OK"
    for path in ("/", "/event/", "/events", "/event/other", "/Event", ""):
        assert door.ask(environ(PATH_INFO=path))[0] == "299 Mine"
    assert len(door.site.events) == 1


def test_the_path_may_be_another():
    """With the client below it."""
    door = Door(path="/t/e")

    assert door.ask(environ(encoded(), PATH_INFO="/t/e"))[0] == "200 OK"
    assert door.ask(environ(encoded()))[0] == "299 Mine"


def test_the_facts_are_those_of_the_middleware_around():
    """The user it knows, the address it believes."""
    door = Door()
    door.ask(environ(encoded(an_event())))
    context = door.site.events[0]["context"]

    assert (context["user_id"], context["username"]) == (7, "ana")
    assert (context["ip"], context["path"]) == ("203.0.113.9", "/event")


def test_without_a_middleware_around_the_request_is_known_all_the_same():
    """By the socket's address, and the user of the server."""
    door = Door(tracked=False)
    door.ask(environ(encoded(an_event()), REMOTE_USER="eve", HTTP_X_FORWARDED_FOR="6.6.6.6"))
    context = door.site.events[0]["context"]

    assert (context["ip"], context["username"]) == ("203.0.113.9", "eve")


@pytest.mark.parametrize(
    ("size", "status"),
    [(65_536, "200 OK"), (65_537, "413 Content Too Large"), (5_000_000, "413 Content Too Large")],
)
def test_no_more_of_a_body_is_read_than_may_be_there(size, status):
    """What is beyond is passed over, up to a megabyte, so that the answer arrives."""
    door = Door()
    body = encoded().ljust(size)
    variables = environ(body)

    assert door.ask(variables)[0] == status
    assert variables["wsgi.input"].tell() == min(size, 1_048_576)


@pytest.mark.parametrize(
    ("size", "status"), [(65_536, "200 OK"), (65_537, "413 Content Too Large")]
)
def test_a_body_without_a_length_is_read_where_the_server_ends_it(size, status):
    """It came in chunks."""
    body = encoded().ljust(size)
    variables = environ(body, CONTENT_LENGTH="", **{"wsgi.input_terminated": True})

    assert Door().ask(variables)[0] == status


def test_a_body_without_a_length_is_none_where_nobody_ends_it():
    """Reading it might never end."""
    assert Door().ask(environ(encoded(), CONTENT_LENGTH=""))[0] == "400 Bad Request"


@pytest.mark.parametrize("length", ["-1", "abc", "٣"])
def test_a_length_that_is_none_is_400(length):
    """Nothing is read."""
    assert Door().ask(environ(encoded(), CONTENT_LENGTH=length))[0] == "400 Bad Request"


def test_a_length_that_lies_ends_with_the_body():
    """What came is looked at."""
    assert Door().ask(environ(encoded(), CONTENT_LENGTH="60000"))[0] == "200 OK"


@pytest.mark.parametrize("origin", ["https://shop.example", "https://evil.example"])
def test_a_client_that_goes_away_raises_nothing(origin):
    """Whether it was to be read or to be passed over."""
    variables = environ(**{"wsgi.input": Broken(), "CONTENT_LENGTH": "5", "HTTP_ORIGIN": origin})

    assert Door().ask(variables)[0].startswith("40")


def test_a_server_is_told_what_it_needs():
    """The length of the body, and no body where there may be none."""
    door = Door()
    status, headers, body = door.ask(environ(encoded(an_event(id="a"))))
    preflight = door.ask(environ(REQUEST_METHOD="OPTIONS"))

    assert (status, headers["Content-Length"]) == ("200 OK", str(len(body)))
    assert json.loads(body) == {"results": [{"id": "a", "status": "accepted"}]}
    assert (preflight[0], preflight[2]) == ("204 No Content", b"")
    assert "Content-Length" not in preflight[1]


def test_a_site_without_a_tracker_says_that_it_is_not_ready():
    """With the phrase that a status needs here."""
    door = Door()
    door.site.tracker.close()

    status, headers, body = door.ask(environ(encoded(an_event())))
    assert (status, body) == ("503 Service Unavailable", b'{"error":"closed"}')
    assert headers["Content-Length"] == str(len(body))


def test_the_middleware_keeps_to_the_protocol():
    """As the validator of the standard library has it, whatever the status."""
    door = Door()
    checked = validator(door.outer)
    for variables in (
        environ(encoded(an_event()), **{"wsgi.input": io.BytesIO(encoded(an_event()))}),
        environ(HTTP_ORIGIN="https://evil.example", **{"wsgi.input": io.BytesIO()}),
        environ(REQUEST_METHOD="OPTIONS", **{"wsgi.input": io.BytesIO()}),
    ):
        variables["QUERY_STRING"] = ""
        body = checked(variables, lambda *_: None)
        b"".join(body)
        body.close()


def test_its_repr_shows_what_it_is_around():
    """For an operator who looks at a stack of middleware."""
    assert repr(CollectorMiddleware(print)) == f"<CollectorMiddleware of {print!r}>"
