"""Note the current request of a Django project."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from functools import partial
from typing import Any

from asgiref.sync import iscoroutinefunction, markcoroutinefunction, sync_to_async
from django.conf import settings

from eventtracking.django._visitor import DjangoVisitor
from eventtracking.django.request_events import request_events
from eventtracking.request import RequestFacts, TrustedProxies, Visit

TRUSTED_PROXIES = "EVENT_TRACKING_TRUSTED_PROXIES"
"""
The setting that lists the proxies in front: addresses, networks, `unix` for a Unix socket.

Each must overwrite, or remove, whichever of `Forwarded` and `X-Forwarded-For` it does
not write itself: what a client sent under that name would be believed.
"""


class TrackMiddleware:
    """
    Let events know which request they happened in, until its response is out.

    Nothing is read from the request before an event asks; the user is not loaded and
    the session not opened until then. Works in sync and in async projects. Its place
    is behind the session and authentication middleware, so that who asks is known to
    the events of all the middleware that follows.

    With `EVENT_TRACKING_REQUEST_EVENTS = "legacy"`, each request is an event as well.

    Args:
        get_response: What Django gives to every middleware.

    Raises:
        ImproperlyConfigured: If a setting that this reads is wrong. Django does not start.
    """

    sync_capable = True
    async_capable = True

    def __init__(self, get_response: Any) -> None:
        self.get_response = get_response
        self._trusted_proxies = trusted_proxies()
        self._events = request_events()
        self._is_async = iscoroutinefunction(get_response)
        if self._is_async:
            markcoroutinefunction(self)

    def __call__(self, request: Any) -> Any:
        """Return the response, or in an async project what to await for it."""
        if self._is_async:
            return self._respond(request)
        facts = self._facts(request)
        with Visit(facts) as visit:
            if self._events is not None:
                self._events.emit(request, facts)
            return _kept(self.get_response(request), facts, visit)

    async def _respond(self, request: Any) -> Any:
        facts = self._facts(request)
        with Visit(facts) as visit:
            if self._events is not None:
                # In a thread: there the user may be loaded, as a sync view would.
                await sync_to_async(self._events.emit)(request, facts)
            return _kept(await self.get_response(request), facts, visit)

    def _facts(self, request: Any) -> RequestFacts:
        return RequestFacts(
            partial(getattr, request, "META"),
            visitor=DjangoVisitor(request),
            trusted_proxies=self._trusted_proxies,
        )


def trusted_proxies() -> TrustedProxies:
    """
    Return the proxies that the settings trust.

    Raises:
        ImproperlyConfigured: If they are no list of addresses and networks.
    """
    return TrustedProxies(getattr(settings, TRUSTED_PROXIES, None), option=TRUSTED_PROXIES)


def _kept(response: Any, facts: RequestFacts, visit: Visit) -> Any:
    """Return *response*, and if it is still to be streamed, let that go on within *visit*."""
    # Nobody tracks in a file, and as a file it goes out the fast way.
    if not getattr(response, "streaming", False) or getattr(response, "file_to_stream", None):
        return response
    visit.goes_on = True
    parts = _async_parts if response.is_async else _parts
    # `streaming_content` would give it wrapped, in something that does not close it.
    body = response._iterator  # noqa: SLF001
    response.streaming_content = parts(body, facts, visit)
    response.close = partial(_close, response.close, visit)
    return response


def _parts(body: Iterator[Any], _facts: RequestFacts, visit: Visit) -> Iterator[Any]:
    while True:
        with visit:
            try:
                part = next(body)
            except StopIteration:
                return
        yield part


async def _async_parts(
    body: AsyncIterator[Any], facts: RequestFacts, visit: Visit
) -> AsyncIterator[Any]:
    try:
        while True:
            with visit:
                try:
                    part = await anext(body)
                except StopAsyncIteration:
                    return
            yield part
    finally:
        # When the client is gone the visit may be over; the end of the body still is
        # part of the request.
        close = getattr(body, "aclose", None)
        if close is not None:
            with Visit(facts):
                await close()


def _close(close: Any, visit: Visit) -> None:
    visit.goes_on = False
    with visit:
        close()
