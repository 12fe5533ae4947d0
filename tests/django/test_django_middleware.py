"""The Django tracking middleware in sync and async projects, without a server."""

import asyncio
import hashlib
import sys

import pytest
import visitors
from django.conf import settings
from django.contrib.auth.models import AnonymousUser
from django.http import FileResponse, HttpResponse, StreamingHttpResponse
from django.test import AsyncClient, Client, RequestFactory, override_settings
from django.urls import path
from django.utils.functional import LazyObject, SimpleLazyObject

from eventtracking.django.middleware import TrackMiddleware
from eventtracking.exceptions import ImproperlyConfigured
from eventtracking.request import current_request

STACK = [
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "eventtracking.django.middleware.TrackMiddleware",
]
PROJECT = {
    "AUTHENTICATION_BACKENDS": ["visitors.Backend"],
    "MIDDLEWARE": STACK,
    "ROOT_URLCONF": __name__,
    "SESSION_ENGINE": "django.contrib.sessions.backends.signed_cookies",
}


@pytest.fixture(autouse=True)
def _project():
    visitors.LOADED.clear()
    with override_settings(**PROJECT):
        yield


def facts(*names):
    """Return facts as an event would get them now."""
    current = current_request()
    return None if current is None else tuple(current[name] for name in names)


def user_facts():
    return facts("user_id", "username")


def response_of(view, *, is_async=False, user_id=None, **request):
    """Return the response of a project whose only view is *view*."""
    VIEWS["view"] = view
    kind = "async" if is_async else "sync"
    client = AsyncClient() if is_async else Client()
    if user_id is not None:
        client.cookies[settings.SESSION_COOKIE_NAME] = visitors.session_key(user_id)
    if not is_async:
        return client.get(f"/{kind}/view", **request)
    return asyncio.run(client.get(f"/{kind}/view", **request))


VIEWS = {}


def sync_view(request):
    found = VIEWS["view"](request)
    return found if hasattr(found, "status_code") else HttpResponse(repr(found))


async def async_view(request):
    found = await VIEWS["view"](request)
    return found if hasattr(found, "status_code") else HttpResponse(repr(found))


urlpatterns = [path("sync/view", sync_view), path("async/view", async_view)]


def text_of(response):
    return response.content.decode()


def test_a_view_knows_its_request():
    """There is no current request afterwards."""
    response = response_of(
        lambda request: facts("path", "host", "ip", "method"), REMOTE_ADDR="1.2.3.4"
    )

    assert text_of(response) == "('/sync/view', 'testserver', '1.2.3.4', 'GET')"
    assert facts() is None


def test_an_async_view_knows_its_request():
    """So do its tasks and threads."""

    async def view(request):
        thread = await asyncio.to_thread(facts, "path")
        return [facts("path"), thread, *await asyncio.gather(task())]

    async def task():
        return facts("path")

    assert text_of(response_of(view, is_async=True)) == repr([("/async/view",)] * 3)


def test_the_session_is_a_digest():
    """SHAKE-128 of the secret and the session key."""
    key = visitors.session_key(7)
    VIEWS["view"] = lambda request: facts("session")[0]
    client = Client()
    client.cookies[settings.SESSION_COOKIE_NAME] = key

    expected = hashlib.shake_128(settings.SECRET_KEY.encode() + key.encode()).hexdigest(16)
    assert text_of(client.get("/sync/view")) == repr(expected)
    assert text_of(response_of(lambda request: facts("session")[0])) == "''"


def test_a_user_is_loaded_once_for_the_first_event():
    """Not before, not again for the next event, and not again for the view."""

    def view(request):
        before = [*visitors.LOADED]
        return before, user_facts(), user_facts(), request.user.username, len(visitors.LOADED)

    expected = ([], (7, "user-7"), (7, "user-7"), "user-7", 1)
    assert text_of(response_of(view, user_id=7)) == repr(expected)


def test_a_request_without_events_loads_no_user():
    """The middleware itself reads nothing."""
    response_of(lambda request: "", user_id=7)

    assert visitors.LOADED == []


@pytest.mark.parametrize("user_id", [None, 7])
def test_determining_the_user_does_not_mark_the_session_as_accessed(user_id):
    """A cache may serve the page to everybody."""
    response = response_of(lambda request: user_facts(), user_id=user_id)

    assert text_of(response) == ("(None, '')" if user_id is None else "(7, 'user-7')")
    assert not response.has_header("Vary")


