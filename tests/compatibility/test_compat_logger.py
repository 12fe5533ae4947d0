"""Compatibility: the exact output of `LoggerBackend` and its encoder."""

import json
import logging
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from unittest import mock
from uuid import uuid4

import pytest
import pytz

from eventtracking.backends.logger import DateTimeJSONEncoder, LoggerBackend

NAME = "compat.tracking"


@pytest.fixture
def lines(caplog):
    """A function that returns the messages that reached the logger."""
    caplog.set_level(logging.DEBUG, NAME)
    return lambda: [record.getMessage() for record in caplog.records if record.name == NAME]


def test_an_event_is_one_message_of_json(lines):
    """Keys keep their order, and the text is ASCII with the spaces of `json.dumps`."""
    LoggerBackend(name=NAME).send({"name": "a", "data": {"é": "100 % sure"}})

    assert lines() == ['{"name": "a", "data": {"\\u00e9": "100 % sure"}}']


def test_the_message_has_no_arguments(caplog):
    """A percent sign in an event is not a placeholder."""
    caplog.set_level(logging.INFO, NAME)
    LoggerBackend(name=NAME).send({"name": "%s %d"})
    (record,) = caplog.records

    assert (record.msg, record.args) == ('{"name": "%s %d"}', ())


def test_nan_is_written_as_the_standard_library_does(lines):
    """NaN is not valid JSON, but event-tracking writes it."""
    LoggerBackend(name=NAME).send({"x": float("nan")})

    assert lines() == ['{"x": NaN}']


def test_the_default_logger_is_the_root_and_the_default_level_info(caplog):
    """`LoggerBackend()` works without options."""
    caplog.set_level(logging.INFO)
    backend = LoggerBackend()
    backend.send({"name": "a"})
    (record,) = caplog.records

    assert backend.event_logger is logging.getLogger()
    assert backend.max_event_size == 1024
    assert (record.name, record.levelno) == ("root", logging.INFO)


@pytest.mark.parametrize("level", ["debug", "warning", "WARNING", "Error", "critical"])
def test_the_level_is_the_name_of_a_logger_method(caplog, level):
    """Upper and lower case are accepted."""
    caplog.set_level(logging.DEBUG, NAME)
    LoggerBackend(name=NAME, level=level).send({"name": "a"})

    assert [record.levelname for record in caplog.records] == [level.upper()]


def test_the_logger_and_its_method_are_public_attributes():
    """They are `event_logger` and `log`."""
    backend = LoggerBackend(name=NAME, level="warning")

    assert backend.event_logger is logging.getLogger(NAME)
    assert backend.log == backend.event_logger.warning


@pytest.mark.parametrize("level", ["bogus", None])
def test_an_unknown_level_is_an_attribute_error(level):
    """It is raised by the constructor."""
    with pytest.raises(AttributeError):
        LoggerBackend(name=NAME, level=level)


def test_options_are_keyword_only():
    """A positional argument is a `TypeError`."""
    with pytest.raises(TypeError):
        LoggerBackend(NAME)


def test_unknown_options_are_ignored_with_a_warning(caplog, lines):
    """event-tracking ignores them silently."""
    LoggerBackend(name=NAME, colour="red").send({"name": "a"})

    assert lines() == ['{"name": "a"}']
    assert "['colour']" in caplog.text


@pytest.mark.parametrize(
    ("size", "written"),
    [(15, True), (14, False), (0, False), (None, True)],
)
def test_the_size_is_counted_in_characters_of_the_escaped_text(lines, size, written):
    """`{"a": "\\u00e9"}` has 15 characters; `None` sets no limit, and no event fits into 0."""
    event = {"a": "é"}
    assert len(json.dumps(event)) == 15
    LoggerBackend(name=NAME, max_event_size=size).send(event)

    assert bool(lines()) is written


@pytest.mark.parametrize(
    "value",
    [{1, 2}, Decimal("1.5"), uuid4(), b"bytes", object(), datetime.now(UTC).time()],
    ids=lambda value: type(value).__name__,
)
def test_a_value_that_the_encoder_cannot_write_is_a_type_error(value):
    """The backend raises when it is called directly; a router logs and counts the error."""
    with pytest.raises(TypeError):
        LoggerBackend(name=NAME).send({"x": value})


def test_cycles_deep_nesting_and_huge_integers_are_type_errors():
    """The standard library raises three different errors for them."""
    deep, cycle = {}, {}
    cycle["x"] = cycle
    for _ in range(100_000):
        deep = {"x": deep}
    for event in (cycle, deep, {"x": 10**5000}):
        with pytest.raises(TypeError):
            LoggerBackend(name=NAME).send(event)
    # Level by level: freeing it at once would need a deep stack.
    while deep:
        deep = deep.pop("x")


def test_a_date_as_a_key_is_a_type_error():
    """The encoder converts values, not keys."""
    with pytest.raises(TypeError):
        LoggerBackend(name=NAME).send({date(2026, 1, 2): 1})


NAIVE = datetime(2012, 5, 1, 7, 27, 1, 200, tzinfo=UTC).replace(tzinfo=None)


@pytest.mark.parametrize(
    ("moment", "text"),
    [
        (NAIVE, "2012-05-01T07:27:01.000200+00:00"),
        (NAIVE.replace(microsecond=0), "2012-05-01T07:27:01+00:00"),
        (
            pytz.timezone("US/Eastern").localize(NAIVE),
            "2012-05-01T11:27:01.000200+00:00",
        ),
        (
            datetime(2012, 5, 1, 7, 27, 1, tzinfo=timezone(timedelta(hours=-3))),
            "2012-05-01T10:27:01+00:00",
        ),
        (pytz.utc.localize(NAIVE), "2012-05-01T07:27:01.000200+00:00"),
        (date(2012, 5, 7), "2012-05-07"),
    ],
)
def test_dates_and_datetimes_are_written_in_iso_8601_and_utc(moment, text):
    """Naive datetimes are read as UTC, and zero microseconds are left out."""
    assert json.dumps({"t": moment}, cls=DateTimeJSONEncoder) == json.dumps({"t": text})


def test_the_logging_module_can_be_patched():
    """Tests of applications replace `eventtracking.backends.logger.logging`."""
    with mock.patch("eventtracking.backends.logger.logging") as logging_module:
        backend = LoggerBackend(name=NAME)
        backend.send({"name": "a"})
        backend.send({"name": "b"})

    logging_module.getLogger.assert_called_once_with(NAME)
    assert logging_module.getLogger.return_value.info.call_args_list == [
        mock.call('{"name": "a"}'),
        mock.call('{"name": "b"}'),
    ]
