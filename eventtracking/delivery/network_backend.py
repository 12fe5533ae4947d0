"""What a backend needs to send over a network: it takes events, and a worker carries them."""

from __future__ import annotations

import logging
import os
import sys
import time
from os import getpid
from typing import Unpack, cast

from eventtracking._options import Options
from eventtracking.delivery import lifecycle
from eventtracking.delivery.destination import Destination, Record, new_id
from eventtracking.delivery.losses import Losses, OnLoss
from eventtracking.delivery.options import DeliveryOptions, check_delivery_options, complete
from eventtracking.delivery.outbox.disk import DiskOutbox
from eventtracking.delivery.outbox.memory import MemoryOutbox
from eventtracking.delivery.outbox.protocol import Outbox
from eventtracking.delivery.worker import Worker
from eventtracking.exceptions import EventLost
from eventtracking.serialization import plain
from eventtracking.stats import Counters
from eventtracking.types import BackendStats, Event

logger = logging.getLogger(__name__)

# `flush()` and `close()` without a time-out wait no longer than this.
_PATIENCE_SECONDS = 10.0

# How much of an outbox on disk may wait in memory, while the disk cannot be written to.
_MEMORY_BYTES = 10_000_000

# How often a blocked `emit` looks for room.
_LOOK_SECONDS = 0.01