@pytest.mark.parametrize("user_id", [None, 7])
@pytest.mark.parametrize("held_before", [False, True])
def test_the_response_of_a_view_that_uses_the_user_varies_by_cookie(user_id, held_before):
    """Even if an event loaded the user before, because a cache must not serve it to others."""

    def view(request):
        user = request.user if held_before else None
        before = user_facts()
        user = user if held_before else request.user
        return before, user.username, user_facts()

    response = response_of(view, user_id=user_id)

    assert response["Vary"] == "Cookie"
    assert len(visitors.LOADED) == (user_id is not None)


def test_a_session_that_the_view_accessed_stays_accessed():
    """Determining the user does not reset it."""

    def view(request):
        request.session.get("x")
        return user_facts()

    assert response_of(view, user_id=7)["Vary"] == "Cookie"


def test_the_user_is_unknown_without_authentication_middleware():
    """Its id is empty then, and not `None`, as in Open edX."""
    with override_settings(MIDDLEWARE=STACK[2:]):
        assert (
            text_of(response_of(lambda request: (user_facts(), facts("session"))))
            == "(('', ''), ('',))"
        )


def test_a_user_whom_the_view_authenticates_is_in_the_next_event():
    """Views check tokens."""

    def view(request):
        before = user_facts()
        request.user = visitors.user(9)
        during = user_facts()
        request.user = AnonymousUser()
        return before, during, user_facts()

    expected = ((None, ""), (9, "user-9"), (None, ""))
    assert text_of(response_of(view)) == repr(expected)


def test_a_session_that_begins_in_the_view_is_in_the_next_event():
    """A login creates it. After a logout, events still have the last session."""

    def view(request):
        before = facts("session")[0]
        request.session["x"] = 1
        request.session.save()
        during = facts("session")[0]
        request.session.flush()
        return before == "", len(during), facts("session")[0] == during

    assert text_of(response_of(view)) == "(True, 32, True)"


def test_the_username_of_a_model_without_that_field():
    """It is the result of `get_username()`."""

    class Person:
        pk = 5

        def get_username(self):
            return "by-mail"

    def view(request):
        request.user = Person()
        return user_facts()

    assert text_of(response_of(view)) == "(5, 'by-mail')"


def test_loading_a_user_is_tried_once(caplog):
    """If it fails, the other facts are not affected."""
    attempts = []

    def load():
        attempts.append(1)
        raise OSError("no database")

    def view(request):
        request.user = SimpleLazyObject(load)
        return user_facts(), user_facts(), facts("path")

    response = response_of(view)

    assert text_of(response) == "(('', ''), ('', ''), ('/sync/view',))"
    assert len(attempts) == 1


def test_a_lazy_user_of_other_middleware_is_loaded():
    """It need not be that of Django's middleware."""

    def view(request):
        request.user = SimpleLazyObject(lambda: visitors.user(3))
        return user_facts(), user_facts()

    assert text_of(response_of(view)) == repr(((3, "user-3"),) * 2)


def test_the_response_varies_if_a_lazy_user_has_its_own_class():
    """It cannot be reset, so the view's own use cannot be detected."""

    class Lazy(LazyObject):
        def _setup(self):
            request.session.get("x")
            self._wrapped = visitors.user(3)

    def view(given):
        nonlocal request
        request = given
        request.user = Lazy()
        return user_facts(), request.user.username

    request = None
    response = response_of(view)

    assert text_of(response) == repr(((3, "user-3"), "user-3"))
    assert response["Vary"] == "Cookie"


def test_an_invalid_session_ends_when_an_event_loads_the_user():
    """As when a view does. For example, the password was changed."""
    VIEWS["view"] = lambda request: user_facts()
    client = Client()
    client.cookies[settings.SESSION_COOKIE_NAME] = visitors.session_key(7, password="old")
    response = client.get("/sync/view")

    assert text_of(response) == "(None, '')"
    assert response.cookies[settings.SESSION_COOKIE_NAME].value == ""


def test_a_user_who_is_saved_has_an_id_in_the_next_event():
    """For example, during a registration."""

    def view(request):
        request.user = visitors.user(None)
        before = user_facts()[0]
        request.user.pk = 5
        return before, user_facts()[0]

    assert text_of(response_of(view)) == "(None, 5)"


