"""The middleware for Django, in sync and in async projects, without a server."""

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


def here(*names):
    """Return facts, as an event would get them now."""
    current = current_request()
    return None if current is None else tuple(current[name] for name in names)


def who():
    return here("user_id", "username")


def answer(view, *, is_async=False, user_id=None, **request):
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


def said(response):
    return response.content.decode()


def test_a_view_knows_its_request_and_nobody_does_afterwards():
    """With the meaning that old readers know."""
    response = answer(lambda request: here("path", "host", "ip", "method"), REMOTE_ADDR="1.2.3.4")

    assert said(response) == "('/sync/view', 'testserver', '1.2.3.4', 'GET')"
    assert here() is None


def test_an_async_view_knows_its_request_and_nobody_does_afterwards():
    """In its tasks and its threads too."""

    async def view(request):
        thread = await asyncio.to_thread(here, "path")
        return [here("path"), thread, *await asyncio.gather(task())]

    async def task():
        return here("path")

    assert said(answer(view, is_async=True)) == repr([("/async/view",)] * 3)


def test_the_session_is_shown_by_its_digest():
    """SHAKE-128 over the secret and the key."""
    key = visitors.session_key(7)
    VIEWS["view"] = lambda request: here("session")[0]
    client = Client()
    client.cookies[settings.SESSION_COOKIE_NAME] = key

    expected = hashlib.shake_128(settings.SECRET_KEY.encode() + key.encode()).hexdigest(16)
    assert said(client.get("/sync/view")) == repr(expected)
    assert said(answer(lambda request: here("session")[0])) == "''"


def test_a_user_is_loaded_when_an_event_asks_and_once():
    """Not before, not for each event, and not again for the view."""

    def view(request):
        before = [*visitors.LOADED]
        return before, who(), who(), request.user.username, len(visitors.LOADED)

    expected = ([], (7, "user-7"), (7, "user-7"), "user-7", 1)
    assert said(answer(view, user_id=7)) == repr(expected)


def test_a_request_in_which_nobody_asks_loads_no_user():
    """The middleware itself touches nothing."""
    answer(lambda request: "", user_id=7)

    assert visitors.LOADED == []


@pytest.mark.parametrize("user_id", [None, 7])
def test_asking_does_not_mark_the_session_as_accessed(user_id):
    """A cache may go on serving the page to everybody."""
    response = answer(lambda request: who(), user_id=user_id)

    assert said(response) == ("(None, '')" if user_id is None else "(7, 'user-7')")
    assert not response.has_header("Vary")


@pytest.mark.parametrize("user_id", [None, 7])
@pytest.mark.parametrize("held_before", [False, True])
def test_a_view_that_uses_the_user_varies_by_cookie_all_the_same(user_id, held_before):
    """Whether an event asked before or not: else a cache would show it to everybody."""

    def view(request):
        user = request.user if held_before else None
        asked = who()
        user = user if held_before else request.user
        return asked, user.username, who()

    response = answer(view, user_id=user_id)

    assert response["Vary"] == "Cookie"
    assert len(visitors.LOADED) == (user_id is not None)


def test_a_view_that_used_the_session_before_is_not_made_to_forget_it():
    """What was accessed stays accessed."""

    def view(request):
        request.session.get("x")
        return who()

    assert answer(view, user_id=7)["Vary"] == "Cookie"


def test_without_a_user_in_the_request_there_is_none():
    """As Open edX writes it: not known, as opposed to nobody."""
    with override_settings(MIDDLEWARE=STACK[2:]):
        assert said(answer(lambda request: (who(), here("session")))) == "(('', ''), ('',))"


def test_a_user_whom_the_view_authenticates_is_seen_from_then_on():
    """Tokens are looked at in the view."""

    def view(request):
        before = who()
        request.user = visitors.user(9)
        during = who()
        request.user = AnonymousUser()
        return before, during, who()

    expected = ((None, ""), (9, "user-9"), (None, ""))
    assert said(answer(view)) == repr(expected)


def test_a_session_that_begins_in_the_view_is_seen_from_then_on():
    """Logging in makes one; after logging out, events still say which it was."""

    def view(request):
        before = here("session")[0]
        request.session["x"] = 1
        request.session.save()
        during = here("session")[0]
        request.session.flush()
        return before == "", len(during), here("session")[0] == during

    assert said(answer(view)) == "(True, 32, True)"


def test_a_user_model_without_a_username_says_what_it_has():
    """Django's own name for the name."""

    class Person:
        pk = 5

        def get_username(self):
            return "by-mail"

    def view(request):
        request.user = Person()
        return who()

    assert said(answer(view)) == "(5, 'by-mail')"


