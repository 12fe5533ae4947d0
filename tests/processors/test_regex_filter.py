"""`RegexFilter`: what it adds to event-tracking's."""

import pytest

from eventtracking.exceptions import EventEmissionExit, ImproperlyConfigured
from eventtracking.processors.regex_filter import RegexFilter
from eventtracking.tracker import Tracker


def test_a_full_match_matches_the_whole_name():
    """For those who mean the end as well as the start."""
    processor = RegexFilter("allowlist", ["edx[.]course"], full_match=True)

    assert processor({"name": "edx.course"})
    with pytest.raises(EventEmissionExit):
        processor({"name": "edx.course.enrolled"})


def test_an_expression_that_is_none_is_shown_with_what_is_wrong():
    """So that it can be mended without trying."""
    with pytest.raises(ImproperlyConfigured) as raised:
        RegexFilter("blocklist", ["a(b"])

    assert str(raised.value).startswith("RegexFilter: 'a(b' is not a regular expression: missing )")
    assert raised.value.__cause__ is not None


def test_a_wrong_type_is_shown_with_the_right_ones():
    """And is a `ValueError` as well."""
    with pytest.raises(ValueError, match="must be 'allowlist' or 'blocklist', got 'blacklist'"):
        RegexFilter("blacklist", [])


def test_a_name_that_is_no_text_lets_the_event_on(caplog):
    """The processor fails and is open: it is logged and skipped."""
    tracker = Tracker(processors=[RegexFilter("allowlist", ["a"])])
    tracker.emit(5)

    assert tracker.stats()["filtered"] == 0
    assert caplog.messages == [
        "Failed to execute processor: <RegexFilter allowlist of 1 expressions>"
    ]


def test_it_shows_what_it_does():
    """In the log line of a failure, and in the shell."""
    assert repr(RegexFilter("blocklist", ["a", "a", "b"])) == (
        "<RegexFilter blocklist of 2 expressions>"
    )
