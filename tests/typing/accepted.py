"""A program of a user, with a type on everything: a strict checker accepts every line."""

from __future__ import annotations

from collections.abc import Sequence
from enum import Enum

from eventtracking import settings, tracker
from eventtracking.backends.memory import MemoryBackend
from eventtracking.delivery import (
    DeliveryOptions,
    Destination,
    Limits,
    NetworkBackend,
    Ok,
    Outcome,
    Record,
)
from eventtracking.exceptions import EventEmissionExit
from eventtracking.processors.name_filter import NameFilter
from eventtracking.serialization import encode
from eventtracking.testing import capture_events
from eventtracking.tracker import Tracker
from eventtracking.types import Backend, BackendStats, Event, Processor, TrackerStats


class Name(Enum):
    """The names of this program's events."""

    ORDER_PLACED = "shop.order.placed"


def add_currency(event: Event, /) -> Event | None:
    """Add a fact to an event in place."""
    event["data"]["currency"] = "EUR"
    event["context"].setdefault("shop", "Berlin")
    return None


class Drop:
    """A processor that drops every event."""

    fails_closed = True

    def __call__(self, event: Event, /) -> Event | None:
        """Drop *event*."""
        raise EventEmissionExit("closed", event["name"])


class Printing:
    """A backend that prints events."""

    read_only = True

    def __init__(self) -> None:
        self.printed = 0

    def send(self, event: Event, /) -> None:
        """Print *event*."""
        print(event["timestamp"].isoformat(), event["name"], event.get("id"))  # noqa: T201
        self.printed += 1

    def flush(self, timeout: float | None = None) -> bool:
        """Return that nothing waits."""
        return timeout is None or timeout >= 0

    def stats(self) -> BackendStats:
        """Return the statistics."""
        return {"accepted": self.printed, "sent": self.printed, "pending": 0, "lost": {}}


class Partner(Destination):
    """A service of a partner."""

    label = "Partner"
    limits = Limits(batch_events=100, batch_bytes=1_000_000, event_bytes=100_000)

    def encode(self, event: Event, /) -> bytes:
        """Return *event* as JSON."""
        return encode(event)[:-1]

    def deliver(self, batch: Sequence[Record], timeout: float, /) -> Outcome:
        """Pretend that *batch* arrived."""
        return Ok()


def chain() -> list[Processor]:
    """Return processors of this program and of the library."""
    return [add_currency, Drop(), NameFilter(allow=["shop.*"])]


def main() -> int:
    """Emit events, and read the statistics."""
    memory = MemoryBackend(max_events=10)
    options: DeliveryOptions = {"timeout": 5.0, "on_full": "drop_oldest"}
    backends: dict[str, Backend] = {
        "memory": memory,
        "printing": Printing(),
        "partner": NetworkBackend(Partner(), **options),
    }
    mine = Tracker(backends, processors=chain())
    tracker.register_tracker(mine)
    with mine.context("user", {"user_id": 7}), capture_events() as captured:
        tracker.emit(Name.ORDER_PLACED, {"price": 7})
        tracker.emit("shop.order.placed")
        tracker.emit()
    names: list[str] = [event["name"] for event in [*memory.events, *captured]]
    stats: TrackerStats = mine.stats()
    lost = stats["lost"].get("closed", 0) + stats["backends"]["memory"]["accepted"]
    del mine.backends["printing"]
    mine.close(timeout=1.0)
    described: str = settings.describe(settings.load({"EVENT_TRACKING_ENABLED": False}))
    return len(names) + lost + len(described)