def test_a_user_who_cannot_be_loaded_is_tried_once(caplog):
    """The request goes on, and the view gets its own error."""
    tried = []

    def load():
        tried.append(1)
        raise OSError("no database")

    def view(request):
        request.user = SimpleLazyObject(load)
        return who(), who(), here("path")

    response = answer(view)

    assert said(response) == "(('', ''), ('', ''), ('/sync/view',))"
    assert len(tried) == 1


def test_a_lazy_user_of_another_kind_is_loaded_too():
    """Whatever middleware put it there."""

    def view(request):
        request.user = SimpleLazyObject(lambda: visitors.user(3))
        return who(), who()

    assert said(answer(view)) == repr(((3, "user-3"),) * 2)


def test_a_lazy_user_of_a_class_of_its_own_is_left_awake():
    """It cannot be asked to tell of the view's own use, so the page varies in any case."""

    class Lazy(LazyObject):
        def _setup(self):
            request.session.get("x")
            self._wrapped = visitors.user(3)

    def view(given):
        nonlocal request
        request = given
        request.user = Lazy()
        return who(), request.user.username

    request = None
    response = answer(view)

    assert said(response) == repr(((3, "user-3"), "user-3"))
    assert response["Vary"] == "Cookie"


def test_a_session_that_is_no_longer_valid_ends_as_it_would_for_a_view():
    """The password was changed: Django ends the session as soon as it looks at the user."""
    VIEWS["view"] = lambda request: who()
    client = Client()
    client.cookies[settings.SESSION_COOKIE_NAME] = visitors.session_key(7, password="old")
    response = client.get("/sync/view")

    assert said(response) == "(None, '')"
    assert response.cookies[settings.SESSION_COOKIE_NAME].value == ""


def test_a_user_who_is_saved_has_an_id_from_then_on():
    """Somebody registers."""

    def view(request):
        request.user = visitors.user(None)
        before = who()[0]
        request.user.pk = 5
        return before, who()[0]

    assert said(answer(view)) == "(None, 5)"


def test_async_views_load_no_user_and_see_the_one_they_loaded():
    """A query would block all other requests, and Django would refuse it."""

    async def view(request):
        before = who(), [*visitors.LOADED]
        await request.auser()
        return before, who()

    response = answer(view, is_async=True, user_id=7)

    assert said(response) == repr(((("", ""), []), (7, "user-7")))
    assert response["Vary"] == "Cookie"


def test_async_views_that_load_no_user_do_not_vary():
    """Asking left no trace."""

    async def view(request):
        return who()

    assert not answer(view, is_async=True, user_id=7).has_header("Vary")


def test_a_thread_of_an_async_view_may_load_the_user():
    """There a query blocks nobody."""

    async def view(request):
        return await asyncio.to_thread(who), who()

    assert said(answer(view, is_async=True, user_id=7)) == repr(((7, "user-7"),) * 2)


def test_a_user_whom_an_async_view_authenticates_is_seen_from_then_on():
    """Even after it looked at nobody."""

    async def view(request):
        await request.auser()
        before = who()
        request.user = visitors.user(9)
        return before, who()

    assert said(answer(view, is_async=True)) == repr(((None, ""), (9, "user-9")))


def streamed(seen):
    try:
        for part in (b"1", b"2"):
            seen.append(here("path"))
            yield part
    finally:
        seen.append(here("path"))


async def async_streamed(seen):
    try:
        for part in (b"1", b"2"):
            seen.append(here("path"))
            yield part
            await asyncio.sleep(0)
    finally:
        seen.append(here("path"))


def test_a_streamed_body_knows_its_request_to_the_last_part():
    """And between the parts nobody does."""
    seen = []
    response = answer(lambda request: StreamingHttpResponse(streamed(seen)))
    between = [here() for _ in response]

    assert seen == [("/sync/view",)] * 3
    assert between == [None, None]
    response.close()
    assert here() is None


def test_a_streamed_body_that_is_closed_early_ends_within_its_request():
    """The client went away."""
    seen = []
    response = answer(lambda request: StreamingHttpResponse(streamed(seen)))
    next(iter(response))
    response.close()

    assert seen == [("/sync/view",)] * 2


def test_an_async_body_knows_its_request_to_the_last_part():
    """The same, in a loop."""
    seen = []

    async def view(request):
        return StreamingHttpResponse(async_streamed(seen))

    async def read():
        VIEWS["view"] = view
        response = await AsyncClient().get("/async/view")
        return [(part, here()) async for part in response]

    assert asyncio.run(read()) == [(b"1", None), (b"2", None)]
    assert seen == [("/async/view",)] * 3


