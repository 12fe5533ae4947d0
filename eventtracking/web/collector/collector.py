"""Collect the events that browsers send, and emit them through the tracker."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from eventtracking._options import Options
from eventtracking.tracker import Tracker, default_tracker
from eventtracking.web.collector.access import AccessControl
from eventtracking.web.collector.batches import Batch, event_id_of, log_name
from eventtracking.web.collector.body_decoding import (
    FORM,
    MULTIPART,
    BodyDecoder,
    media_type,
    parse_fields,
)
from eventtracking.web.collector.browser_event import EventRules
from eventtracking.web.collector.client_files import CLIENT_FILES
from eventtracking.web.collector.collector_request import CollectorRequest, GivenFacts
from eventtracking.web.collector.counters import CollectorCounters
from eventtracking.web.collector.duplicates import Claims, Duplicates
from eventtracking.web.collector.emitter import RequestEmitter
from eventtracking.web.collector.event_names import EventNames
from eventtracking.web.collector.legacy_form import check_form, legacy_username
from eventtracking.web.collector.origins import Origins
from eventtracking.web.collector.privacy import PrivacySignals
from eventtracking.web.collector.refusals import EventRefused, RequestRefused
from eventtracking.web.collector.responses import Responses
from eventtracking.web.options import PrivacyMode
from eventtracking.web.response import Response


class Collector:
    """
    Accepts events from browsers, and refuses those that browsers must not send.

    It is independent of web frameworks: an integration passes it the method, the headers and
    the body of a request, and sends the `Response`. No request raises an exception.

    The events have `event_source: "browser"`, a time by the server's clock, and the facts
    about the request. The context that the page sent is in `page_context`.

    Args:
        allowed_origins: Origins of other sites whose pages may send events, such as
            `https://www.example.com`. The site's own pages always may.
        page_close_by_get: Accept the event `page_close` with GET, as old pages send it.
        rate: The number of requests per second that one client may make in the long run;
            `None` for no limit.
        burst: The number of requests that one client may make at once.
        max_body_bytes: The maximum size of a body as it is sent.
        max_expanded_bytes: The maximum size of a compressed body when it is expanded.
        max_events: The maximum number of events in a request.
        reserved_prefixes: Prefixes of event names that browsers must not use, in any case and
            in letters that look the same. If there are any, names must begin with Latin
            letters.
        max_name_characters: The maximum length of a name.
        max_event_bytes: The maximum size of an event as compact JSON.
        max_depth: The maximum number of levels of nesting in data and context.
        max_values: The maximum number of values in all of these levels.
        gpc: The effect of the signal `Sec-GPC`: `anonymous` removes user, session and address,
            `drop` drops the events, `off` ignores the signal.
        dnt: The effect of the signal `DNT`, with the same values.
        duplicates: The number of event ids that are remembered at least, to recognize events
            that are sent again.
        duplicates_path: A file for these ids that all processes of the site share. Without
            one, each process remembers the ids that it received itself.
        tracker: The tracker, or a function that returns it for each request. Default: the
            default tracker at the time of the request.
        clock: Returns monotonic seconds, for the rate.
        wall_clock: Returns the time as an aware datetime, for the events.

    Raises:
        ImproperlyConfigured: If an option is wrong.
    """

    def __init__(
        self,
        *,
        allowed_origins: Any = (),
        page_close_by_get: bool = False,
        rate: float | None = 20,
        burst: int = 100,
        max_body_bytes: int = 65_536,
        max_expanded_bytes: int = 1_048_576,
        max_events: int = 100,
        reserved_prefixes: Any = (),
        max_name_characters: int = 255,
        max_event_bytes: int = 32_768,
        max_depth: int = 32,
        max_values: int = 2_000,
        gpc: PrivacyMode = "anonymous",
        dnt: PrivacyMode = "off",
        duplicates: int = 50_000,
        duplicates_path: str | None = None,
        tracker: Tracker | Callable[[], Tracker | None] | None = None,
        clock: Callable[[], float] = time.monotonic,
        wall_clock: Callable[[], datetime] | None = None,
    ) -> None:
        options = Options("Collector")
        origins = Origins(allowed_origins, options)
        self._access = AccessControl(
            origins, page_close_by_get, rate=rate, burst=burst, clock=clock, options=options
        )
        self._decoder = BodyDecoder(
            max_body_bytes, max_expanded_bytes, max_events, max_values, options
        )
        names = EventNames(reserved_prefixes, max_name_characters, options)
        self._rules = EventRules(names, max_event_bytes, max_depth, max_values, options)
        self._privacy = PrivacySignals(gpc, dnt, options)
        self._duplicates = Duplicates(duplicates, duplicates_path, options)
        options.raise_problems()
        self._responses = Responses(origins)
        self._tracker = default_tracker if tracker is None else tracker
        self._now = wall_clock or _utc_now
        self._counters = CollectorCounters()
        self.max_body_bytes = max_body_bytes
        self.max_expanded_bytes = max_expanded_bytes
        self._max_events = max_events

    def __call__(
        self,
        method: str,
        headers: Mapping[str, str],
        body: bytes,
        facts: GivenFacts = None,
    ) -> Response:
        """Return the response to a request, by calling `refusal` and then `take`."""
        return self.refusal(method, headers, facts) or self.take(method, headers, body, facts)

    def refusal(
        self,
        method: str,
        headers: Mapping[str, str],
        facts: GivenFacts = None,
        *,
        has_token: Callable[[], bool] | None = None,
    ) -> Response | None:
        """
        Return the response to a request if it does not depend on the body, or `None`.

        The request counts towards the rate of its client, so call this once for each.

        Args:
            method: `POST`, `OPTIONS`, ...
            headers: The headers of the request. The values of a repeated header are joined by
                commas.
            facts: The facts about the request. Default: those about the current request.
            has_token: Returns whether the request has a valid CSRF token. Called only if the
                origin is missing or not allowed.
        """
        request = CollectorRequest.of(method, headers, facts)
        try:
            self._access.check_sender(request, has_token)
            if method == "OPTIONS":
                return self._responses.preflight(request.headers)
            self._access.check_rate(request)
            if method == "POST":
                self._decoder.check_headers(request.headers)
        except RequestRefused as refused:
            return self._refuse(refused, request)
        return None

    def take(
        self,
        method: str,
        headers: Mapping[str, str],
        body: bytes,
        facts: GivenFacts = None,
    ) -> Response:
        """Emit the events in *body*, and return the response. Call `refusal` first."""
        request = CollectorRequest.of(method, headers, facts)
        try:
            if method == "GET":
                return self._take_form(parse_fields(request.query), request)
            if media_type(request.headers) in (FORM, MULTIPART):
                return self._take_form(self._decoder.form(body, request.headers), request)
            return self._take_batch(self._decoder.batch(body, request.headers), request)
        except RequestRefused as refused:
            return self._refuse(refused, request)

    def stats(self) -> dict[str, Any]:
        """
        Return the statistics: `{"accepted", "duplicates", "refused", "requests"}`.

        `refused` counts events by reason. `requests` is `{"answered", "refused"}`, where
        `refused` counts the requests that were refused as a whole, by reason.
        """
        return self._counters.stats()

    def client_file(self, name: str, method: str, headers: Mapping[str, str]) -> Response:
        """
        Return the response to a request for a file of the browser client.

        Args:
            name: A file in `eventtracking/web/static`, such as `eventtracking.js`.
            method: `GET` or `HEAD`.
            headers: The headers of the request.
        """
        request = CollectorRequest.of(method, headers, None)
        response = CLIENT_FILES.response(name, method, request.headers)
        # Browsers load a module from another origin only with CORS headers.
        return self._responses.readable(response, request.headers)

    def __repr__(self) -> str:
        return f"<Collector {self.stats()}>"

    def _refuse(self, refused: RequestRefused, request: CollectorRequest) -> Response:
        self._counters.refuse_request(refused.reason, request.ip)
        return self._responses.refusal(refused, request.headers)

    def _take_batch(self, value: Any, request: CollectorRequest) -> Response:
        batch = Batch(value, received=self._now(), max_events=self._max_events)
        with self._emitter(request) as emitter, self._duplicates.claims() as claims:
            results = [self._take_event(each, batch, emitter, claims) for each in batch.events]
        next(self._counters.answered)
        return self._responses.results(results, request.headers)

    def _take_event(
        self, event: Any, batch: Batch, emitter: RequestEmitter, claims: Claims
    ) -> dict[str, Any]:
        """Emit *event* unless it is refused or a duplicate, and return its result."""
        event_id = None
        try:
            event_id = event_id_of(event)
            checked = batch.check(event, self._rules)
            emitter.require_tracker()
            if event_id is not None and not claims.claim(event_id):
                next(self._counters.duplicates)
                return {"id": event_id, "status": "duplicate"}
            server_fields = {} if event_id is None else {"event_id": event_id}
            emitter.emit(checked, batch.received, server_fields)
            claims.confirm()
        except EventRefused as refused:
            self._counters.refuse_event(refused.reason, log_name(event))
            return {"id": event_id, "status": "refused", "reason": refused.reason}
        next(self._counters.accepted)
        return {"id": event_id, "status": "accepted"}

    def _take_form(self, fields: Mapping[str, str], request: CollectorRequest) -> Response:
        received = self._now()
        try:
            with self._emitter(request) as emitter:
                event = check_form(fields, received, self._rules)
                emitter.emit(event, received, {"username": legacy_username(emitter.facts)})
        except EventRefused as refused:
            # Old pages expect the same response in any case.
            self._counters.refuse_event(refused.reason, fields.get("event_type"))
        else:
            next(self._counters.accepted)
        next(self._counters.answered)
        return self._responses.form_received(request.headers)

    def _emitter(self, request: CollectorRequest) -> RequestEmitter:
        tracker = self._tracker() if callable(self._tracker) else self._tracker
        return RequestEmitter(tracker, self._privacy.mode(request.headers), request.facts)


def _utc_now() -> datetime:
    return datetime.now(UTC)
