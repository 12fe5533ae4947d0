"""A backend that sends over a network: it takes events, and a worker delivers them."""

from __future__ import annotations

import os
import time
from os import getpid
from typing import Unpack, cast

from eventtracking._options import Options
from eventtracking.delivery import lifecycle, uwsgi
from eventtracking.delivery.destination import Destination, Record, new_id
from eventtracking.delivery.losses import Losses, OnLoss
from eventtracking.delivery.options import DeliveryOptions, check_delivery_options, complete
from eventtracking.delivery.outbox.disk import DiskOutbox
from eventtracking.delivery.outbox.interface import Outbox
from eventtracking.delivery.outbox.memory import MemoryOutbox
from eventtracking.delivery.overflow import Overflow
from eventtracking.delivery.worker import Worker
from eventtracking.exceptions import EventLost
from eventtracking.serialization import plain
from eventtracking.stats import Counters
from eventtracking.types import BackendStats, Event

# The time limit of `flush()` and `close()` without an argument.
_DEFAULT_TIMEOUT_SECONDS = 10.0

# The most bytes that wait in memory while an outbox on disk cannot be written to.
_MAX_BACKLOG_BYTES = 10_000_000


class NetworkBackend:
    """
    Accept events for a destination, keep them until they arrive, and count every one.

    `send` encodes an event and adds it to the outbox, without waiting for the network. A
    thread, started by the first event, delivers. A backend for a new destination is a
    subclass that passes a `Destination` to this constructor.

    Args:
        destination: How events are encoded and sent.
        delivery: The options of `eventtracking.delivery.DeliveryOptions`.

    Raises:
        ImproperlyConfigured: If an option is wrong, or the outbox cannot be used.
    """

    read_only = True
    sends_over_network = True

    def __init__(self, destination: Destination, **delivery: Unpack[DeliveryOptions]) -> None:
        owner = type(self).__name__
        checked = Options(owner)
        check_delivery_options(checked, delivery, destination.limits)
        checked.raise_problems()
        options = complete(delivery)
        # `complete` has imported the callback if a path was given.
        on_loss = cast(OnLoss | None, options["on_loss"])
        self._destination = destination
        self._event_bytes = destination.limits.event_bytes
        self._options = options
        self._closed = False
        self._may_fork_unseen = uwsgi.hides_forks()
        self._pid = getpid()
        self._counters = Counters()
        self._losses = Losses(destination.label, self._counters, on_loss)
        self._outbox = _outbox(owner, options, self._losses, self._counters, destination)
        self._worker = Worker(destination, self._outbox, self._losses, self._counters, options)
        self._overflow = Overflow(self._outbox, self._worker, self._losses, options)
        lifecycle.register(self)

    @property
    def destination(self) -> Destination:
        """The destination that this backend sends to."""
        return self._destination

    @property
    def outbox(self) -> str | os.PathLike[str] | None:
        """The folder in which events wait; `None` if they wait in memory."""
        return self._options["outbox"]

    @property
    def exit_timeout(self) -> float:
        """The seconds that the exit of the program may wait for this backend."""
        return self._options["exit_timeout"]

    def send(self, event: Event, /) -> None:
        """Take *event*. An event that the destination cannot take is counted as lost."""
        try:
            payload = self._destination.encode(event)
        except EventLost as refusal:
            self._lose(_name_of(event), refusal)
        else:
            self.put(_name_of(event), payload)

    def put(self, name: str, payload: bytes) -> None:
        """Take *payload*, the encoded form of an event called *name*."""
        if self._may_fork_unseen and self._pid != getpid():
            lifecycle.reset_after_fork()
        next(self._counters.accepted)
        # Does the same as `Record(...)` in half the time.
        record = _new(Record, (new_id(), time.time(), name, payload))
        if len(payload) > self._event_bytes:
            self._losses.lose("too_large", [record], f"{len(payload)} bytes")
        elif self._closed:
            self._losses.lose("closed", [record])
        else:
            if not (self._outbox.put(record) or self._overflow.put(record)):
                self._losses.lose("queue_full", [record])
            # Even if there was no room: events that other processes left may take it up.
            if self._worker.is_idle:
                self._worker.wake()

    def flush(self, timeout: float | None = None) -> bool:
        """
        Deliver waiting events, for up to *timeout* seconds; return whether nothing is left.

        With an outbox on disk, this includes the events that ended processes left, and those
        that `eventtracking outbox retry` made wait again.
        """
        self._outbox.scan()
        return self._worker.flush(_DEFAULT_TIMEOUT_SECONDS if timeout is None else timeout)

    def close(self, timeout: float | None = None) -> bool:
        """
        Deliver waiting events, for up to *timeout* seconds, and stop.

        The events that are left remain in an outbox on disk, for the next process. In memory
        they are lost, counted as `closed`. Events that other processes left are not looked
        for, because a backend may be built only to check its options.

        Returns:
            Whether nothing is left.
        """
        if self._closed:
            return not self._outbox.pending
        self._closed = True
        is_empty = self._worker.close(_DEFAULT_TIMEOUT_SECONDS if timeout is None else timeout)
        lost = self._outbox.close()
        self._losses.lose("closed", lost, "only in memory" if lost else "")
        self._destination.close()
        return is_empty and not lost

    def stats(self) -> BackendStats:
        """Return the statistics: `accepted`, `sent`, `pending`, and `lost` by reason."""
        return self._counters.stats(pending=self._outbox.pending)

    def reset_after_fork(self) -> None:
        """Start without events and without a thread, in a forked child."""
        self._pid = getpid()
        self._counters.reset()
        self._destination.forget()
        self._outbox.forget()
        self._worker.forget()

    def start_flush(self, timeout: float) -> None:
        """Start to deliver waiting events, for up to *timeout* seconds, and return at once."""
        self._worker.start_flush(timeout)

    def shut_down(self, timeout: float) -> None:
        """Deliver waiting events, for up to *timeout* seconds, at the exit of the program."""
        # Events in files are safe there, even those that a later exit hook emits.
        if self._outbox.is_durable:
            self._worker.flush(timeout)
        else:
            self.close(timeout)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} outbox={self.outbox!r}>"

    def _lose(self, name: str, refusal: EventLost) -> None:
        next(self._counters.accepted)
        record = Record(new_id(), time.time(), name, b"")
        self._losses.lose(refusal.reason, [record], str(refusal))


_new = tuple.__new__


def _outbox(
    owner: str,
    options: DeliveryOptions,
    losses: Losses,
    counters: Counters,
    destination: Destination,
) -> Outbox:
    max_bytes = options["max_pending_bytes"]
    if options["outbox"] is None:
        return MemoryOutbox(max_events=options["max_pending_events"], max_bytes=max_bytes)
    kind = f"{type(destination).__qualname__} {destination.idempotent}"
    return DiskOutbox(
        options["outbox"],
        losses=losses,
        counters=counters,
        max_bytes=options["max_outbox_bytes"],
        idempotent=destination.idempotent,
        max_memory_bytes=min(max_bytes, _MAX_BACKLOG_BYTES),
        owner=owner,
        identity=f"{kind} {destination.identity}",
    )


def _name_of(event: Event) -> str:
    name = event.get("name")
    # A name may be any object, and its `str()` may raise.
    return name if type(name) is str else str(plain(name))
