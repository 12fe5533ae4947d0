"""`LoggerBackend`: statistics and losses."""

import logging
from functools import partial

import pytest
from core_fakes import Clock, balance, new_event

from eventtracking.backends.logger import LoggerBackend
from eventtracking.backends.routing import RoutingBackend
from eventtracking.exceptions import ImproperlyConfigured
from eventtracking.stats import LogThrottle
from eventtracking.tracker import Tracker

NAME = "events.of.the.test"
SOURCE = "eventtracking.backends.logger"


@pytest.fixture
def log(caplog):
    caplog.set_level(logging.DEBUG, NAME)
    return lambda name: [r.getMessage() for r in caplog.records if r.name == name]


def test_a_logged_event_is_counted(log):
    """It counts as accepted and as sent."""
    backend = LoggerBackend(name=NAME)
    backend.send({"name": "a"})

    assert log(NAME) == ['{"name": "a"}']
    assert backend.stats() == {"accepted": 1, "sent": 1, "pending": 0, "lost": {}}


def test_an_event_that_is_too_large_is_counted_with_a_warning(log):
    """The warning gives the name of the event, its size and the limit."""
    backend = LoggerBackend(name=NAME, max_event_size=20)
    backend.send({"name": "page.viewed"})

    assert log(NAME) == []
    assert log(SOURCE) == [
        'Lost 1 event(s) over max_event_size=20; the last was "page.viewed" with 23 characters'
    ]
    assert backend.stats() == {"accepted": 1, "sent": 0, "pending": 0, "lost": {"too_large": 1}}


def test_the_warning_is_logged_once_a_minute(monkeypatch, log):
    """The next one gives the number of events since."""
    clock = Clock()
    monkeypatch.setattr(f"{SOURCE}.LogThrottle", partial(LogThrottle, clock=clock))
    backend = LoggerBackend(name=NAME, max_event_size=0)
    for _ in range(10):
        backend.send({"name": "a"})
    clock.now += 60
    backend.send({"name": "b"})

    assert [line.partition(" over ")[0] for line in log(SOURCE)] == [
        "Lost 1 event(s)",
        "Lost 10 event(s)",
    ]
    assert backend.stats()["lost"] == {"too_large": 11}


def test_every_wrong_option_is_reported_in_the_same_error():
    """It is an `AttributeError` as well if the level is wrong, as in event-tracking."""
    with pytest.raises(AttributeError) as raised:
        LoggerBackend(name=3, max_event_size="1 KB", level="loud")

    assert isinstance(raised.value, ImproperlyConfigured)
    assert [line.split(" must ")[0] for line in str(raised.value).splitlines()] == [
        "LoggerBackend: name",
        "LoggerBackend: max_event_size",
        "LoggerBackend: level",
    ]


def test_a_size_that_is_not_a_number_is_refused():
    """Each event would be lost."""
    with pytest.raises(ImproperlyConfigured, match=r"got '1 KB'$"):
        LoggerBackend(max_event_size="1 KB")


def test_the_backend_declares_itself_read_only():
    """A router hands it the event itself instead of a copy."""
    assert LoggerBackend(name=NAME).read_only is True


def test_an_event_that_cannot_be_written_is_lost_as_unserializable(log):
    """The statistics of the router give the reason."""
    router = RoutingBackend({"log": LoggerBackend(name=NAME)})
    router.send(new_event(data={"lock": object()}))
    router.send(new_event())
    stats = router.stats()["backends"]["log"]

    assert stats == {"accepted": 2, "sent": 1, "pending": 0, "lost": {"unserializable": 1}}
    assert len(log(NAME)) == 1


def test_an_event_whose_handler_raises_is_counted_as_lost_once():
    """It is not in the log, so it does not count as sent."""

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
    stats = tracker.stats()["backends"]["log"]

    assert stats == {"accepted": 1, "sent": 0, "pending": 0, "lost": {"backend_error": 1}}
    assert balance(stats) == 0


def test_an_event_without_a_name_may_be_too_large(log):
    """The warning gives its name as None."""
    LoggerBackend(name=NAME, max_event_size=0).send({"data": 1})

    assert 'the last was "None"' in log(SOURCE)[0]
