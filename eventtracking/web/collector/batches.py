"""Check the batches of events that browsers send as JSON."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

from eventtracking.request.courses import course_context, find_course_id, parse_course_key
from eventtracking.web.collector.browser_event import BrowserEvent, EventRules
from eventtracking.web.collector.partial_parse import EventText, UnparsableEvent
from eventtracking.web.collector.refusals import EventRefused, RequestRefused
from eventtracking.web.collector.timestamps import REPORTED_SKEW, correct_time, parse_time

_EVENT_ID = re.compile(r"[A-Za-z0-9._:/+=@-]{1,128}")


class Batch:
    """
    The events of one request.

    Args:
        value: The parsed body: `{"sent_at", "events"}`.
        received: The time of the request.
        max_events: The maximum number of events.

    Raises:
        RequestRefused: If *value* is not a batch, or has too many events.
    """

    def __init__(self, value: Any, *, received: datetime, max_events: int) -> None:
        if not isinstance(value, dict) or not isinstance(value.get("events"), list):
            raise RequestRefused("malformed")
        events: list[Any] = value["events"]
        if len(events) > max_events:
            raise RequestRefused("too_many_events")
        self.events = [each.parse() if isinstance(each, EventText) else each for each in events]
        try:
            self._skew = received - parse_time(value.get("sent_at"))
        except ValueError as error:
            raise RequestRefused("malformed") from error
        self.received = received

    def check(self, event: Any, rules: EventRules) -> BrowserEvent:
        """
        Return the checked *event*.

        Raises:
            EventRefused: If it is not an event, or breaks one of the *rules*.
        """
        if isinstance(event, UnparsableEvent):
            raise EventRefused(event.reason)
        if not isinstance(event, dict):
            raise EventRefused("invalid_event")
        data, page_context = event.get("data"), event.get("context")
        rules.check_size(event, data, page_context)
        if page_context is not None and not isinstance(page_context, dict):
            raise EventRefused("invalid_context")
        time = event.get("time")
        context = {
            **_page_fields(event.get("page")),
            **({"client_timestamp": time} if time is not None else {}),
            **_skew_field(self._skew),
            **({"page_context": page_context} if page_context else {}),
        }
        return BrowserEvent(rules.names.check(event.get("name")), data, self._time(time), context)

    def _time(self, text: Any) -> datetime:
        if text is None:
            return self.received
        try:
            return correct_time(parse_time(text), skew=self._skew, received=self.received)
        except ValueError as error:
            raise EventRefused("invalid_time") from error


def event_id_of(event: Any) -> str | None:
    """
    Return the id of *event*, or `None` if it has none.

    Raises:
        EventRefused: If it is not text of 1 to 128 letters, digits and `._:/+=@-`.
    """
    event_id = event.get("id") if isinstance(event, dict) else None
    if isinstance(event, UnparsableEvent):
        event_id = event.event_id
    if event_id is not None and not (isinstance(event_id, str) and _EVENT_ID.fullmatch(event_id)):
        raise EventRefused("invalid_id")
    return event_id


def log_name(event: Any) -> Any:
    """Return the name of *event* for a log message; its id if the event cannot be parsed."""
    if isinstance(event, UnparsableEvent):
        return event.event_id
    return event.get("name") if isinstance(event, dict) else event


def _page_fields(page: Any) -> dict[str, Any]:
    if page is not None and not isinstance(page, str):
        raise EventRefused("invalid_page")
    return {**dict(_course_fields(page or "")), "page": page or ""}


def _course_fields(page: str) -> Iterator[tuple[str, str]]:
    # Only if the page has a course, because empty fields would hide the course of the request.
    course_id = find_course_id(page)
    key = None if course_id is None else parse_course_key(course_id)
    if key is not None:
        yield from course_context(key).items()


def _skew_field(skew: timedelta) -> dict[str, float]:
    is_reported = abs(skew) > REPORTED_SKEW
    return {"clock_skew_seconds": skew.total_seconds()} if is_reported else {}
