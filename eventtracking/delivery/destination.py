"""What a destination is: how an event is written for it, and what became of a batch."""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from itertools import count
from typing import NamedTuple, TypeAlias

from eventtracking.types import Event


class Record(NamedTuple):
    """An event on its way to one destination."""

    id: str
    """Never changes, however often the event is sent: a receiver may de-duplicate by it."""

    time: float
    """When it was accepted, in seconds since the epoch."""

    name: str
    payload: bytes
    """What `Destination.encode` made of the event: one JSON value, without a newline."""


class Limits(NamedTuple):
    """How much a destination takes at once. Sizes are bytes of `Record.payload`."""

    batch_events: int
    batch_bytes: int
    event_bytes: int


@dataclass(frozen=True, slots=True)
class Ok:
    """Every event of the batch arrived."""


@dataclass(frozen=True, slots=True)
class Retry:
    """None of them arrived, and the same batch may arrive later."""

    after: float | None = None
    """Seconds that the destination asked to wait; `None` if it did not say."""

    reason: str = ""


@dataclass(frozen=True, slots=True)
class Split:
    """The batch is refused, and nothing says which event is to blame, or it is too large."""

    reason: str
    status: int | None = None


@dataclass(frozen=True, slots=True)
class Reject:
    """The events with these ids are refused for good; the others of the batch arrived."""

    ids: Collection[str]
    reason: str
    status: int | None = None


@dataclass(frozen=True, slots=True)
class Pause:
    """Nothing can arrive before somebody mends the settings: a wrong key, a wrong address."""

    reason: str
    status: int | None = None


Outcome: TypeAlias = Ok | Retry | Split | Reject | Pause
"""What became of a batch."""


class Destination(ABC):
    """
    One kind of receiver: how an event is written for it, and how a batch gets there.

    Waiting, batching, retrying and counting are done by whoever carries the events
    (`NetworkBackend`). A destination keeps nothing but its connections.
    """

    label: str
    """Its name in log messages, such as `"Segment"`."""

    limits: Limits

    idempotent = True
    """
    Whether the receiver drops repeats of an id. If not, no event is sent a second time
    once its first byte may have gone out: such a batch is rejected, not retried.
    """

    connections = 1
    """How many `batches` may be on their way at once; above 1, `deliver` runs in threads."""

    identity = ""
    """
    What tells it apart from another one of its class, without showing a key. An outbox is
    for one of them; `HttpClient.identity` is that for whoever sends by one.
    """

    window_events: int | None = None
    """How many events `batches` is given to choose from; `None`: one batch of them."""

    @abstractmethod
    def encode(self, event: Event, /) -> bytes:
        """
        Return *event* as one JSON value without a newline. Runs in the thread that emits.

        Raises:
            EventLost: If this destination cannot take the event; it is counted and said.
        """

    @abstractmethod
    def deliver(self, batch: Sequence[Record], timeout: float, /) -> Outcome:
        """
        Send *batch*, within *timeout* seconds, and tell what became of it.

        Runs in the thread of the worker. What it raises counts as `Retry` if it is an
        `OSError`, else as `Split`, for an event that cannot be sent must stand alone.
        """

    def batches(self, records: Sequence[Record], /) -> Iterable[Sequence[Record]]:
        """Divide *records*, the oldest that wait, into what may travel together."""
        return [records]

    def forget(self) -> None:  # noqa: B027  # not every destination has connections
        """Drop connections without closing them: in a forked child they are the parent's."""

    def close(self) -> None:  # noqa: B027  # as above
        """Close connections. Safe to call twice; a later `deliver` may open new ones."""


def new_id() -> str:
    """Return an id that no other event of any process has: at most 40 characters."""
    return f"{_ids.origin}-{next(_ids.numbers):x}"


def renew_ids() -> None:
    """Make ids that no other process makes: called in a forked child."""
    _ids.renew()


class _Ids:
    """Ids of one process: random in their first part, counted in the second."""

    def __init__(self) -> None:
        self.renew()

    def renew(self) -> None:
        """Begin anew."""
        self.origin = os.urandom(12).hex()
        self.numbers = count()


_ids = _Ids()
