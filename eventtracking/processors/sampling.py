"""Keep the events of a fixed share of the users."""

from __future__ import annotations

from typing import Any
from zlib import crc32

from eventtracking._options import TEXT, Options, number
from eventtracking.exceptions import EventEmissionExit
from eventtracking.types import Event

_BUCKETS = 10_000


class Sampling:
    """
    Keep all events of a fixed share of the users, and drop the events of the others.

    A user is in the sample or not for every event, in every process and after every restart,
    so no sequence of events is incomplete. Events without a user are kept.

    Args:
        rate: The share to keep, from 0.0 to 1.0, in steps of 0.0001.
        key: The field of the context that identifies users.

    Raises:
        ImproperlyConfigured: If an option is wrong.
    """

    def __init__(self, *, rate: float, key: str = "user_id") -> None:
        options = Options("Sampling")
        options.check("rate", rate, number(0, 1))
        options.check("key", key, TEXT)
        options.raise_problems()
        self.rate = rate
        self.key = key

    def __call__(self, event: Event, /) -> Event:
        """Return *event* unchanged, or drop it."""
        user = event.get("context", {}).get(self.key)
        if user not in (None, "") and _bucket(user) >= self.rate * _BUCKETS:
            raise EventEmissionExit
        return event

    def __repr__(self) -> str:
        return f"<Sampling rate={self.rate} key={self.key!r}>"


def _bucket(user: Any) -> int:
    # Not hash(), which differs between processes.
    return crc32(str(user).encode("utf-8", "replace")) % _BUCKETS
