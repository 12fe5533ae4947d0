"""Say what was lost: to the books, to the log once a minute, and to whoever asked."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from typing import TypeAlias

from eventtracking.delivery.destination import Record
from eventtracking.stats import LOSS_REASONS, Counters, LogThrottle, count_of, log_safely

logger = logging.getLogger(__name__)

OnLoss: TypeAlias = Callable[[str, str, str], object]
"""Called with the id, the name and the reason of an event that is lost."""


class Losses:
    """
    Count what is lost on the way to one destination, and tell of it.

    Args:
        label: The destination's name, for the log.
        counters: Where it is counted.
        on_loss: Called for each lost event. What it raises is logged, once a minute.
    """

    def __init__(self, label: str, counters: Counters, on_loss: OnLoss | None = None) -> None:
        self._label = label
        self._counters = counters
        self._on_loss = on_loss
        self._throttle = LogThrottle()
        # How many of each reason the log has told of.
        self._told: dict[str, int] = {}

    def lose(self, reason: str, records: Sequence[Record], explanation: str = "") -> None:
        """
        Count *records* as lost for *reason*.

        One that is not among `eventtracking.stats.LOSS_REASONS` counts as `backend_error`.
        """
        if not records:
            return
        if reason not in LOSS_REASONS:
            explanation, reason = explanation or reason, "backend_error"
        self._counters.lose(reason, len(records))
        if self._throttle.due(reason) is not None:
            log_safely(
                logger.warning,
                'Lost %s event(s) on the way to %s, such as "%s": %s%s',
                self._untold(reason),
                self._label,
                records[0].name,
                reason,
                f" ({explanation})" if explanation else "",
            )
        if self._on_loss is not None:
            for record in records:
                self._tell(self._on_loss, record, reason)

    def _untold(self, reason: str) -> int:
        """Return how many were lost for *reason* since this was last asked."""
        total = count_of(self._counters.losses[reason])
        told = self._told.get(reason, 0)
        self._told[reason] = total
        # A forked child counts from zero again.
        return total - told if total > told else total

    def _tell(self, on_loss: OnLoss, record: Record, reason: str) -> None:
        try:
            on_loss(record.id, record.name, reason)
        except Exception as error:
            if self._throttle.due("on_loss") is not None:
                log_safely(logger.error, "%s: on_loss failed", self._label, cause=error)
