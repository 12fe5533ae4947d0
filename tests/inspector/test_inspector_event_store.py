"""The events that the inspector keeps."""

import threading

import pytest

from eventtracking.inspector.endpoint import ReceivedEvent
from eventtracking.inspector.event_store import EventStore


def good(name):
    return ReceivedEvent(name, b"{}")


def bad(name):
    return ReceivedEvent(name, b"{}", ("wrong",))


def names(events):
    return [stored.event.name for stored in events]


@pytest.fixture
def store():
    return EventStore(max_events=3, max_bytes=1000)


def test_the_newest_of_each_kind_are_kept_and_all_are_counted(store):
    """A flood of good events does not push out the bad one before it."""
    store.add("segment", [bad("first")], 0)
    for number in range(100):
        store.add("segment", [good(f"g{number}")], number)

    assert names(store.kept()) == ["first", "g97", "g98", "g99"]
    assert store.counts() == {"good": 100, "bad": 1}


def test_events_are_returned_in_the_order_in_which_they_arrived(store):
    """Good and bad ones mixed."""
    store.add("segment", [good("a"), bad("b"), good("c")], 0)
    store.add("datadog", [bad("d")], 1)

    assert names(store.kept()) == ["a", "b", "c", "d"]
    assert names(store.kept(good=True)) == ["a", "c"]
    assert names(store.kept(good=False)) == ["b", "d"]
    assert names(store.kept(after=2)) == ["c", "d"]


def test_payloads_are_bounded_in_bytes(store):
    """A few large ones take the space of many small ones."""
    for name in "abc":
        store.add("segment", [ReceivedEvent(name, b"x" * 400)], 0)
    assert names(store.kept()) == ["b", "c"]

    store.add("segment", [ReceivedEvent("huge", b"x" * 1001)], 0)
    assert store.kept() == []
    assert store.counts() == {"good": 4, "bad": 0}


def test_a_reset_removes_all_events_and_does_not_restart_their_numbers(store):
    """A page that asks for newer events misses none."""
    store.add("segment", [good("a"), bad("b")], 0)
    store.reset()
    store.add("segment", [good("c")], 0)

    assert names(store.kept()) == ["c"]
    assert store.kept()[0].number == 3
    assert store.counts() == {"good": 1, "bad": 0}
    assert store.state() == {"last": 3, "resets": 1}


def test_an_event_is_found_by_its_number_while_it_is_kept(store):
    """Otherwise nothing is found, and not its neighbour."""
    store.add("segment", [good(name) for name in "abcd"], 0)

    assert store.find(1) is None
    assert store.find(3).event.name == "c"
    assert store.find(5) is None


def test_counts_are_exact_with_several_threads():
    """Every connection has a thread."""
    store = EventStore(max_events=10, max_bytes=1000)

    def fill():
        for _ in range(500):
            store.add("segment", [good("g"), bad("b")], 0)

    threads = [threading.Thread(target=fill) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)

    assert store.counts() == {"good": 2000, "bad": 2000}
    assert len(store.kept()) == 20
