"""The WSGI tracking middleware, called as by a server."""

import io
from wsgiref.util import FileWrapper, setup_testing_defaults
from wsgiref.validate import validator

import pytest

from eventtracking.exceptions import ImproperlyConfigured
from eventtracking.request import current_request
from eventtracking.web.wsgi import TrackMiddleware


def environ(**variables):
    variables.setdefault("REMOTE_ADDR", "203.0.113.9")
    setup_testing_defaults(variables)
    return variables


def current_fact(name="path"):
    current = current_request()
    return None if current is None else current[name]


def fact(name, variables, **options):
    """Return a fact as the application inside the middleware sees it."""
    seen = []

    def app(environ, start_response):
        seen.append(current_fact(name))
        return []

    TrackMiddleware(app, **options)(variables, None)
    assert current_fact() is None
    return seen[0]


def test_an_application_knows_its_request_while_it_serves_it():
    """There is no current request afterwards."""
    assert fact("path", environ(PATH_INFO="/a")) == "/a"


def test_a_path_is_text():
    """WSGI decodes its bytes as latin-1."""
    assert fact("path", environ(PATH_INFO="/ü".encode().decode("latin-1"))) == "/ü"
    assert fact("path", environ(PATH_INFO="/\xff")) == "/\ufffd"


def test_headers_are_decoded_as_latin_1():
    """As in WSGI."""
    assert fact("agent", environ(HTTP_USER_AGENT="caf\xe9")) == "café"


def test_the_username_is_that_of_the_server():
    """Unless a function returns the user."""
    variables = environ(REMOTE_USER="ana")

    assert (fact("username", variables), fact("user_id", variables)) == ("ana", "")
    assert fact("username", environ()) == ""
    assert fact("user_id", variables, user=lambda environ: (environ["REMOTE_USER"], "x")) == "ana"


def test_the_session_is_the_result_of_a_function():
    """It is given the environ."""
    session = {"session": lambda environ: environ["HTTP_COOKIE"][-3:]}

    assert fact("session", environ(HTTP_COOKIE="id=abc"), **session) == "abc"
    assert fact("session", environ()) == ""


def test_headers_of_trusted_proxies_are_believed():
    """Those of other peers are not."""
    variables = environ(REMOTE_ADDR="10.0.0.1", HTTP_X_FORWARDED_FOR="203.0.113.9")

    assert fact("ip", variables) == "10.0.0.1"
    assert fact("ip", variables, trusted_proxies=["10.0.0.1"]) == "203.0.113.9"


def test_a_wrong_option_is_refused():
    """When the program starts."""
    with pytest.raises(ImproperlyConfigured) as raised:
        TrackMiddleware(None, trusted_proxies=["nonsense"], session="s", user=7)

    assert [line.split(" must ")[0] for line in str(raised.value).splitlines()] == [
        "TrackMiddleware: trusted_proxies[0]",
        "TrackMiddleware: session",
        "TrackMiddleware: user",
    ]


def test_changes_of_the_path_do_not_affect_the_facts():
    """An application that mounts another moves the matched part to `SCRIPT_NAME`."""
    seen = []

    def app(environ, start_response):
        environ["SCRIPT_NAME"], environ["PATH_INFO"] = "/mount", "/rest"
        environ["REMOTE_USER"] = "late"
        seen.extend([current_fact(), current_fact("username")])
        return []

    TrackMiddleware(app)(environ(PATH_INFO="/mount/rest"), None)

    assert seen == ["/mount/rest", "late"]


def test_a_generator_knows_its_request_only_while_it_runs():
    """From its first line to its `finally`."""
    seen = []

    def app(environ, start_response):
        try:
            for part in (b"1", b"2"):
                seen.append(current_fact())
                yield part
        finally:
            seen.append(current_fact())

    body = TrackMiddleware(app)(environ(PATH_INFO="/a"), None)
    parts = [(part, current_fact()) for part in body]
    body.close()

    assert parts == [(b"1", None), (b"2", None)]
    assert seen == ["/a"] * 3


def test_a_body_that_is_closed_early_closes_within_its_request():
    """The client disconnected."""
    seen = []

    def app(environ, start_response):
        try:
            yield b"1"
            yield b"2"
        finally:
            seen.append(current_fact())

    body = TrackMiddleware(app)(environ(PATH_INFO="/a"), None)
    next(iter(body))
    body.close()

    assert (seen, current_fact()) == (["/a"], None)


def test_a_body_is_closed_when_the_server_closes_it():
    """Even if it was never read."""
    closed = []

    class Body:
        def __iter__(self):
            return iter([b"1"])

        def close(self):
            closed.append(current_fact())

    body = TrackMiddleware(lambda *_: Body())(environ(PATH_INFO="/a"), None)
    assert closed == []
    body.close()

    assert closed == ["/a"]


@pytest.mark.parametrize("body", [[], [b"1"], (b"1",), FileWrapper(io.BytesIO(b"1"))])
def test_a_finished_body_is_passed_on_unchanged(body):
    """Servers count the parts of a list, and send a file efficiently."""
    variables = environ(**{"wsgi.file_wrapper": FileWrapper})

    assert TrackMiddleware(lambda *_: body)(variables, None) is body


def test_an_error_ends_the_request():
    """In the application and in the body. It is not caught."""

    def app(environ, start_response):
        raise LookupError

    def lazy(environ, start_response):
        yield b"1"
        raise LookupError

    with pytest.raises(LookupError):
        TrackMiddleware(app)(environ(), None)
    body = TrackMiddleware(lazy)(environ(), None)
    next(body)
    with pytest.raises(LookupError):
        next(body)

    assert current_fact() is None


def test_an_application_may_start_a_response_again_after_an_error():
    """`start_response` is that of the server, and accepts `exc_info`."""
    started = []

    def app(environ, start_response):
        start_response("200 OK", [])
        start_response("500 Oops", [], ("kind", "error", "traceback"))
        return []

    TrackMiddleware(app)(environ(), lambda *given: started.append(given))

    assert started == [("200 OK", []), ("500 Oops", [], ("kind", "error", "traceback"))]


@pytest.mark.parametrize("is_lazy", [False, True])
def test_the_middleware_follows_the_protocol(is_lazy):
    """On both sides, according to the validator of the standard library."""

    def app(environ, start_response):
        start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", "2")])
        return iter([b"o", b"k"]) if is_lazy else [b"ok"]

    checked = validator(TrackMiddleware(validator(app)))
    body = checked(environ(QUERY_STRING=""), lambda *_: None)
    parts = [*body]
    body.close()

    assert b"".join(parts) == b"ok"


def test_the_repr_shows_the_application():
    """It helps an operator who inspects a stack of middleware."""
    assert repr(TrackMiddleware(print)) == f"<TrackMiddleware of {print!r}>"
