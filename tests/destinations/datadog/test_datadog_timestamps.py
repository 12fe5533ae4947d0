"""Timestamps of points: Datadog keeps one point of a series for each second."""

import json
import random

import pytest

from eventtracking.delivery import Ok, Record, Response
from eventtracking.destinations.datadog.intake import IntakeDestination
from eventtracking.destinations.datadog.metric_encoder import MetricEncoder
from eventtracking.destinations.datadog.timestamps import (
    MAX_LEAD_SECONDS,
    MAX_SERIES,
    Timestamps,
)

START = 1_800_000_000.0

COUNT = ("increment", "shop.orders", ("mode:audit",))
GAUGE = ("gauge", "shop.load", ())


class Datadog:
    """A fake of Datadog's intake: of two points in the same second it keeps the later one."""

    identity = ""

    def __init__(self):
        self.kept = {}
        self.written = 0
        self.latest = 0

    def post(self, path, body, **_):
        """Keep the points in *body*."""
        assert path == "/api/v2/series"
        for series in json.loads(body)["series"]:
            for point in series["points"]:
                self.kept[series["metric"], *series["tags"], point["timestamp"]] = point["value"]
                self.written += 1
                self.latest = max(self.latest, point["timestamp"])
        return Response(202, {}, b"")


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
    encoder = MetricEncoder((), is_datadog_event=lambda name: None, prefix="p", max_tag_values=10)
    return IntakeDestination(encoder, datadog, clock=clock)


def records(destination, moments, name="a.b"):
    payload = destination.encode({"name": name})
    return [Record(f"{moment}", moment, name, payload) for moment in moments]


@pytest.mark.parametrize("interval", [1.05, 0.1])
def test_an_hour_of_a_busy_counter_is_exact_and_never_ahead(interval, datadog, destination, clock):
    """Twenty events a second, in batches once a second or more often."""
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
            # No two batches share a second.
            assert datadog.written == len(datadog.kept)
    assert sum(datadog.kept.values()) == round((waiting - START) / 0.05)
    assert datadog.written <= 2 * batches


def test_counts_are_exact_for_any_sequence_of_batches(datadog, destination, clock):
    """Batches of any length, with gaps, changing names and records in any order."""
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


def test_events_that_waited_through_an_outage_keep_their_seconds(datadog, destination, clock):
    """The graph has no spike when Datadog is back."""
    moments = [START + second for second in range(600) for _ in range(2)]
    clock.now = START + 600

    assert destination.deliver(records(destination, moments), 10) == Ok()
    assert [second for *_, second in datadog.kept] == [int(START) + each for each in range(600)]
    assert {*datadog.kept.values()} == {2}


@pytest.mark.parametrize(
    ("values", "now", "expected"),
    [
        # The last point is in second 10 and has the value 3.
        ({12: 1, 11: 2}, 13, {11: 2, 12: 1}),
        ({10: 1, 12: 2}, 12, {12: 3}),
        ({9: 1, 10: 1, 11: 2, 12: 5}, 12, {11: 4, 12: 5}),
        ({10: 1}, 12, {11: 1}),
        ({8: 1, 9: 1}, 10, {10: 5}),
        ({10: 1}, 9, {10: 4}),
    ],
)
def test_a_value_that_is_late_for_its_second_joins_a_later_point(values, now, expected):
    """The next point to be sent, or a free second, or the last point, in this order."""
    timestamps = Timestamps()
    timestamps.delivered({COUNT: (10, 3)}, 10)

    assert timestamps.assign(COUNT, values, now) == expected


def test_a_gauge_keeps_the_last_value():
    """It is not added to the value before."""
    timestamps = Timestamps()
    timestamps.delivered({GAUGE: (10, 3.0)}, 10)

    assert timestamps.assign(GAUGE, {9: 1.0, 10: 7.0}, 10) == {10: 7.0}
    assert timestamps.assign(GAUGE, {10: 7.0, 11: 8.0}, 11) == {11: 8.0}


def test_a_value_that_was_not_delivered_is_not_added_to_a_later_point():
    """Only delivered points are remembered."""
    timestamps = Timestamps()
    timestamps.assign(COUNT, {10: 3}, 10)

    assert timestamps.assign(COUNT, {10: 1}, 10) == {10: 1}


def test_no_value_joins_a_point_far_in_the_future():
    """After a clock that was ahead is corrected. Datadog drops such points."""
    timestamps = Timestamps()
    timestamps.delivered({COUNT: (10_000, 3)}, 10_000)

    assert timestamps.assign(COUNT, {5_000: 1}, 10_000 - MAX_LEAD_SECONDS) == {10_000: 4}
    assert timestamps.assign(COUNT, {5_000: 1}, 10_000 - MAX_LEAD_SECONDS - 1) == {5_000: 1}


def test_the_memory_for_series_is_limited():
    """A tag may have a new value in every event."""
    timestamps = Timestamps()
    timestamps.delivered(
        {("increment", str(number), ()): (10, 1) for number in range(MAX_SERIES)}, 10
    )
    timestamps.delivered({COUNT: (100, 3)}, 100)

    assert timestamps.assign(COUNT, {100: 1}, 100) == {100: 4}
    assert len(timestamps._last_points) == 1
