"""The prefilter and the fast path save time, and change no result."""

import itertools
import json
import re
import string

import pytest
import secret_cases as cases
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from eventtracking.processors.sensitive_guard import SensitiveFieldGuard
from eventtracking.redaction import credentials, personal_data, tokens
from eventtracking.redaction.decoding import TooManyLayersError
from eventtracking.redaction.field_names import NameClassifier
from eventtracking.redaction.pairs import PairFinder
from eventtracking.redaction.prefilter import Prefilter
from eventtracking.redaction.text import TextRedactor

patient = settings(
    deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much]
)

FORMATS = PairFinder(NameClassifier(), "[redacted]").formats.formats
TOKENS = tokens.SEGMENTED_TOKENS + tokens.LONG_WORD_TOKENS

# All words that the finders search for: `Bearer`, `password`, `identified by`.
PATTERNS = [
    *(each.pattern for each in FORMATS),
    *(each for each in vars(credentials).values() if isinstance(each, re.Pattern)),
    *(each for each in vars(personal_data).values() if isinstance(each, re.Pattern)),
]
WORDS = sorted(
    {word for each in PATTERNS for word in re.findall(r"(?<!\\)[A-Za-z]{2,}", each.pattern)}
    | {indicator for each in FORMATS for indicator in each.indicators}
    | {indicator for indicator, _ in credentials.FINDERS}
    | {constant for constant, _ in TOKENS}
    | {"secret", "key", "token", "api_key", "code", "number", "sid", "user", "credential", "x"}
)
TOKEN_PATTERNS = [pattern for _, pattern in TOKENS]
WORDS += [*map(str.upper, WORDS), *map(str.title, WORDS)]
SEPARATORS = [
    *(
        "",
        " ",
        "\t",
        "\n",
        "\r\n",
        "  ",
        "\n ",
        ":",
        ": ",
        "=",
        "==",
        "= ",
        " = ",
        ":=",
        "=>",
        "->",
    ),
    *(" -> ", "+", "&", "&amp;", ";", "; ", ",", ", ", '"', "'", "`", '"="', "='", '="', '": "'),
    *("', '", '", "', "/", "://", "//", "?", "#", "|", " | ", "@", "<", ">", "</", "><", "(", ")"),
    *(
        "[",
        "]",
        "{",
        "}",
        ".",
        "-",
        "--",
        " -",
        " --",
        "_",
        "%",
        "%3D",
        "%20",
        "%253D",
        "\\",
        "\\n",
    ),
    *('\\"', "\\u003d", "&#61;", "&quot;", " is ", " is", " is your ", "$", "~", "*", "\0", "\x0b"),
    *("\u00a0", "\u200b", "\uff1d", "\u2013", "\u1680", "\u0131", "\u0130", "\u00b7", "\ud800"),
]
MIXED = string.ascii_letters + string.digits
CARDS = [cases.card(), cases.card("37", 15), cases.card("4", 19), cases.card("36", 14)]
CARD_GROUPS = [CARDS[0][at : at + 4] for at in range(0, 16, 4)]
CARD_SEPARATORS = [*" -./_:|*,+", "  ", "--", "..", " - ", "\n", "\t", "\u00b7", "\u2013", "\0"]
VALUES = st.one_of(
    st.sampled_from(["hunter2", "4821", "482193", "word", "abc-def", "deadbeef", "a1", "1.2.3.4"]),
    st.sampled_from([*CARDS, *(separator.join(CARD_GROUPS) for separator in CARD_SEPARATORS)]),
    st.text("0123456789abcdef", min_size=32, max_size=32),
    st.text(MIXED, min_size=6, max_size=40),
    st.text(string.ascii_letters + "-_", min_size=10, max_size=40),
    st.text(string.digits + " .-/:_,", min_size=12, max_size=30),
    st.text(MIXED + "+/=._~-", min_size=16, max_size=60),
)
FRAGMENTS = st.one_of(
    st.sampled_from(WORDS),
    st.sampled_from(SEPARATORS),
    st.sampled_from(SEPARATORS),
    VALUES,
    st.sampled_from(PATTERNS).flatmap(st.from_regex),
    st.sampled_from(TOKEN_PATTERNS).flatmap(st.from_regex),
)
TEXTS = st.lists(FRAGMENTS, min_size=1, max_size=7).map("".join)


