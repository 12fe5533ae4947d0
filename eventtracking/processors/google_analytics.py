"""Add the fields that Google Analytics expects in events from Segment."""

from __future__ import annotations

from typing import Any, cast

from eventtracking.request.courses import parse_course_key
from eventtracking.types import Event


class GoogleAnalyticsProcessor:
    """
    Add `nonInteraction` and, to an event of a course, `label` and `courserun_key`.

    An event with `nonInteraction` does not affect the bounce rate. The label is the
    `course_id` of the context. The key is added only if that is the key of a course run.
    """

    def __call__(self, event: Event, /) -> Event:
        """Return a shallow copy of *event* with the fields added."""
        course_id = _course_id(event.get("context"))
        added: dict[str, Any] = {"nonInteraction": 1}
        if course_id is not None:
            added["label"] = course_id
        if _is_course_run(course_id):
            added["courserun_key"] = course_id
        # An `Event` does not have these keys, which Segment reads.
        return cast(Event, {**event, **added})

    def __repr__(self) -> str:
        return "<GoogleAnalyticsProcessor>"


def _course_id(context: Any) -> Any:
    return context.get("course_id") if isinstance(context, dict) else None


def _is_course_run(course_id: Any) -> bool:
    key = parse_course_key(course_id) if isinstance(course_id, str) else None
    return key is not None and key.is_course
