"""Events that come one by one, in the form that pages of Open edX have always sent."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from eventtracking.request.courses import course_context, course_id_in, parse_course_key
from eventtracking.tracker import UNKNOWN_EVENT_TYPE
from eventtracking.web.collector.batches import Rules
from eventtracking.web.collector.bodies import value_in
from eventtracking.web.collector.sent import Sent

PAGE_CLOSE = "page_close"
"""The one event that may come by GET, where that is switched on."""


def sent_by_form(fields: Mapping[str, str], received: datetime, rules: Rules) -> Sent:
    """
    Return the event that *fields* say: `event_type`, `event`, `page`, `courserun_key`.

    Raises:
        EventRefused: If it breaks one of the *rules*.
    """
    name = fields.get("event_type") or UNKNOWN_EVENT_TYPE
    page = fields.get("page", "")
    data = value_in(fields.get("event", ""))
    rules.limits.check({"name": name, "data": data, "page": page}, data)
    course = _course(page, fields.get("courserun_key", ""))
    return Sent(rules.names.check(name), data, received, {**course, "page": page})


def old_username(facts: Mapping[str, Any] | None) -> Any:
    """Return who is logged in: "" if nobody is, "anonymous" if there is nothing to tell by."""
    if facts is None:
        return "anonymous"
    return facts["username"] or ("anonymous" if facts["user_id"] == "" else "")


def _course(page: str, key: str) -> dict[str, str]:
    text = key or course_id_in(page)
    return course_context(parse_course_key(text) if text else None)
