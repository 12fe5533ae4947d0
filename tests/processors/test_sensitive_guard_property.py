"""A secret is redacted wherever it is and however it is written, and nothing else changes."""

import json
from urllib.parse import quote, urlencode

import secret_cases as cases
from hypothesis import given
from hypothesis import strategies as st

from eventtracking import serialization
from eventtracking.processors.sensitive_guard import SensitiveFieldGuard

guard = SensitiveFieldGuard()

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
        # The wrappers take texts: any other value is converted to JSON first.
        value = wrapper(value if isinstance(value, str) else json.dumps(value))
    return value


@given(TOKENS, TEMPLATES, WRAPPERS, st.sampled_from(EVENT_DATA), st.integers(0, 5))
def test_a_secret_anywhere_is_redacted_and_the_rest_is_kept(token, template, wrappers, data, depth):
    """At any depth, within up to three layers of other formats."""
    value = wrapped(template.format(token), wrappers)
    for _ in range(depth):
        value = {"inner": [1, value]}
    event = {"name": "a", "data": {**data, "zz_put_here": value}, "context": {"page": 1}}

    once = guard(event)
    rest = {name: item for name, item in once["data"].items() if name != "zz_put_here"}

    assert token not in serialization.encode(once).decode()
    assert rest == data
    assert guard(once) == once
