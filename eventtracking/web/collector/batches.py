"""Events that come as JSON, several at once, each with an id and a time of its own."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from eventtracking.request.courses import course_context, course_id_in, parse_course_key
from eventtracking.web.collector.event_limits import EventLimits
from eventtracking.web.collector.names import Names
from eventtracking.web.collector.pieces import Piece, Unreadable
from eventtracking.web.collector.refusals import EventRefused, RequestRefused
from eventtracking.web.collector.sent import Sent
from eventtracking.web.collector.times import MARKED_SKEW, corrected, read_time

_ID = re.compile(r"[A-Za-z0-9._:/+=@-]{1,128}")


class Rules(NamedTuple):
    """What an event has to keep to."""

    names: Names
    limits: EventLimits


class Batch:
    """
    The events of one request.

    Args:
        value: What the body says: `{"sent_at", "events"}`.
        received: When it came.
        max_events: How many events it may hold.

    Raises:
        RequestRefused: If it is no batch, or too large a one.
    """

    def __init__(self, value: Any, *, received: datetime, max_events: int) -> None:
        if not isinstance(value, dict) or not isinstance(value.get("events"), list):
            raise RequestRefused("malformed")
        events: list[Any] = value["events"]
        if len(events) > max_events:
            raise RequestRefused("too_many_events")
        self.events = [each.value() if isinstance(each, Piece) else each for each in events]
        try:
            self._skew = received - read_time(value.get("sent_at"))
        except ValueError as error:
            raise RequestRefused("malformed") from error
        self.received = received

    def sent(self, event: Any, rules: Rules) -> Sent:
        """
        Return what *event* says.

        Raises:
            EventRefused: If it is none, or breaks one of the *rules*.
        """
        if isinstance(event, Unreadable):
            raise EventRefused(event.reason)
        if not isinstance(event, dict):
            raise EventRefused("invalid_event")
        data, page_context = event.get("data"), event.get("context")
        rules.limits.check(event, data, page_context)
        if page_context is not None and not isinstance(page_context, dict):
            raise EventRefused("invalid_context")
        time = event.get("time")
        context = {
            **page_facts(event.get("page")),
            **({"client_timestamp": time} if time is not None else {}),
            **_marked(self._skew),
            **({"page_context": page_context} if page_context else {}),
        }
        return Sent(rules.names.check(event.get("name")), data, self._time(time), context)

    def _time(self, text: Any) -> datetime:
        if text is None:
            return self.received
        try:
            return corrected(read_time(text), skew=self._skew, received=self.received)
        except ValueError as error:
            raise EventRefused("invalid_time") from error


def checked_id(event: Any) -> str | None:
    """
    Return the id of *event*; `None` if it has none.

    Raises:
        EventRefused: If it is no short text of letters, digits and `._:/+=@-`.
    """
    identity = event.get("id") if isinstance(event, dict) else None
    if isinstance(event, Unreadable):
        identity = event.identity
    if identity is not None and not (isinstance(identity, str) and _ID.fullmatch(identity)):
        raise EventRefused("invalid_id")
    return identity


def called(event: Any) -> Any:
    """Return what there is to call *event* by, for a line of a log."""
    if isinstance(event, Unreadable):
        return event.identity
    return event.get("name") if isinstance(event, dict) else event


def page_facts(page: Any) -> dict[str, Any]:
    """
    Return the page as the context has it, and the course if the page is one of a course.

    Raises:
        EventRefused: If it is no text.
    """
    if page is not None and not isinstance(page, str):
        raise EventRefused("invalid_page")
    facts = dict(_course(page or ""))
    return {**facts, "page": page or ""}


def _course(page: str) -> Iterator[tuple[str, str]]:
    # Only one that is there: an empty one would hide the course of the request.
    course_id = course_id_in(page)
    key = None if course_id is None else parse_course_key(course_id)
    if key is not None:
        yield from course_context(key).items()


def _marked(skew: timedelta) -> dict[str, float]:
    is_wrong = abs(skew) > MARKED_SKEW
    return {"clock_skew_seconds": skew.total_seconds()} if is_wrong else {}
