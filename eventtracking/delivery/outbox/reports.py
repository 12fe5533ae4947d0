"""Losses and warnings of an outbox, held back until no lock is held: log handlers take locks."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from logging import Logger

from eventtracking.delivery.destination import Record
from eventtracking.delivery.losses import Losses
from eventtracking.stats import LogThrottle, log_safely


class Reports:
    """
    Losses and warnings that are published later.

    Args:
        losses: Gets the losses.
        logger: Gets the warnings.
    """

    def __init__(self, losses: Losses, logger: Logger) -> None:
        self._losses = losses
        self._logger = logger
        self._throttle = LogThrottle()
        self._unpublished: list[Callable[[], object]] = []

    def lose(self, reason: str, records: Sequence[Record], explanation: str) -> None:
        """Count *records* as lost."""
        if records:
            self._unpublished.append(lambda: self._losses.lose(reason, records, explanation))

    def warn(self, message: str, *args: object) -> None:
        """Log a warning, at most once a minute for the same message and first argument."""
        if self._throttle.due((message, *map(str, args[:1]))) is not None:
            self._unpublished.append(lambda: log_safely(self._logger.warning, message, *args))

    def publish(self) -> None:
        """Count and log everything that was held back. The caller must not hold a lock."""
        while self._unpublished:
            with suppress(IndexError):
                self._unpublished.pop(0)()

    def forget(self) -> None:
        """Start empty, in a forked child: the parent publishes its reports."""
        self._unpublished.clear()
