"""What becomes of waiting events when a process forks, or ends."""

from __future__ import annotations

import atexit
import os
import sys
import time
from collections.abc import Callable
from typing import Protocol
from weakref import WeakSet

from eventtracking.delivery.destination import renew_ids


class Watched(Protocol):
    """What is told of forks and of the end."""

    @property
    def exit_timeout(self) -> float:
        """How many seconds the end of the program may wait for it."""

    def start_anew(self) -> None:
        """Begin without events and without a thread, in a forked child."""

    def hurry(self, timeout: float) -> None:
        """Deliver what waits, in a thread of its own, for so many seconds."""

    def flush(self, timeout: float) -> bool:
        """Wait until that is done, for up to so many seconds."""

    def finish(self, timeout: float) -> None:
        """Do so for the last time, and say what is lost."""


def watch(backend: Watched) -> None:
    """Tell *backend* of forks and of the end, for as long as it lives."""
    _watched.add(backend)


def watched() -> list[Watched]:
    """Return the backends of this process that are told."""
    return [*_watched]


def flush_all() -> None:
    """Have every backend deliver what waits, all at once, each within its `exit_timeout`."""
    _each(lambda backend, timeout: backend.flush(timeout))


def finish_all() -> None:
    """Do so for the last time, and say what is lost: the program ends."""
    _each(lambda backend, timeout: backend.finish(timeout))


def _each(call: Callable[[Watched, float], object]) -> None:
    start = time.monotonic()
    backends = watched()
    for backend in backends:
        backend.hurry(backend.exit_timeout)
    for backend in backends:
        call(backend, max(0.0, start + backend.exit_timeout - time.monotonic()))


def in_child() -> None:
    """Begin anew with every backend, in a forked child. Most forks call this by themselves."""
    renew_ids()
    for backend in _watched:
        backend.start_anew()


def _after_fork() -> None:
    in_child()
    # A child of `multiprocessing` runs none of our exit hooks, only its own. Those that
    # are there now are its parent's: it drops them, and then asks for new ones.
    util = sys.modules.get("multiprocessing.util")
    if util is not None:
        util.register_after_fork(
            _watched, lambda _: util.Finalize(None, finish_all, exitpriority=0)
        )


_watched: WeakSet[Watched] = WeakSet()

os.register_at_fork(after_in_child=_after_fork)
atexit.register(finish_all)
