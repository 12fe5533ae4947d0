"""The seconds that points are given: an hour of batches, in the eyes of what Datadog keeps."""

import json
import random

import pytest
from eventtracking.destinations.datadog.seconds import _MANY, MAX_LEAD_SECONDS, Seconds
from eventtracking.destinations.datadog.table import Table

from eventtracking.delivery import Answer, Ok, Record
from eventtracking.destinations.datadog.intake import IntakeDestination

START = 1_800_000_000.0

COUNT = ("increment", "shop.orders", ("mode:audit",))
GAUGE = ("gauge", "shop.load", ())


class Datadog:
    """What is known of Datadog's intake: of two points of a second it keeps the later."""

    def __init__(self):
        self.kept = {}
        self.written = 0
        self.latest = 0

    def post(self, path, body, **_):
        """Take the points of *body*."""
        assert path == "/api/v2/series"
        for series in json.loads(body)["series"]:
            for point in series["points"]:
                self.kept[series["metric"], *series["tags"], point["timestamp"]] = point["value"]
                self.written += 1
                self.latest = max(self.latest, point["timestamp"])
        return Answer(202, {}, b"")


class Clock:
    now = START

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def datadog():
    return Datadog()


@pytest.fixture
def destination(datadog, clock):
    table = Table((), announced=lambda name: None, prefix="p", max_tag_values=10)
    return IntakeDestination(table, datadog, clock=clock)


def records(destination, moments, name="a.b"):
    payload = destination.encode({"name": name})
    return [Record(f"{moment}", moment, name, payload) for moment in moments]


@pytest.mark.parametrize("interval", [1.05, 0.1])
def test_an_hour_of_a_busy_counter_is_exact_and_never_ahead(interval, datadog, destination, clock):
    """Twenty events a second, in batches as the worker makes them, or more often."""
    waiting = START
    batches = 0
    while clock.now < START + 3600:
        clock.now += interval
        moments = []
        while waiting < clock.now:
            moments.append(waiting)
            waiting += 0.05
        batches += 1

        assert destination.deliver(records(destination, moments), 10) == Ok()
        assert clock.now - 3 < datadog.latest <= clock.now
        if interval > 1:
            # Each has a second of its own, whatever second it began in.
            assert datadog.written == len(datadog.kept)
    assert sum(datadog.kept.values()) == round((waiting - START) / 0.05)
    assert datadog.written <= 2 * batches


def test_events_now_and_then_are_exact_however_they_fall(datadog, destination, clock):
    """Batches of any length, with gaps, names that come and go, and records in disorder."""
    chance = random.Random(7)
    sent = 0
    for _ in range(3_000):
        begun = clock.now
        clock.now += chance.choice([0.001, 0.3, 1.05, 2.5, 40.0])
        moments = [chance.uniform(begun, clock.now) for _ in range(chance.randint(1, 5))]
        names = chance.sample(["a", "b", "c"], chance.randint(1, 3))
        batch = [each for name in names for each in records(destination, moments, name)]
        sent += len(batch)

        assert destination.deliver(batch, 10) == Ok()
        assert datadog.latest <= clock.now
    assert sum(datadog.kept.values()) == sent


def test_what_waited_through_an_outage_keeps_its_seconds(datadog, destination, clock):
    """The curve has no spike when Datadog is back."""
    moments = [START + second for second in range(600) for _ in range(2)]
    clock.now = START + 600

    assert destination.deliver(records(destination, moments), 10) == Ok()
    assert [second for *_, second in datadog.kept] == [int(START) + each for each in range(600)]
    assert {*datadog.kept.values()} == {2}


@pytest.mark.parametrize(
    ("values", "now", "expected"),
    [
        # The last point was that of second 10, and told of 3.
        ({12: 1, 11: 2}, 13, {11: 2, 12: 1}),
        ({10: 1, 12: 2}, 12, {12: 3}),
        ({9: 1, 10: 1, 11: 2, 12: 5}, 12, {11: 4, 12: 5}),
        ({10: 1}, 12, {11: 1}),
        ({8: 1, 9: 1}, 10, {10: 5}),
        ({10: 1}, 9, {10: 4}),
    ],
)
def test_what_is_late_for_its_second_is_in_a_later_point(values, now, expected):
    """In the next one that is sent, in a free second, or in the last point, in this order."""
    seconds = Seconds()
    seconds.arrived({COUNT: (10, 3)}, 10)

    assert seconds.place(COUNT, values, now) == expected


def test_of_a_gauge_the_last_value_counts():
    """It is not added to the one before."""
    seconds = Seconds()
    seconds.arrived({GAUGE: (10, 3.0)}, 10)

    assert seconds.place(GAUGE, {9: 1.0, 10: 7.0}, 10) == {10: 7.0}
    assert seconds.place(GAUGE, {10: 7.0, 11: 8.0}, 11) == {11: 8.0}


def test_what_did_not_arrive_is_in_no_later_point():
    """Only what Datadog took is added to."""
    seconds = Seconds()
    seconds.place(COUNT, {10: 3}, 10)

    assert seconds.place(COUNT, {10: 1}, 10) == {10: 1}


def test_a_clock_that_is_put_right_does_not_cost_an_hour_of_points():
    """Datadog drops what is far ahead: nothing joins a point there."""
    seconds = Seconds()
    seconds.arrived({COUNT: (10_000, 3)}, 10_000)

    assert seconds.place(COUNT, {5_000: 1}, 10_000 - MAX_LEAD_SECONDS) == {10_000: 4}
    assert seconds.place(COUNT, {5_000: 1}, 10_000 - MAX_LEAD_SECONDS - 1) == {5_000: 1}


def test_what_is_remembered_is_bounded():
    """Tags that come once and never again do not fill the memory."""
    seconds = Seconds()
    seconds.arrived({("increment", str(number), ()): (10, 1) for number in range(_MANY)}, 10)
    seconds.arrived({COUNT: (100, 3)}, 100)

    assert seconds.place(COUNT, {100: 1}, 100) == {100: 4}
    assert len(seconds._last) == 1
