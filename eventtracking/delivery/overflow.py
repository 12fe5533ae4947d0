"""Make room in a full outbox, as the option `on_full` says."""

from __future__ import annotations

import time

from eventtracking.delivery.destination import Record
from eventtracking.delivery.losses import Losses
from eventtracking.delivery.options import DeliveryOptions
from eventtracking.delivery.outbox.interface import Outbox
from eventtracking.delivery.worker import Worker

# How often a blocked `emit` checks for room.
_POLL_SECONDS = 0.01


class Overflow:
    """
    Add events to a full outbox.

    Args:
        outbox: The outbox.
        worker: Delivers its events.
        losses: Gets the events that are dropped.
        options: All delivery options.
    """

    def __init__(
        self, outbox: Outbox, worker: Worker, losses: Losses, options: DeliveryOptions
    ) -> None:
        self._outbox = outbox
        self._worker = worker
        self._losses = losses
        self._on_full = options["on_full"]
        self._block_timeout = options["block_timeout"]

    def put(self, record: Record) -> bool:
        """Add *record*, for which there was no room; return whether that succeeded."""
        if self._on_full == "drop_oldest":
            return self._replace_oldest(record)
        return self._on_full == "block" and self._wait_for_room(record)

    def _replace_oldest(self, record: Record) -> bool:
        while dropped := self._outbox.drop_oldest():
            self._losses.lose("queue_full", dropped)
            if self._outbox.put(record):
                return True
        return False

    def _wait_for_room(self, record: Record) -> bool:
        deadline = time.monotonic() + self._block_timeout
        # In its own thread, the worker would wait for itself.
        while time.monotonic() < deadline and not self._worker.is_current():
            self._worker.wake()
            time.sleep(_POLL_SECONDS)
            if self._outbox.put(record):
                return True
        return False
