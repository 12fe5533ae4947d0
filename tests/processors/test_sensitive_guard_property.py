"""Whatever the secret, wherever it is put, however it is written: gone, and the rest is not."""

import json
from urllib.parse import quote, urlencode

import sensitive_cases as cases
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from eventtracking import serialization
from eventtracking.processors.sensitive_guard import SensitiveFieldGuard
from eventtracking.redaction import cards
from eventtracking.redaction.names import Names

# The first drawing builds the strategies, which takes a moment on a busy machine.
patient = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])

guard = SensitiveFieldGuard()
names = Names()

SENSITIVE = [
    *("password", "api key", "access token", "client secret", "session id", "card number"),
    *("one time code", "private key", "csrf token", "user password", "aws secret access key"),
    *("authorization", "set cookie", "pass phrase", "security code", "refresh token", "card pin"),
]
HARMLESS = [
    *("author", "token count", "password changed at", "has password", "cookie policy", "key code"),
    *("usage key", "passenger name", "compass", "pinned at", "card type", "session count"),
    *("auth method", "secretary", "keyboard layout", "max tokens", "country code", "course key"),
]


def full_width(name):
    return cases.full_width(name.replace(" ", "_"))


STYLES = [
    lambda name: name.replace(" ", "_"),
    lambda name: name.replace(" ", "-"),
    lambda name: name.replace(" ", "."),
    lambda name: name.replace(" ", "_").upper(),
    lambda name: name.replace(" ", "-").title(),
    lambda name: name.title(),
    lambda name: name.title().replace(" ", ""),
    lambda name: name[0] + name.title().replace(" ", "")[1:],
    lambda name: f"__{name.replace(' ', '__')}__",
    lambda name: f"{name.replace(' ', '_')}_2",
    lambda name: f"{name} 1",
    lambda name: "\u200b".join(name.replace(" ", "-")),
    full_width,
]


@patient
@given(st.sampled_from(SENSITIVE + HARMLESS), st.sampled_from(STYLES))
def test_every_style_of_a_name_gives_one_verdict(name, style):
    """Case, signs between the words, digits behind them, wide and invisible letters."""
    assert names.suspicion(style(name)) is names.suspicion(name)
    assert (names.suspicion(name) is not None) == (name in SENSITIVE)


@patient
@given(st.sampled_from(SENSITIVE), st.sampled_from(["HTTP_X_", "X-", "request.", "user["]))
def test_a_header_or_a_variable_is_known_by_what_stands_behind_its_prefix(name, prefix):
    """The prefix says where the value was, not what it is."""
    assert names.suspicion(prefix + name.replace(" ", "_")) is not None


@patient
@given(st.text(max_size=30))
def test_a_verdict_does_not_depend_on_memory(name):
    """Remembered or not, it is the same."""
    assert names.suspicion(name) is Names().suspicion(name) is names._judge(name)


TOKENS = st.text(cases.MIXED, min_size=24, max_size=40).filter(
    lambda text: any(map(str.isdigit, text)) and any(map(str.isalpha, text))
)
TEMPLATES = st.sampled_from(
    [
        "Bearer {}",
        "https://ana:{}@example.org/a",
        "/login?page=1&access_token={}&b=2",
        "X-Api-Key: {}",
        "user=ana password={} retry=1",
        "ghp" + "_{}",
        "sk" + "_live_{}",
        '{{"user": "ana", "password": "{}"}}',
        "--password {} --verbose",
    ]
)
WRAPPERS = st.lists(
    st.sampled_from(
        [
            lambda text: json.dumps({"a": text, "n": 1}),
            lambda text: json.dumps([text, {"b": None}]),
            lambda text: urlencode({"page": 1, "next": text}),
            lambda text: f"https://example.org/?next={quote(text, '')}&a=1",
            lambda text: {"name": "note", "value": text},
            lambda text: ["note", text],
            lambda text: [{"deep": (text,)}],
        ]
    ),
    max_size=3,
)
EVENT_DATA = [data for _, data in cases.harmless() if isinstance(data, dict)]


def wrapped(value, wrappers):
    for wrapper in wrappers:
        # A text wraps texts only: what is no text any more is wrapped as JSON.
        is_text = isinstance(value, str)
        value = wrapper(value if is_text else json.dumps(value))
    return value


@patient
@given(TOKENS, TEMPLATES, WRAPPERS, st.sampled_from(EVENT_DATA), st.integers(0, 5))
def test_a_secret_anywhere_is_gone_and_the_rest_is_equal(token, template, wrappers, data, depth):
    """At any pointer, in up to three layers of other formats."""
    value = wrapped(template.format(token), wrappers)
    for _ in range(depth):
        value = {"inner": [1, value]}
    event = {"name": "a", "data": {**data, "zz_put_here": value}, "context": {"page": 1}}

    once = guard(event)
    rest = {name: item for name, item in once["data"].items() if name != "zz_put_here"}

    assert token not in serialization.encode(once).decode()
    assert rest == data
    assert guard(once) == once


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
SIGNS = st.sampled_from(["", " ", "-", ".", "/", "_", "  ", "\u00a0", "\u2013", " - ", "\t"])


def whole(digits):
    return digits + cases.luhn_digit(digits)


def in_groups(number, size, sign):
    return sign.join(number[at : at + size] for at in range(0, len(number), size))


def kept(text):
    data = {"text": f"a {text} b"}
    return guard({"name": "a", "data": data, "context": {}})["data"] == data


@patient
@given(NUMBERS, st.integers(2, 8), SIGNS)
def test_a_card_number_is_found_in_any_grouping(number, size, sign):
    """Of any brand, with any sign between the groups."""
    assume(sign != "." or len(number) > 2 * size)
    data = {"text": f"paid with {in_groups(number, size, sign)}, thanks"}

    found = guard({"name": "a", "data": data, "context": {}})["data"]

    assert found == {"text": "paid with [redacted], thanks"}


@patient
@given(NUMBERS)
def test_a_card_number_is_found_as_a_number(number):
    """In a field and in a text of JSON."""
    data = {"n": int(number), "text": json.dumps({"n": int(number)})}

    found = guard({"name": "a", "data": data, "context": {}})["data"]

    assert found == {"n": "[redacted]", "text": '{"n": "[redacted]"}'}


@patient
@given(NUMBERS, st.data())
def test_a_number_with_a_wrong_digit_is_no_card(number, data):
    """The last digit vouches for the others."""
    at = data.draw(st.integers(0, len(number) - 1))
    digit = data.draw(st.sampled_from(cases.DIGITS))
    assume(digit != number[at])

    assert kept(number[:at] + digit + number[at + 1 :])


@patient
@given(NUMBERS, st.sampled_from(["f{}a9", "order-{}", "0.{}", "{}.25", "x_{}_y", "{}e7", "a{}"]))
def test_a_card_number_within_something_longer_is_none(number, frame):
    """A hash, an id, a float: they hold any digits."""
    assert kept(frame.format(number))
    assert kept(f"{number[:8]}-{number[8:12]}-4111-8111-{number[-12:]}")


@given(st.integers(0, 10**19))
def test_a_number_is_a_card_only_by_the_digit_that_vouches(number):
    """At most one of ten numbers that differ in their last digit."""
    digits = str(number)

    assert sum(cards.is_number(digits[:-1] + digit) for digit in cases.DIGITS) <= 1
