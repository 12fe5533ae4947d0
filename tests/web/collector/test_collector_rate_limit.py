"""The rate limit of each client, and the response when it is exceeded."""

import os
import sys

import pytest
from collector_requests import FACTS, HEADERS, Site, encoded
from core_fakes import Clock, in_threads
from hypothesis import given
from hypothesis import strategies as st

from eventtracking.web.collector.rate_limit import MAX_CLIENTS, RateLimit


def limited(clock, rate=20, burst=100):
    return RateLimit(rate=rate, burst=burst, clock=clock)


def allowed(limit, ip, number):
    return sum(limit.seconds_to_wait(ip) == 0 for _ in range(number))


def test_a_client_may_make_a_burst_and_then_a_number_of_requests_per_second():
    """Other clients are not affected."""
    clock = Clock()
    limit = limited(clock)

    assert allowed(limit, "203.0.113.1", 150) == 100
    assert allowed(limit, "203.0.113.2", 150) == 100
    clock.now += 1
    assert allowed(limit, "203.0.113.1", 150) == 20
    clock.now += 3600
    assert allowed(limit, "203.0.113.1", 150) == 100


def test_the_response_has_the_seconds_to_wait():
    """A whole number, at least one."""
    clock = Clock()
    site = Site(rate=0.1, burst=1, clock=clock)

    assert site.post(encoded()).status == 200
    response = site.post(encoded())
    clock.now += 9.5
    later = site.post(encoded())

    assert (response.status, dict(response.headers)["Retry-After"]) == (429, "10")
    assert (later.status, dict(later.headers)["Retry-After"]) == (429, "1")
    clock.now += 0.5
    assert site.post(encoded()).status == 200
    assert site.refused() == {"rate_limited": 2}


def test_requests_are_counted_and_not_events():
    """A batch of a hundred events counts once."""
    site = Site(rate=1, burst=2, clock=Clock())

    assert [site.post(encoded(*[{"name": "a"}] * 100)).status for _ in range(3)] == [200, 200, 429]
    assert len(site.events) == 200


def test_a_page_of_another_site_cannot_use_up_the_requests_of_its_visitor():
    """Neither can preflights."""
    site = Site(rate=1, burst=1, clock=Clock())
    for _ in range(5):
        site.post(encoded(), {**HEADERS, "origin": "https://evil.example"})
        site.collector("OPTIONS", HEADERS, b"", FACTS)

    assert site.post(encoded()).status == 200


def test_an_ipv6_network_is_one_client():
    """A household, or a single machine, may use all of its addresses."""
    limit = limited(Clock())

    assert allowed(limit, "2001:db8:0:1::1", 80) == 80
    assert allowed(limit, "2001:db8:0:1:ffff::9", 80) == 20
    assert allowed(limit, "2001:db8:0:2::1", 80) == 80
    assert allowed(limit, "::ffff:203.0.113.1", 80) == 80
    assert allowed(limit, "203.0.113.1", 80) == 20
    assert allowed(limit, "fe80::1%eth0", 150) == 100


def test_requests_of_many_clients_are_counted_separately():
    """Ten thousand requests of five thousand clients."""
    clock = Clock()
    limit = limited(clock, rate=1, burst=1)
    clients = [f"203.0.{number // 250}.{number % 250}" for number in range(5_000)]
    waits = [limit.seconds_to_wait(client) for client in clients * 2]

    assert waits.count(0) == 5_000
    assert len(limit.clients) == 5_000


def test_the_last_clients_are_remembered():
    """None of them may make another burst."""
    limit = limited(Clock(), burst=1)
    for number in range(2 * MAX_CLIENTS):
        limit.seconds_to_wait(f"10.{number // 65_536}.{number // 256 % 256}.{number % 256}")
    late = range(MAX_CLIENTS, 2 * MAX_CLIENTS)
    waits = [limit.seconds_to_wait(f"10.{n // 65_536}.{n // 256 % 256}.{n % 256}") for n in late]

    assert all(waits)


def test_the_number_of_remembered_clients_is_bounded():
    """An active client is not forgotten meanwhile."""
    limit = limited(Clock(), burst=3)
    counted = 0
    for number in range(40_000):
        limit.seconds_to_wait(f"10.{number // 65_536}.{number // 256 % 256}.{number % 256}")
        counted += limit.seconds_to_wait("203.0.113.1") == 0
        assert len(limit.clients) <= 2 * MAX_CLIENTS

    assert counted == 3


def test_a_clock_that_jumps_allows_at_most_a_burst():
    """In both directions. The limit works afterwards."""
    clock = Clock()
    limit = limited(clock)
    assert allowed(limit, "a", 100) == 100
    clock.now -= 1_000_000
    assert allowed(limit, "a", 10) == 0
    clock.now += 1
    assert allowed(limit, "a", 100) == 20
    clock.now += 1e12
    assert allowed(limit, "a", 200) == 100


@given(
    st.lists(st.tuples(st.floats(0, 10), st.integers(1, 30)), max_size=30),
    st.integers(1, 50),
    st.floats(0.1, 100),
)
def test_no_sequence_of_requests_exceeds_burst_and_rate(sequence, burst, rate):
    """Over any period."""
    clock = Clock()
    limit = limited(clock, rate, burst)
    start, passed = clock.now, 0
    for pause, number in sequence:
        clock.now += pause
        passed += allowed(limit, "a", number)

        assert passed <= burst + rate * (clock.now - start) + 1e-6


def test_threads_share_the_limit():
    """No token is used twice, however the threads are scheduled."""
    limit = limited(Clock(), burst=2_000)
    counts = []
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        in_threads([lambda: counts.append(allowed(limit, "a", 500))] * 8)
    finally:
        sys.setswitchinterval(interval)

    assert sum(counts) == 2_000


@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_forked_child_does_not_inherit_a_held_lock():
    """The thread that holds it exists only in the parent."""
    limit = limited(Clock(), burst=1)
    limit._lock.acquire(timeout=5)
    child = os.fork()
    if not child:
        first, second = limit.seconds_to_wait("a"), limit.seconds_to_wait("a")
        os._exit(0 if first == 0 < second else 1)

    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    limit._lock.release()


def test_the_limit_can_be_disabled():
    """For example, if a proxy has one."""
    site = Site(rate=None)

    assert {site.post(encoded()).status for _ in range(500)} == {200}


@pytest.mark.parametrize("facts", [None, {}, {"ip": ""}])
def test_clients_without_an_address_share_one_limit(facts):
    """For example, behind a Unix socket without trusted proxies."""
    site = Site(rate=1, burst=2, clock=Clock())

    assert [site.post(encoded(), facts=facts).status for _ in range(3)] == [200, 200, 429]
