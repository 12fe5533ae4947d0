"""The thread that carries events from an outbox to their destination."""

from __future__ import annotations

import _thread
import logging
import sys
import threading
import time
from collections import deque
from collections.abc import Sequence
from contextlib import suppress
from itertools import count
from queue import Empty, SimpleQueue
from typing import Any

from eventtracking.delivery.backoff import Backoff
from eventtracking.delivery.circuit_breaker import Gate
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
from eventtracking.delivery.losses import Losses
from eventtracking.delivery.options import DeliveryOptions, batch_limits
from eventtracking.delivery.outbox.protocol import Outbox
from eventtracking.stats import Counters, LogThrottle, count_of, log_safely

logger = logging.getLogger(__name__)

# While events gather for a batch, how often the worker looks how many there are. `emit`
# need not wake it then.
_GATHER_SECONDS = 0.05

# A worker without work looks after its outbox this often: what another process left may
# have appeared there.
_IDLE_SECONDS = 30.0

# How often a destination that refuses our key, or our address, is asked again, and how
# often that is said.
_PROBE_SECONDS = 60.0
_PAUSE_NOTICE_SECONDS = 3600.0

# How soon each of several threads that wait sees that the waiting is over, if nobody says so.
_OTHERS_SECONDS = 0.25

# Python's own thread switch takes 5 ms; whoever waits for the worker looks as often.
_LOOK_SECONDS = 0.005


