"""The interface of an outbox, in memory or on disk."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from eventtracking.delivery.destination import Record


class Outbox(Protocol):
    """
    Events that wait for delivery, oldest first.

    Any thread, signal handler or finalizer may call `put` and `scan`. The other methods are
    called by one thread at a time, the worker's. No method raises an error of the disk: lost
    events are reported to the `Losses` that the outbox was built with.
    """

    is_durable: bool
    """Whether waiting events outlive the process."""

    @property
    def pending(self) -> int:
        """The number of events that were accepted and are not settled yet."""

    def put(self, record: Record, /) -> bool:
        """Add *record*; return whether there was room."""

    def scan(self) -> None:
        """Look at once for events that ended processes left, so that `pending` counts them."""

    def peek(self, max_events: int, max_bytes: int) -> list[Record]:
        """
        Return the oldest unsettled events, up to *max_events* and *max_bytes* together.

        At least one is returned if any waits. The same events are returned again until
        they are settled.
        """

    def mark_sending(self, batch: Sequence[Record], /) -> None:
        """Note that *batch*, events of the last `peek`, is being sent and may arrive."""

    def mark_waiting(self, batch: Sequence[Record], /) -> None:
        """Note that nothing of *batch* was sent after all."""

    def settle(self, batch: Sequence[Record], /) -> int:
        """
        Remove *batch*, events of the last `peek`, which arrived or are lost.

        Returns:
            The number of events removed. `close` may have removed some before.
        """

    def store_dead_letter(self, record: Record, reason: str, status: int | None) -> None:
        """Store a rejected *record* where an operator can find it, if there is a place."""

    def drop_oldest(self) -> list[Record]:
        """Remove some of the oldest events that are not being sent, and return them."""

    def forget(self) -> None:
        """Start empty, in a forked child: the events and the files belong to the parent."""

    def close(self) -> list[Record]:
        """Close the files, and return the events that are lost because they are only in memory."""
