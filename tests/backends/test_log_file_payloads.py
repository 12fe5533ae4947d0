"""Whatever an event holds, the log file gets one strict line for it."""

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
def test_a_strange_payload_is_one_strict_line(tracker, log, name):
    """Locks, cycles, bytes, surrogates: what JSON cannot hold is marked, and the rest is whole."""
    data = unusual_values()[name]
    with tracker.context("strange", {"it": data}):
        tracker.emit(name, data)
    tracker.emit("after", {"rest": "whole"})
    first, second = log.read_bytes().splitlines(keepends=True)

    assert parse_strictly(first)["name"] == name
    assert parse_strictly(second)["data"] == {"rest": "whole"}
    assert sent(tracker) == 2


def test_a_text_of_a_hundred_million_characters_is_one_line(tracker, log):
    """In one write, however long it takes."""
    tracker.emit("long", {"text": "x" * 100_000_000})
    tracker.emit("short")
    lengths = [len(line) for line in log.read_bytes().splitlines()]

    assert lengths[0] > 100_000_000 > lengths[1]
    assert sent(tracker) == 2


def test_the_forms_of_times_and_numbers_stand_in_the_file(tracker, log):
    """What a reader of the log may rely on."""
    noon = datetime(2026, 1, 2, 12, tzinfo=UTC)
    tracker.emit("forms", {"time": noon, "big": 2**70, "nan": math.nan, "set": {2, 1}})
    (event,) = read(log)

    assert event["data"] == {
        "time": "2026-01-02T12:00:00+00:00",
        "big": str(2**70),
        "nan": None,
        "set": [1, 2],
    }


def test_data_that_other_threads_change_meanwhile_is_whole_in_every_line(tracker, log):
    """As it was at one moment or another, never half."""
    shared = {"list": [0] * 50, "dict": {str(n): n for n in range(50)}}
    over = threading.Event()

    def change():
        for n in itertools.count():
            shared["list"][n % 50 :] = [n] * (n % 50)
            shared["dict"].pop(str(n % 50), None)
            shared["dict"][str(n % 97)] = n
            if over.is_set():
                return

    def emit():
        ends = time.monotonic() + SECONDS
        while time.monotonic() < ends:
            tracker.emit("shared", shared)
        over.set()

    in_threads([change, change, emit])
    lines = log.read_bytes().splitlines(keepends=True)

    assert {parse_strictly(line)["name"] for line in lines} == {"shared"}
    assert len(lines) == sent(tracker) > 0
