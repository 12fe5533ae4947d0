"""A mapping of limited size that drops the keys that were not used recently."""

from __future__ import annotations

from collections.abc import Callable
from itertools import count
from typing import Generic, TypeVar

Value = TypeVar("Value")


class BoundedCache(Generic[Value]):
    """
    A mapping that keeps at least the last *size* keys, and never more than twice as many.

    It has two generations. Keys are added to the young one when they are used. When that is
    full, it replaces the old one, whose keys are dropped. No lock is taken, so none is held
    during a fork.

    Args:
        size: The number of recently used keys that are certainly kept.
    """

    def __init__(self, size: int) -> None:
        self._size = size
        self._generations: tuple[_Generation[Value], _Generation[Value]] = (
            _Generation(),
            _Generation(),
        )

    def get(self, key: str, make: Callable[[], Value]) -> Value:
        """Return the value of *key*. If it is missing, add the result of *make*."""
        young, old = self._generations
        found = young.get(key)
        if found is None:
            found = old.get(key)
            # setdefault, so that two threads with the same key get the same value.
            found = young.setdefault(key, make() if found is None else found)
            # Of several threads that find the generation full, one replaces it.
            if len(young) >= self._size and not next(young.replacements):
                self._generations = (_Generation(), young)
        return found

    def remove(self, key: str) -> None:
        """Remove *key*, if it is there."""
        for generation in self._generations:
            generation.pop(key, None)

    def __len__(self) -> int:
        return sum(map(len, self._generations))


class _Generation(dict[str, Value]):
    """A generation of keys, and a counter of the attempts to replace it."""

    def __init__(self) -> None:
        super().__init__()
        self.replacements = count()
