"""What an outbox has to say, kept until no lock is held: a handler of the log takes its own."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from logging import Logger

from eventtracking.delivery.destination import Record
from eventtracking.delivery.losses import Losses
from eventtracking.stats import LogThrottle, log_safely


class Reports:
    """
    Losses and warnings that are told later.

    Args:
        losses: Told of what is lost.
        logger: Where warnings go.
    """

    def __init__(self, losses: Losses, logger: Logger) -> None:
        self._losses = losses
        self._logger = logger
        self._throttle = LogThrottle()
        self._untold: list[Callable[[], object]] = []

    def lose(self, reason: str, records: Sequence[Record], explanation: str) -> None:
        """Count *records* as lost."""
        if records:
            self._untold.append(lambda: self._losses.lose(reason, records, explanation))

    def warn(self, message: str, *args: object) -> None:
        """Log a warning, unless the same was said of the same thing a moment ago."""
        if self._throttle.due((message, *map(str, args[:1]))) is not None:
            self._untold.append(lambda: log_safely(self._logger.warning, message, *args))

    def tell(self) -> None:
        """Say what is to be said. No lock may be held."""
        while self._untold:
            with suppress(IndexError):
                self._untold.pop(0)()

    def forget(self) -> None:
        """Start empty, in a forked child: the parent says it."""
        self._untold.clear()
