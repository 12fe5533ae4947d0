"""Parse the times that browsers send, and correct them by the error of the browser's clock."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

# A clock with a larger error is not just inaccurate but set to a wrong time.
REPORTED_SKEW = timedelta(hours=24)

_MAX_CHARACTERS = 40


def parse_time(text: Any) -> datetime:
    """
    Return the time in *text*, which is in ISO 8601. Without a time zone it is in UTC.

    Raises:
        ValueError: If *text* is not such a time.
    """
    if not isinstance(text, str) or len(text) > _MAX_CHARACTERS:
        raise ValueError("not a time in ISO 8601")
    time = datetime.fromisoformat(text)
    try:
        return time.astimezone(UTC) if time.tzinfo else time.replace(tzinfo=UTC)
    except OverflowError as error:
        raise ValueError("a time outside of the calendar") from error


def correct_time(time: datetime, *, skew: timedelta, received: datetime) -> datetime:
    """
    Return *time*, which a clock that is *skew* behind ours measured, by our clock.

    Raises:
        ValueError: If the corrected time is outside of the calendar.
    """
    try:
        # If the clock was set between event and request, the result may lie in the future.
        return min(time + skew, received)
    except OverflowError as error:
        raise ValueError("a time outside of the calendar") from error
