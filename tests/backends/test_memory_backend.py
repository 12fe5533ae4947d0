"""`MemoryBackend` keeps the latest events, and only so many."""

import pytest
from core_fakes import balance, in_threads, new_event

from eventtracking.backends.memory import MemoryBackend
from eventtracking.exceptions import ImproperlyConfigured
from eventtracking.tracker import Tracker


def test_events_are_kept_oldest_first():
    """In a list, to be looked at."""
    backend = MemoryBackend()
    backend.send(new_event("a"))
    backend.send(new_event("b"))

    assert [event["name"] for event in backend.events] == ["a", "b"]


def test_the_oldest_make_room_for_the_newest():
    """And count as lost: whoever looks finds that some are missing."""
    backend = MemoryBackend(max_events=3)
    for number in range(10):
        backend.send(new_event(str(number)))

    assert [event["name"] for event in backend.events] == ["7", "8", "9"]
    assert backend.stats() == {"accepted": 10, "sent": 3, "pending": 0, "lost": {"queue_full": 7}}


def test_a_thousand_are_kept_unless_said_otherwise():
    """Enough for a test, too few to fill a server."""
    backend = MemoryBackend()
    for _ in range(1001):
        backend.send(new_event())

    assert len(backend.events) == 1000


def test_clearing_forgets_the_events_and_keeps_the_books():
    """They were sent."""
    backend = MemoryBackend()
    backend.send(new_event())
    backend.clear()

    assert backend.events == []
    assert backend.stats() == {"accepted": 1, "sent": 1, "pending": 0, "lost": {}}


def test_what_it_keeps_is_its_own():
    """The caller, and the backends beside it, may change what they have."""
    data = {"list": [1]}
    one, other = MemoryBackend(), MemoryBackend()
    Tracker({"one": one, "other": other}).emit("a", data)
    data["list"].append(2)
    other.events[0]["data"]["list"].append(3)

    assert one.events[0]["data"] == {"list": [1]}


@pytest.mark.parametrize("max_events", [0, -1, 1.5, "10", None])
def test_a_wrong_bound_is_refused(max_events):
    """Only a whole number, 1 or more, is a bound."""
    with pytest.raises(ImproperlyConfigured) as raised:
        MemoryBackend(max_events=max_events)

    assert str(raised.value) == (
        f"MemoryBackend: max_events must be a whole number of events, 1 or more, got {max_events!r}"
    )


def test_threads_may_send_and_clear_at_once():
    """The bound holds, the books balance, and nothing raises."""
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


def test_it_shows_how_full_it_is():
    """For the shell."""
    backend = MemoryBackend(max_events=2)
    backend.send(new_event())

    assert repr(backend) == "<MemoryBackend 1 of at most 2 events>"