class NetworkBackend:
    """
    Take events for a destination, keep them until they arrived, and count every one.

    `send` encodes the event and puts it into the outbox; it waits for no network. A
    thread, started by the first event, delivers. A backend for a new destination is a
    subclass that builds a `Destination` and hands it to this constructor.

    Args:
        destination: How events are written and sent.
        delivery: The options of `eventtracking.delivery.DeliveryOptions`.

    Raises:
        ImproperlyConfigured: If an option is wrong, or the outbox cannot be used.
    """

    read_only = True
    sends_over_network = True

    # Whose options these are, for errors, where a backend hides this one behind itself.
    _who = ""

    def __init__(self, destination: Destination, **delivery: Unpack[DeliveryOptions]) -> None:
        who = self._who or type(self).__name__
        options = Options(who)
        check_delivery_options(options, delivery, destination.limits)
        options.raise_problems()
        completed = complete(delivery)
        self._destination = destination
        self._event_bytes = destination.limits.event_bytes
        self._options = completed
        self._closed = False
        # uWSGI forks without telling Python, unless it is told to tell.
        self._forks_unseen = "uwsgi" in sys.modules
        self._pid = getpid()
        self._counters = Counters()
        self._losses = Losses(
            # `complete` has imported it if it was a path.
            destination.label,
            self._counters,
            cast(OnLoss | None, completed["on_loss"]),
        )
        self._outbox = _outbox(who, completed, self._losses, self._counters, destination)
        self._worker = Worker(destination, self._outbox, self._losses, self._counters, completed)
        lifecycle.watch(self)

    @property
    def outbox(self) -> str | os.PathLike[str] | None:
        """The folder in which events wait; `None` if they wait in memory."""
        return self._options["outbox"]

    @property
    def exit_timeout(self) -> float:
        """How many seconds the end of the program may wait for this backend."""
        return self._options["exit_timeout"]

    def send(self, event: Event, /) -> None:
        """Take *event*. What the destination refuses is counted; what it raises beside is not."""
        try:
            payload = self._destination.encode(event)
        except EventLost as refusal:
            self._refuse(_name_of(event), refusal)
        else:
            self.put(_name_of(event), payload)

    def put(self, name: str, payload: bytes) -> None:
        """Take *payload*, which the destination would send for an event called *name*."""
        if self._forks_unseen and self._pid != getpid():
            lifecycle.in_child()
        next(self._counters.accepted)
        # As `Record(...)`, in half the time.
        record = _new(Record, (new_id(), time.time(), name, payload))
        if len(payload) > self._event_bytes:
            self._losses.lose("too_large", [record], f"{len(payload)} bytes")
        elif self._closed:
            self._losses.lose("closed", [record])
        else:
            if not (self._outbox.put(record) or self._make_room(record)):
                self._losses.lose("queue_full", [record])
            # If there was no room, too: it may be full of what other processes left.
            if self._worker.sleeps:
                self._worker.wake()

    def flush(self, timeout: float | None = None) -> bool:
        """
        Deliver what waits, for up to *timeout* seconds; tell whether nothing is left.

        With an outbox on disk, that is also what ended processes left there, and what
        `eventtracking outbox retry` let wait again.
        """
        self._outbox.look()
        return self._worker.flush(_PATIENCE_SECONDS if timeout is None else timeout)

    def close(self, timeout: float | None = None) -> bool:
        """
        Deliver what waits, for up to *timeout* seconds, and stop.

        What is left then stays in the outbox if that is on disk, for the next process;
        in memory it is lost, counted as `closed`. What other processes left is not looked
        for: a backend may have been built only to be checked.

        Returns:
            Whether nothing was left.
        """
        if self._closed:
            return not self._outbox.pending
        self._closed = True
        finished = self._worker.close(_PATIENCE_SECONDS if timeout is None else timeout)
        lost = self._outbox.close()
        self._losses.lose("closed", lost, "only in memory" if lost else "")
        self._destination.close()
        return finished and not lost

    def stats(self) -> BackendStats:
        """Return the books: `accepted`, `sent`, `pending`, and `lost` by reason."""
        return self._counters.stats(pending=self._outbox.pending)

    def start_anew(self) -> None:
        """Begin without events and without a thread, in a forked child."""
        self._pid = getpid()
        self._counters.reset()
        self._destination.forget()
        self._outbox.forget()
        self._worker.forget()

    def hurry(self, timeout: float) -> None:
        """Deliver what waits for the next *timeout* seconds, while the caller does other things."""
        self._worker.hurry(timeout)

    def adopt(self, timeout: float) -> None:
        """Deliver what other processes left in the outbox, in the same way as `hurry`."""
        self._worker.hurry(timeout)
        self._worker.wake()

    def rests(self) -> bool:
        """Tell whether there is nothing to deliver, as far as can be seen from here."""
        return self._worker.sleeps and not self._outbox.pending

    def finish(self, timeout: float) -> None:
        """Deliver what waits when the program ends, for up to *timeout* seconds."""
        # What is in files is safe there, and so is what a later exit hook emits.
        if self._outbox.durable:
            self._worker.flush(timeout)
        else:
            self.close(timeout)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} outbox={self._options['outbox']!r}>"

    def _make_room(self, record: Record) -> bool:
        """Do what `on_full` says; tell whether *record* is kept."""
        if self._options["on_full"] == "drop_oldest":
            while dropped := self._outbox.drop_oldest():
                self._losses.lose("queue_full", dropped)
                if self._outbox.put(record):
                    return True
        elif self._options["on_full"] == "block":
            return self._wait_for_room(record)
        return False

    def _wait_for_room(self, record: Record) -> bool:
        deadline = time.monotonic() + self._options["block_timeout"]
        # The worker would wait for itself.
        while time.monotonic() < deadline and not self._worker.is_current():
            self._worker.wake()
            time.sleep(_LOOK_SECONDS)
            if self._outbox.put(record):
                return True
        return False

    def _refuse(self, name: str, refusal: EventLost) -> None:
        next(self._counters.accepted)
        record = Record(new_id(), time.time(), name, b"")
        self._losses.lose(refusal.reason, [record], str(refusal))


_new = tuple.__new__


def _outbox(
    who: str,
    options: DeliveryOptions,
    losses: Losses,
    counters: Counters,
    destination: Destination,
) -> Outbox:
    if options["outbox"] is None:
        return MemoryOutbox(
            max_events=options["max_pending_events"], max_bytes=options["max_pending_bytes"]
        )
    kind = f"{type(destination).__qualname__} {destination.idempotent}"
    return DiskOutbox(
        options["outbox"],
        losses=losses,
        counters=counters,
        max_bytes=options["max_outbox_bytes"],
        idempotent=destination.idempotent,
        max_memory_bytes=min(options["max_pending_bytes"], _MEMORY_BYTES),
        who=who,
        identity=f"{kind} {destination.identity}",
    )


def _name_of(event: Event) -> str:
    name = event.get("name")
    # A name may be anything, and its `str()` may raise.
    return name if type(name) is str else str(plain(name))
