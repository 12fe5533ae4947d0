"""Field names are classified by their words, in any style."""

import secret_cases as cases
from hypothesis import given
from hypothesis import strategies as st

from eventtracking.redaction.field_names import NameClassifier

names = NameClassifier()

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


@given(st.sampled_from(SENSITIVE + HARMLESS), st.sampled_from(STYLES))
def test_every_style_of_a_name_is_classified_alike(name, style):
    """Case, separators, digits at the end, full-width and invisible characters."""
    assert names.value_test(style(name)) is names.value_test(name)
    assert (names.value_test(name) is not None) == (name in SENSITIVE)


@given(st.sampled_from(SENSITIVE), st.sampled_from(["HTTP_X_", "X-", "request.", "user["]))
def test_a_prefix_does_not_change_the_class_of_a_name(name, prefix):
    """The prefix of a header or variable tells where the value was, not what it is."""
    assert names.value_test(prefix + name.replace(" ", "_")) is not None


@given(st.text(max_size=30))
def test_the_class_of_a_name_does_not_depend_on_the_cache(name):
    """The first answer, the cached one and that of a new classifier are the same."""
    first = names.value_test(name)

    assert first is names.value_test(name) is NameClassifier().value_test(name)
