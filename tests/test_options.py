"""Options of classes: every rule in words, and all wrong options in one error."""

import re
from decimal import Decimal
from pathlib import Path

import pytest

from eventtracking._options import (
    BOOLEAN,
    MAPPING,
    NON_EMPTY_TEXT,
    PATH,
    TEXT,
    Options,
    number,
    one_of,
    optional,
    regular_expression,
    whole_number,
)
from eventtracking.exceptions import ImproperlyConfigured


class Unprintable:
    """An object whose representation raises."""

    def __repr__(self):
        raise RuntimeError


@pytest.fixture
def options():
    return Options("Backend")


def problems(options):
    """Return the lines of the error that *options* raise."""
    with pytest.raises(ImproperlyConfigured) as raised:
        options.raise_problems()
    return str(raised.value).splitlines()


@pytest.mark.parametrize(
    ("rule", "good", "bad", "expected"),
    [
        (whole_number(), [0, 1, 10**30], [-1, True, 1.0, "1", None], "a whole number, 0 or more"),
        (whole_number(1, 9, unit="files"), [1, 9], [0, 10], "a whole number of files from 1 to 9"),
        (
            number(0.5),
            [0.5, 1],
            [0, True, float("nan"), float("inf"), "1"],
            "a number, 0.5 or more",
        ),
        (number(0, 1), [0, 0.0, 1], [-0.1, 1.1, Decimal(1)], "a number from 0 to 1"),
        (
            number(0, unit="seconds"),
            [0, 2.5],
            [-1, None],
            "a number of seconds, 0 or more",
        ),
        (one_of("a", "b"), ["a"], ["c", None, ["a"]], "one of 'a', 'b'"),
        (optional(TEXT), [None, ""], [1], "text, or None"),
        (BOOLEAN, [True, False], [0, "yes", None], "true or false"),
        (NON_EMPTY_TEXT, ["a"], ["", 1], "text that is not empty"),
        (PATH, ["a", Path("a")], ["", 7, None], "a path"),
        (MAPPING, [{}], [[], "a"], "a mapping"),
    ],
)
def test_a_rule_accepts_exactly_the_values_that_its_text_allows(options, rule, good, bad, expected):
    """A user who follows the message does not get a second one."""
    assert all(options.check("option", value, rule) for value in good)
    options.raise_problems()
    assert not any(options.check("option", value, rule) for value in bad)
    assert problems(options) == [
        f"Backend: option must be {expected}, got {value!r}" for value in bad
    ]


def test_all_wrong_options_are_one_error_with_a_line_each(options):
    """In the order in which they are checked; the error also names the options."""
    options.check("size", 0, whole_number(1))
    options.check("mode", "fast", one_of("fast", "safe"))
    options.check_known(["tiemout"], ["timeout"])
    options.refuse("path", "a file of its own", "x", cause="another backend uses it")
    with pytest.raises(ImproperlyConfigured) as raised:
        options.raise_problems()

    assert str(raised.value).splitlines() == [
        "Backend: size must be a whole number, 1 or more, got 0",
        "Backend has no option 'tiemout'. Did you mean 'timeout'?",
        "Backend: path must be a file of its own, got 'x': another backend uses it",
    ]
    assert [name for name, _ in raised.value.options] == ["size", "tiemout", "path"]


def test_options_without_a_problem_raise_nothing(options):
    """A constructor can always end with `raise_problems()`."""
    options.check("size", 1, whole_number(1))
    options.raise_problems()


def test_a_list_is_checked_item_by_item(options):
    """The line names the item. Any iterable except text and mappings counts as a list."""
    assert options.check_list("names", ("a", "b"), TEXT) == ["a", "b"]
    assert options.check_list("names", iter(["a", 1]), TEXT) == []
    assert options.check_list("names", "ab", TEXT) == []
    assert problems(options) == [
        "Backend: names[1] must be text, got 1",
        "Backend: names must be a list, got 'ab'",
    ]


def test_a_parsed_option_is_returned_or_reported_with_the_cause(options):
    """The text of the parser's error ends the line."""
    assert options.parse("price", "1.5", float, "a price") == 1.5
    assert options.parse("price", "free", float, "a price") is None
    assert problems(options) == [
        "Backend: price must be a price, got 'free': could not convert string to float: 'free'"
    ]


