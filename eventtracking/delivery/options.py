"""The options that every backend which sends over a network has."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Any, Literal, TypedDict, get_args

from eventtracking._imports import did_you_mean, import_string
from eventtracking.delivery.destination import Limits
from eventtracking.delivery.losses import OnLoss
from eventtracking.exceptions import ImproperlyConfigured

OnFull = Literal["drop_newest", "drop_oldest", "block"]

# A batch of this many events keeps the cost of a request small beside that of its events.
_BATCH_EVENTS = 500


class DeliveryOptions(TypedDict, total=False):
    """
    What may be said about the way of events to a destination. Each has a default.

    - `outbox` (path or `None`): a folder in which events wait until they arrived, so that
      they outlive the process. `None`: they wait in memory, as best effort.
    - `batch_events` (events, 500 or what the destination takes), `batch_bytes` (bytes, what
      the destination takes): how much travels in one request at most.
    - `flush_interval` (seconds, 1.0): how long an event waits for others to fill a batch.
    - `timeout` (seconds, 15.0): how long one request may take, from connecting to the end.
    - `max_pending_events` (events, 100 000), `max_pending_bytes` (bytes, 100 MB): how much
      may wait in memory.
    - `max_outbox_bytes` (bytes, 512 MB): how large the folder may grow; one file more at most.
    - `max_age` (seconds, `None`: any): older events are given up, as `expired`.
    - `on_full` (`"drop_newest"`, `"drop_oldest"`, `"block"`): what to do when there is no
      room. `block` lets `emit` wait for up to `block_timeout` (seconds, 1.0).
    - `exit_timeout` (seconds, 2.0): how long the end of the program may wait for events.
    - `on_loss` (callable or its dotted path): called with the id, the name and the reason
      of each event that is lost.
    """

    outbox: str | os.PathLike[str] | None
    batch_events: int | None
    batch_bytes: int | None
    flush_interval: float
    timeout: float
    max_pending_events: int
    max_pending_bytes: int
    max_outbox_bytes: int
    max_age: float | None
    on_full: OnFull
    block_timeout: float
    exit_timeout: float
    on_loss: OnLoss | str | None


@dataclass(frozen=True, slots=True)
class CheckedOptions:
    """The options of one backend, each with a value that can be used as it is."""

    outbox: str | os.PathLike[str] | None = None
    batch_events: int | None = None
    batch_bytes: int | None = None
    flush_interval: float = 1.0
    timeout: float = 15.0
    max_pending_events: int = 100_000
    max_pending_bytes: int = 100_000_000
    max_outbox_bytes: int = 512_000_000
    max_age: float | None = None
    on_full: OnFull = "drop_newest"
    block_timeout: float = 1.0
    exit_timeout: float = 2.0
    on_loss: Any = None

    def within(self, limits: Limits) -> Limits:
        """Return how much travels at once: what is asked for, and no more than *limits*."""
        events = self.batch_events or min(_BATCH_EVENTS, limits.batch_events)
        return Limits(events, self.batch_bytes or limits.batch_bytes, limits.event_bytes)


# What each option must be, as a check and in words.
_AMOUNTS = ("max_pending_events", "max_pending_bytes", "max_outbox_bytes")
_ZERO_ALLOWED = ("block_timeout", "exit_timeout", "flush_interval")


def check(who: str, given: DeliveryOptions, limits: Limits) -> CheckedOptions:
    """
    Return the options *given* to the class *who*, with the defaults of the others.

    Raises:
        ImproperlyConfigured: If an option does not exist, or has a wrong value.
    """
    known = list(DeliveryOptions.__annotations__)
    for name in given:
        if name not in known:
            hint = did_you_mean(name, known)
            raise ImproperlyConfigured(f"{who} has no option {name!r}.{hint}")
    options: dict[str, Any] = {**given}
    if isinstance(options.get("on_loss"), str):
        options["on_loss"] = import_string(options["on_loss"])
    for name, value in options.items():
        expected = _expected(name, value, limits)
        if expected:
            raise ImproperlyConfigured(f"{who}: {name} must be {expected}, got {value!r}")
    return CheckedOptions(**options)


def _expected(name: str, value: Any, limits: Limits) -> str:
    """Return what the option *name* must be, or nothing if *value* is that."""
    if name == "outbox":
        return "" if value is None or isinstance(value, str | os.PathLike) else "a folder or None"
    if name == "on_full":
        return "" if value in get_args(OnFull) else f"one of {', '.join(get_args(OnFull))}"
    if name == "on_loss":
        return "" if value is None or callable(value) else "callable, or the path of a callable"
    if name in ("batch_events", "batch_bytes"):
        most = getattr(limits, name)
        fits = value is None or (_is_whole(value) and 1 <= value <= most)
        return "" if fits else f"a whole number from 1 to {most}"
    if name in _AMOUNTS:
        return "" if _is_whole(value) and value > 0 else "a whole number above 0"
    if name == "max_age" and value is None:
        return ""
    least = 0 if name in _ZERO_ALLOWED else 1e-3
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    # Not so for NaN either.
    return "" if is_number and least <= value < float("inf") else f"seconds, {least:g} or more"


def _is_whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)
