"""The truth tables of the white list and the regular expressions."""

import logging

import pytest

from eventtracking.exceptions import ImproperlyConfigured
from eventtracking.processors.exceptions import EventEmissionExit
from eventtracking.processors.regex_filter import RegexFilter
from eventtracking.processors.whitelist import NameWhitelistProcessor


def passes(processor, name):
    """Tell whether *processor* lets an event called *name* through, as it is."""
    event = {"name": name}
    try:
        assert processor(event) is event
    except EventEmissionExit:
        return False
    return True


@pytest.mark.parametrize("whitelist", [["a", "b"], ("a", "b"), {"a", "b"}, {"a": 1, "b": 2}])
def test_a_white_list_may_be_anything_with_names_in_it(whitelist):
    """Whole names: nothing is a prefix or a pattern."""
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


def test_an_empty_white_list_lets_nothing_through():
    """It lists nothing."""
    assert not passes(NameWhitelistProcessor([]), "a")


@pytest.mark.parametrize("whitelist", [None, 5, "a", object()])
def test_a_white_list_that_lists_nothing_is_a_type_error(whitelist):
    """A text would be a list of its letters."""
    with pytest.raises(TypeError, match=r"^The NameWhitelistProcessor must be passed"):
        NameWhitelistProcessor(whitelist=whitelist)


def test_a_white_list_is_required():
    """There is no useful default."""
    with pytest.raises(TypeError, match=r"^The NameWhitelistProcessor must be passed"):
        NameWhitelistProcessor()


def test_bytes_are_a_white_list_of_numbers():
    """Odd, and as it was."""
    assert NameWhitelistProcessor(b"ab").whitelist == frozenset({97, 98})


def test_other_options_of_a_white_list_are_ignored():
    """Old settings have them."""
    assert passes(NameWhitelistProcessor(["a"], comment="x"), "a")


@pytest.mark.parametrize(
    "processor", [NameWhitelistProcessor(["a"]), RegexFilter("allowlist", ["a"])]
)
def test_of_a_list_of_events_those_that_pass_are_returned(processor):
    """Perhaps none: a list is never dropped."""
    events = [{"name": "a"}, {"name": "b"}]

    assert processor(events) == [{"name": "a"}]
    assert processor(events[1:]) == []
    assert processor([]) == []


@pytest.mark.parametrize(
    "processor", [NameWhitelistProcessor(["a"]), RegexFilter("allowlist", ["a"])]
)
def test_an_event_without_a_name_is_a_key_error(processor):
    """A router logs it and lets the event go on."""
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
def test_what_an_allow_list_and_a_block_list_let_through(filter_type, expressions, name, expected):
    """One is the contrary of the other."""
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
def test_an_expression_starts_at_the_start_and_ends_where_it_likes(expression, name, matches):
    """A dot is any character unless it is escaped."""
    assert passes(RegexFilter("allowlist", [expression]), name) is matches
    assert passes(RegexFilter("blocklist", [expression]), name) is not matches


def test_the_default_regex_filter_drops_everything():
    """It is an allow list of nothing."""
    assert not passes(RegexFilter(), "a")


def test_a_text_instead_of_a_list_is_a_list_of_its_letters():
    """Odd, and as it was."""
    processor = RegexFilter("allowlist", "ab")

    assert [passes(processor, name) for name in ("a", "b", "c")] == [True, True, False]


@pytest.mark.parametrize("filter_type", ["ALLOWLIST", "whitelist", "", None, 1])
def test_any_other_type_of_filter_is_refused_and_logged(caplog, filter_type):
    """When it is built."""
    with pytest.raises(ImproperlyConfigured):
        RegexFilter(filter_type, [])
    (record,) = caplog.records

    assert (record.name, record.levelno) == (
        "eventtracking.processors.regex_filter",
        logging.ERROR,
    )


@pytest.mark.parametrize("expression", ["[", "(", "*", "a{2,1}", "a{99999999999999999999}"])
def test_what_is_no_regular_expression_is_refused_and_logged(caplog, expression):
    """The text shows it."""
    with pytest.raises(ImproperlyConfigured) as raised:
        RegexFilter("allowlist", ["fine", expression])

    assert repr(expression) in str(raised.value)
    assert repr(expression) in caplog.text


def test_an_expression_that_is_no_text_is_a_type_error():
    """As from `re` itself."""
    with pytest.raises(TypeError):
        RegexFilter("allowlist", [5])
