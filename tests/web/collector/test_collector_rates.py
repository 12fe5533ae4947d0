"""How often a client may ask, and what it is told when that was too often."""

import os
import sys

import pytest
from collector_requests import FACTS, HEADERS, Site, encoded
from core_fakes import Clock, in_threads
from hypothesis import given
from hypothesis import strategies as st

from eventtracking.web.collector.rates import MAX_CLIENTS, RateLimit


def limited(clock, rate=20, burst=100):
    return RateLimit(rate=rate, burst=burst, clock=clock)


def allowed(limit, ip, number):
    return sum(limit.wait(ip) == 0 for _ in range(number))


def test_a_client_may_make_a_burst_and_then_so_many_a_second():
    """The one beside it is not touched."""
    clock = Clock()
    limit = limited(clock)

    assert allowed(limit, "203.0.113.1", 150) == 100
    assert allowed(limit, "203.0.113.2", 150) == 100
    clock.now += 1
    assert allowed(limit, "203.0.113.1", 150) == 20
    clock.now += 3600
    assert allowed(limit, "203.0.113.1", 150) == 100


def test_a_client_is_told_when_to_come_again():
    """In whole seconds, and at least one."""
    clock = Clock()
    site = Site(rate=0.1, burst=1, clock=clock)

    assert site.post(encoded()).status == 200
    answer = site.post(encoded())
    clock.now += 9.5
    nearly = site.post(encoded())

    assert (answer.status, dict(answer.headers)["Retry-After"]) == (429, "10")
    assert (nearly.status, dict(nearly.headers)["Retry-After"]) == (429, "1")
    clock.now += 0.5
    assert site.post(encoded()).status == 200
    assert site.refused() == {"rate_limited": 2}


def test_requests_count_and_not_events():
    """A batch is there to be filled; a form is one as well."""
    site = Site(rate=1, burst=2, clock=Clock())

    assert [site.post(encoded(*[{"name": "a"}] * 100)).status for _ in range(3)] == [200, 200, 429]
    assert len(site.events) == 200


def test_who_has_no_right_to_send_takes_nothing_from_who_has():
    """A foreign page cannot spend what its visitor may send; a preflight costs nothing."""
    site = Site(rate=1, burst=1, clock=Clock())
    for _ in range(5):
        site.post(encoded(), {**HEADERS, "origin": "https://evil.example"})
        site.collector("OPTIONS", HEADERS, b"", FACTS)

    assert site.post(encoded()).status == 200


def test_a_network_of_ipv6_is_one_client():
    """A household, or one machine, has all of its addresses."""
    limit = limited(Clock())

    assert allowed(limit, "2001:db8:0:1::1", 80) == 80
    assert allowed(limit, "2001:db8:0:1:ffff::9", 80) == 20
    assert allowed(limit, "2001:db8:0:2::1", 80) == 80
    assert allowed(limit, "::ffff:203.0.113.1", 80) == 80
    assert allowed(limit, "203.0.113.1", 80) == 20
    assert allowed(limit, "fe80::1%eth0", 150) == 100


def test_ten_thousand_requests_of_five_thousand_clients_are_counted_right():
    """And no more clients are remembered than there is room for."""
    clock = Clock()
    limit = limited(clock, rate=1, burst=1)
    waits = [limit.wait(f"203.0.{number // 250}.{number % 250}") for number in range(5_000)] + [
        limit.wait(f"203.0.{number // 250}.{number % 250}") for number in range(5_000)
    ]

    assert waits.count(0) == 5_000
    assert len(limit.clients) == 5_000


def test_so_many_clients_are_remembered():
    """Whoever made a burst, and waits until nearly as many others came, may make no other."""
    limit = limited(Clock(), burst=1)
    for number in range(2 * MAX_CLIENTS):
        limit.wait(f"10.{number // 65_536}.{number // 256 % 256}.{number % 256}")
    late = range(MAX_CLIENTS, 2 * MAX_CLIENTS)
    waits = [limit.wait(f"10.{n // 65_536}.{n // 256 % 256}.{n % 256}") for n in late]

    assert all(waits)


def test_memory_is_bounded_whoever_comes():
    """Who asks all the time is not forgotten meanwhile."""
    limit = limited(Clock(), burst=3)
    counted = 0
    for number in range(40_000):
        limit.wait(f"10.{number // 65_536}.{number // 256 % 256}.{number % 256}")
        counted += limit.wait("203.0.113.1") == 0
        assert len(limit.clients) <= 2 * MAX_CLIENTS

    assert counted == 3


def test_a_clock_that_jumps_gives_nothing_away():
    """Back or forth: never more than a burst, and the limit works on."""
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
def test_no_trace_of_requests_gets_more_than_burst_and_rate(trace, burst, rate):
    """Over any stretch of time."""
    clock = Clock()
    limit = limited(clock, rate, burst)
    start, passed = clock.now, 0
    for pause, number in trace:
        clock.now += pause
        passed += allowed(limit, "a", number)

        assert passed <= burst + rate * (clock.now - start) + 1e-6


def test_threads_share_the_limit():
    """None of them gets a token twice, however they take turns."""
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
def test_a_fork_takes_no_lock_along():
    """One that a thread of the parent held would stay held for ever."""
    limit = limited(Clock(), burst=1)
    limit._lock.acquire(timeout=5)
    child = os.fork()
    if not child:
        os._exit(0 if (limit.wait("a"), limit.wait("a") > 0) == (0, True) else 1)

    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    limit._lock.release()


def test_there_may_be_no_limit():
    """Where a proxy in front sees to it."""
    site = Site(rate=None)

    assert {site.post(encoded()).status for _ in range(500)} == {200}


@pytest.mark.parametrize("facts", [None, {}, {"ip": ""}])
def test_clients_that_nobody_can_tell_apart_are_one(facts):
    """Behind a Unix socket without trusted proxies, say."""
    site = Site(rate=1, burst=2, clock=Clock())

    assert [site.post(encoded(), facts=facts).status for _ in range(3)] == [200, 200, 429]
