"""The thread that delivers the events of an outbox."""

from __future__ import annotations

import _thread
import threading
import time
from collections import deque

from eventtracking.delivery import uwsgi
from eventtracking.delivery.backoff import Backoff
from eventtracking.delivery.destination import Destination
from eventtracking.delivery.losses import Losses
from eventtracking.delivery.options import DeliveryOptions, batch_limits
from eventtracking.delivery.outbox.interface import Outbox
from eventtracking.delivery.schedule import Schedule
from eventtracking.delivery.sender import Sender
from eventtracking.locks import held
from eventtracking.stats import Counters

# How often the worker counts the events while a batch fills. `emit` need not wake it.
_FILL_SECONDS = 0.05

# How often an idle worker checks its outbox, where another process may have left events.
_IDLE_SECONDS = 30.0

# How often a thread that waits for the worker checks. Python switches threads every 5 ms.
_POLL_SECONDS = 0.005


class Worker:
    """
    Deliver the events of an outbox, oldest first.

    `wake` starts the thread, and starts another one if it is gone: after a fork, or after
    an exception. At the exit of the program, when no thread can be started, `flush` and
    `close` deliver in the thread that calls them.

    Args:
        destination: The receiver.
        outbox: The waiting events.
        losses: Gets the lost events.
        counters: Count the events that arrived.
        options: All delivery options.
        backoff: The delays after failures.
    """

    is_idle: bool
    """Whether the thread waits for an event, or there is no thread, so that it must be woken."""

    is_running: bool
    """Whether there is a thread."""

    def __init__(
        self,
        destination: Destination,
        outbox: Outbox,
        losses: Losses,
        counters: Counters,
        options: DeliveryOptions,
        *,
        backoff: Backoff | None = None,
    ) -> None:
        self._destination = destination
        self._outbox = outbox
        self._flush_interval = options["flush_interval"]
        self._limits = batch_limits(options, destination.limits)
        self._window_events = destination.window_events or self._limits.batch_events
        self._schedule = Schedule()
        self._sender = Sender(
            destination,
            outbox,
            losses,
            counters,
            options,
            schedule=self._schedule,
            backoff=backoff or Backoff(),
        )
        self._start_idle()

    def _start_idle(self) -> None:
        # One thread delivers at a time, and one is started at a time.
        self._delivery_lock = threading.Lock()
        self._start_lock = threading.Lock()
        self.is_running = False
        self._thread = 0
        self.is_idle = True

    def wake(self) -> None:
        """Make the thread deliver soon; start it if necessary."""
        self.is_idle = False
        if not self.is_running:
            self._start()
        self._schedule.wake()

    def start_flush(self, timeout: float) -> None:
        """Start to deliver waiting events, for up to *timeout* seconds, and return at once."""
        self._schedule.start_flush(timeout)
        if self._outbox.pending:
            self.wake()

    def flush(self, timeout: float) -> bool:
        """Deliver waiting events, for up to *timeout* seconds; return whether nothing is left."""
        if self.is_current():
            # The worker itself waits for the callback of the application that called this.
            return not self._outbox.pending
        deadline = time.monotonic() + timeout
        self.start_flush(timeout)
        # The lock is held until the events that were settled are counted.
        while self._delivery_lock.locked() or self._outbox.pending:
            if time.monotonic() >= deadline:
                break
            if not self.is_running:
                self._deliver_until(deadline)
            time.sleep(_POLL_SECONDS)
        return not self._outbox.pending

    def close(self, timeout: float) -> bool:
        """Flush and end the thread, within *timeout* seconds; return whether nothing is left."""
        deadline = time.monotonic() + timeout
        is_empty = self.flush(timeout)
        self._schedule.stop_at = 0.0
        self._schedule.wake()
        while self.is_running and not self.is_current() and time.monotonic() < deadline:
            time.sleep(_POLL_SECONDS)
        return is_empty

    def is_current(self) -> bool:
        """Return whether the caller runs in the thread of the worker, as a callback does."""
        return self.is_running and self._thread == threading.get_ident()

    def forget(self) -> None:
        """Start without a thread, in a forked child."""
        self._schedule.forget()
        self._sender.forget()
        self._start_idle()

    def _start(self) -> None:
        # A thread that comes while another one starts the worker does not wait for it.
        with held(self._start_lock, 0) as is_held:
            if not is_held or self.is_running or uwsgi.is_before_fork():
                return
            self.is_running = True
            try:
                # `threading.Thread` takes locks, which a signal handler may have interrupted.
                _thread.start_new_thread(self._run, ())
            except RuntimeError:
                # The program exits. `close` or the next process delivers.
                self.is_running = False

    def _run(self) -> None:
        self._thread = threading.get_ident()
        try:
            while not self._schedule.is_over:
                self._wait_for_batch()
                self._deliver()
                self._wait_for_event()
        finally:
            # After an exception, the next event starts another thread.
            self.is_running = False
            self.is_idle = True

    def _wait_for_batch(self) -> None:
        """Wait until a batch is full, or an event has waited for `flush_interval`."""
        schedule = self._schedule
        deadline = time.monotonic() + self._flush_interval
        while self._outbox.pending < self._limits.batch_events:
            seconds = deadline - time.monotonic()
            if seconds <= 0 or schedule.is_flushing or schedule.is_over:
                break
            schedule.sleep(min(_FILL_SECONDS, seconds))

    def _wait_for_event(self) -> None:
        """Wait for an event if there is none."""
        self.is_idle = True
        # Checked after `is_idle` is set: a thread that adds an event does both in reverse.
        if not self._outbox.pending and not self._schedule.is_over:
            self._schedule.sleep(_IDLE_SECONDS)
        self.is_idle = False

    def _deliver_until(self, deadline: float) -> None:
        self._schedule.stop_at = deadline
        self._deliver()
        self._schedule.stop_at = float("inf")

    def _deliver(self) -> None:
        """Deliver the oldest events, unless another thread does."""
        with held(self._delivery_lock, 0) as is_held:
            if not is_held:
                return
            window = self._outbox.peek(self._window_events, self._limits.batch_bytes)
            if window:
                self._sender.send_all(deque(self._destination.batches(window)))
