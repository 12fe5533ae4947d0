"""Middleware for Django that tracks the current request."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from functools import partial
from typing import Any

from asgiref.sync import iscoroutinefunction, markcoroutinefunction, sync_to_async
from django.conf import settings

from eventtracking.django.request_events import request_events
from eventtracking.django.request_facts import request_facts
from eventtracking.request import RequestFacts, RequestScope, TrustedProxies

TRUSTED_PROXIES = "EVENT_TRACKING_TRUSTED_PROXIES"
"""
The setting with the trusted proxies: addresses, networks, and `unix` for a Unix socket.

Each proxy must overwrite or remove the one of `Forwarded` and `X-Forwarded-For` that it
does not write, because a client may send it.
"""


class TrackMiddleware:
    """
    Make the current request known to the events that are emitted while it is served.

    Nothing is read from the request until an event needs it: until then, the user is not
    loaded and the session is not opened. It works in sync and in async projects. Put it after
    the session and authentication middleware, so that the events of all middleware after it
    have the user.

    With `EVENT_TRACKING_REQUEST_EVENTS = "legacy"`, an event is emitted for each request.

    Args:
        get_response: The argument that Django passes to any middleware.

    Raises:
        ImproperlyConfigured: If a setting is wrong. Django does not start.
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
        """Return the response, or in an async project an awaitable of it."""
        if self._is_async:
            return self._respond(request)
        facts = request_facts(request, self._trusted_proxies)
        with RequestScope(facts) as scope:
            if self._events is not None:
                self._events.emit(request, facts)
            return _keep_open(self.get_response(request), facts, scope)

    async def _respond(self, request: Any) -> Any:
        facts = request_facts(request, self._trusted_proxies)
        with RequestScope(facts) as scope:
            if self._events is not None:
                # In a thread, where the user may be loaded as in a sync view.
                await sync_to_async(self._events.emit)(request, facts)
            return _keep_open(await self.get_response(request), facts, scope)


def trusted_proxies() -> TrustedProxies:
    """
    Return the trusted proxies in the settings.

    Raises:
        ImproperlyConfigured: If the setting is not a list of addresses and networks.
    """
    return TrustedProxies(
        getattr(settings, TRUSTED_PROXIES, None), owner="", option=TRUSTED_PROXIES
    )


def _keep_open(response: Any, facts: RequestFacts, scope: RequestScope) -> Any:
    """Return *response*. If it is still to be streamed, keep *scope* open for its body."""
    # No events are emitted while a file is sent, and servers send an unchanged one efficiently.
    if not getattr(response, "streaming", False) or getattr(response, "file_to_stream", None):
        return response
    scope.stays_open = True
    chunks = _async_chunks if response.is_async else _chunks
    # `streaming_content` would return a wrapper that does not close the iterator.
    body = response._iterator  # noqa: SLF001
    response.streaming_content = chunks(body, facts, scope)
    response.close = partial(_close, response.close, scope)
    return response


def _chunks(body: Iterator[Any], _facts: RequestFacts, scope: RequestScope) -> Iterator[Any]:
    while True:
        with scope:
            try:
                chunk = next(body)
            except StopIteration:
                return
        yield chunk


async def _async_chunks(
    body: AsyncIterator[Any], facts: RequestFacts, scope: RequestScope
) -> AsyncIterator[Any]:
    try:
        while True:
            with scope:
                try:
                    chunk = await anext(body)
                except StopAsyncIteration:
                    return
            yield chunk
    finally:
        # If the client disconnected, the scope may have ended, but the cleanup of the body is
        # still part of the request.
        close = getattr(body, "aclose", None)
        if close is not None:
            with RequestScope(facts):
                await close()


def _close(close: Any, scope: RequestScope) -> None:
    scope.stays_open = False
    with scope:
        close()
