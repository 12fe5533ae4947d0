"""`Sampling`: a steady share of the users, whole or not at all."""

import subprocess
import sys
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eventtracking.exceptions import EventEmissionExit, ImproperlyConfigured
from eventtracking.processors.sampling import Sampling

RATES = st.integers(0, 10_000).map(lambda steps: steps / 10_000)
USERS = st.integers() | st.text(min_size=1) | st.uuids()


def passes(processor, user, key="user_id"):
    event = {"name": "a", "context": {key: user}}
    try:
        assert processor(event) is event
    except EventEmissionExit:
        return False
    return True


@pytest.mark.parametrize("rate", [0.01, 0.1, 0.25, 0.5, 0.9])
def test_the_share_is_what_was_asked_for(rate):
    """Within two percent, of twenty thousand users in a row."""
    processor = Sampling(rate=rate)
    kept = sum(passes(processor, user) for user in range(20_000))

    assert abs(kept / 20_000 - rate) < 0.02


@pytest.mark.parametrize(("rate", "expected"), [(0.0, False), (0, False), (1.0, True), (1, True)])
def test_nobody_and_everybody_are_exact(rate, expected):
    """Without a rounding error at the ends."""
    processor = Sampling(rate=rate)

    assert {passes(processor, user) for user in range(5000)} == {expected}


@given(USERS, RATES)
def test_a_user_is_always_in_or_always_out(user, rate):
    """At every event, for every object with that rate."""
    assert passes(Sampling(rate=rate), user) is passes(Sampling(rate=rate), user)


@given(USERS, RATES, RATES)
def test_a_greater_share_holds_the_smaller_one(user, one, other):
    """Raising the rate throws nobody out."""
    smaller, greater = sorted([one, other])

    assert passes(Sampling(rate=smaller), user) <= passes(Sampling(rate=greater), user)


def test_every_process_makes_the_same_choice():
    """Whatever `PYTHONHASHSEED` is there."""
    code = (
        "from eventtracking.processors.sampling import Sampling\n"
        "from eventtracking.exceptions import EventEmissionExit\n"
        "def passes(user):\n"
        "    try: return bool(Sampling(rate=0.5)({'context': {'user_id': user}}))\n"
        "    except EventEmissionExit: return False\n"
        "print([u for u in range(100) if passes(u)])"
    )
    run = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, check=True, text=True, timeout=300
    )

    assert run.stdout.strip() == str([u for u in range(100) if passes(Sampling(rate=0.5), u)])


@pytest.mark.parametrize(
    "event",
    [
        {"name": "a"},
        {"name": "a", "context": {}},
        {"name": "a", "context": {"user_id": None}},
        {"name": "a", "context": {"user_id": ""}},
    ],
)
def test_events_of_nobody_are_kept(event):
    """There is no path through them to cut."""
    assert Sampling(rate=0.0)(event) is event


def test_the_number_0_is_somebody():
    """Only an empty text and nothing at all are nobody."""
    assert not passes(Sampling(rate=0.0), 0)


def test_users_can_be_told_apart_by_another_field():
    """By their session, say."""
    processor = Sampling(rate=0.0, key="session")

    assert not passes(processor, "s1", key="session")
    assert passes(processor, "u1", key="user_id")


def test_any_user_has_a_place():
    """A name in any script, and half a surrogate pair."""
    processor = Sampling(rate=0.5)

    assert {passes(processor, user) for user in ("ünï", "漢字", "\ud800", b"x", 1.5)} <= {
        True,
        False,
    }


@pytest.mark.parametrize(
    "rate", [-0.1, 1.1, float("nan"), float("inf"), "0.5", None, Decimal("0.5")]
)
def test_a_rate_that_is_no_share_is_refused(rate):
    """In the form that every option is."""
    with pytest.raises(ImproperlyConfigured) as raised:
        Sampling(rate=rate)

    assert str(raised.value) == f"Sampling: rate must be from 0.0 to 1.0, got {rate!r}"


def test_it_shows_what_it_does():
    """In the log line of a failure, and in the shell."""
    assert repr(Sampling(rate=0.5)) == "<Sampling rate=0.5 key='user_id'>"
