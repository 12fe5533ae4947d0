"""`LogFileBackend` and unusual events: each is one line of strict JSON."""

import itertools
import math
import threading
import time
from datetime import UTC, datetime

import pytest
from core_fakes import in_threads, parse_strictly
from unusual_values import UNUSUAL, unusual_values

from eventtracking.backends.log_file import LogFileBackend
from eventtracking.journal import read
from eventtracking.tracker import Tracker

SECONDS = 2


@pytest.fixture
def log(tmp_path):
    return tmp_path / "tracking.log"


@pytest.fixture
def tracker(log):
    with_log = Tracker({"log": LogFileBackend(log)})
    yield with_log
    with_log.close()


def sent(tracker):
    return tracker.stats()["backends"]["log"]["sent"]


@pytest.mark.parametrize("name", UNUSUAL)
def test_an_unusual_payload_is_one_strict_line(tracker, log, name):
    """Values that JSON does not have, such as locks, are marked; the others are complete."""
    data = unusual_values()[name]
    with tracker.context("unusual", {"it": data}):
        tracker.emit(name, data)
    tracker.emit("after", {"key": "value"})
    first, second = log.read_bytes().splitlines(keepends=True)

    assert parse_strictly(first)["name"] == name
    assert parse_strictly(second)["data"] == {"key": "value"}
    assert sent(tracker) == 2


def test_a_text_of_a_hundred_million_characters_is_one_line(tracker, log):
    """The backend sets no limit to the size of an event."""
    tracker.emit("long", {"text": "x" * 100_000_000})
    tracker.emit("short")
    lengths = [len(line) for line in log.read_bytes().splitlines()]

    assert lengths[0] > 100_000_000 > lengths[1]
    assert sent(tracker) == 2


def test_values_are_written_in_their_documented_forms(tracker, log):
    """Readers of the log may rely on them."""
    noon = datetime(2026, 1, 2, 12, tzinfo=UTC)
    tracker.emit("forms", {"time": noon, "big": 2**70, "nan": math.nan, "set": {2, 1}})
    (event,) = read(log)

    assert event["data"] == {
        "time": "2026-01-02T12:00:00+00:00",
        "big": str(2**70),
        "nan": None,
        "set": [1, 2],
    }


def test_threads_may_change_the_data_while_it_is_written(tracker, log):
    """Every line is complete and valid."""
    shared = {"list": [0] * 50, "dict": {str(n): n for n in range(50)}}
    done = threading.Event()

    def change():
        for n in itertools.count():
            shared["list"][n % 50 :] = [n] * (n % 50)
            shared["dict"].pop(str(n % 50), None)
            shared["dict"][str(n % 97)] = n
            if done.is_set():
                return

    def emit():
        end = time.monotonic() + SECONDS
        while time.monotonic() < end:
            tracker.emit("shared", shared)
        done.set()

    in_threads([change, change, emit])
    lines = log.read_bytes().splitlines(keepends=True)

    assert {parse_strictly(line)["name"] for line in lines} == {"shared"}
    assert len(lines) == sent(tracker) > 0
