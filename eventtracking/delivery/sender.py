"""Send batches to a destination until each event has arrived or is given up."""

from __future__ import annotations

import _thread
import logging
import time
from collections import deque
from collections.abc import Sequence
from contextlib import suppress
from queue import Empty, SimpleQueue
from typing import Any

from eventtracking.delivery.backoff import Backoff
from eventtracking.delivery.circuit_breaker import CircuitBreaker
from eventtracking.delivery.destination import (
    Destination,
    Ok,
    Outcome,
    Pause,
    Record,
    Reject,
    Retry,
    Split,
)
from eventtracking.delivery.failures import failure
from eventtracking.delivery.losses import Losses
from eventtracking.delivery.options import DeliveryOptions
from eventtracking.delivery.outbox.interface import Outbox
from eventtracking.delivery.schedule import Schedule
from eventtracking.stats import Counters, LogThrottle, log_safely

logger = logging.getLogger(__name__)

# How often a destination that refuses the key or the address is probed, and how often that
# is logged.
_PROBE_SECONDS = 60.0
_PAUSE_LOG_SECONDS = 3600.0

# How often a thread that waits checks the circuit breaker.
_BREAKER_SECONDS = 0.25

_WAIT_SECONDS = 30.0

# A request gets this long even if the schedule is over.
_MIN_TIMEOUT_SECONDS = 0.01


