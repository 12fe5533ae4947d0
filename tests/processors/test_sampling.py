"""`Sampling`: all events of a fixed share of the users."""

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
def test_the_share_of_kept_users_is_the_rate(rate):
    """Within two percentage points, for twenty thousand consecutive ids."""
    processor = Sampling(rate=rate)
    kept = sum(passes(processor, user) for user in range(20_000))

    assert abs(kept / 20_000 - rate) < 0.02


@pytest.mark.parametrize(("rate", "expected"), [(0.0, False), (0, False), (1.0, True), (1, True)])
def test_the_rates_zero_and_one_are_exact(rate, expected):
    """No user is sampled by a rounding error."""
    processor = Sampling(rate=rate)

    assert {passes(processor, user) for user in range(5000)} == {expected}


@given(USERS, RATES)
def test_a_user_is_always_kept_or_always_dropped(user, rate):
    """For every event, by every object with the same rate."""
    assert passes(Sampling(rate=rate), user) is passes(Sampling(rate=rate), user)


@given(USERS, RATES, RATES)
def test_a_greater_share_contains_a_smaller_one(user, one, other):
    """No user leaves the sample when the rate is increased."""
    smaller, greater = sorted([one, other])

    assert passes(Sampling(rate=smaller), user) <= passes(Sampling(rate=greater), user)


def test_every_process_makes_the_same_choice():
    """With any `PYTHONHASHSEED`."""
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
def test_events_without_a_user_are_kept(event):
    """They belong to no sequence of a user's events."""
    assert Sampling(rate=0.0)(event) is event


def test_the_number_0_is_a_user():
    """Only an empty text and `None` are not."""
    assert not passes(Sampling(rate=0.0), 0)


def test_another_field_can_identify_users():
    """For example the session."""
    processor = Sampling(rate=0.0, key="session")

    assert not passes(processor, "s1", key="session")
    assert passes(processor, "u1", key="user_id")


def test_a_user_may_be_any_value():
    """Names in any script, a lone surrogate, bytes and numbers."""
    processor = Sampling(rate=0.5)

    assert {passes(processor, user) for user in ("ünï", "漢字", "\ud800", b"x", 1.5)} <= {
        True,
        False,
    }


@pytest.mark.parametrize(
    "rate", [-0.1, 1.1, float("nan"), float("inf"), "0.5", None, Decimal("0.5")]
)
def test_a_rate_must_be_a_number_from_0_to_1(rate):
    """The error shows the value."""
    with pytest.raises(ImproperlyConfigured) as raised:
        Sampling(rate=rate)

    assert str(raised.value) == f"Sampling: rate must be a number from 0 to 1, got {rate!r}"


def test_the_repr_shows_the_options():
    """Log messages and the shell show it."""
    assert repr(Sampling(rate=0.5)) == "<Sampling rate=0.5 key='user_id'>"
