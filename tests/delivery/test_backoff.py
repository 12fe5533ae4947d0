"""How long to wait before the next attempt."""

import random

from hypothesis import given
from hypothesis import strategies as st

from eventtracking.delivery.backoff import Backoff

CHANCES = st.floats(0.0, 1.0)


@given(chances=st.lists(CHANCES, min_size=1, max_size=40))
def test_every_wait_is_from_half_a_second_to_a_minute(chances):
    """Whatever chance says, and however long it goes on."""
    drawn = iter(chances)
    backoff = Backoff(chance=lambda: next(drawn))

    waits = [backoff.seconds() for _ in chances]

    assert all(0.5 <= wait <= 60.0 for wait in waits)


@given(
    asked=st.floats(0.0, 3600.0),
    failures=st.integers(0, 30),
    chance=CHANCES,
)
def test_no_wait_ends_before_the_time_that_the_receiver_asked_for(asked, failures, chance):
    """Nor much later: by a tenth, or by what it would have been anyway."""
    backoff = Backoff(chance=lambda: chance)
    for _ in range(failures):
        backoff.seconds()

    wait = backoff.seconds(asked)

    assert asked <= wait <= max(60.0, asked * 1.1)


@given(asked=st.floats(3600.0, 1e15))
def test_no_receiver_puts_events_off_for_longer_than_about_an_hour(asked):
    """It may have meant milliseconds, or a date."""
    assert Backoff(chance=lambda: 1.0).seconds(asked) <= 3600.0 * 1.1


def test_the_longest_waits_double_up_to_a_minute():
    """Patience grows with the failures."""
    backoff = Backoff(chance=lambda: 1.0)

    assert [backoff.seconds() for _ in range(9)] == [1, 2, 4, 8, 16, 32, 60, 60, 60]


def test_the_jitter_is_full():
    """Even after many failures a wait may be short: that is what keeps senders apart."""
    unlucky = Backoff(chance=lambda: 0.0)

    assert [unlucky.seconds() for _ in range(5)] == [0.5] * 5


def test_two_senders_that_failed_together_come_back_apart():
    """Already at the first attempt, and when the receiver named the moment."""
    ours, theirs = (Backoff(chance=random.Random(seed).random) for seed in (1, 2))

    assert ours.seconds() != theirs.seconds()
    assert ours.seconds(30.0) != theirs.seconds(30.0)


def test_after_an_arrival_the_waits_are_short_again():
    """The next failure is a new one."""
    backoff = Backoff(chance=lambda: 1.0)
    for _ in range(5):
        backoff.seconds()
    backoff.reset()

    assert backoff.seconds() == 1.0


def test_a_very_long_failure_breaks_nothing():
    """A receiver may be away for a week."""
    backoff = Backoff()
    for _ in range(20_000):
        backoff.seconds()

    assert backoff.seconds() <= 60.0
