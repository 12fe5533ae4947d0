"""The ASGI tracking middleware, called as by a server."""

import asyncio

import pytest

from eventtracking.exceptions import ImproperlyConfigured
from eventtracking.request import current_request
from eventtracking.web.asgi import TrackMiddleware


def scope(**parts):
    return {
        "type": "http",
        "method": "GET",
        "path": "/a",
        "query_string": b"",
        "headers": [],
        "client": ("203.0.113.9", 4711),
        "server": ("lms-1", 80),
        **parts,
    }


def current_fact(name="path"):
    current = current_request()
    return None if current is None else current[name]


def fact(name, connection, **options):
    """Return a fact as the application inside the middleware sees it."""
    seen = []

    async def app(scope, receive, send):
        seen.append(current_fact(name))

    async def serve():
        await TrackMiddleware(app, **options)(connection, None, None)
        assert current_fact() is None

    asyncio.run(serve())
    return seen[0]


def test_facts_come_from_the_scope():
    """They have the same names as in WSGI."""
    connection = scope(
        method="PUT",
        path="/ü",
        query_string=b"utm_source=mail",
        headers=[(b"user-agent", b"caf\xe9"), (b"accept-language", b"pt"), (b"referer", b"r")],
    )
    names = ("method", "path", "query", "ip", "host", "agent", "accept_language", "referer")

    assert [fact(name, connection) for name in names] == [
        "PUT",
        "/ü",
        "utm_source=mail",
        "203.0.113.9",
        "lms-1",
        "café",
        "pt",
        "r",
    ]


def test_a_connection_without_addresses_has_empty_facts():
    """For example, through a Unix socket."""
    assert fact("ip", scope(client=None)) == ""
    assert fact("host", scope(server=None)) == ""
    connection = scope(client=None, headers=[(b"x-forwarded-for", b"203.0.113.9")])
    assert fact("ip", connection, trusted_proxies=["unix"]) == "203.0.113.9"


@pytest.mark.parametrize(
    ("path", "root", "expected"),
    [
        ("/app/a", "/app", "/a"),
        ("/app/a", "/app/", "/a"),
        ("/app", "/app", ""),
        ("/apple", "/app", "/apple"),
        ("/a", "/app", "/a"),
        ("/a", "", "/a"),
        ("/a", None, "/a"),
    ],
)
def test_the_path_is_relative_to_the_mounted_application(path, root, expected):
    """As in WSGI."""
    assert fact("path", scope(path=path, root_path=root)) == expected


def test_repeated_headers_are_joined():
    """There may be several lines of cookies or of proxies."""
    connection = scope(
        client=("10.0.0.1", 1),
        headers=[
            (b"cookie", b"a=b"),
            (b"cookie", b"_ga=GA1.2.1.2"),
            (b"x-forwarded-for", b"198.51.100.66"),
            (b"x-forwarded-for", b"203.0.113.9"),
        ],
    )

    assert fact("client_id", connection) == "1.2"
    assert fact("ip", connection, trusted_proxies=["10.0.0.1"]) == "203.0.113.9"


def test_a_header_with_underscores_is_ignored():
    """Proxies remove the header with hyphens, but forward the one with underscores."""
    connection = scope(client=("10.0.0.1", 1), headers=[(b"x_forwarded_for", b"198.51.100.66")])

    assert fact("ip", connection, trusted_proxies=["10.0.0.1"]) == "10.0.0.1"


def test_session_and_user_are_the_results_of_functions():
    """They are given the current scope, to which frameworks add the user."""
    options = {"session": lambda scope: scope["path"], "user": lambda scope: scope["user"]}

    assert fact("session", scope(), **options) == "/a"
    assert fact("user_id", scope(user=(7, "ana")), **options) == 7
    assert (fact("session", scope()), fact("username", scope())) == ("", "")


def test_changes_of_the_scope_do_not_affect_the_facts():
    """A framework changes the root path for a mounted application."""
    seen = []

    async def app(scope, receive, send):
        scope["root_path"] = "/a"
        seen.append(current_fact())

    asyncio.run(TrackMiddleware(app)(scope(path="/a/b"), None, None))

    assert seen == ["/a/b"]


def test_a_websocket_is_a_request():
    """It begins with a GET request."""
    assert fact("method", {**scope(type="websocket"), "method": "GET"}) == "GET"
    connection = scope(type="websocket")
    del connection["method"]
    assert fact("method", connection) == "GET"


def test_the_lifespan_of_the_server_is_not_a_request():
    """It passes through unchanged."""
    seen = []

    async def app(*given):
        seen.extend([given, current_fact()])

    asyncio.run(TrackMiddleware(app)({"type": "lifespan"}, 1, 2))

    assert seen == [({"type": "lifespan"}, 1, 2), None]


@pytest.mark.parametrize("error", [LookupError, asyncio.CancelledError])
def test_an_error_ends_the_request(error):
    """It is not caught. A cancellation, when the client disconnects, is an error too."""

    async def app(scope, receive, send):
        raise error

    async def serve():
        with pytest.raises(error):
            await TrackMiddleware(app)(scope(), None, None)
        return current_fact()

    assert asyncio.run(serve()) is None


def test_a_wrong_option_is_refused():
    """When the program starts."""
    with pytest.raises(ImproperlyConfigured, match=r"^TrackMiddleware: trusted_proxies must be"):
        TrackMiddleware(None, trusted_proxies="10.0.0.1")


def test_the_repr_shows_the_application():
    """It helps an operator who inspects a stack of middleware."""
    assert repr(TrackMiddleware(print)) == f"<TrackMiddleware of {print!r}>"
