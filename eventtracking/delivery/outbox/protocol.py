"""Where events wait until they arrived: in memory, or in files that survive the process."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from eventtracking.delivery.destination import Record


class Outbox(Protocol):
    """
    Events in the order they were put in, oldest first.

    `put` and `look` are called by any thread, by signal handlers and by finalizers. The rest
    is called by one thread at a time, the worker's. Nothing of it raises for what a disk
    does: what is lost is told to the `Losses` that the outbox was built with.
    """

    durable: bool
    """Whether what waits here outlives the process."""

    @property
    def pending(self) -> int:
        """How many events wait, or are on their way: accepted, and not yet settled."""

    def put(self, record: Record, /) -> bool:
        """Keep *record*; tell whether there was room."""

    def look(self) -> None:
        """See at once what other processes left, so that `pending` knows whether there is any."""

    def peek(self, max_events: int, max_bytes: int) -> list[Record]:
        """
        Return the oldest events that are not settled, up to so many and so large together.

        At least one is returned if any waits. They stay here, and are returned again,
        until they are settled.
        """

    def begin(self, batch: Sequence[Record], /) -> None:
        """Note that *batch*, part of what was peeked, is sent now, and never again."""

    def release(self, batch: Sequence[Record], /) -> None:
        """Take `begin` back: not a byte of *batch* went out."""

    def settle(self, batch: Sequence[Record], /) -> int:
        """
        Forget *batch*, part of what was peeked: it arrived, or is given up.

        Returns:
            How many of it were still here: `close` may have given them up meanwhile.
        """

    def bury(self, record: Record, reason: str, status: int | None) -> None:
        """Keep a refused *record* where an operator finds it, if there is such a place."""

    def drop_oldest(self) -> list[Record]:
        """Give up some of the oldest that are not on their way, and return them."""

    def forget(self) -> None:
        """Start empty, in a forked child: what waits is the parent's, files and all."""

    def close(self) -> list[Record]:
        """Give files back, and return what is lost by that: whatever is in memory only."""
