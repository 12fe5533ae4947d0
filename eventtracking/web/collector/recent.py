"""Remember the keys of late, and no more of them than fit."""

from __future__ import annotations

from collections.abc import Callable
from itertools import count
from typing import Generic, TypeVar

Value = TypeVar("Value")


class Recent(Generic[Value]):
    """
    A mapping that forgets what was not asked for lately.

    It has two halves. What is asked for goes into the young one; when that is full, it becomes
    the old one, and what was old is forgotten. So the last *size* keys at least are there,
    never more than twice as many, and no lock is taken: nothing is held at a fork.

    Args:
        size: How many keys are there for certain.
    """

    def __init__(self, size: int) -> None:
        self._size = size
        self._halves: tuple[_Half[Value], _Half[Value]] = (_Half(), _Half())

    def get(self, key: str, make: Callable[[], Value]) -> Value:
        """Return what stands under *key*; if nothing does, what *make* returns, from now on."""
        young, old = self._halves
        found = young.get(key)
        if found is None:
            found = old.get(key)
            # setdefault: of two threads that ask at once, both get what the first one made.
            found = young.setdefault(key, make() if found is None else found)
            # One thread turns them, however many see that it is time.
            if len(young) >= self._size and not next(young.turn):
                self._halves = (_Half(), young)
        return found

    def forget(self, key: str) -> None:
        """Forget what stands under *key*."""
        for half in self._halves:
            half.pop(key, None)

    def __len__(self) -> int:
        return sum(map(len, self._halves))


class _Half(dict[str, Value]):
    """One half, and whose turn it is to close it."""

    def __init__(self) -> None:
        super().__init__()
        self.turn = count()
