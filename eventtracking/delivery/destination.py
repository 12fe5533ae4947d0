"""The interface of a destination: how an event is encoded and sent, and how that ended."""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from itertools import count
from typing import NamedTuple, TypeAlias

from eventtracking.types import Event


class Record(NamedTuple):
    """An event that is to be delivered to one destination."""

    id: str
    """Stays the same however often the event is sent, so that a receiver can drop repeats."""

    time: float
    """The time at which the event was accepted, in seconds since the epoch."""

    name: str
    payload: bytes
    """The result of `Destination.encode`: one JSON value, without a newline."""


class Limits(NamedTuple):
    """The limits of a destination. Sizes are bytes of `Record.payload`."""

    batch_events: int
    batch_bytes: int
    event_bytes: int


@dataclass(frozen=True, slots=True)
class Ok:
    """All events of the batch arrived."""


@dataclass(frozen=True, slots=True)
class Retry:
    """No event of the batch arrived. The same batch is sent again later."""

    after: float | None = None
    """The seconds that the destination asks to wait; `None` if it does not say."""

    reason: str = ""


@dataclass(frozen=True, slots=True)
class Split:
    """The batch was refused because of one of its events, which is not known, or its size."""

    reason: str
    status: int | None = None


@dataclass(frozen=True, slots=True)
class Reject:
    """The events with these ids were refused for good. The others of the batch arrived."""

    ids: Collection[str]
    reason: str
    status: int | None = None


@dataclass(frozen=True, slots=True)
class Pause:
    """No event can arrive until an operator corrects the settings, such as a wrong key."""

    reason: str
    status: int | None = None


Outcome: TypeAlias = Ok | Retry | Split | Reject | Pause
"""The outcome of sending a batch."""


class Destination(ABC):
    """
    A receiver of events: how an event is encoded for it, and how a batch is sent to it.

    `NetworkBackend` waits, batches, retries and counts. A destination keeps nothing but its
    connections.
    """

    label: str
    """The name in log messages, such as `"Segment"`."""

    limits: Limits

    idempotent = True
    """
    Whether the receiver drops repeats of an id. If not, an event is not sent again once a
    byte of it may have gone out: its batch is rejected, not retried.
    """

    connections = 1
    """The most batches that are sent at once. Above 1, `deliver` runs in several threads."""

    identity = ""
    """
    Differs between two destinations of one class that must not share an outbox. It shows no
    key. A destination that uses `HttpClient` has `HttpClient.identity`.
    """

    window_events: int | None = None
    """The number of events from which `batches` chooses; `None`: one batch."""

    @abstractmethod
    def encode(self, event: Event, /) -> bytes:
        """
        Return *event* as one JSON value without a newline. Runs in the thread that emits.

        Raises:
            EventLost: If this destination cannot take the event, which is counted and logged.
        """

    @abstractmethod
    def deliver(self, batch: Sequence[Record], timeout: float, /) -> Outcome:
        """
        Send *batch* within *timeout* seconds, and return the outcome.

        Runs in a thread of the worker. `eventtracking.delivery.failure` turns any exception
        into an outcome.
        """

    def batches(self, records: Sequence[Record], /) -> Iterable[Sequence[Record]]:
        """Divide *records*, the oldest that wait, into batches."""
        return [records]

    def forget(self) -> None:  # noqa: B027  # not every destination has connections
        """Drop connections without closing them: in a forked child they are the parent's."""

    def close(self) -> None:  # noqa: B027  # as above
        """Close connections. Safe to call twice. A later `deliver` may open new ones."""


def new_id() -> str:
    """Return an id that is unique among all processes, of at most 40 characters."""
    return f"{_ids.prefix}-{next(_ids.numbers):x}"


def renew_ids() -> None:
    """Make the ids of a forked child differ from those of its parent."""
    _ids.renew()


class _Ids:
    """The ids of one process: a random prefix and a counter."""

    def __init__(self) -> None:
        self.renew()

    def renew(self) -> None:
        self.prefix = os.urandom(12).hex()
        self.numbers = count()


_ids = _Ids()
