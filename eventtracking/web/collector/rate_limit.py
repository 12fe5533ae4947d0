"""Limit the rate of requests from each client."""

from __future__ import annotations

import os
from collections.abc import Callable
from ipaddress import IPv6Address
from threading import Lock
from weakref import WeakSet

from eventtracking.locks import held
from eventtracking.request.client_address import parse_address
from eventtracking.web.collector.bounded_cache import BoundedCache

MAX_CLIENTS = 10_000
"""The number of recent clients that are certainly remembered. Others start with a full burst."""

# Taking a token needs only a few operations. A request that has waited so long for the lock is
# allowed without taking one.
_LOCK_SECONDS = 0.5

# Providers assign an IPv6 network of this size to a household, or to a single machine.
_HOST_BITS = 64


class RateLimit:
    """
    A token bucket for each client: a request takes a token, and tokens return over time.

    Args:
        rate: The number of requests per second that are allowed in the long run.
        burst: The number of requests that are allowed at once.
        clock: Returns monotonic seconds. A clock that jumps back changes no bucket.
    """

    def __init__(self, *, rate: float, burst: int, clock: Callable[[], float]) -> None:
        self._rate = rate
        self._burst = float(burst)
        self._clock = clock
        self.clients: BoundedCache[_Bucket] = BoundedCache(MAX_CLIENTS)
        self.reset_lock()
        _limits.add(self)

    def reset_lock(self) -> None:
        """Make a new lock. A forked child needs one: its parent's thread never releases the old."""
        self._lock = Lock()

    def seconds_to_wait(self, ip: str) -> float:
        """Return 0 if the client at *ip* may make a request now, and count it; else the wait."""
        client = _client(ip)
        with held(self._lock, _LOCK_SECONDS) as is_held:
            return self._take_token(client) if is_held else 0.0

    def _take_token(self, client: str) -> float:
        now = self._clock()
        bucket = self.clients.get(client, lambda: _Bucket(self._burst, now))
        passed = max(0.0, now - bucket.updated)
        tokens = min(self._burst, bucket.tokens + passed * self._rate)
        bucket.updated = now
        if tokens >= 1.0:
            bucket.tokens = tokens - 1.0
            return 0.0
        bucket.tokens = tokens
        return (1.0 - tokens) / self._rate


class _Bucket:
    """The number of tokens of a client at the time of its last request."""

    __slots__ = ("tokens", "updated")

    def __init__(self, tokens: float, updated: float) -> None:
        self.tokens = tokens
        self.updated = updated


def _client(ip: str) -> str:
    """Return the key of the client at *ip*: an IPv4 address, or a network of IPv6."""
    address = parse_address(ip.partition("%")[0]) if ":" in ip else None
    if isinstance(address, IPv6Address):
        return f"{int(address) >> _HOST_BITS:x}"
    return ip if address is None else str(address)


def _reset_locks() -> None:
    for limit in _limits:
        limit.reset_lock()


_limits: WeakSet[RateLimit] = WeakSet()
os.register_at_fork(after_in_child=_reset_locks)
