"""Counters: what was accepted, sent and lost, and a voice that says so once a minute."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Hashable, Iterator
from itertools import count
from typing import Any
from weakref import WeakSet

LOSS_REASONS = (
    "too_large",
    "guard_failed",
    "unserializable",
    "queue_full",
    "rejected",
    "expired",
    "backend_error",
    "corrupt",
    "recursion",
    "closed",
)
"""Every reason an event can be lost for. The list is closed: dashboards rely on it."""


class Ledger:
    """
    The books of one backend, router or tracker.

    Whenever nothing is on its way, `accepted == sent + filtered + pending + sum(lost)`.

    Counting takes no lock: a thread, a signal handler or a fork in the middle of an
    event can neither wait for one nor leave one held. On the way of an event, count
    with `next(ledger.accepted)` and `next(ledger.sent)`.

    Where no frame of the stack may be left for a call, advance one of `losses` with a
    `for` that breaks at once: that calls nothing.

    A forked child starts at zero: what the parent accepted stays the parent's.
    """

    def __init__(self) -> None:
        self.reset()
        _ledgers.add(self)

    def reset(self) -> None:
        """Start again at zero."""
        self.accepted = count()
        self.sent = count()
        self.filtered = count()
        self.losses = {reason: count() for reason in LOSS_REASONS}

    def lose(self, reason: str, events: int = 1) -> None:
        """Count *events* as lost for *reason*, one of `LOSS_REASONS`."""
        counter = self.losses[reason]
        for _ in range(events):
            next(counter)

    def lost(self) -> dict[str, int]:
        """Return how many events were lost, by reason; reasons that never came up are left out."""
        lost = {reason: value(counter) for reason, counter in self.losses.items()}
        return {reason: number for reason, number in lost.items() if number}

    def stats(self, *, pending: int = 0) -> dict[str, Any]:
        """Return the books as a backend shows them."""
        return {
            "accepted": value(self.accepted),
            "sent": value(self.sent),
            "pending": pending,
            "lost": self.lost(),
        }


class Notices:
    """
    Say a thing the first time a minute, and count it the other times.

    Args:
        interval_seconds: How long a notice holds back the next of its kind.
        clock: Monotonic seconds.
    """

    def __init__(
        self, *, interval_seconds: float = 60.0, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._interval = interval_seconds
        self._clock = clock
        self._windows: dict[Hashable, _Window] = {}

    def due(self, kind: Hashable) -> int | None:
        """
        Return how many notices of this *kind* are to be told of now, or `None` to stay silent.

        The number is one, for the notice at hand, and those held back since the last one told.
        """
        now = self._clock()
        window = self._windows.setdefault(kind, _Window(now))
        if now < window.ends or next(window.turn):
            next(window.held)
            return None
        self._windows[kind] = _Window(now + self._interval)
        return value(window.held) + 1

    @staticmethod
    def say(
        log: Callable[..., Any], message: str, *args: Any, cause: BaseException | None = None
    ) -> None:
        """
        Call *log*, a method of a logger, with each of *args* on one line. Raises nothing.

        A name may be any object, and a handler of the host may fail: no event pays for it.
        """
        try:
            log(message, *map(_shown, args), exc_info=cause, stacklevel=2)
        except Exception:
            return


class _Window:
    """The time in which notices of one kind are held back. The first to find it over speaks."""

    def __init__(self, ends: float) -> None:
        self.ends = ends
        self.held = count()
        self.turn = count()


def _shown(value: Any) -> str:
    try:
        text = str(value) if isinstance(value, str | BaseException) else repr(value)
    except Exception:
        return f"<{type(value).__name__}>"
    # A line break in a name would forge a line of the log.
    return text if text.isprintable() else text.encode("unicode_escape").decode()


def value(counter: Iterator[int]) -> int:
    """Return how often *counter*, an `itertools.count()`, was advanced, without advancing it."""
    # `repr` is the one way to look that no Python version deprecates: 'count(7)'.
    return int(repr(counter)[6:-1])


_ledgers: WeakSet[Ledger] = WeakSet()


def _start_at_zero() -> None:
    for ledger in _ledgers:
        ledger.reset()


os.register_at_fork(after_in_child=_start_at_zero)
