"""The types of this package: an event, its statistics, and the objects that handle events."""

from __future__ import annotations

from collections.abc import Mapping, MutableMapping
from datetime import datetime
from typing import Any, NotRequired, Protocol, TypeAlias, TypedDict


class Event(TypedDict):
    """
    An event as processors and backends get it.

    - `name`: What happened, as `namespace.object.action`.
    - `timestamp`: When it happened, an aware datetime in UTC.
    - `data`: The facts that the caller of `emit` gave.
    - `context`: The circumstances: the user, the request, the course.
    - `id`: A UUID that never changes, where event ids are on.
    """

    name: str
    timestamp: datetime
    data: dict[str, Any]
    context: dict[str, Any]
    id: NotRequired[str]


Context: TypeAlias = Mapping[str, Any]
"""Facts about the circumstances of an event: the user, the request, the course."""


class BackendStats(TypedDict):
    """
    The statistics of one backend, in events.

    When no event is being processed,
    `accepted == sent + filtered + pending + sum(lost.values())`.

    - `accepted`: Handed to the backend.
    - `sent`: Written or delivered; of a router: handed to its backends.
    - `pending`: Waiting, in memory or in an outbox.
    - `lost`: Lost, by reason; see `eventtracking.stats.LOSS_REASONS`.
    - `filtered`, `backends`: Of a router only: events that its processors dropped on
      purpose, and the statistics of the backends behind it, by name.
    """

    accepted: int
    sent: int
    pending: int
    lost: dict[str, int]
    filtered: NotRequired[int]
    backends: NotRequired[dict[str, BackendStats]]


class TrackerStats(TypedDict):
    """
    The statistics of a tracker, in events.

    - `emitted`: Sent by the application.
    - `filtered`: Dropped on purpose by a processor of the tracker.
    - `lost`: Lost before any backend got them, by reason.
    - `backends`: The statistics of each backend, by name.
    """

    emitted: int
    filtered: int
    lost: dict[str, int]
    backends: dict[str, BackendStats]


class Processor(Protocol):
    """
    Any callable that takes an event.

    It returns the event, another event, or `None` to keep the object it was given
    (changes made in place count). It raises `EventEmissionExit` to drop the event.

    A processor whose attribute `fails_closed` is `True` is a guard: when it raises
    anything else, the event is dropped rather than passed on unguarded.
    """

    def __call__(self, event: Event, /) -> Event | None:
        """Process *event*: change it, replace it, keep it or drop it."""


class Backend(Protocol):
    """
    Any object with a `send` method.

    These attributes are optional:

    - `read_only = True` promises that `send` neither changes the event nor keeps
      any part of it after returning. Such a backend is spared the copy that every
      other backend gets.
    - `sends_over_network = True` says that events leave the machine, or go to another
      service on it. `eventtracking check` and Django's system checks then warn if no
      `SensitiveFieldGuard` or no `SizeGuard` runs before it.
    - `flush(timeout) -> bool` sends waiting events within *timeout* seconds, and returns
      whether none is left.
    - `close(timeout)` or `close()` releases files, sockets and threads. Safe to call twice.
    - `stats() -> BackendStats` returns the backend's own statistics. They must not include
      an event for which `send` raised: the router counts that event.
    """

    def send(self, event: Event, /) -> None:
        """Take *event*. It may raise: the router logs and counts the error."""


class ContextLocator(Protocol):
    """An object that knows which contexts are entered at this point of the program."""

    def get(self) -> MutableMapping[str, Context]:
        """Return the entered contexts by name, in the order in which they were entered."""
