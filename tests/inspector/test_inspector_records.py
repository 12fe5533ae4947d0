"""What the inspector remembers, and what it forgets."""

import threading

import pytest

from eventtracking.inspector.intake import Received
from eventtracking.inspector.record import Records


def good(name):
    return Received(name, b"{}")


def bad(name):
    return Received(name, b"{}", ("wrong",))


def names(records):
    return [record.event.name for record in records]


@pytest.fixture
def records():
    return Records(max_events=3, max_bytes=1000)


def test_the_newest_of_each_kind_are_kept_and_all_are_counted(records):
    """A flood of good events does not wash away the bad one before it."""
    records.add("segment", [bad("first")], 0)
    for number in range(100):
        records.add("segment", [good(f"g{number}")], number)

    assert names(records.kept()) == ["first", "g97", "g98", "g99"]
    assert records.counts() == {"good": 100, "bad": 1}


def test_what_is_kept_is_in_the_order_it_came(records):
    """Good and bad mixed."""
    records.add("segment", [good("a"), bad("b"), good("c")], 0)
    records.add("datadog", [bad("d")], 1)

    assert names(records.kept()) == ["a", "b", "c", "d"]
    assert names(records.kept(good=True)) == ["a", "c"]
    assert names(records.kept(good=False)) == ["b", "d"]
    assert names(records.kept(after=2)) == ["c", "d"]


def test_payloads_are_bounded_in_bytes(records):
    """A few large ones fill the room of many small ones."""
    for name in "abc":
        records.add("segment", [Received(name, b"x" * 400)], 0)
    assert names(records.kept()) == ["b", "c"]

    records.add("segment", [Received("huge", b"x" * 1001)], 0)
    assert records.kept() == []
    assert records.counts() == {"good": 4, "bad": 0}


def test_a_reset_forgets_and_goes_on_counting_numbers(records):
    """So that a page that looks for what is new misses nothing."""
    records.add("segment", [good("a"), bad("b")], 0)
    records.reset()
    records.add("segment", [good("c")], 0)

    assert names(records.kept()) == ["c"]
    assert records.kept()[0].number == 3
    assert records.counts() == {"good": 1, "bad": 0}
    assert records.state() == {"last": 3, "resets": 1}


def test_one_event_is_found_by_its_number_while_it_is_kept(records):
    """And not its neighbour in its place."""
    records.add("segment", [good(name) for name in "abcd"], 0)

    assert records.find(1) is None
    assert records.find(3).event.name == "c"
    assert records.find(5) is None


def test_threads_lose_no_count():
    """Every connection has one."""
    records = Records(max_events=10, max_bytes=1000)

    def fill():
        for _ in range(500):
            records.add("segment", [good("g"), bad("b")], 0)

    threads = [threading.Thread(target=fill) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)

    assert records.counts() == {"good": 2000, "bad": 2000}
    assert len(records.kept()) == 20
