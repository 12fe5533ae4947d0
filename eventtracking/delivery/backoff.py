"""When to try again: back off at random, and not before a receiver asks for it, up to an hour."""

from __future__ import annotations

import random
from collections.abc import Callable

# No wait is shorter than the first figure, or longer than the second.
_SHORTEST_SECONDS = 0.5
_LONGEST_SECONDS = 60.0

# A receiver that asks for more is asked again sooner: it may have meant milliseconds.
_LONGEST_ASKED_SECONDS = 3600.0

# By up to this share of what a receiver asked for, its many senders come later, each
# at a moment of its own.
_SPREAD = 0.1

# Not the generator that the host may have seeded, and that forked children share.
_chance = random.SystemRandom().random


class Backoff:
    """
    The waits between attempts: each up to twice as long as the last could be, at random.

    This "full jitter" keeps the many processes that a recovering receiver meets apart; see
    https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/

    Args:
        chance: Returns a random number from 0.0 to 1.0.
    """

    def __init__(self, *, chance: Callable[[], float] = _chance) -> None:
        self._chance = chance
        self._failures = 0

    def reset(self) -> None:
        """Begin with short waits again: something arrived."""
        self._failures = 0

    def seconds(self, asked: float | None = None) -> float:
        """Return how long to wait now, at least the *asked* seconds, and longer next time."""
        self._failures = min(self._failures + 1, 16)
        ceiling = min(_LONGEST_SECONDS, _SHORTEST_SECONDS * 2.0**self._failures)
        share = self._chance()
        wait = _SHORTEST_SECONDS + share * (ceiling - _SHORTEST_SECONDS)
        return max(wait, min(asked or 0.0, _LONGEST_ASKED_SECONDS) * (1 + share * _SPREAD))
