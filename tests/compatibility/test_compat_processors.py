"""Compatibility: `NameWhitelistProcessor` and `RegexFilter`."""

import logging

import pytest

from eventtracking.exceptions import ImproperlyConfigured
from eventtracking.processors.exceptions import EventEmissionExit
from eventtracking.processors.regex_filter import RegexFilter
from eventtracking.processors.whitelist import NameWhitelistProcessor


def passes(processor, name):
    """Return whether *processor* lets an event called *name* through, unchanged."""
    event = {"name": name}
    try:
        assert processor(event) is event
    except EventEmissionExit:
        return False
    return True


@pytest.mark.parametrize("whitelist", [["a", "b"], ("a", "b"), {"a", "b"}, {"a": 1, "b": 2}])
def test_a_whitelist_may_be_any_iterable_of_names(whitelist):
    """Names are compared as a whole, not as prefixes or patterns."""
    processor = NameWhitelistProcessor(whitelist=whitelist)

    assert processor.whitelist == frozenset({"a", "b"})
    assert [passes(processor, name) for name in ("a", "b", "c", "A", "ab", "")] == [
        True,
        True,
        False,
        False,
        False,
        False,
    ]


def test_an_empty_whitelist_drops_every_event():
    """No name is in it."""
    assert not passes(NameWhitelistProcessor([]), "a")


@pytest.mark.parametrize("whitelist", [None, 5, "a", object()])
def test_a_whitelist_of_the_wrong_type_is_a_type_error(whitelist):
    """A string is refused too, since it would be a list of its letters."""
    with pytest.raises(TypeError, match=r"^The NameWhitelistProcessor must be passed"):
        NameWhitelistProcessor(whitelist=whitelist)


def test_a_whitelist_is_required():
    """There is no useful default."""
    with pytest.raises(TypeError, match=r"^The NameWhitelistProcessor must be passed"):
        NameWhitelistProcessor()


def test_bytes_are_a_whitelist_of_numbers():
    """event-tracking accepts them, although they are of no use."""
    assert NameWhitelistProcessor(b"ab").whitelist == frozenset({97, 98})


def test_other_options_of_a_whitelist_are_ignored():
    """Existing settings may have them."""
    assert passes(NameWhitelistProcessor(["a"], comment="x"), "a")


@pytest.mark.parametrize(
    "processor", [NameWhitelistProcessor(["a"]), RegexFilter("allowlist", ["a"])]
)
def test_a_list_of_events_is_filtered(processor):
    """The result may be empty: a list is never dropped."""
    events = [{"name": "a"}, {"name": "b"}]

    assert processor(events) == [{"name": "a"}]
    assert processor(events[1:]) == []
    assert processor([]) == []


@pytest.mark.parametrize(
    "processor", [NameWhitelistProcessor(["a"]), RegexFilter("allowlist", ["a"])]
)
def test_an_event_without_a_name_is_a_key_error(processor):
    """A router logs the error and passes the event on."""
    with pytest.raises(KeyError):
        processor({})


@pytest.mark.parametrize(
    ("filter_type", "expressions", "name", "expected"),
    [
        ("allowlist", ["edx.course"], "edx.course.enrolled", True),
        ("allowlist", ["edx.course"], "problem", False),
        ("allowlist", [], "problem", False),
        ("allowlist", None, "problem", False),
        ("allowlist", [""], "problem", True),
        ("blocklist", ["edx.course"], "edx.course.enrolled", False),
        ("blocklist", ["edx.course"], "problem", True),
        ("blocklist", [], "problem", True),
        ("blocklist", None, "problem", True),
        ("blocklist", [""], "problem", False),
    ],
)
def test_a_blocklist_is_the_opposite_of_an_allowlist(filter_type, expressions, name, expected):
    """An allowlist keeps the events that match, a blocklist drops them."""
    assert passes(RegexFilter(filter_type, expressions), name) is expected


@pytest.mark.parametrize(
    ("expression", "name", "matches"),
    [
        (r"edx\.bi\.", "edx.bi.login", True),
        ("problem_", "problem_check", True),
        ("problem_", "x_problem_check", False),
        ("edx.course", "edxXcourse.foo", True),
        ("a$", "ab", False),
        ("A", "a", False),
        ("(?i)A", "a", True),
    ],
)
def test_an_expression_matches_at_the_start_of_the_name(expression, name, matches):
    """It need not match the whole name, and an unescaped dot is any character."""
    assert passes(RegexFilter("allowlist", [expression]), name) is matches
    assert passes(RegexFilter("blocklist", [expression]), name) is not matches


def test_the_default_regex_filter_drops_everything():
    """It is an empty allowlist."""
    assert not passes(RegexFilter(), "a")


def test_a_string_of_expressions_is_a_list_of_its_letters():
    """event-tracking accepts a string in place of a list."""
    processor = RegexFilter("allowlist", "ab")

    assert [passes(processor, name) for name in ("a", "b", "c")] == [True, True, False]


@pytest.mark.parametrize("filter_type", ["ALLOWLIST", "whitelist", "", None, 1])
def test_an_unknown_filter_type_is_refused_and_logged(caplog, filter_type):
    """The constructor raises."""
    with pytest.raises(ImproperlyConfigured):
        RegexFilter(filter_type, [])
    (record,) = caplog.records

    assert (record.name, record.levelno) == (
        "eventtracking.processors.regex_filter",
        logging.ERROR,
    )


@pytest.mark.parametrize("expression", ["[", "(", "*", "a{2,1}", "a{99999999999999999999}"])
def test_an_invalid_regular_expression_is_refused_and_logged(caplog, expression):
    """The error and the log show the expression."""
    with pytest.raises(ImproperlyConfigured) as raised:
        RegexFilter("allowlist", ["fine", expression])

    assert repr(expression) in str(raised.value)
    assert repr(expression) in caplog.text


def test_an_expression_that_is_not_a_string_is_a_type_error():
    """The error is that of `re`."""
    with pytest.raises(TypeError):
        RegexFilter("allowlist", [5])