def test_a_task_that_feeds_an_async_body_knows_the_request():
    """It was started by a view that has returned by now."""
    seen = []

    async def view(request):
        queue = asyncio.Queue()
        feeding = asyncio.create_task(feed(queue))
        return StreamingHttpResponse(parts(queue, feeding))

    async def feed(queue):
        for part in (b"1", b""):
            await asyncio.sleep(0)
            seen.append(here("path"))
            await queue.put(part)

    async def parts(queue, feeding):
        while part := await queue.get():
            yield part
        await feeding

    async def read():
        VIEWS["view"] = view
        response = await AsyncClient().get("/async/view")
        return [part async for part in response]

    assert asyncio.run(read()) == [b"1"]
    assert seen == [("/async/view",)] * 2


def test_an_iterator_that_cannot_be_closed_is_streamed_too():
    """Not every one is a generator."""

    class Parts:
        def __init__(self):
            self.left = 2

        def __aiter__(self):
            return self

        async def __anext__(self):
            if not self.left:
                raise StopAsyncIteration
            self.left -= 1
            return repr(here("path")).encode()

    async def view(request):
        return StreamingHttpResponse(Parts())

    async def read():
        VIEWS["view"] = view
        response = await AsyncClient().get("/async/view")
        return [part async for part in response]

    assert asyncio.run(read()) == [b"('/async/view',)"] * 2


def test_a_file_is_handed_on_as_it_is(tmp_path):
    """So that a server can send it the fast way."""
    (tmp_path / "file").write_bytes(b"content")
    whole = FileResponse((tmp_path / "file").open("rb"))

    response = TrackMiddleware(lambda request: whole)(RequestFactory().get("/"))

    assert "close" not in vars(response)
    assert b"".join(response) == b"content"
    response.close()


@pytest.mark.parametrize("is_async", [False, True])
def test_an_error_leaves_nothing_behind(is_async):
    """Django answers it, or not."""

    def fail(request):
        raise LookupError

    async def afail(request):
        raise LookupError

    with pytest.raises(LookupError):
        answer(afail if is_async else fail, is_async=is_async)
    with pytest.raises(LookupError):
        TrackMiddleware(fail)(RequestFactory().get("/"))

    assert here() is None


def test_a_request_that_is_cancelled_leaves_nothing_behind():
    """The client went away before there was a response."""

    async def cancelled(request):
        raise asyncio.CancelledError

    async def serve():
        with pytest.raises(asyncio.CancelledError):
            await TrackMiddleware(cancelled)(RequestFactory().get("/"))
        return here()

    assert asyncio.run(serve()) is None


def sync_only(get_response):
    """Middleware of the oldest kind."""

    def middleware(request):
        response = get_response(request)
        response["X-Sync"] = "yes"
        return response

    return middleware


@pytest.mark.parametrize("place", [0, 3])
@pytest.mark.parametrize("is_async", [False, True])
def test_middleware_that_is_only_sync_may_stand_before_and_behind(place, is_async):
    """Django then changes between threads and the loop on the way."""

    async def aview(request):
        return here("path")

    def view(request):
        return here("path")

    stack = [*STACK[:place], f"{__name__}.sync_only", *STACK[place:]]
    with override_settings(MIDDLEWARE=stack):
        response = answer(aview if is_async else view, is_async=is_async)

    assert said(response) == repr((f"/{'async' if is_async else 'sync'}/view",))
    assert response["X-Sync"] == "yes"
    assert here() is None


def test_trusted_proxies_are_a_setting():
    """Without it, the peer's address is all that counts."""
    request = {"REMOTE_ADDR": "10.0.0.1", "HTTP_X_FORWARDED_FOR": "6.6.6.6, 203.0.113.9"}
    assert said(answer(lambda request: here("ip"), **request)) == "('10.0.0.1',)"

    with override_settings(EVENT_TRACKING_TRUSTED_PROXIES=["10.0.0.0/8"]):
        assert said(answer(lambda request: here("ip"), **request)) == "('203.0.113.9',)"


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
def test_a_wrong_setting_keeps_the_site_from_starting(wrong):
    """It names the setting. Nobody's address is believed by mistake."""
    with override_settings(**wrong), pytest.raises(ImproperlyConfigured) as raised:
        TrackMiddleware(None)

    assert str(raised.value).startswith([*wrong][-1])


def test_threads_and_tasks_at_once_see_only_their_own_requests():
    """Fifty async requests, one loop, interleaved."""

    async def view(request):
        await asyncio.sleep(0)
        return here("query")

    async def ask(number):
        response = await AsyncClient().get(f"/async/view?{number}")
        return said(response)

    async def main():
        VIEWS["view"] = view
        return await asyncio.gather(*(ask(number) for number in range(50)))

    assert asyncio.run(main()) == [f"('{number}',)" for number in range(50)]


def test_the_middleware_is_found_by_its_path():
    """It needs no application in INSTALLED_APPS."""
    assert sys.modules["eventtracking.django.middleware"].TrackMiddleware is TrackMiddleware
