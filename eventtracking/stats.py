"""Counters of accepted, sent and lost events, and log messages that never flood the log."""

from __future__ import annotations

import os
import time
from collections import deque
from collections.abc import Callable, Hashable, Iterator
from itertools import count
from typing import Any
from weakref import WeakSet

from eventtracking.types import BackendStats

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

# More losses than one event can cause, unless it crosses very many backends.
_MAX_UNLOGGED = 100


class Counters:
    """
    The counters of one backend, router or tracker.

    When no event is being processed, `accepted == sent + filtered + pending + sum(lost)`.

    Counting takes no lock, so a thread, a signal handler or a fork in the middle of an
    event can neither wait for a lock nor leave one held. On the hot path, count with
    `next(counters.accepted)` and `next(counters.sent)`.

    An event may also fail because the stack is full, where any call fails again. Two
    statements work even there, because neither is a call::

        for _ in counters.losses[reason]:
            break
        counters.unlogged += ((report, subject),)

    The first counts a loss. The second queues `report(subject)` for `log_losses`, which
    runs once the failed calls have returned.

    A forked child starts at zero with nothing to log: the events that the parent accepted
    are the parent's.
    """

    def __init__(self) -> None:
        self.reset()
        _all_counters.add(self)

    def reset(self) -> None:
        """Start again at zero."""
        self.accepted = count()
        self.sent = count()
        self.filtered = count()
        self.losses = {reason: count() for reason in LOSS_REASONS}
        self.unlogged: deque[tuple[Any, ...]] = deque(maxlen=_MAX_UNLOGGED)

    def lose(self, reason: str, events: int = 1) -> None:
        """Count *events* as lost for *reason*, one of `LOSS_REASONS`."""
        counter = self.losses[reason]
        for _ in range(events):
            next(counter)

    def log_losses(self) -> None:
        """Make the calls that are queued in `unlogged`, oldest first."""
        while self.unlogged:
            try:
                report, *subject = self.unlogged.popleft()
            except IndexError:
                # Another thread took the last one.
                return
            report(*subject)

    def lost(self) -> dict[str, int]:
        """Return how many events were lost, by reason; reasons without a loss are left out."""
        lost = {reason: count_of(counter) for reason, counter in self.losses.items()}
        return {reason: number for reason, number in lost.items() if number}

    def stats(self, *, pending: int = 0) -> BackendStats:
        """Return the counters in the form of a backend's `stats()`."""
        return {
            "accepted": count_of(self.accepted),
            "sent": count_of(self.sent),
            "pending": pending,
            "lost": self.lost(),
        }


def count_of(counter: Iterator[int]) -> int:
    """Return how often *counter*, an `itertools.count()`, was advanced, without advancing it."""
    # No other way to read it is free of deprecation warnings: its repr is 'count(7)'.
    return int(repr(counter)[6:-1])


class LogThrottle:
    """
    Let through one log message of each kind per minute, and count the others.

    Args:
        interval_seconds: The time between two messages of one kind.
        clock: Returns monotonic seconds.
    """

    def __init__(
        self, *, interval_seconds: float = 60.0, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._interval = interval_seconds
        self._clock = clock
        self._windows: dict[Hashable, _Window] = {}

    def due(self, kind: Hashable) -> int | None:
        """
        Return how many occurrences of *kind* to report now, or `None` to log nothing.

        The number includes this occurrence and those held back since the last message.
        """
        now = self._clock()
        window = self._windows.setdefault(kind, _Window(now))
        if now < window.end or next(window.turn):
            next(window.held_back)
            return None
        self._windows[kind] = _Window(now + self._interval)
        return count_of(window.held_back) + 1


class _Window:
    """A period in which messages of one kind are held back; the first call after it logs."""

    def __init__(self, end: float) -> None:
        self.end = end
        self.held_back = count()
        # Advanced by every call after the end: only the first of several threads gets 0.
        self.turn = count()


def log_safely(
    log: Callable[..., Any], message: str, *args: Any, cause: BaseException | None = None
) -> None:
    """
    Call *log*, a method of a logger, with each of *args* as one line. Never raises.

    A name may be any object, and a log handler of the host program may fail. Neither may
    cost an event.

    Args:
        log: A method of a logger, such as `logger.warning`.
        message: The message, with `%s` for each of *args*.
        args: Any objects.
        cause: An exception to log with its traceback.
    """
    try:
        log(message, *map(_one_line, args), exc_info=cause, stacklevel=2)
    except Exception:
        return


def _one_line(value: Any) -> str:
    try:
        text = str(value) if isinstance(value, str | BaseException) else repr(value)
    except Exception:
        return f"<{type(value).__name__}>"
    # A line break in a name would forge a line of the log.
    return text if text.isprintable() else text.encode("unicode_escape").decode()


_all_counters: WeakSet[Counters] = WeakSet()


def _reset_all() -> None:
    for counters in _all_counters:
        counters.reset()


os.register_at_fork(after_in_child=_reset_all)
