"""The page for people and the JSON API for programs: the received events, and fault injection."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from heapq import merge
from typing import Any, TypeAlias

import orjson

from eventtracking.exceptions import ImproperlyConfigured
from eventtracking.inspector.access import Access
from eventtracking.inspector.decoding import parse_json
from eventtracking.inspector.endpoint import Response
from eventtracking.inspector.event_store import EventStore, event_list
from eventtracking.inspector.faults import Faults
from eventtracking.inspector.page_files import SECURITY_HEADERS, page_files

MAX_BODY_BYTES = 100_000
"""More than any script of faults needs."""

# The page shows no more good events, and no more bad ones. All of them are at `/all`.
_MAX_FEED_EVENTS = 300

# The address of the page holds the token.
_HEADERS = (*SECURITY_HEADERS, ("Referrer-Policy", "no-referrer"))

_JSON = "application/json"

_Query: TypeAlias = Mapping[str, str]


class Admin:
    """
    Respond to all requests that are not for a vendor.

    Args:
        events: The received events.
        faults: The scripts of responses.
        access: Decides which requests are admitted.
    """

    def __init__(self, events: EventStore, faults: Faults, access: Access) -> None:
        self._events = events
        self._faults = faults
        self._access = access
        self._files = {
            path: _response(200, content, content_type)
            for path, (content, content_type) in page_files("eventtracking.inspector").items()
        }
        self._routes: dict[tuple[str, str], Callable[[_Query, bytes], Response]] = {
            ("GET", "/all"): lambda query, _: self._list(query, None),
            ("GET", "/good"): lambda query, _: self._list(query, True),
            ("GET", "/bad"): lambda query, _: self._list(query, False),
            ("GET", "/feed"): lambda query, _: self._feed(query),
            ("GET", "/event"): lambda query, _: self._event(query),
            ("POST", "/reset"): lambda *_: self._reset(),
            ("POST", "/faults"): lambda _, body: self._set_script(body),
        }

    def respond(
        self, method: str, path: str, query: _Query, headers: Mapping[str, str], body: bytes
    ) -> Response:
        """Respond to a request, whose *headers* have names in lower case."""
        # The page cannot send a token for its files, and they hold nothing that was received.
        needs_token = path == "/" or path not in self._files
        if refusal := self._access.refusal(headers, query, needs_token=needs_token):
            return _refuse(*refusal)
        method = "GET" if method == "HEAD" else method
        if path in self._files:
            return self._files[path] if method == "GET" else _wrong_method("GET")
        if route := self._routes.get((method, path)):
            return route(query, body)
        allowed = [method for method, known in self._routes if known == path]
        return _wrong_method(*allowed) if allowed else _refuse(404, "not found")

    def _list(self, query: _Query, good: bool | None) -> Response:
        events = self._events.kept(good=good)
        if destination := query.get("destination"):
            events = [each for each in events if each.destination == destination]
        return _response(200, event_list(self._events.counts(), events))

    def _feed(self, query: _Query) -> Response:
        """Return the events that the page has not seen yet, without their payloads."""
        # Before the events: those that arrive in between are left for the next request.
        state = self._events.state()
        after = _number(query.get("after"))
        newest = [
            self._events.kept(good=good, after=after)[-_MAX_FEED_EVENTS:] for good in (True, False)
        ]
        events = [
            {"number": each.number, **each.summary()}
            for each in merge(*newest)
            if each.number <= state["last"]
        ]
        return _json(200, {"counts": self._events.counts(), **state, "events": events})

    def _event(self, query: _Query) -> Response:
        stored = self._events.find(_number(query.get("number")))
        if stored is None:
            return _refuse(404, "the event is not kept any more")
        return _json(200, {**stored.summary(), "payload": orjson.Fragment(stored.event.payload)})

    def _reset(self) -> Response:
        self._events.reset()
        self._faults.clear()
        return _json(200, {"counts": self._events.counts()})

    def _set_script(self, body: bytes) -> Response:
        content, error = parse_json(body)
        if error or not isinstance(content, dict):
            return _refuse(400, error or 'the body must be {"destination": ..., "script": ...}')
        try:
            self._faults.set_script(content.get("destination"), content.get("script"))
        except ImproperlyConfigured as refusal:
            return _refuse(400, str(refusal))
        return _json(200, {"destination": content["destination"], "script": content["script"]})


def _number(text: str | None) -> int:
    # int() takes long for long texts.
    return int(text) if text and text.isascii() and text.isdigit() and len(text) < 20 else 0  # noqa: PLR2004


def _wrong_method(*allowed: str) -> Response:
    methods = ", ".join(allowed)
    return _refuse(405, f"the method must be {methods}", ("Allow", methods))


def _refuse(status: int, reason: str, *headers: tuple[str, str]) -> Response:
    if status == 401:  # noqa: PLR2004
        headers = (*headers, ("WWW-Authenticate", "Bearer"))
    return _json(status, {"error": reason}, *headers)


def _json(status: int, content: Mapping[str, Any], *headers: tuple[str, str]) -> Response:
    return _response(status, orjson.dumps(content), _JSON, *headers)


def _response(
    status: int, body: bytes, content_type: str = _JSON, *headers: tuple[str, str]
) -> Response:
    return Response(status, body, (("Content-Type", content_type), *headers, *_HEADERS))
