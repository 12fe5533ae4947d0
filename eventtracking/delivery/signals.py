"""Deliver what waits in memory when a signal ends the program."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterable
from types import FrameType

from eventtracking.delivery.lifecycle import finish_all, flush_all


def install_signal_handlers(signals: Iterable[int] = (signal.SIGTERM,)) -> None:
    """
    Deliver what waits, within each backend's `exit_timeout`, when one of *signals* comes.

    The handler that was there runs afterwards; where there was none, the program ends by
    the signal, as it would have. An outbox on disk needs none of this.

    Call it in the main thread, after the program has set handlers of its own. Forked
    children have it too. Calling it twice changes nothing.

    Raises:
        ValueError: If this is not the main thread, or a signal cannot be handled, or is
            handled already by something that is not Python (uWSGI does that).
    """
    for number in signals:
        previous = signal.getsignal(number)
        if previous is None:
            raise ValueError(f"{signal.Signals(number).name} is handled outside of Python")
        if not isinstance(previous, _Chained):
            signal.signal(number, _Chained(previous))


class _Chained:
    """Deliver, and then do what *previous* would have done."""

    def __init__(self, previous: object) -> None:
        self._previous = previous

    def __call__(self, number: int, frame: FrameType | None) -> None:
        if callable(self._previous):
            flush_all()
            self._previous(number, frame)
        elif self._previous == signal.SIG_DFL:
            finish_all()
            signal.signal(number, signal.SIG_DFL)
            os.kill(os.getpid(), number)