def test_the_error_of_a_parser_is_the_cause_of_the_exception(options):
    """Its traceback shows where the parser failed."""
    options.parse("price", "free", float, "a price")
    with pytest.raises(ImproperlyConfigured) as raised:
        options.raise_problems()

    assert isinstance(raised.value.__cause__, ValueError)


def test_a_list_is_parsed_item_by_item(options):
    """A wrong item does not hide the next one."""
    assert options.parse_list("prices", ("1", "1.5"), float, "a price") == [1.0, 1.5]
    assert options.parse_list("prices", ["a", "1", "b"], float, "a price") == [1.0]
    assert options.parse_list("prices", "15", float, "a price") == []
    assert [line.partition(", got")[0] for line in problems(options)] == [
        "Backend: prices[0] must be a price",
        "Backend: prices[2] must be a price",
        "Backend: prices must be a list",
    ]


@pytest.mark.parametrize("value", ["a+", re.compile("a+")])
def test_a_regular_expression_may_be_text_or_compiled(value):
    """Both become a compiled expression."""
    assert regular_expression(value).fullmatch("aa")


@pytest.mark.parametrize(
    ("value", "cause"),
    [
        ("(", "missing )"),
        ("a{99999999999999999999}", "repetition"),
        (b"a", "not bytes"),
        (re.compile(b"a"), "not bytes"),
        (5, "must be string"),
        (["a"], "unhashable"),
    ],
)
def test_any_other_regular_expression_is_refused_with_the_reason(options, value, cause):
    """The line shows what is wrong with the expression."""
    assert options.parse("pattern", value, regular_expression, "a regular expression") is None

    [line] = problems(options)

    assert line.startswith("Backend: pattern must be a regular expression, got ")
    assert cause in line


def test_an_object_that_checks_its_own_options_is_returned_or_its_problems_are_reported(options):
    """They take their place among the problems of the class that builds the object."""

    def client(url):
        checked = Options("Backend")
        checked.check("url", url, NON_EMPTY_TEXT)
        checked.raise_problems()
        return url

    assert options.build(lambda: client("http://a")) == "http://a"
    assert options.build(lambda: client("")) is None
    options.check("size", 0, whole_number(1))
    with pytest.raises(ImproperlyConfigured) as raised:
        options.raise_problems()

    assert [name for name, _ in raised.value.options] == ["url", "size"]


def test_an_error_without_options_is_reported_as_well(options):
    """Such as that of an extra that is not installed."""

    def fail():
        raise ImproperlyConfigured("'urllib3' is not installed")

    assert options.build(fail) is None
    assert problems(options) == ["'urllib3' is not installed"]


def test_a_hint_follows_the_line(options):
    """It may suggest another value."""
    options.refuse("type", "a type", "gague", hint=" Did you mean 'gauge'?")

    assert problems(options) == ["Backend: type must be a type, got 'gague'. Did you mean 'gauge'?"]


def test_a_secret_is_not_shown(options):
    """Only its type is shown, which is often the mistake."""
    options.check("key", "sk" + "-live", whole_number(), secret=True)

    assert problems(options) == [
        "Backend: key must be a whole number, 0 or more, got a value of type str"
    ]


def test_a_value_that_cannot_be_shown_does_not_hide_the_problem(options):
    """Its type is shown instead."""
    options.check("size", Unprintable(), whole_number())

    assert problems(options) == [
        "Backend: size must be a whole number, 0 or more, got a value of type Unprintable"
    ]


def test_a_setting_is_reported_without_an_owner():
    """Its name already says where it is."""
    options = Options("")
    options.check("EVENT_TRACKING_X", 1, TEXT)

    assert problems(options) == ["EVENT_TRACKING_X must be text, got 1"]


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (ImproperlyConfigured, ""),
        (ImproperlyConfigured("a", 5), "('a', 5)"),
        (type("Own", (ImproperlyConfigured,), {"__init__": lambda self: None}), ""),
    ],
)
def test_the_exception_may_be_raised_like_any_other(error, text):
    """Backends of users raise it without options, or with a subclass of their own."""

    def build():
        raise error

    outer = Options("Outer")
    assert outer.build(build) is None
    with pytest.raises(ImproperlyConfigured) as raised:
        outer.raise_problems()
    assert str(raised.value) == text
    assert raised.value.options == (("", text),)
