"""How many requests a client may make."""

from __future__ import annotations

import os
from collections.abc import Callable
from ipaddress import IPv6Address
from threading import Lock
from weakref import WeakSet

from eventtracking.request.client_address import address_of
from eventtracking.web.collector.recent import Recent

MAX_CLIENTS = 10_000
"""How many clients are remembered, at least. One that is forgotten may make a whole burst again."""

# Taking a token is a handful of operations. Whoever cannot begin for so long goes on unlimited.
_LOCK_SECONDS = 0.5

# A provider gives a household, or a single machine, a network of its own.
_HOST_BITS = 64


class RateLimit:
    """
    A bucket of tokens for each client: a request takes one, and time gives them back.

    Args:
        rate: How many requests a second are allowed in the long run.
        burst: How many at once.
        clock: Monotonic seconds. If it jumps back, nobody gains or loses by it.
    """

    def __init__(self, *, rate: float, burst: int, clock: Callable[[], float]) -> None:
        self._rate = rate
        self._burst = float(burst)
        self._clock = clock
        self.clients: Recent[_Bucket] = Recent(MAX_CLIENTS)
        self.unlock()
        _limits.add(self)

    def unlock(self) -> None:
        """Take a new lock, as a forked child must: who held the old one is not there."""
        self._lock = Lock()

    def wait(self, ip: str) -> float:
        """Return how many seconds the client has to wait; 0 if this request is allowed."""
        client, lock = _client(ip), self._lock
        if not lock.acquire(timeout=_LOCK_SECONDS):
            return 0.0
        try:
            return self._take(client)
        finally:
            lock.release()

    def _take(self, client: str) -> float:
        now = self._clock()
        bucket = self.clients.get(client, lambda: _Bucket(self._burst, now))
        passed = max(0.0, now - bucket.at)
        tokens = min(self._burst, bucket.tokens + passed * self._rate)
        bucket.at = now
        if tokens >= 1.0:
            bucket.tokens = tokens - 1.0
            return 0.0
        bucket.tokens = tokens
        return (1.0 - tokens) / self._rate


class _Bucket:
    """The tokens that a client had left at a time."""

    __slots__ = ("at", "tokens")

    def __init__(self, tokens: float, at: float) -> None:
        self.tokens = tokens
        self.at = at


def _client(ip: str) -> str:
    """Return what stands for the client at *ip*: an IPv4 address, or a network of IPv6."""
    address = address_of(ip.partition("%")[0]) if ":" in ip else None
    if isinstance(address, IPv6Address):
        return f"{int(address) >> _HOST_BITS:x}"
    return ip if address is None else str(address)


def _unlock_all() -> None:
    for limit in _limits:
        limit.unlock()


_limits: WeakSet[RateLimit] = WeakSet()
os.register_at_fork(after_in_child=_unlock_all)
