"""Card numbers are found however they are written, and other numbers are kept."""

import json

import secret_cases as cases
from hypothesis import assume, given
from hypothesis import strategies as st

from eventtracking.processors.sensitive_guard import SensitiveFieldGuard
from eventtracking.redaction.cards import is_card_number

guard = SensitiveFieldGuard()

BRANDS = st.sampled_from(
    [
        *(("4", 16), ("4", 19), ("51", 16), ("55", 16), ("2221", 16), ("2720", 16), ("34", 15)),
        *(("37", 15), ("36", 14), ("300", 14), ("6011", 16), ("65", 16), ("644", 16), ("62", 16)),
        *(("3530", 16), ("5018", 16), ("6759", 16), ("2200", 16)),
    ]
)
NUMBERS = st.builds(
    lambda brand, digits: whole(brand[0] + digits[: brand[1] - len(brand[0]) - 1]),
    BRANDS,
    st.text(cases.DIGITS, min_size=20, max_size=20),
)
SEPARATORS = st.sampled_from(["", " ", "-", ".", "/", "_", "  ", "\u00a0", "\u2013", " - ", "\t"])


def whole(digits):
    return digits + cases.luhn_digit(digits)


def in_groups(number, size, separator):
    return separator.join(number[at : at + size] for at in range(0, len(number), size))


def kept(text):
    data = {"text": f"a {text} b"}
    return guard({"name": "a", "data": data, "context": {}})["data"] == data


@given(NUMBERS, st.integers(2, 8), SEPARATORS)
def test_a_card_number_is_found_in_any_grouping(number, size, separator):
    """From any issuer, with any separator between the groups."""
    assume(separator != "." or len(number) > 2 * size)
    data = {"text": f"paid with {in_groups(number, size, separator)}, thanks"}

    found = guard({"name": "a", "data": data, "context": {}})["data"]

    assert found == {"text": "paid with [redacted], thanks"}


@given(NUMBERS)
def test_a_card_number_is_found_as_an_integer(number):
    """In a field and in a JSON text."""
    data = {"n": int(number), "text": json.dumps({"n": int(number)})}

    found = guard({"name": "a", "data": data, "context": {}})["data"]

    assert found == {"n": "[redacted]", "text": '{"n": "[redacted]"}'}


@given(NUMBERS, st.data())
def test_a_number_with_a_wrong_digit_is_not_a_card(number, data):
    """The check digit does not match."""
    at = data.draw(st.integers(0, len(number) - 1))
    digit = data.draw(st.sampled_from(cases.DIGITS))
    assume(digit != number[at])

    assert kept(number[:at] + digit + number[at + 1 :])


@given(NUMBERS, st.sampled_from(["f{}a9", "order-{}", "0.{}", "{}.25", "x_{}_y", "{}e7", "a{}"]))
def test_a_card_number_within_something_longer_is_kept(number, frame):
    """A hash, an id or a float may contain any digits."""
    assert kept(frame.format(number))
    assert kept(f"{number[:8]}-{number[8:12]}-4111-8111-{number[-12:]}")


@given(st.integers(0, 10**19))
def test_only_one_check_digit_makes_a_number_a_card(number):
    """Of ten numbers that differ only in their last digit, at most one is a card."""
    digits = str(number)

    assert sum(is_card_number(digits[:-1] + digit) for digit in cases.DIGITS) <= 1