class Sender:
    """
    Send batches, in as many threads as the destination allows.

    Args:
        destination: The receiver.
        outbox: The outbox from which the batches come.
        losses: Gets the lost events.
        counters: Count the events that arrived.
        options: All delivery options.
        schedule: The schedule of the worker.
        backoff: The delays after failures.
    """

    def __init__(
        self,
        destination: Destination,
        outbox: Outbox,
        losses: Losses,
        counters: Counters,
        options: DeliveryOptions,
        *,
        schedule: Schedule,
        backoff: Backoff,
    ) -> None:
        self._destination = destination
        self._outbox = outbox
        self._losses = losses
        self._counters = counters
        self._timeout = options["timeout"]
        self._max_age = options["max_age"]
        self._schedule = schedule
        self._backoff = backoff
        self._breaker = CircuitBreaker()
        self._retry_throttle = LogThrottle()
        self._pause_throttle = LogThrottle(interval_seconds=_PAUSE_LOG_SECONDS)

    def forget(self) -> None:
        """Start with a closed circuit breaker, in a forked child."""
        self._breaker.forget()

    def send_all(self, batches: deque[Sequence[Record]]) -> None:
        """Send *batches*, and return when no thread sends any more."""
        finished: SimpleQueue[None] = SimpleQueue()
        threads = 1
        for _ in range(min(self._destination.connections, len(batches)) - 1):
            try:
                _thread.start_new_thread(self._send_batches, (batches, finished))
            except RuntimeError:
                # The program exits.
                break
            threads += 1
        self._send_batches(batches, finished)
        # The threads use the window of the outbox until then. A request ends in time.
        for _ in range(threads):
            while not _is_finished(finished):
                pass

    def _send_batches(self, batches: deque[Sequence[Record]], finished: SimpleQueue[None]) -> None:
        try:
            while batches and not self._schedule.is_over:
                # Another thread may have taken the last one.
                with suppress(IndexError):
                    self._send(batches.popleft())
        finally:
            self._breaker.release_probe()
            finished.put(None)

    def _send(self, batch: Sequence[Record]) -> None:
        """Send *batch*, as a whole or in parts, until each event has arrived or is given up."""
        parts = [batch]
        while parts and self._may_send():
            part = self._without_expired(parts.pop())
            if not part:
                continue
            flushes = self._schedule.flushes
            outcome = self._deliver(part)
            if not isinstance(outcome, Pause | Retry):
                self._close_breaker()
            match outcome:
                case Ok():
                    self._settle_sent(part)
                case Reject():
                    self._reject(part, outcome)
                case Split() if len(part) > 1:
                    middle = len(part) // 2
                    parts += [part[middle:], part[:middle]]
                case Split():
                    self._reject(part, Reject([part[0].id], outcome.reason, outcome.status))
                case Pause():
                    # One event is enough for a probe.
                    parts += [part[1:], part[:1]]
                    self._warn_of_pause(outcome)
                    self._breaker.open(_PROBE_SECONDS)
                case Retry():
                    parts.append(part)
                    self._warn_of_retry(outcome)
                    self._back_off(outcome, flushes)

    def _may_send(self) -> bool:
        """Wait until this thread may send; `False` says that it must stop."""
        while not self._schedule.is_over:
            seconds = self._breaker.wait_seconds(self._schedule.flushes)
            if not seconds:
                return True
            left = max(0.0, self._schedule.seconds_left)
            self._schedule.sleep(min(seconds, left, _BREAKER_SECONDS))
        return False

    def _without_expired(self, part: Sequence[Record]) -> Sequence[Record]:
        """Return *part* without the events older than `max_age`, which are given up."""
        if self._max_age is None:
            return part
        oldest = time.time() - self._max_age
        self._give_up("expired", [record for record in part if record.time < oldest])
        return [record for record in part if record.time >= oldest]

    def _deliver(self, part: Sequence[Record]) -> Outcome:
        self._outbox.mark_sending(part)
        timeout = max(_MIN_TIMEOUT_SECONDS, min(self._timeout, self._schedule.seconds_left))
        try:
            returned: Any = self._destination.deliver(part, timeout)
            if isinstance(returned, Outcome):
                outcome: Outcome = returned
            else:
                # An OSError, so that the batch is not split into requests in quick succession.
                outcome = self._failure(part, OSError(f"deliver() returned {returned!r}"))
        except Exception as error:
            outcome = self._failure(part, error)
        if isinstance(outcome, Retry | Pause | Split):
            self._outbox.mark_waiting(part)
        return outcome

    def _failure(self, part: Sequence[Record], error: Exception) -> Outcome:
        return failure(error, part, idempotent=self._destination.idempotent)

    def _close_breaker(self) -> None:
        if self._breaker.close():
            self._schedule.wake(self._destination.connections - 1)

    def _back_off(self, outcome: Retry, flushes: int) -> None:
        if outcome.after is not None:
            self._breaker.open(self._backoff.next_delay(outcome.after))
        elif self._breaker.claim_probe():
            # Several requests that fail at once lengthen the delay once. A flush makes a
            # probe due at once, but not where the server named a time.
            self._breaker.open(self._backoff.next_delay(), flushes=flushes)

    def _settle_sent(self, records: Sequence[Record]) -> None:
        self._backoff.reset()
        for _ in range(self._outbox.settle(records)):
            next(self._counters.sent)

    def _reject(self, part: Sequence[Record], outcome: Reject) -> None:
        rejected = [record for record in part if record.id in outcome.ids]
        for record in rejected:
            self._outbox.store_dead_letter(record, outcome.reason, outcome.status)
        self._give_up("rejected", rejected, outcome.reason)
        self._settle_sent([record for record in part if record.id not in outcome.ids])

    def _give_up(self, reason: str, records: Sequence[Record], explanation: str = "") -> None:
        if records and self._outbox.settle(records):
            self._losses.lose(reason, records, explanation)

    def _warn_of_pause(self, outcome: Pause) -> None:
        label, pending = self._destination.label, self._outbox.pending
        if self._pause_throttle.due("pause") is not None:
            message = "%s refuses events (%s): %s event(s) wait until its settings are corrected"
            log_safely(logger.warning, message, label, outcome.reason, pending)

    def _warn_of_retry(self, outcome: Retry) -> None:
        label, pending = self._destination.label, self._outbox.pending
        if self._retry_throttle.due("retry") is not None:
            message = "%s cannot be reached (%s): %s event(s) wait"
            log_safely(logger.warning, message, label, outcome.reason, pending)


def _is_finished(queue: SimpleQueue[None]) -> bool:
    """Wait a while for a thread to finish."""
    try:
        queue.get(timeout=_WAIT_SECONDS)
    except Empty:
        return False
    return True
