"""`RegexFilter`: additions to the one of event-tracking."""

import pytest

from eventtracking.exceptions import EventEmissionExit, ImproperlyConfigured
from eventtracking.processors.regex_filter import RegexFilter
from eventtracking.tracker import Tracker


def test_a_full_match_matches_the_whole_name():
    """Not only its start."""
    processor = RegexFilter("allowlist", ["edx[.]course"], full_match=True)

    assert processor({"name": "edx.course"})
    with pytest.raises(EventEmissionExit):
        processor({"name": "edx.course.enrolled"})


def test_an_invalid_expression_is_shown_with_the_reason():
    """The operator can correct it without experiments."""
    with pytest.raises(ImproperlyConfigured) as raised:
        RegexFilter("blocklist", ["a(b"])

    assert str(raised.value).startswith(
        "RegexFilter: regular_expressions[0] must be a regular expression, got 'a(b': missing )"
    )
    assert raised.value.__cause__ is not None


def test_every_wrong_option_is_reported_in_the_same_error():
    """It is a `TypeError` as well if an expression is not text, as in event-tracking."""
    with pytest.raises(TypeError) as raised:
        RegexFilter("deny", ["(", 3], full_match="yes")

    assert isinstance(raised.value, ImproperlyConfigured)
    assert [line.split(" must ")[0] for line in str(raised.value).splitlines()] == [
        "RegexFilter: filter_type",
        "RegexFilter: regular_expressions[0]",
        "RegexFilter: regular_expressions[1]",
        "RegexFilter: full_match",
    ]


@pytest.mark.parametrize("expressions", [5, [["a"]]])
def test_expressions_that_are_not_a_list_of_texts_are_refused(expressions):
    """The name of the option is shown."""
    with pytest.raises(ImproperlyConfigured, match=r"^RegexFilter: regular_expressions"):
        RegexFilter("allowlist", expressions)


def test_a_wrong_type_is_shown_with_the_valid_types():
    """The error is a `ValueError` as well."""
    with pytest.raises(
        ValueError, match="must be one of 'allowlist', 'blocklist', got 'blacklist'"
    ):
        RegexFilter("blacklist", [])


def test_an_event_with_a_name_that_is_not_text_passes(caplog):
    """The error is logged, and the processor is skipped because it does not fail closed."""
    tracker = Tracker(processors=[RegexFilter("allowlist", ["a"])])
    tracker.emit(5)

    assert tracker.stats()["filtered"] == 0
    assert caplog.messages == [
        "Failed to execute processor: <RegexFilter allowlist of 1 expressions>"
    ]


def test_the_repr_shows_the_options():
    """Log messages and the shell show it."""
    assert repr(RegexFilter("blocklist", ["a", "a", "b"])) == (
        "<RegexFilter blocklist of 2 expressions>"
    )
