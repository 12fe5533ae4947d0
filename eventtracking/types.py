"""The words of this package: what an event is, and what may handle one."""

from __future__ import annotations

from collections.abc import Mapping, MutableMapping
from typing import Any, Protocol, TypeAlias

Event: TypeAlias = dict[str, Any]
"""`{"name": str, "timestamp": aware UTC datetime, "data": dict, "context": dict}`."""

Context: TypeAlias = Mapping[str, Any]
"""Facts about the circumstances of an event: who, where, in which request."""


class Processor(Protocol):
    """
    Any callable that takes an event.

    It returns the event, another event, or `None` to keep the object it was given
    (changes made in place count). It raises `EventEmissionExit` to drop the event.

    A processor whose attribute `fails_closed` is `True` is a guard: when it raises
    anything else, the event is dropped rather than passed on unguarded.
    """

    def __call__(self, event: Event, /) -> Event | None:
        """Look at *event*; change, replace, keep or drop it."""


class Backend(Protocol):
    """
    Anything with a `send`.

    Optional, and used when they are there:

    - `read_only = True`: promises that `send` neither changes the event nor keeps
      any part of it after returning. Such a backend is spared the copy that every
      other backend gets.
    - `sends_over_network = True`: says that events leave the machine, or go to another
      service on it. `eventtracking check` and Django's system checks then warn when no
      `SensitiveFieldGuard` or no `SizeGuard` stands before it.
    - `flush(timeout) -> bool`: sends what waits, within *timeout* seconds; tells
      whether nothing is left.
    - `close(timeout)` or `close()`: gives up files, sockets and threads. Safe to call twice.
    - `stats() -> dict`: its own books, `{"accepted", "sent", "pending", "lost"}`. An
      event that `send` raised for must not be in them: the router counts that one.
    """

    def send(self, event: Event, /) -> None:
        """Take *event*. Raising is allowed: the router logs and counts it."""


class ContextLocator(Protocol):
    """Knows where the contexts live that are entered at this point of the program."""

    def get(self) -> MutableMapping[str, Context]:
        """Return the entered contexts by name, in the order they were entered."""
