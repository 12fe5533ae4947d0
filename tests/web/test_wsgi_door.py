"""The middleware for WSGI, called as a server calls it."""

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


def here(name="path"):
    current = current_request()
    return None if current is None else current[name]


def asked(name, variables, **options):
    """Return a fact, as the application behind the middleware sees it."""
    seen = []

    def app(environ, start_response):
        seen.append(here(name))
        return []

    TrackMiddleware(app, **options)(variables, None)
    assert here() is None
    return seen[0]


def test_an_application_knows_its_request_while_it_answers():
    """And nobody knows it afterwards."""
    assert asked("path", environ(PATH_INFO="/a")) == "/a"


def test_a_path_is_text():
    """WSGI has its bytes, dressed as latin-1."""
    assert asked("path", environ(PATH_INFO="/ü".encode().decode("latin-1"))) == "/ü"
    assert asked("path", environ(PATH_INFO="/\xff")) == "/\ufffd"


def test_headers_survive_as_latin_1():
    """As WSGI hands them over."""
    assert asked("agent", environ(HTTP_USER_AGENT="caf\xe9")) == "café"


def test_the_user_is_that_of_the_server():
    """Unless a function knows better."""
    variables = environ(REMOTE_USER="ana")

    assert (asked("username", variables), asked("user_id", variables)) == ("ana", "")
    assert asked("username", environ()) == ""
    assert asked("user_id", variables, user=lambda environ: (environ["REMOTE_USER"], "x")) == "ana"


def test_a_session_is_what_a_function_says():
    """It is given the environ."""
    session = {"session": lambda environ: environ["HTTP_COOKIE"][-3:]}

    assert asked("session", environ(HTTP_COOKIE="id=abc"), **session) == "abc"
    assert asked("session", environ()) == ""


def test_trusted_proxies_are_believed():
    """Others are not."""
    variables = environ(REMOTE_ADDR="10.0.0.1", HTTP_X_FORWARDED_FOR="203.0.113.9")

    assert asked("ip", variables) == "10.0.0.1"
    assert asked("ip", variables, trusted_proxies=["10.0.0.1"]) == "203.0.113.9"


def test_a_wrong_option_is_explained():
    """When the program starts."""
    with pytest.raises(ImproperlyConfigured, match=r"^TrackMiddleware: trusted_proxies must hold"):
        TrackMiddleware(None, trusted_proxies=["nonsense"])


def test_applications_that_mount_others_do_not_change_the_path():
    """They move what they matched out of it."""
    seen = []

    def app(environ, start_response):
        environ["SCRIPT_NAME"], environ["PATH_INFO"] = "/mount", "/rest"
        environ["REMOTE_USER"] = "late"
        seen.extend([here(), here("username")])
        return []

    TrackMiddleware(app)(environ(PATH_INFO="/mount/rest"), None)

    assert seen == ["/mount/rest", "late"]


def test_a_generator_knows_its_request_and_only_while_it_runs():
    """From its first line to its `finally`."""
    seen = []

    def app(environ, start_response):
        try:
            for part in (b"1", b"2"):
                seen.append(here())
                yield part
        finally:
            seen.append(here())

    body = TrackMiddleware(app)(environ(PATH_INFO="/a"), None)
    parts = [(part, here()) for part in body]
    body.close()

    assert parts == [(b"1", None), (b"2", None)]
    assert seen == ["/a"] * 3


def test_a_body_that_is_closed_early_closes_within_its_request():
    """The client went away."""
    seen = []

    def app(environ, start_response):
        try:
            yield b"1"
            yield b"2"
        finally:
            seen.append(here())

    body = TrackMiddleware(app)(environ(PATH_INFO="/a"), None)
    next(iter(body))
    body.close()

    assert (seen, here()) == (["/a"], None)


def test_a_body_is_closed_exactly_as_the_server_closes_it():
    """Whether it was read or not."""
    closed = []

    class Body:
        def __iter__(self):
            return iter([b"1"])

        def close(self):
            closed.append(here())

    body = TrackMiddleware(lambda *_: Body())(environ(PATH_INFO="/a"), None)
    assert closed == []
    body.close()

    assert closed == ["/a"]


@pytest.mark.parametrize("body", [[], [b"1"], (b"1",), FileWrapper(io.BytesIO(b"1"))])
def test_a_finished_body_is_handed_on_as_it_is(body):
    """Servers count the parts of a list, and send a file the fast way."""
    variables = environ(**{"wsgi.file_wrapper": FileWrapper})

    assert TrackMiddleware(lambda *_: body)(variables, None) is body


def test_an_error_passes_through_and_leaves_nothing_behind():
    """In the application and in the body."""

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

    assert here() is None


def test_an_error_after_the_start_may_start_again():
    """`start_response` is the server's own, `exc_info` and all."""
    started = []

    def app(environ, start_response):
        start_response("200 OK", [])
        start_response("500 Oops", [], ("kind", "error", "traceback"))
        return []

    TrackMiddleware(app)(environ(), lambda *given: started.append(given))

    assert started == [("200 OK", []), ("500 Oops", [], ("kind", "error", "traceback"))]


@pytest.mark.parametrize("is_lazy", [False, True])
def test_the_middleware_keeps_to_the_protocol(is_lazy):
    """On both sides, as the validator of the standard library has it."""

    def app(environ, start_response):
        start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", "2")])
        return iter([b"o", b"k"]) if is_lazy else [b"ok"]

    checked = validator(TrackMiddleware(validator(app)))
    body = checked(environ(QUERY_STRING=""), lambda *_: None)
    parts = [*body]
    body.close()

    assert b"".join(parts) == b"ok"


def test_its_repr_shows_what_it_is_around():
    """For an operator who looks at a stack of middleware."""
    assert repr(TrackMiddleware(print)) == f"<TrackMiddleware of {print!r}>"
