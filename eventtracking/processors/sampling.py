"""Keep a steady share of the users."""

from __future__ import annotations

from typing import Any
from zlib import crc32

from eventtracking.exceptions import EventEmissionExit, ImproperlyConfigured
from eventtracking.types import Event

_BUCKETS = 10_000


class Sampling:
    """
    Let a fixed share of the users through, with all of their events, and drop the others.

    The same user is in or out at every event, in every process and after every restart,
    so no path through the events is cut in the middle. Events of nobody are kept.

    Args:
        rate: The share to keep, from 0.0 to 1.0, in steps of 0.0001.
        key: The field of the context that tells users apart.

    Raises:
        ImproperlyConfigured: If *rate* is not a number from 0.0 to 1.0.
    """

    def __init__(self, *, rate: float, key: str = "user_id") -> None:
        if not isinstance(rate, int | float) or not 0.0 <= rate <= 1.0:
            raise ImproperlyConfigured(f"Sampling: rate must be from 0.0 to 1.0, got {rate!r}")
        self.rate = rate
        self.key = key

    def __call__(self, event: Event, /) -> Event:
        """Return *event* untouched, or drop it."""
        user = event.get("context", {}).get(self.key)
        if user not in (None, "") and _bucket(user) >= self.rate * _BUCKETS:
            raise EventEmissionExit
        return event

    def __repr__(self) -> str:
        return f"<Sampling rate={self.rate} key={self.key!r}>"


def _bucket(user: Any) -> int:
    # Not hash(): that differs from process to process.
    return crc32(str(user).encode("utf-8", "replace")) % _BUCKETS
