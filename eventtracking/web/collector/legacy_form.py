"""Check the events that pages of Open edX send one at a time, as a form."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from eventtracking.request import RequestFacts
from eventtracking.request.courses import course_context, find_course_id, parse_course_key
from eventtracking.tracker import UNKNOWN_EVENT_TYPE
from eventtracking.web.collector.browser_event import BrowserEvent, EventRules
from eventtracking.web.collector.json_parsing import parse_json
from eventtracking.web.collector.refusals import RequestRefused

PAGE_CLOSE = "page_close"
"""The only event that may be sent with GET, if that is enabled."""


def check_form(fields: Mapping[str, str], received: datetime, rules: EventRules) -> BrowserEvent:
    """
    Return the event in the *fields* `event_type`, `event`, `page` and `courserun_key`.

    Raises:
        EventRefused: If it breaks one of the *rules*.
    """
    name = fields.get("event_type") or UNKNOWN_EVENT_TYPE
    page = fields.get("page", "")
    data = _parse_data(fields.get("event", ""))
    rules.check_size({"name": name, "data": data, "page": page}, data)
    course = _course_fields(page, fields.get("courserun_key", ""))
    return BrowserEvent(rules.names.check(name), data, received, {**course, "page": page})


def legacy_username(facts: RequestFacts | None) -> Any:
    """Return the username: empty if nobody is logged in, "anonymous" if that is not known."""
    if facts is None:
        return "anonymous"
    return facts["username"] or ("anonymous" if facts["user_id"] == "" else "")


def _parse_data(text: str) -> Any:
    """Return the value of *text* if it is JSON, and else *text* itself."""
    if not text:
        return {}
    try:
        # The text of a form contains no lone surrogates.
        return parse_json(text.encode())
    except RequestRefused:
        return text


def _course_fields(page: str, key: str) -> dict[str, str]:
    text = key or find_course_id(page)
    return course_context(parse_course_key(text) if text else None)
