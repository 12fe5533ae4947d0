"""What a glance calls clean, a close look calls clean, too."""

import itertools
import json
import re
import string

import pytest
import sensitive_cases as cases
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from eventtracking.processors.sensitive_guard import SensitiveFieldGuard
from eventtracking.redaction import credentials, people
from eventtracking.redaction.forms import FORMS
from eventtracking.redaction.glance import Glance
from eventtracking.redaction.names import Names
from eventtracking.redaction.pairs import Pairs
from eventtracking.redaction.text import Texts
from eventtracking.redaction.views import TooManyLayersError

patient = settings(
    deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much]
)

# All that the finders look for by its letters: `Bearer`, `password`, `identified by`.
PATTERNS = [
    *(form.pattern for form in FORMS),
    *(each for each in vars(credentials).values() if isinstance(each, re.Pattern)),
    *(each for each in vars(people).values() if isinstance(each, re.Pattern)),
]
WORDS = sorted(
    {word for each in PATTERNS for word in re.findall(r"(?<!\\)[A-Za-z]{2,}", each.pattern)}
    | {sign for form in FORMS for sign in form.signs}
    | {sign for sign, _ in credentials.FINDERS}
    | {part for part, _ in credentials.BROKEN_TOKENS + credentials.LONG_TOKENS}
    | {"secret", "key", "token", "api_key", "code", "number", "sid", "user", "credential", "x"}
)
TOKENS = [each for _, each in credentials.BROKEN_TOKENS + credentials.LONG_TOKENS]
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
CARD_SIGNS = [*" -./_:|*,+", "  ", "--", "..", " - ", "\n", "\t", "\u00b7", "\u2013", "\0"]
VALUES = st.one_of(
    st.sampled_from(["hunter2", "4821", "482193", "word", "abc-def", "deadbeef", "a1", "1.2.3.4"]),
    st.sampled_from([*CARDS, *(sign.join(CARD_GROUPS) for sign in CARD_SIGNS)]),
    st.text("0123456789abcdef", min_size=32, max_size=32),
    st.text(MIXED, min_size=6, max_size=40),
    st.text(string.ascii_letters + "-_", min_size=10, max_size=40),
    st.text(string.digits + " .-/:_,", min_size=12, max_size=30),
    st.text(MIXED + "+/=._~-", min_size=16, max_size=60),
)
PARTS = st.one_of(
    st.sampled_from(WORDS),
    st.sampled_from(SEPARATORS),
    st.sampled_from(SEPARATORS),
    VALUES,
    st.sampled_from(PATTERNS).flatmap(st.from_regex),
    st.sampled_from(TOKENS).flatmap(st.from_regex),
)
TEXTS = st.lists(PARTS, min_size=1, max_size=7).map("".join)


def looks(*, pii):
    """Return a quick look and a close one."""
    pairs = Pairs(Names(), "[redacted]")
    glance = Glance(pairs, pii=pii)
    texts = Texts(
        glance=glance,
        pairs=pairs,
        replacement="[redacted]",
        patterns=(),
        pii=pii,
        scrub_value=lambda value: value,
    )
    return glance, texts


LOOKS = [looks(pii=True), looks(pii=False)]


def holds_a_secret(texts, text):
    try:
        return any(texts._spans(text))
    except TooManyLayersError:
        return True


@patient
@given(st.lists(TEXTS, min_size=1, max_size=3), st.sampled_from(LOOKS))
def test_a_text_that_holds_a_secret_is_doubtful_at_a_glance(many, looks):
    """Alone, and among the other texts of an event."""
    glance, close = looks

    secret = {text for text in many if holds_a_secret(close, text)}

    assert secret <= {*glance.doubtful(many)}


def spoken_of():
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


@pytest.mark.parametrize(("text", "secret"), spoken_of(), ids=lambda text: text[:12])
def test_a_secret_behind_a_word_is_seen_whatever_stands_between_them(text, secret):
    """A quick look knows the same words and signs as a close one."""
    event = SensitiveFieldGuard()({"name": "a", "data": {"text": text}, "context": {}})

    assert secret not in event["data"]["text"]


class Unfindable(str):
    """A name that no mapping finds again."""

    __slots__ = ()

    def __hash__(self):
        return id(object()) + next(COUNT)

    __eq__ = object.__eq__


COUNT = itertools.count()


def test_a_text_under_a_name_of_a_strange_kind_is_hidden_too():
    """A copy of the event is made, and nothing is put right in it afterwards."""
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
# An event is not looked at quickly if there are patterns that only a close look knows.
GUARDS = [
    (SensitiveFieldGuard(pii=pii), SensitiveFieldGuard(pii=pii, extra_patterns=["(?!)"]))
    for pii in (False, True)
]


@patient
@given(st.dictionaries(NAMES, VALUES_OF_EVENTS, max_size=3), st.sampled_from(GUARDS))
def test_an_event_comes_out_of_a_quick_look_as_out_of_a_close_one(data, guards):
    """The quick look spares time, and changes nothing else."""
    quick, close = guards
    event = {"name": "a", "data": data, "context": {}}

    assert quick(event) == close(event)
