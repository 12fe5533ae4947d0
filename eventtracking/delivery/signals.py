"""Deliver the events in memory when a signal ends the program."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterable
from types import FrameType

from eventtracking.delivery.lifecycle import flush_all, shut_down_all


def install_signal_handlers(signals: Iterable[int] = (signal.SIGTERM,)) -> None:
    """
    Deliver waiting events, within each backend's `exit_timeout`, at the first of *signals*.

    Afterwards the previous handler runs. If there was none, the signal ends the program, as
    it would have done. Backends with an outbox on disk do not need this.

    Call it in the main thread, after the program has set its own handlers. Forked children
    inherit the handlers. Calling it twice has no further effect.

    Raises:
        ValueError: If this is not the main thread, or a signal cannot be handled, or has a
            handler that is not written in Python, as under uWSGI.
    """
    for number in signals:
        previous = signal.getsignal(number)
        if previous is None:
            raise ValueError(f"{signal.Signals(number).name} is handled outside of Python")
        if not isinstance(previous, _DeliveringHandler):
            signal.signal(number, _DeliveringHandler(previous))


class _DeliveringHandler:
    """A signal handler that delivers, and then runs *previous*."""

    def __init__(self, previous: object) -> None:
        self._previous = previous

    def __call__(self, number: int, frame: FrameType | None) -> None:
        if callable(self._previous):
            flush_all()
            self._previous(number, frame)
        elif self._previous == signal.SIG_DFL:
            shut_down_all()
            signal.signal(number, signal.SIG_DFL)
            os.kill(os.getpid(), number)
