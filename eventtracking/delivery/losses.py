"""Count lost events, log them once a minute, and report each to the application's callback."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from typing import TypeAlias

from eventtracking.delivery.destination import Record
from eventtracking.stats import LOSS_REASONS, Counters, LogThrottle, count_of, log_safely

logger = logging.getLogger(__name__)

OnLoss: TypeAlias = Callable[[str, str, str], object]
"""Called with the id, the name and the reason of each lost event."""


class Losses:
    """
    The lost events of one destination.

    Args:
        label: The name of the destination, for the log.
        counters: Count the events.
        on_loss: Called for each event. Its exceptions are logged, once a minute.
    """

    def __init__(self, label: str, counters: Counters, on_loss: OnLoss | None = None) -> None:
        self._label = label
        self._counters = counters
        self._on_loss = on_loss
        self._throttle = LogThrottle()
        # The number of losses that were logged, by reason.
        self._logged: dict[str, int] = {}

    def lose(self, reason: str, records: Sequence[Record], explanation: str = "") -> None:
        """
        Count *records* as lost for *reason*.

        A reason outside of `eventtracking.stats.LOSS_REASONS` counts as `backend_error`.
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
                self._count_unlogged(reason),
                self._label,
                records[0].name,
                reason,
                f" ({explanation})" if explanation else "",
            )
        if self._on_loss is not None:
            for record in records:
                self._call(self._on_loss, record, reason)

    def _count_unlogged(self, reason: str) -> int:
        """Return the number of events lost for *reason* since the last log message."""
        total = count_of(self._counters.losses[reason])
        logged = self._logged.get(reason, 0)
        self._logged[reason] = total
        # In a forked child the counter has started again at zero.
        return total - logged if total > logged else total

    def _call(self, on_loss: OnLoss, record: Record, reason: str) -> None:
        try:
            on_loss(record.id, record.name, reason)
        except Exception as error:
            if self._throttle.due("on_loss") is not None:
                log_safely(logger.error, "%s: on_loss failed", self._label, cause=error)
