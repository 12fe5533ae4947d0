"""The delay before a request is repeated: random, increasing, and as long as a server asks."""

from __future__ import annotations

import random
from collections.abc import Callable

_MIN_SECONDS = 0.5
_MAX_SECONDS = 60.0

# A server that asks for a longer delay gets a request sooner: it may have meant milliseconds.
_MAX_REQUESTED_SECONDS = 3600.0

# A delay that a server asks for is extended by up to this share, at random, so that its many
# clients do not return at once.
_SPREAD = 0.1

# Not the generator of the `random` module, which the application may have seeded and which
# forked children share.
_chance = random.SystemRandom().random


class Backoff:
    """
    Exponential backoff with full jitter.

    The randomness keeps the clients of a server that recovers apart; see
    https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/

    Args:
        chance: Returns a random number from 0.0 to 1.0.
    """

    def __init__(self, *, chance: Callable[[], float] = _chance) -> None:
        self._chance = chance
        self._failures = 0

    def reset(self) -> None:
        """Start again with short delays, after a success."""
        self._failures = 0

    def next_delay(self, requested: float | None = None) -> float:
        """
        Return the seconds to wait after a failure. The next delay may be longer.

        Args:
            requested: The seconds that the server asked to wait.
        """
        self._failures = min(self._failures + 1, 16)
        ceiling = min(_MAX_SECONDS, _MIN_SECONDS * 2.0**self._failures)
        share = self._chance()
        delay = _MIN_SECONDS + share * (ceiling - _MIN_SECONDS)
        return max(delay, min(requested or 0.0, _MAX_REQUESTED_SECONDS) * (1 + share * _SPREAD))