def test_events_of_async_views_have_the_user_that_the_view_loaded():
    """Loading one would block all other requests, so an event does not do it."""

    async def view(request):
        before = user_facts(), [*visitors.LOADED]
        await request.auser()
        return before, user_facts()

    response = response_of(view, is_async=True, user_id=7)

    assert text_of(response) == repr(((("", ""), []), (7, "user-7")))
    assert response["Vary"] == "Cookie"


def test_the_response_of_an_async_view_without_a_user_does_not_vary():
    """Determining the user leaves no trace."""

    async def view(request):
        return user_facts()

    assert not response_of(view, is_async=True, user_id=7).has_header("Vary")


def test_a_thread_of_an_async_view_may_load_the_user():
    """A query does not block other requests there."""

    async def view(request):
        return await asyncio.to_thread(user_facts), user_facts()

    assert text_of(response_of(view, is_async=True, user_id=7)) == repr(((7, "user-7"),) * 2)


def test_a_user_whom_an_async_view_authenticates_is_in_the_next_event():
    """Even if the view loaded the anonymous user before."""

    async def view(request):
        await request.auser()
        before = user_facts()
        request.user = visitors.user(9)
        return before, user_facts()

    assert text_of(response_of(view, is_async=True)) == repr(((None, ""), (9, "user-9")))


def streamed(seen):
    try:
        for part in (b"1", b"2"):
            seen.append(facts("path"))
            yield part
    finally:
        seen.append(facts("path"))


async def async_streamed(seen):
    try:
        for part in (b"1", b"2"):
            seen.append(facts("path"))
            yield part
            await asyncio.sleep(0)
    finally:
        seen.append(facts("path"))


def test_a_streamed_body_knows_its_request_up_to_the_last_chunk():
    """There is no current request between the chunks."""
    seen = []
    response = response_of(lambda request: StreamingHttpResponse(streamed(seen)))
    between = [facts() for _ in response]

    assert seen == [("/sync/view",)] * 3
    assert between == [None, None]
    response.close()
    assert facts() is None


def test_a_streamed_body_that_is_closed_early_ends_within_its_request():
    """The client disconnected."""
    seen = []
    response = response_of(lambda request: StreamingHttpResponse(streamed(seen)))
    next(iter(response))
    response.close()

    assert seen == [("/sync/view",)] * 2


def test_an_async_body_knows_its_request_up_to_the_last_chunk():
    """There is no current request between the chunks."""
    seen = []

    async def view(request):
        return StreamingHttpResponse(async_streamed(seen))

    async def read():
        VIEWS["view"] = view
        response = await AsyncClient().get("/async/view")
        return [(part, facts()) async for part in response]

    assert asyncio.run(read()) == [(b"1", None), (b"2", None)]
    assert seen == [("/async/view",)] * 3


def test_a_task_that_produces_an_async_body_knows_the_request():
    """Even after the view that started it has returned."""
    seen = []

    async def view(request):
        queue = asyncio.Queue()
        producer = asyncio.create_task(produce(queue))
        return StreamingHttpResponse(parts(queue, producer))

    async def produce(queue):
        for part in (b"1", b""):
            await asyncio.sleep(0)
            seen.append(facts("path"))
            await queue.put(part)

    async def parts(queue, producer):
        while part := await queue.get():
            yield part
        await producer

    async def read():
        VIEWS["view"] = view
        response = await AsyncClient().get("/async/view")
        return [part async for part in response]

    assert asyncio.run(read()) == [b"1"]
    assert seen == [("/async/view",)] * 2


def test_an_iterator_that_cannot_be_closed_is_streamed():
    """It need not be a generator."""

    class Parts:
        def __init__(self):
            self.left = 2

        def __aiter__(self):
            return self

        async def __anext__(self):
            if not self.left:
                raise StopAsyncIteration
            self.left -= 1
            return repr(facts("path")).encode()

    async def view(request):
        return StreamingHttpResponse(Parts())

    async def read():
        VIEWS["view"] = view
        response = await AsyncClient().get("/async/view")
        return [part async for part in response]

    assert asyncio.run(read()) == [b"('/async/view',)"] * 2


