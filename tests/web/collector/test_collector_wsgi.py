"""The collector's WSGI middleware, called as by a server."""

import io
import json
from wsgiref.util import setup_testing_defaults
from wsgiref.validate import validator

import pytest
from collector_requests import Site, an_event, encoded

from eventtracking.web.wsgi import CollectorMiddleware, TrackMiddleware


class Input(io.BytesIO):
    """Returns small chunks, and forbids reading to the end."""

    def read(self, size=-1):
        assert size >= 0, "a server would wait for more data forever"
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
    start_response("299 Application", [])
    return [b"the application's"]


class Integration:
    """The middleware around an application, and its responses."""

    def __init__(self, tracked=True, **options):
        self.site = Site()
        self.inner = CollectorMiddleware(app, tracker=self.site.tracker, **options)
        self.outer = (
            TrackMiddleware(self.inner, user=lambda _: (7, "ana")) if tracked else self.inner
        )

    def send(self, variables):
        """Return status, headers and body."""
        started = []
        body = b"".join(self.outer(variables, lambda *given: started.append(given)))
        [(status, headers)] = started
        return status, dict(headers), body


def test_events_are_collected_at_the_path_only():
    """The application gets all other paths."""
    integration = Integration()

    assert integration.send(environ(encoded(an_event())))[0] == "200 OK"
    for path in ("/", "/event/", "/events", "/event/other", "/Event", ""):
        assert integration.send(environ(PATH_INFO=path))[0] == "299 Application"
    assert len(integration.site.events) == 1


def test_the_path_is_an_option():
    """The default path goes to the application then."""
    integration = Integration(path="/t/e")

    assert integration.send(environ(encoded(), PATH_INFO="/t/e"))[0] == "200 OK"
    assert integration.send(environ(encoded()))[0] == "299 Application"


def test_the_facts_are_those_of_the_tracking_middleware():
    """It determines the user and the address."""
    integration = Integration()
    integration.send(environ(encoded(an_event())))
    context = integration.site.events[0]["context"]

    assert (context["user_id"], context["username"]) == (7, "ana")
    assert (context["ip"], context["path"]) == ("203.0.113.9", "/event")


def test_the_facts_are_known_without_the_tracking_middleware():
    """The address of the socket, and the user of the server."""
    integration = Integration(tracked=False)
    integration.send(
        environ(encoded(an_event()), REMOTE_USER="eve", HTTP_X_FORWARDED_FOR="6.6.6.6")
    )
    context = integration.site.events[0]["context"]

    assert (context["ip"], context["username"]) == ("203.0.113.9", "eve")


@pytest.mark.parametrize(
    ("size", "status"),
    [(65_536, "200 OK"), (65_537, "413 Content Too Large"), (5_000_000, "413 Content Too Large")],
)
def test_a_body_that_is_too_large_is_read_up_to_a_megabyte(size, status):
    """It is discarded; otherwise the client could lose the response."""
    integration = Integration()
    body = encoded().ljust(size)
    variables = environ(body)

    assert integration.send(variables)[0] == status
    assert variables["wsgi.input"].tell() == min(size, 1_048_576)


@pytest.mark.parametrize(
    ("size", "status"), [(65_536, "200 OK"), (65_537, "413 Content Too Large")]
)
def test_a_chunked_body_is_read_if_the_server_ends_it(size, status):
    """It has no declared length."""
    body = encoded().ljust(size)
    variables = environ(body, CONTENT_LENGTH="", **{"wsgi.input_terminated": True})

    assert Integration().send(variables)[0] == status


def test_a_body_without_a_length_is_ignored_if_the_server_does_not_end_it():
    """Reading it might block forever."""
    assert Integration().send(environ(encoded(), CONTENT_LENGTH=""))[0] == "400 Bad Request"


@pytest.mark.parametrize("length", ["-1", "abc", "٣"])
def test_an_invalid_length_is_refused(length):
    """Nothing is read."""
    assert Integration().send(environ(encoded(), CONTENT_LENGTH=length))[0] == "400 Bad Request"


def test_a_body_may_be_shorter_than_its_declared_length():
    """The bytes that were received are used."""
    assert Integration().send(environ(encoded(), CONTENT_LENGTH="60000"))[0] == "200 OK"


@pytest.mark.parametrize("origin", ["https://shop.example", "https://evil.example"])
def test_a_client_that_disconnects_causes_no_error(origin):
    """While its body is read, and while it is discarded."""
    variables = environ(**{"wsgi.input": Broken(), "CONTENT_LENGTH": "5", "HTTP_ORIGIN": origin})

    assert Integration().send(variables)[0].startswith("40")


def test_the_response_is_valid_wsgi():
    """It has the length, and no body if the status forbids one."""
    integration = Integration()
    status, headers, body = integration.send(environ(encoded(an_event(id="a"))))
    preflight = integration.send(environ(REQUEST_METHOD="OPTIONS"))

    assert (status, headers["Content-Length"]) == ("200 OK", str(len(body)))
    assert json.loads(body) == {"results": [{"id": "a", "status": "accepted"}]}
    assert (preflight[0], preflight[2]) == ("204 No Content", b"")
    assert "Content-Length" not in preflight[1]


def test_a_site_with_a_closed_tracker_is_unavailable():
    """The status line has a reason phrase."""
    integration = Integration()
    integration.site.tracker.close()

    status, headers, body = integration.send(environ(encoded(an_event())))
    assert (status, body) == ("503 Service Unavailable", b'{"error":"closed"}')
    assert headers["Content-Length"] == str(len(body))


def test_the_middleware_follows_the_protocol():
    """According to the validator of the standard library, with any status."""
    integration = Integration()
    checked = validator(integration.outer)
    for variables in (
        environ(encoded(an_event()), **{"wsgi.input": io.BytesIO(encoded(an_event()))}),
        environ(HTTP_ORIGIN="https://evil.example", **{"wsgi.input": io.BytesIO()}),
        environ(REQUEST_METHOD="OPTIONS", **{"wsgi.input": io.BytesIO()}),
    ):
        variables["QUERY_STRING"] = ""
        body = checked(variables, lambda *_: None)
        b"".join(body)
        body.close()


def test_the_repr_shows_the_application():
    """It helps an operator who inspects a stack of middleware."""
    assert repr(CollectorMiddleware(print)) == f"<CollectorMiddleware of {print!r}>"
