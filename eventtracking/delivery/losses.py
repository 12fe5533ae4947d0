"""Say what was lost: to the books, to the log once a minute, and to whoever asked."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from typing import TypeAlias

from eventtracking.delivery.destination import Record
from eventtracking.stats import LOSS_REASONS, Ledger, Notices, value

logger = logging.getLogger(__name__)

OnLoss: TypeAlias = Callable[[str, str, str], object]
"""Called with the id, the name and the reason of an event that is lost."""


class Losses:
    """
    Count what is lost on the way to one destination, and tell of it.

    Args:
        label: The destination's name, for the log.
        ledger: Where it is counted.
        on_loss: Called for each lost event. What it raises is logged, once a minute.
    """

    def __init__(self, label: str, ledger: Ledger, on_loss: OnLoss | None = None) -> None:
        self._label = label
        self._ledger = ledger
        self._on_loss = on_loss
        self._notices = Notices()
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
        self._ledger.lose(reason, len(records))
        if self._notices.due(reason) is not None:
            Notices.say(
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
        total = value(self._ledger.losses[reason])
        told = self._told.get(reason, 0)
        self._told[reason] = total
        # A forked child counts from zero again.
        return total - told if total > told else total

    def _tell(self, on_loss: OnLoss, record: Record, reason: str) -> None:
        try:
            on_loss(record.id, record.name, reason)
        except Exception as error:
            if self._notices.due("on_loss") is not None:
                Notices.say(logger.error, "%s: on_loss failed", self._label, cause=error)