def prefilter_and_redactor(*, pii):
    """Return a prefilter, and the redactor whose full scan it saves."""
    pairs = PairFinder(NameClassifier(), "[redacted]")
    prefilter = Prefilter(pairs, pii=pii)
    redactor = TextRedactor(
        prefilter=prefilter,
        pairs=pairs,
        replacement="[redacted]",
        patterns=(),
        pii=pii,
        redact_value=lambda value: value,
    )
    return prefilter, redactor


BOTH = [prefilter_and_redactor(pii=True), prefilter_and_redactor(pii=False)]


def holds_a_secret(redactor, text):
    try:
        return any(redactor.find(text))
    except TooManyLayersError:
        return True


@patient
@given(st.lists(TEXTS, min_size=1, max_size=3), st.sampled_from(BOTH))
def test_the_prefilter_selects_every_text_that_holds_a_secret(texts, both):
    """Alone, and among the other texts of an event."""
    prefilter, redactor = both

    secret = {text for text in texts if holds_a_secret(redactor, text)}

    assert secret <= {*prefilter.texts_to_scan(texts)}


def codes_after_words():
    digest, code = cases.hexadecimal(32), cases.some(4, cases.DIGITS)
    return [
        (f'Digest username="a", response="{digest}"', digest),
        *((f"{scheme}{digest}", digest) for scheme in ("Token\t", "hmac\t", "DIGEST:", "ApiKey\t")),
        (f"my PIN {code}", code),
        (f"otp\t{code}", code),
        (f"my passcode {code}", code),
        (f"P\u0130N {code}", code),
        (f"-p -password x{code}", code),
        (f'("password", "x{code}")', code),
        (f'"name": "password", "value": "x{code}"', code),
    ]


@pytest.mark.parametrize(("text", "secret"), codes_after_words(), ids=lambda text: text[:12])
def test_a_secret_after_a_word_is_found_whatever_separates_them(text, secret):
    """The prefilter knows the same words and separators as the full scan."""
    event = SensitiveFieldGuard()({"name": "a", "data": {"text": text}, "context": {}})

    assert secret not in event["data"]["text"]


class Unfindable(str):
    """A key that no mapping finds again."""

    __slots__ = ()

    def __hash__(self):
        return id(object()) + next(COUNT)

    __eq__ = object.__eq__


COUNT = itertools.count()


def test_a_text_under_a_key_that_cannot_be_looked_up_is_redacted():
    """The event is rebuilt item by item, and not copied and then changed."""
    data = {Unfindable("note"): f"Bearer {cases.some(24)}1a"}

    found = SensitiveFieldGuard()({"name": "a", "data": data, "context": {}})["data"]

    assert [*found.values()] == ["Bearer [redacted]"]


NAMES = st.sampled_from([*"abc", "note", "card", "pin", "session", "version", "password", "tokens"])
VALUES_OF_EVENTS = st.recursive(
    TEXTS | st.integers(0, 10**13) | st.sampled_from([None, True, 1.5, int(CARDS[0]), "1.2.3.4"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(NAMES, inner, max_size=3)
        | st.lists(inner | NAMES, min_size=2, max_size=2)
        | inner.map(lambda value: json.dumps({"a": value}))
    ),
    max_leaves=5,
)
# A guard with extra patterns does not use the fast path. This pattern matches nothing.
GUARDS = [
    (SensitiveFieldGuard(pii=pii), SensitiveFieldGuard(pii=pii, extra_patterns=["(?!)"]))
    for pii in (False, True)
]


@patient
@given(st.dictionaries(NAMES, VALUES_OF_EVENTS, max_size=3), st.sampled_from(GUARDS))
def test_an_event_comes_out_of_the_fast_path_as_out_of_the_full_walk(data, guards):
    """The fast path saves time, and changes nothing else."""
    fast, full = guards
    event = {"name": "a", "data": data, "context": {}}

    assert fast(event) == full(event)
