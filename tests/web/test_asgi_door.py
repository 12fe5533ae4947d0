"""The middleware for ASGI, called as a server calls it."""

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


def here(name="path"):
    current = current_request()
    return None if current is None else current[name]


def asked(name, connection, **options):
    """Return a fact, as the application behind the middleware sees it."""
    seen = []

    async def app(scope, receive, send):
        seen.append(here(name))

    async def serve():
        await TrackMiddleware(app, **options)(connection, None, None)
        assert here() is None

    asyncio.run(serve())
    return seen[0]


def test_facts_come_from_the_scope():
    """Under the names that they have everywhere."""
    connection = scope(
        method="PUT",
        path="/ü",
        query_string=b"utm_source=mail",
        headers=[(b"user-agent", b"caf\xe9"), (b"accept-language", b"pt"), (b"referer", b"r")],
    )
    names = ("method", "path", "query", "ip", "host", "agent", "accept_language", "referer")

    assert [asked(name, connection) for name in names] == [
        "PUT",
        "/ü",
        "utm_source=mail",
        "203.0.113.9",
        "lms-1",
        "café",
        "pt",
        "r",
    ]


def test_a_connection_without_addresses_has_none():
    """Through a Unix socket, say."""
    assert asked("ip", scope(client=None)) == ""
    assert asked("host", scope(server=None)) == ""
    connection = scope(client=None, headers=[(b"x-forwarded-for", b"203.0.113.9")])
    assert asked("ip", connection, trusted_proxies=["unix"]) == "203.0.113.9"


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
def test_the_path_begins_where_the_application_is_mounted(path, root, expected):
    """As in WSGI."""
    assert asked("path", scope(path=path, root_path=root)) == expected


def test_repeated_headers_are_one():
    """Cookies and proxies may come in several lines."""
    connection = scope(
        client=("10.0.0.1", 1),
        headers=[
            (b"cookie", b"a=b"),
            (b"cookie", b"_ga=GA1.2.1.2"),
            (b"x-forwarded-for", b"198.51.100.66"),
            (b"x-forwarded-for", b"203.0.113.9"),
        ],
    )

    assert asked("client_id", connection) == "1.2"
    assert asked("ip", connection, trusted_proxies=["10.0.0.1"]) == "203.0.113.9"


def test_a_header_cannot_pose_as_another():
    """Proxies remove the one with hyphens, and let the one with underscores through."""
    connection = scope(client=("10.0.0.1", 1), headers=[(b"x_forwarded_for", b"198.51.100.66")])

    assert asked("ip", connection, trusted_proxies=["10.0.0.1"]) == "10.0.0.1"


def test_session_and_user_are_what_functions_say():
    """They are given the scope, as it is by then: frameworks put their user there."""
    options = {"session": lambda scope: scope["path"], "user": lambda scope: scope["user"]}

    assert asked("session", scope(), **options) == "/a"
    assert asked("user_id", scope(user=(7, "ana")), **options) == 7
    assert (asked("session", scope()), asked("username", scope())) == ("", "")


def test_what_frameworks_change_in_the_scope_does_not_change_the_facts():
    """A mounted application has another root."""
    seen = []

    async def app(scope, receive, send):
        scope["root_path"] = "/a"
        seen.append(here())

    asyncio.run(TrackMiddleware(app)(scope(path="/a/b"), None, None))

    assert seen == ["/a/b"]


def test_a_websocket_is_a_request_too():
    """It begins with one."""
    assert asked("method", {**scope(type="websocket"), "method": "GET"}) == "GET"
    connection = scope(type="websocket")
    del connection["method"]
    assert asked("method", connection) == "GET"


def test_the_life_of_the_server_is_no_request():
    """It passes through, untouched."""
    seen = []

    async def app(*given):
        seen.extend([given, here()])

    asyncio.run(TrackMiddleware(app)({"type": "lifespan"}, 1, 2))

    assert seen == [({"type": "lifespan"}, 1, 2), None]


@pytest.mark.parametrize("error", [LookupError, asyncio.CancelledError])
def test_an_error_passes_through_and_leaves_nothing_behind(error):
    """Being cancelled, when the client goes away, is one of them."""

    async def app(scope, receive, send):
        raise error

    async def serve():
        with pytest.raises(error):
            await TrackMiddleware(app)(scope(), None, None)
        return here()

    assert asyncio.run(serve()) is None


def test_a_wrong_option_is_explained():
    """When the program starts."""
    with pytest.raises(ImproperlyConfigured, match=r"^TrackMiddleware: trusted_proxies must be"):
        TrackMiddleware(None, trusted_proxies="10.0.0.1")


def test_its_repr_shows_what_it_is_around():
    """For an operator who looks at a stack of middleware."""
    assert repr(TrackMiddleware(print)) == f"<TrackMiddleware of {print!r}>"
