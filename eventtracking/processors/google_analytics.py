"""Add what Google Analytics wants to see of an event that reaches it through Segment."""

from __future__ import annotations

from typing import Any, cast

from eventtracking.request.courses import parse_course_key
from eventtracking.types import Event


class GoogleAnalyticsProcessor:
    """
    Add `nonInteraction`, and for an event of a course also `label` and `courserun_key`.

    `nonInteraction` keeps an event that nobody clicked for out of the bounce rate. The
    label is the course as the context names it; the key is there only if that is the
    key of a course run.
    """

    def __call__(self, event: Event, /) -> Event:
        """Return a shallow copy with the fields added; *event* stays as it was."""
        course_id = _course_id(event.get("context"))
        added: dict[str, Any] = {"nonInteraction": 1}
        if course_id is not None:
            added["label"] = course_id
        if _is_course_run(course_id):
            added["courserun_key"] = course_id
        # Segment reads these two beside the keys of an `Event`.
        return cast(Event, {**event, **added})

    def __repr__(self) -> str:
        return "<GoogleAnalyticsProcessor>"


def _course_id(context: Any) -> Any:
    return context.get("course_id") if isinstance(context, dict) else None


def _is_course_run(course_id: Any) -> bool:
    key = parse_course_key(course_id) if isinstance(course_id, str) else None
    return key is not None and key.is_course
