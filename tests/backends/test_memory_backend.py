"""`MemoryBackend`: the latest events, up to a limit."""

import pytest
from core_fakes import balance, in_threads, new_event

from eventtracking.backends.memory import MemoryBackend
from eventtracking.exceptions import ImproperlyConfigured
from eventtracking.tracker import Tracker


def test_events_are_kept_oldest_first():
    """They are a list that a test can inspect."""
    backend = MemoryBackend()
    backend.send(new_event("a"))
    backend.send(new_event("b"))

    assert [event["name"] for event in backend.events] == ["a", "b"]


def test_the_oldest_events_are_dropped_for_newer_ones():
    """They count as lost, so the statistics show that some are missing."""
    backend = MemoryBackend(max_events=3)
    for number in range(10):
        backend.send(new_event(str(number)))

    assert [event["name"] for event in backend.events] == ["7", "8", "9"]
    assert backend.stats() == {"accepted": 10, "sent": 3, "pending": 0, "lost": {"queue_full": 7}}


def test_a_thousand_events_are_kept_by_default():
    """That is enough for a test, and too few to fill the memory of a server."""
    backend = MemoryBackend()
    for _ in range(1001):
        backend.send(new_event())

    assert len(backend.events) == 1000


def test_clear_forgets_the_events_and_keeps_the_statistics():
    """The events still count as sent."""
    backend = MemoryBackend()
    backend.send(new_event())
    backend.clear()

    assert backend.events == []
    assert backend.stats() == {"accepted": 1, "sent": 1, "pending": 0, "lost": {}}


def test_the_kept_events_are_copies():
    """The caller and other backends may change their own objects."""
    data = {"list": [1]}
    one, other = MemoryBackend(), MemoryBackend()
    Tracker({"one": one, "other": other}).emit("a", data)
    data["list"].append(2)
    other.events[0]["data"]["list"].append(3)

    assert one.events[0]["data"] == {"list": [1]}


@pytest.mark.parametrize("max_events", [0, -1, 1.5, "10", None])
def test_an_invalid_max_events_is_refused(max_events):
    """Only whole numbers from 1 are accepted."""
    with pytest.raises(ImproperlyConfigured) as raised:
        MemoryBackend(max_events=max_events)

    assert str(raised.value) == (
        f"MemoryBackend: max_events must be a whole number of events, 1 or more, got {max_events!r}"
    )


def test_threads_may_send_and_clear_at_once():
    """The limit holds, the counters are exact, and nothing raises."""
    backend = MemoryBackend(max_events=5)

    def send():
        for _ in range(5000):
            backend.send(new_event())

    def clear():
        for _ in range(5000):
            backend.clear()

    in_threads([send, send, clear, clear])

    assert len(backend.events) <= 5
    assert backend.stats()["accepted"] == 10_000
    assert balance(backend.stats()) == 0


def test_the_repr_shows_the_number_of_events():
    """It is for an interactive shell."""
    backend = MemoryBackend(max_events=2)
    backend.send(new_event())

    assert repr(backend) == "<MemoryBackend 1 of at most 2 events>"
