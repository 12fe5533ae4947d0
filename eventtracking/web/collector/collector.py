"""Take the events that browsers send, and give them out as the site's own."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from math import ceil
from typing import Any

from orjson import dumps

from eventtracking.exceptions import ImproperlyConfigured
from eventtracking.request import RequestFacts
from eventtracking.tracker import Tracker, default_tracker
from eventtracking.web.answer import Answer
from eventtracking.web.collector.batches import Batch, Rules, called, checked_id
from eventtracking.web.collector.bodies import (
    FORM,
    MULTIPART,
    declared_length,
    expanded,
    fields_in,
    form_in,
    kind_of,
)
from eventtracking.web.collector.client_files import ClientFiles
from eventtracking.web.collector.duplicates import Claims, Duplicates
from eventtracking.web.collector.event_limits import EventLimits
from eventtracking.web.collector.names import Names
from eventtracking.web.collector.old_form import PAGE_CLOSE, old_username, sent_by_form
from eventtracking.web.collector.origins import Origins
from eventtracking.web.collector.pieces import batch_in
from eventtracking.web.collector.privacy import Privacy
from eventtracking.web.collector.rates import RateLimit
from eventtracking.web.collector.refusals import REQUEST_REASONS, EventRefused, RequestRefused
from eventtracking.web.collector.tally import Tally
from eventtracking.web.collector.way import Way, known
from eventtracking.web.options import Choice

_NO_STORE = (("Cache-Control", "no-store"), ("X-Content-Type-Options", "nosniff"))

# Between the members of an event, and between events.
_COMMAS_OF_AN_EVENT = 8

# Events have a container, and text a comma, hardly more often than this.
_BYTES_A_CONTAINER = 16

_PREFLIGHT = (
    ("Access-Control-Allow-Methods", "POST"),
    ("Access-Control-Allow-Headers", "Content-Type, Content-Encoding, X-CSRFToken"),
    ("Access-Control-Max-Age", "600"),
)


CLIENT_FILES = ClientFiles()
"""The client, as it is shipped."""


class Collector:
    """
    Turn what browsers send into events of the tracker, and refuse what they must not send.

    It knows no framework: a door hands it method, headers and body, and gets an `Answer`.
    Whatever the body is, nothing is raised. Events have `event_source: "browser"`, the time by
    the server's clock, and the facts of the request that brought them; what the page says of
    itself stands under `page_context`.

    Args:
        allowed_origins: Origins of other sites whose pages may send, such as
            `https://www.example.com`. The site's own pages may.
        reserved_prefixes: What names of browsers' events must not begin with, in any case and
            in letters that look the same. Then they begin in Latin letters.
        page_close_by_get: Whether the event `page_close` may come by GET, as old pages send it.
        gpc: What the signal `Sec-GPC` means: `anonymous` leaves out user, session and address,
            `drop` drops the events, `off` ignores it.
        dnt: The same for `DNT`.
        max_body_bytes: The most bytes of a body, as it is sent.
        max_expanded_bytes: The most bytes of a body that is sent compressed.
        max_events: The most events of a request.
        max_event_bytes: The most bytes of one event, as compact JSON.
        max_depth: The most levels of nesting in data and in context.
        max_values: The most values, in all of these levels.
        max_name_characters: The most characters of a name.
        rate: How many requests a second one client may make in the long run; `None`: any.
        burst: How many at once.
        duplicates: How many ids are remembered, at least, so that what is sent again counts once.
        duplicates_path: A file that all processes of the site share for that. Without one,
            each process knows only what it got itself.
        tracker: Where events go, or what returns it at each request. Default: to the default
            tracker of that moment.
        clock: Monotonic seconds, for the rate.
        wall_clock: The time, aware, for the events.

    Raises:
        ImproperlyConfigured: If an option is wrong.
    """

    def __init__(
        self,
        *,
        allowed_origins: Any = (),
        reserved_prefixes: Any = (),
        page_close_by_get: bool = False,
        gpc: Choice = "anonymous",
        dnt: Choice = "off",
        max_body_bytes: int = 65_536,
        max_expanded_bytes: int = 1_048_576,
        max_events: int = 100,
        max_event_bytes: int = 32_768,
        max_depth: int = 32,
        max_values: int = 2_000,
        max_name_characters: int = 255,
        rate: float | None = 20,
        burst: int = 100,
        duplicates: int = 50_000,
        duplicates_path: str | None = None,
        tracker: Tracker | Callable[[], Tracker | None] | None = None,
        clock: Callable[[], float] = time.monotonic,
        wall_clock: Callable[[], datetime] | None = None,
    ) -> None:
        if not isinstance(page_close_by_get, bool):
            raise _wrong("page_close_by_get", "true or false", page_close_by_get)
        self.max_body_bytes = _whole("max_body_bytes", max_body_bytes)
        self.max_expanded_bytes = _whole("max_expanded_bytes", max_expanded_bytes)
        self._max_events = _whole("max_events", max_events)
        self._rules = Rules(
            Names(
                reserved=reserved_prefixes,
                max_characters=_whole("max_name_characters", max_name_characters),
            ),
            EventLimits(
                _whole("max_event_bytes", max_event_bytes),
                _whole("max_depth", max_depth),
                _whole("max_values", max_values),
            ),
        )
        self._origins = Origins(allowed_origins)
        self._privacy = Privacy(gpc=gpc, dnt=dnt)
        self._page_close_by_get = page_close_by_get
        self._rates = _rate_limit(rate, _whole("burst", burst), clock)
        self._duplicates = Duplicates(size=_whole("duplicates", duplicates), path=duplicates_path)
        self._tracker = default_tracker if tracker is None else tracker
        self._now = wall_clock or _now
        self._tally = Tally()

    def __call__(
        self,
        method: str,
        headers: Mapping[str, str],
        body: bytes,
        facts: Mapping[str, Any] | None = None,
    ) -> Answer:
        """Answer a request: `refusal`, and if there is none, `take`."""
        return self.refusal(method, headers, facts) or self.take(method, headers, body, facts)

    def refusal(
        self,
        method: str,
        headers: Mapping[str, str],
        facts: Mapping[str, Any] | None = None,
        *,
        has_token: Callable[[], bool] | None = None,
    ) -> Answer | None:
        """
        Return the answer to a request that needs no look at its body; `None` if it needs one.

        It counts as a request of its client, so ask once.

        Args:
            method: `POST`, `OPTIONS`, ...
            headers: The headers of the request. Of one that came twice, the values are joined
                by commas.
            facts: The facts about the request, for its client's address.
            has_token: Tells whether the request has a valid token against forgery. Asked only
                where its origin does not say enough.
        """
        headers, request = _lowered(headers), known(facts)
        try:
            return self._checked(method, headers, request, has_token)
        except RequestRefused as refused:
            return self._refused(refused.reason, headers, request)

    def take(
        self,
        method: str,
        headers: Mapping[str, str],
        body: bytes,
        facts: Mapping[str, Any] | None = None,
    ) -> Answer:
        """Emit what *body* holds, and answer; the request is one that `refusal` lets pass."""
        headers, request = _lowered(headers), known(facts)
        try:
            if method == "GET":
                return self._take_fields(fields_in(_query(request)), headers, request)
            kind, whole = kind_of(headers), self._whole(body, headers)
            if kind in (FORM, MULTIPART):
                return self._take_fields(form_in(whole, headers), headers, request)
            return self._take_batch(self._batch(whole), headers, request)
        except RequestRefused as refused:
            return self._refused(refused.reason, headers, request)

    def stats(self) -> dict[str, Any]:
        """
        Return the books: `{"accepted", "duplicates", "refused", "requests"}`.

        `refused` are the events by reason. `requests` are `{"answered", "refused"}`, where the
        latter are those, by reason, that were refused as a whole.
        """
        return self._tally.stats()

    def client_file(self, name: str, method: str, headers: Mapping[str, str]) -> Answer:
        """
        Answer a request for a file of the client.

        Args:
            name: One of those in `eventtracking/web/static`, such as `eventtracking.js`.
            method: `GET` or `HEAD`.
            headers: The headers of the request.
        """
        headers = _lowered(headers)
        answer = CLIENT_FILES.answer(name, method, headers)
        # A page of another origin needs them to load it as a module.
        answer.headers.extend(self._origins.cors(headers))
        return answer

    def __repr__(self) -> str:
        return f"<Collector {self.stats()}>"

    def _checked(
        self,
        method: str,
        headers: Mapping[str, str],
        facts: RequestFacts | None,
        has_token: Callable[[], bool] | None,
    ) -> Answer | None:
        if method not in ("POST", "OPTIONS") and not self._is_page_close(method, facts):
            raise RequestRefused("method")
        if not self._origins.may_send(headers) and (has_token is None or not has_token()):
            raise RequestRefused("foreign_origin")
        if method == "OPTIONS":
            return self._preflight(headers)
        wait = self._rates.wait(_ip(facts)) if self._rates else 0.0
        if wait:
            answer = self._refused("rate_limited", headers, facts)
            answer.headers.append(("Retry-After", str(ceil(wait))))
            return answer
        if method == "POST":
            kind_of(headers)
            if (declared_length(headers) or 0) > self.max_body_bytes:
                raise RequestRefused("too_large")
        return None

    def _is_page_close(self, method: str, facts: RequestFacts | None) -> bool:
        if method != "GET" or not self._page_close_by_get:
            return False
        return fields_in(_query(facts)).get("event_type") == PAGE_CLOSE

    def _preflight(self, headers: Mapping[str, str]) -> Answer:
        shared = self._origins.cors(headers)
        if self._origins.is_listed(headers):
            shared.extend(_PREFLIGHT)
        return Answer(204, [("Allow", "POST, OPTIONS"), *shared], b"")

    def _refused(
        self, reason: str, headers: Mapping[str, str], facts: RequestFacts | None
    ) -> Answer:
        self._tally.refuse_request(reason, _ip(facts))
        answer = self._json(REQUEST_REASONS[reason], {"error": reason}, headers)
        if reason == "method":
            answer.headers.append(("Allow", "POST, OPTIONS"))
        return answer

    def _json(self, status: int, value: Any, headers: Mapping[str, str]) -> Answer:
        kind = ("Content-Type", "application/json")
        return Answer(status, [kind, *_NO_STORE, *self._origins.cors(headers)], dumps(value))

    def _whole(self, body: bytes, headers: Mapping[str, str]) -> bytes:
        if len(body) > self.max_body_bytes:
            raise RequestRefused("too_large")
        return expanded(body, headers, max_bytes=self.max_expanded_bytes)

    def _batch(self, body: bytes) -> Batch:
        # To count is cheap, and what so many would be parsed into is not: an empty object of
        # two bytes takes sixty-four. Each value but the first of its container has a comma.
        spare = max(self.max_body_bytes, self.max_expanded_bytes) // _BYTES_A_CONTAINER
        most = self._max_events * (self._rules.limits.max_values + _COMMAS_OF_AN_EVENT)
        containers = body.count(b"{") + body.count(b"[")
        if containers > spare or body.count(b",") > most + spare:
            raise RequestRefused("too_large")
        return Batch(batch_in(body), received=self._now(), max_events=self._max_events)

    def _take_batch(
        self, batch: Batch, headers: Mapping[str, str], facts: RequestFacts | None
    ) -> Answer:
        with self._way(headers, facts) as way, self._duplicates.of_a_request() as claims:
            results = [self._result(event, batch, way, claims) for event in batch.events]
        next(self._tally.answered)
        return self._json(200, {"results": results}, headers)

    def _result(self, event: Any, batch: Batch, way: Way, claims: Claims) -> dict[str, Any]:
        """Emit *event* and say what became of it."""
        identity = None
        try:
            identity = checked_id(event)
            sent = batch.sent(event, self._rules)
            way.tracker()
            if identity is not None and not claims.claim(identity):
                next(self._tally.duplicates)
                return {"id": identity, "status": "duplicate"}
            way.emit(sent, batch.received, {} if identity is None else {"event_id": identity})
            claims.keep()
        except EventRefused as refused:
            self._tally.refuse_event(refused.reason, called(event))
            return {"id": identity, "status": "refused", "reason": refused.reason}
        next(self._tally.accepted)
        return {"id": identity, "status": "accepted"}

    def _take_fields(
        self, fields: Mapping[str, str], headers: Mapping[str, str], facts: RequestFacts | None
    ) -> Answer:
        received = self._now()
        try:
            with self._way(headers, facts) as way:
                sent = sent_by_form(fields, received, self._rules)
                way.emit(sent, received, {"username": old_username(way.facts)})
        except EventRefused as refused:
            # The old form knows no other answer, and a page could do nothing about it.
            self._tally.refuse_event(refused.reason, fields.get("event_type"))
        else:
            next(self._tally.accepted)
        next(self._tally.answered)
        kind = ("Content-Type", "text/plain; charset=utf-8")
        return Answer(200, [kind, *_NO_STORE, *self._origins.cors(headers)], b"success")

    def _way(self, headers: Mapping[str, str], facts: RequestFacts | None) -> Way:
        tracker = self._tracker() if callable(self._tracker) else self._tracker
        return Way(tracker, self._privacy.choice(headers), facts)


def _now() -> datetime:
    return datetime.now(UTC)


def _ip(facts: RequestFacts | None) -> str:
    return "" if facts is None else str(facts["ip"])


def _query(facts: RequestFacts | None) -> str:
    return "" if facts is None else str(facts["query"])


def _lowered(headers: Mapping[str, str]) -> Mapping[str, str]:
    return {name.lower(): value for name, value in headers.items()}


def _rate_limit(rate: Any, burst: int, clock: Callable[[], float]) -> RateLimit | None:
    if rate is None:
        return None
    if isinstance(rate, bool) or not isinstance(rate, int | float) or not 0 < rate < float("inf"):
        raise _wrong("rate", "a number above 0, or None", rate)
    return RateLimit(rate=rate, burst=burst, clock=clock)


def _whole(option: str, number: Any) -> int:
    if isinstance(number, bool) or not isinstance(number, int) or number < 1:
        raise _wrong(option, "a whole number above 0", number)
    return number


def _wrong(option: str, expected: str, got: Any) -> ImproperlyConfigured:
    return ImproperlyConfigured(f"Collector: {option} must be {expected}, got {got!r}")
