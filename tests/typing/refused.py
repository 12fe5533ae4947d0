"""Mistakes of users. A strict checker refuses each line with a comment `refused: CODE`."""

from __future__ import annotations

from eventtracking import settings, tracker
from eventtracking.backends.log_file import LogFileBackend
from eventtracking.backends.memory import MemoryBackend
from eventtracking.backends.segment import SegmentBackend
from eventtracking.delivery import Destination, Limits, NetworkBackend
from eventtracking.processors.sampling import Sampling
from eventtracking.tracker import Tracker
from eventtracking.types import Event


def shorten(event: Event, /) -> Event:
    """Process *event* with typing errors."""
    event["nmae"] = "a"  # refused: typeddict-unknown-key
    event["name"] = 7  # refused: typeddict-item
    event["data"]["anything"] = object()
    del event["context"]  # refused: misc
    return event["data"]  # refused: return-value


def half(event: Event, factor: float, /) -> Event:
    """Need one argument too many."""
    event["data"]["half"] = factor / 2
    return event


class Mute:
    """A backend without `send`."""

    def write(self, event: Event) -> None:
        """Write *event*."""


class Unfinished(Destination):
    """A destination that cannot deliver."""

    limits = Limits(1, 1, 1)

    def encode(self, event: Event, /) -> bytes:
        """Return *event*."""
        return event["name"].encode()


def main(mine: Tracker) -> None:
    """Call the library with errors."""
    tracker.emit(7)  # refused: arg-type
    tracker.emit("a", "text")  # refused: arg-type
    tracker.emit("a", data=[("b", 1)])  # refused: arg-type
    tracker.emit("a", {}, {})  # refused: call-arg
    mine.stats()["emited"]  # refused: typeddict-item
    mine.stats()["backends"]["log"]["snet"]  # refused: typeddict-item
    mine.stats()["lost"]["closed"].upper()  # refused: attr-defined
    MemoryBackend().events[0]["nmae"]  # refused: typeddict-item
    MemoryBackend(10)  # refused: call-arg
    LogFileBackend("tracking.log", fsync="sometimes")  # refused: arg-type
    SegmentBackend("key", time_out=5)  # refused: call-arg
    SegmentBackend("key", timeout="5")  # refused: arg-type
    Sampling(rate="all")  # refused: arg-type
    Tracker({"mute": Mute()})  # refused: dict-item
    Tracker(processors=[half])  # refused: list-item
    NetworkBackend(Unfinished())  # refused: abstract
    settings.build("tracking.toml")  # refused: arg-type
    settings.load(7)  # refused: arg-type
    mine.close(timeout="5")  # refused: arg-type
