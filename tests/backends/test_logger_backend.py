"""`LoggerBackend` counts what it writes, and says what it drops."""

import logging

import pytest
from core_fakes import Clock, balance, new_event

from eventtracking.backends.logger import LoggerBackend
from eventtracking.backends.routing import RoutingBackend
from eventtracking.stats import LogThrottle
from eventtracking.tracker import Tracker

NAME = "events.of.the.test"
SOURCE = "eventtracking.backends.logger"


@pytest.fixture
def log(caplog):
    caplog.set_level(logging.DEBUG, NAME)
    return lambda name: [r.getMessage() for r in caplog.records if r.name == name]


def test_what_is_logged_is_counted(log):
    """As accepted and sent."""
    backend = LoggerBackend(name=NAME)
    backend.send({"name": "a"})

    assert log(NAME) == ['{"name": "a"}']
    assert backend.stats() == {"accepted": 1, "sent": 1, "pending": 0, "lost": {}}


def test_what_is_too_large_is_counted_and_warned_about(log):
    """With the name of the event, its size and the limit."""
    backend = LoggerBackend(name=NAME, max_event_size=20)
    backend.send({"name": "page.viewed"})

    assert log(NAME) == []
    assert log(SOURCE) == [
        'Lost 1 event(s) over max_event_size=20; the last was "page.viewed" with 23 characters'
    ]
    assert backend.stats() == {"accepted": 1, "sent": 0, "pending": 0, "lost": {"too_large": 1}}


def test_the_warning_is_said_once_a_minute(log):
    """The next one says how many there were."""
    clock = Clock()
    backend = LoggerBackend(name=NAME, max_event_size=0)
    backend._throttle = LogThrottle(clock=clock)
    for _ in range(10):
        backend.send({"name": "a"})
    clock.now += 60
    backend.send({"name": "b"})

    assert [line.partition(" over ")[0] for line in log(SOURCE)] == [
        "Lost 1 event(s)",
        "Lost 10 event(s)",
    ]
    assert backend.stats()["lost"] == {"too_large": 11}


def test_it_promises_to_read_only():
    """So it is handed the event itself, and no copy."""
    assert LoggerBackend(name=NAME).read_only is True


def test_what_it_cannot_write_is_lost_as_unserializable(log):
    """Behind a router: the others have the event, the books say why this one has not."""
    router = RoutingBackend({"log": LoggerBackend(name=NAME)})
    router.send(new_event(data={"lock": object()}))
    router.send(new_event())
    books = router.stats()["backends"]["log"]

    assert books == {"accepted": 2, "sent": 1, "pending": 0, "lost": {"unserializable": 1}}
    assert len(log(NAME)) == 1


def test_a_handler_that_raises_is_a_loss_that_is_counted_once():
    """The event is not in the log, so it is not among those sent."""

    class Failing(logging.Handler):
        def emit(self, record):
            raise OSError("disk full")

    handler, events = Failing(), logging.getLogger(NAME)
    events.setLevel(logging.INFO)
    events.addHandler(handler)
    tracker = Tracker({"log": LoggerBackend(name=NAME)})
    try:
        tracker.emit("a")
    finally:
        events.removeHandler(handler)
    books = tracker.stats()["backends"]["log"]

    assert books == {"accepted": 1, "sent": 0, "pending": 0, "lost": {"backend_error": 1}}
    assert balance(books) == 0


def test_an_event_without_a_name_that_is_too_large_is_dropped_as_well(log):
    """The warning says that it had none."""
    LoggerBackend(name=NAME, max_event_size=0).send({"data": 1})

    assert 'the last was "None"' in log(SOURCE)[0]