class Worker:
    """
    Carry what an outbox holds to a destination, oldest first, until all has arrived.

    The thread is started by `wake`, and again if it is gone: after a fork, or when
    something ended it. Where none can be started any more, at the end of the program,
    `flush` and `close` do its work in the thread that calls them.

    Args:
        destination: Where to.
        outbox: What waits.
        losses: Told of what is given up.
        counters: Where arrivals are counted.
        options: When to send, and how long to wait.
        backoff: How long to wait after a failure.
    """

    # Whether the thread waits for an event, or there is none: `wake` is needed then.
    sleeps: bool

    # Until when nothing is gathered, because somebody waits; and when to stop.
    _hurries_until: float
    _ends_at: float

    # Whether there is a thread, and which one.
    _runs: bool
    _ident: int

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
        self._losses = losses
        self._counters = counters
        self._options = options
        self._limits = batch_limits(options, destination.limits)
        self._window_events = destination.window_events or self._limits.batch_events
        self._backoff = backoff or Backoff()
        self._throttle = LogThrottle()
        self._pauses = LogThrottle(interval_seconds=_PAUSE_NOTICE_SECONDS)
        self.forget()

    def wake(self) -> None:
        """Have what waits delivered soon: start the thread, or rouse it."""
        self.sleeps = False
        if not self._runs:
            self._start()
        self._calls.put(None)

    def hurry(self, timeout: float) -> None:
        """Deliver what waits for the next *timeout* seconds without gathering more."""
        self._hurries_until = max(self._hurries_until, time.monotonic() + timeout)
        next(self._hurries)
        if self._outbox.pending:
            self.wake()

    def flush(self, timeout: float) -> bool:
        """Deliver what waits, for up to *timeout* seconds; tell whether nothing is left."""
        if self.is_current():
            # Called by a callback of the user's, which the worker itself waits for.
            return not self._outbox.pending
        deadline = time.monotonic() + timeout
        self.hurry(timeout)
        # Whoever has the turn settles events first, and counts them then.
        while self._turn.locked() or self._outbox.pending:
            if time.monotonic() >= deadline:
                break
            if not self._runs:
                self._deliver_here(deadline)
            time.sleep(_LOOK_SECONDS)
        return not self._outbox.pending

    def close(self, timeout: float) -> bool:
        """Flush, and end the thread, both within *timeout* seconds."""
        deadline = time.monotonic() + timeout
        finished = self.flush(timeout)
        self._ends_at = 0.0
        self._calls.put(None)
        while self._runs and not self.is_current() and time.monotonic() < deadline:
            time.sleep(_LOOK_SECONDS)
        return finished

    def is_current(self) -> bool:
        """Tell whether this code is run by the worker, as a callback of the user's is."""
        return self._runs and self._ident == threading.get_ident()

    def forget(self) -> None:
        """Start without a thread, at first and in a forked child."""
        self._calls: SimpleQueue[None] = SimpleQueue()
        # One thread delivers at a time, and one is started at a time.
        self._turn = threading.Lock()
        self._start_turn = threading.Lock()
        self._gate = Gate()
        self._hurries = count()
        self._hurries_until = 0.0
        self._ends_at = float("inf")
        self._runs = False
        self._ident = 0
        self.sleeps = True

    def _start(self) -> None:
        # Kept, for a signal handler may fork. Whoever comes while one is started need not.
        turn = self._start_turn
        if not turn.acquire(blocking=False):
            return
        try:
            if not self._runs and not _is_before_fork():
                self._runs = True
                # `threading.Thread` takes locks, which a signal handler may find held.
                _thread.start_new_thread(self._run, ())
        except RuntimeError:
            # The program ends. What waits is delivered by `close`, or by the next process.
            self._runs = False
        finally:
            turn.release()

    def _run(self) -> None:
        self._ident = threading.get_ident()
        try:
            while not self._is_over():
                self._gather()
                self._work()
                self._idle()
        finally:
            # Whatever ended this thread, the next event starts another.
            self._runs = False
            self.sleeps = True

    def _is_over(self) -> bool:
        return time.monotonic() >= self._ends_at

    def _gather(self) -> None:
        """Wait until a batch is full, or has waited long enough."""
        deadline = time.monotonic() + self._options["flush_interval"]
        while self._outbox.pending < self._limits.batch_events:
            now = time.monotonic()
            if now >= deadline or now < self._hurries_until or self._is_over():
                break
            self._rest(min(_GATHER_SECONDS, deadline - now))

    def _idle(self) -> None:
        """Wait for an event, if there is none."""
        self.sleeps = True
        # Looked at after saying so: whoever puts an event in looks in the other order.
        if not self._outbox.pending and not self._is_over():
            self._rest(_IDLE_SECONDS)
        self.sleeps = False

    def _rest(self, seconds: float) -> None:
        with suppress(Empty):
            self._calls.get(timeout=seconds)

    def _may_send(self) -> bool:
        """Wait until this thread may send; tell whether it may, or all is over."""
        while not self._is_over():
            seconds = self._gate.seconds(count_of(self._hurries))
            if not seconds:
                return True
            left = max(0.0, self._ends_at - time.monotonic())
            self._rest(min(seconds, left, _OTHERS_SECONDS))
        return False

    def _deliver_here(self, deadline: float) -> None:
        self._ends_at = deadline
        self._work()
        self._ends_at = float("inf")

    def _work(self) -> None:
        """Deliver one window of the oldest events, unless another thread is at it."""
        turn = self._turn
        if not turn.acquire(blocking=False):
            return
        try:
            window = self._outbox.peek(self._window_events, self._limits.batch_bytes)
            if window:
                self._carry_all(deque(self._destination.batches(window)))
        finally:
            turn.release()

    def _carry_all(self, batches: deque[Sequence[Record]]) -> None:
        """Carry *batches*, with as many threads as the destination takes connections."""
        ended: SimpleQueue[None] = SimpleQueue()
        helpers = 0
        for _ in range(min(self._destination.connections, len(batches)) - 1):
            try:
                _thread.start_new_thread(self._help, (batches, ended))
            except RuntimeError:
                # The program ends.
                break
            helpers += 1
        self._help(batches, ended)
        # The window is theirs until then. Each is as bounded as a request is.
        for _ in range(helpers + 1):
            while not _has_one(ended):
                pass

    def _help(self, batches: deque[Sequence[Record]], ended: SimpleQueue[None]) -> None:
        try:
            while batches and not self._is_over():
                # Another thread may have taken the last one.
                with suppress(IndexError):
                    self._carry(batches.popleft())
        finally:
            self._gate.leave()
            ended.put(None)

    def _carry(self, batch: Sequence[Record]) -> None:
        """Send *batch*, whole or in parts, until each of its events arrived or is given up."""
        parts = [batch]
        while parts and self._may_send():
            part = self._without_old(parts.pop())
            if not part:
                continue
            hurries = count_of(self._hurries)
            outcome = self._deliver(part)
            if not isinstance(outcome, Pause | Retry):
                self._let_pass()
            match outcome:
                case Ok():
                    self._arrived(part)
                case Reject():
                    self._reject(part, outcome)
                case Split() if len(part) > 1:
                    middle = len(part) // 2
                    parts += [part[middle:], part[:middle]]
                case Split():
                    self._reject(part, Reject([part[0].id], outcome.reason, outcome.status))
                case Pause():
                    # What is asked next time is whether one event may pass.
                    parts += [part[1:], part[:1]]
                    self._say_paused(outcome)
                    self._gate.close(_PROBE_SECONDS)
                case Retry():
                    parts.append(part)
                    self._say_unreachable(outcome)
                    self._back_off(outcome, hurries)

    def _let_pass(self) -> None:
        """Say that nothing is wrong with the destination, if there is somebody to be told."""
        if self._gate.open():
            for _ in range(self._destination.connections - 1):
                self._calls.put(None)

    def _back_off(self, outcome: Retry, hurries: int) -> None:
        if outcome.after is not None:
            self._gate.close(self._backoff.seconds(outcome.after))
        elif self._gate.take():
            # However many fail at once, that is one reason to be more patient. Whoever flushes
            # has it tried once more at once, but not where the receiver named a time.
            self._gate.close(self._backoff.seconds(), hurries=hurries)

    def _deliver(self, part: Sequence[Record]) -> Outcome:
        self._outbox.begin(part)
        left = self._ends_at - time.monotonic()
        try:
            said: Any = self._destination.deliver(
                part, max(0.01, min(self._options["timeout"], left))
            )
            if isinstance(said, Outcome):
                outcome: Outcome = said
            else:
                # Forgotten: nobody knows what became of it, and it must not be sent in a rush.
                outcome = self._failure(part, OSError(f"deliver() returned {said!r}"))
        except Exception as error:
            outcome = self._failure(part, error)
        if isinstance(outcome, Retry | Pause | Split):
            self._outbox.release(part)
        return outcome

    def _failure(self, part: Sequence[Record], error: Exception) -> Outcome:
        """Return what an exception of `deliver` means."""
        reason = f"{type(error).__name__}: {error}"
        if not self._destination.idempotent:
            return Reject([record.id for record in part], reason)
        return Retry(reason=reason) if isinstance(error, OSError) else Split(reason)

    def _arrived(self, records: Sequence[Record]) -> None:
        self._backoff.reset()
        for _ in range(self._outbox.settle(records)):
            next(self._counters.sent)

    def _reject(self, part: Sequence[Record], outcome: Reject) -> None:
        refused = [record for record in part if record.id in outcome.ids]
        for record in refused:
            self._outbox.bury(record, outcome.reason, outcome.status)
        self._give_up("rejected", refused, outcome.reason)
        self._arrived([record for record in part if record.id not in outcome.ids])

    def _without_old(self, part: Sequence[Record]) -> Sequence[Record]:
        """Return *part* without the events that are older than `max_age`, which are given up."""
        max_age = self._options["max_age"]
        if max_age is None:
            return part
        oldest = time.time() - max_age
        self._give_up("expired", [record for record in part if record.time < oldest])
        return [record for record in part if record.time >= oldest]

    def _give_up(self, reason: str, records: Sequence[Record], explanation: str = "") -> None:
        if records and self._outbox.settle(records):
            self._losses.lose(reason, records, explanation)

    def _say_paused(self, outcome: Pause) -> None:
        label, pending = self._destination.label, self._outbox.pending
        if self._pauses.due("pause") is not None:
            message = "%s refuses events (%s): %s wait, and are kept. Mend its settings"
            log_safely(logger.warning, message, label, outcome.reason, pending)

    def _say_unreachable(self, outcome: Retry) -> None:
        label, pending = self._destination.label, self._outbox.pending
        if self._throttle.due("retry") is not None:
            message = "%s cannot be reached (%s): %s event(s) wait"
            log_safely(logger.warning, message, label, outcome.reason, pending)


def _has_one(queue: SimpleQueue[None]) -> bool:
    """Wait a while for something in *queue*."""
    try:
        queue.get(timeout=_IDLE_SECONDS)
    except Empty:
        return False
    return True


def _is_before_fork() -> bool:
    """
    Tell whether uWSGI has loaded the application and is about to fork.

    It forks without holding Python's lock. A thread of ours that has the lock at that
    moment leaves children in which nobody will ever give it back.
    """
    uwsgi: Any = sys.modules.get("uwsgi")
    if uwsgi is None or not hasattr(uwsgi, "worker_id"):
        return False
    is_child = uwsgi.worker_id() or uwsgi.mule_id() or uwsgi.i_am_the_spooler()
    return not is_child