def test_a_file_is_passed_on_unchanged(tmp_path):
    """So that a server can send it efficiently."""
    (tmp_path / "file").write_bytes(b"content")
    whole = FileResponse((tmp_path / "file").open("rb"))

    response = TrackMiddleware(lambda request: whole)(RequestFactory().get("/"))

    assert "close" not in vars(response)
    assert b"".join(response) == b"content"
    response.close()


@pytest.mark.parametrize("is_async", [False, True])
def test_an_error_ends_the_request(is_async):
    """Whether Django handles it or not."""

    def fail(request):
        raise LookupError

    async def afail(request):
        raise LookupError

    with pytest.raises(LookupError):
        response_of(afail if is_async else fail, is_async=is_async)
    with pytest.raises(LookupError):
        TrackMiddleware(fail)(RequestFactory().get("/"))

    assert facts() is None


def test_a_cancellation_ends_the_request():
    """The client disconnected before there was a response."""

    async def cancelled(request):
        raise asyncio.CancelledError

    async def serve():
        with pytest.raises(asyncio.CancelledError):
            await TrackMiddleware(cancelled)(RequestFactory().get("/"))
        return facts()

    assert asyncio.run(serve()) is None


def sync_only(get_response):
    """Return middleware that supports sync projects only."""

    def middleware(request):
        response = get_response(request)
        response["X-Sync"] = "yes"
        return response

    return middleware


@pytest.mark.parametrize("place", [0, 3])
@pytest.mark.parametrize("is_async", [False, True])
def test_sync_middleware_may_be_before_and_after(place, is_async):
    """Django switches between threads and the event loop then."""

    async def aview(request):
        return facts("path")

    def view(request):
        return facts("path")

    stack = [*STACK[:place], f"{__name__}.sync_only", *STACK[place:]]
    with override_settings(MIDDLEWARE=stack):
        response = response_of(aview if is_async else view, is_async=is_async)

    assert text_of(response) == repr((f"/{'async' if is_async else 'sync'}/view",))
    assert response["X-Sync"] == "yes"
    assert facts() is None


def test_trusted_proxies_are_a_setting():
    """Without it, the address of the peer is used."""
    request = {"REMOTE_ADDR": "10.0.0.1", "HTTP_X_FORWARDED_FOR": "6.6.6.6, 203.0.113.9"}
    assert text_of(response_of(lambda request: facts("ip"), **request)) == "('10.0.0.1',)"

    with override_settings(EVENT_TRACKING_TRUSTED_PROXIES=["10.0.0.0/8"]):
        assert text_of(response_of(lambda request: facts("ip"), **request)) == "('203.0.113.9',)"


@pytest.mark.parametrize(
    "wrong",
    [
        {"EVENT_TRACKING_TRUSTED_PROXIES": "10.0.0.0/8"},
        {"EVENT_TRACKING_REQUEST_EVENTS": "legcy"},
        {"EVENT_TRACKING_REQUEST_EVENTS": "legacy", "TRACKING_IGNORE_URL_PATTERNS": "^/x"},
        {"EVENT_TRACKING_REQUEST_EVENTS": "legacy", "TRACKING_IGNORE_URL_PATTERNS": ["("]},
        {"EVENT_TRACKING_REQUEST_EVENTS": "legacy", "TRACKING_IGNORE_URL_PATTERNS": [b"x"]},
    ],
)
def test_a_wrong_setting_stops_the_site_from_starting(wrong):
    """The error has the name of the setting."""
    with override_settings(**wrong), pytest.raises(ImproperlyConfigured) as raised:
        TrackMiddleware(None)

    assert str(raised.value).startswith([*wrong][-1])


def test_concurrent_requests_have_their_own_facts():
    """Fifty async requests, interleaved in one event loop."""

    async def view(request):
        await asyncio.sleep(0)
        return facts("query")

    async def get(number):
        response = await AsyncClient().get(f"/async/view?{number}")
        return text_of(response)

    async def main():
        VIEWS["view"] = view
        return await asyncio.gather(*(get(number) for number in range(50)))

    assert asyncio.run(main()) == [f"('{number}',)" for number in range(50)]


def test_the_middleware_has_its_documented_path():
    """It needs no application in INSTALLED_APPS."""
    assert sys.modules["eventtracking.django.middleware"].TrackMiddleware is TrackMiddleware
