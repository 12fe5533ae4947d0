"""When an event of a browser happened, by the clock of the server."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

# Beyond this, a clock is not a little fast or slow: it is wrong.
MARKED_SKEW = timedelta(hours=24)

_MAX_CHARACTERS = 40


def read_time(text: Any) -> datetime:
    """
    Return the time that *text* says, in ISO 8601. Without a zone it is UTC.

    Raises:
        ValueError: If it says none.
    """
    if not isinstance(text, str) or len(text) > _MAX_CHARACTERS:
        raise ValueError("no time in ISO 8601")
    time = datetime.fromisoformat(text)
    try:
        return time.astimezone(UTC) if time.tzinfo else time.replace(tzinfo=UTC)
    except OverflowError as error:
        raise ValueError("beyond the calendar") from error


def corrected(time: datetime, *, skew: timedelta, received: datetime) -> datetime:
    """
    Return *time*, of a clock that is behind by *skew*, as ours would have had it.

    Raises:
        ValueError: If no calendar has it.
    """
    try:
        # Nothing comes from the future, however long a clock was wrong before it was set.
        return min(time + skew, received)
    except OverflowError as error:
        raise ValueError("beyond the calendar") from error
