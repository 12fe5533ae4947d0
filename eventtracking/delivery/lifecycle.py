"""Forks and exits: a forked child starts without events, and a program delivers its last ones."""

from __future__ import annotations

import atexit
import os
import sys
import time
from collections.abc import Callable
from typing import Protocol
from weakref import WeakSet

from eventtracking.delivery.destination import renew_ids


class ManagedBackend(Protocol):
    """A backend that is notified of forks and of the exit of the program."""

    @property
    def exit_timeout(self) -> float:
        """The seconds that the exit of the program may wait for this backend."""

    def reset_after_fork(self) -> None:
        """Start without events and without a thread, in a forked child."""

    def start_flush(self, timeout: float) -> None:
        """Start to deliver waiting events, for up to *timeout* seconds, and return at once."""

    def flush(self, timeout: float) -> bool:
        """Deliver waiting events, for up to *timeout* seconds; return whether nothing is left."""

    def shut_down(self, timeout: float) -> None:
        """Deliver waiting events for the last time, for up to *timeout* seconds."""


def register(backend: ManagedBackend) -> None:
    """Notify *backend* of forks and of the exit, for as long as it is referenced."""
    _backends.add(backend)


def backends() -> list[ManagedBackend]:
    """Return the registered backends of this process."""
    return [*_backends]


def flush_all() -> None:
    """Flush all backends at once, each within its `exit_timeout`."""
    _in_parallel(lambda backend, timeout: backend.flush(timeout))


def shut_down_all() -> None:
    """Shut down all backends at once, each within its `exit_timeout`."""
    _in_parallel(lambda backend, timeout: backend.shut_down(timeout))


def reset_after_fork() -> None:
    """Reset all backends in a forked child. Python calls this, except under uWSGI."""
    renew_ids()
    for backend in _backends:
        backend.reset_after_fork()


def _in_parallel(call: Callable[[ManagedBackend, float], object]) -> None:
    start = time.monotonic()
    all_backends = backends()
    for backend in all_backends:
        backend.start_flush(backend.exit_timeout)
    for backend in all_backends:
        call(backend, max(0.0, start + backend.exit_timeout - time.monotonic()))


def _after_fork() -> None:
    reset_after_fork()
    # A child of `multiprocessing` does not run the hooks of `atexit`, but finalizers of its
    # own. It drops those that it inherited, and then calls this function for new ones.
    util = sys.modules.get("multiprocessing.util")
    if util is not None:
        util.register_after_fork(
            _backends, lambda _: util.Finalize(None, shut_down_all, exitpriority=0)
        )


_backends: WeakSet[ManagedBackend] = WeakSet()

os.register_at_fork(after_in_child=_after_fork)
atexit.register(shut_down_all)
