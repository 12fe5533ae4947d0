"""The delays between attempts."""

import random

from hypothesis import given
from hypothesis import strategies as st

from eventtracking.delivery.backoff import Backoff

CHANCES = st.floats(0.0, 1.0)


@given(chances=st.lists(CHANCES, min_size=1, max_size=40))
def test_every_delay_is_from_half_a_second_to_a_minute(chances):
    """After any number of failures."""
    drawn = iter(chances)
    backoff = Backoff(chance=lambda: next(drawn))

    delays = [backoff.next_delay() for _ in chances]

    assert all(0.5 <= delay <= 60.0 for delay in delays)


@given(
    requested=st.floats(0.0, 3600.0),
    failures=st.integers(0, 30),
    chance=CHANCES,
)
def test_no_delay_is_shorter_than_the_server_requests(requested, failures, chance):
    """Nor much longer: by a tenth, or as long as it would have been without the request."""
    backoff = Backoff(chance=lambda: chance)
    for _ in range(failures):
        backoff.next_delay()

    delay = backoff.next_delay(requested)

    assert requested <= delay <= max(60.0, requested * 1.1)


@given(requested=st.floats(3600.0, 1e15))
def test_no_server_can_request_a_delay_of_much_more_than_an_hour(requested):
    """It may have meant milliseconds, or a date."""
    assert Backoff(chance=lambda: 1.0).next_delay(requested) <= 3600.0 * 1.1


def test_the_longest_delays_double_up_to_a_minute():
    """The delays grow with the number of failures."""
    backoff = Backoff(chance=lambda: 1.0)

    assert [backoff.next_delay() for _ in range(9)] == [1, 2, 4, 8, 16, 32, 60, 60, 60]


def test_a_delay_may_be_short_even_after_many_failures():
    """Full jitter keeps the clients of a server apart."""
    backoff = Backoff(chance=lambda: 0.0)

    assert [backoff.next_delay() for _ in range(5)] == [0.5] * 5


def test_two_clients_that_failed_at_once_return_at_different_times():
    """At the first attempt, and even if the server requested a delay."""
    one, other = (Backoff(chance=random.Random(seed).random) for seed in (1, 2))

    assert one.next_delay() != other.next_delay()
    assert one.next_delay(30.0) != other.next_delay(30.0)


def test_delays_are_short_again_after_a_success():
    """The next failure is unrelated."""
    backoff = Backoff(chance=lambda: 1.0)
    for _ in range(5):
        backoff.next_delay()
    backoff.reset()

    assert backoff.next_delay() == 1.0


def test_very_many_failures_are_harmless():
    """A server may be down for a week."""
    backoff = Backoff()
    for _ in range(20_000):
        backoff.next_delay()

    assert backoff.next_delay() <= 60.0
