"""The quick look at an event, which is enough for nearly all of them."""

from __future__ import annotations

from datetime import date, datetime
from types import NoneType
from typing import Any

from eventtracking._sensitive import cards, suspicions
from eventtracking._sensitive.glance import Glance
from eventtracking._sensitive.names import Names
from eventtracking._sensitive.suspicions import Suspicion
from eventtracking._sensitive.values import is_pair

# Between two texts that are looked at as one.
_SEPARATOR = "\0"

_REMEMBERED = 1024
_LONGEST_REMEMBERED = 128
_MOST_NAMES = 64
_MOST_LEVELS = 50

_PAIR = 2

_HARMLESS = frozenset({bool, NoneType, float, datetime, date})


class QuickLook:
    """
    See that an event is harmless without looking at each of its parts alone.

    It collects the texts of an event, while it sees that there is nothing else to look at,
    and has them judged as one. The names in a mapping are judged once, together: the next
    event of the same kind has the same ones.
    """

    def __init__(self, names: Names, glance: Glance) -> None:
        self._names = names
        self._glance = glance
        # The agent, the host, the course: most texts of an event stood in an earlier one.
        self._clean: set[str] = set()
        self._known: dict[str, tuple[tuple[str, Suspicion], ...]] = {}

    def is_harmless(self, event: Any) -> bool:
        """Tell whether *event* certainly holds no secret. When in doubt it says no."""
        found: list[str] = []
        if type(event) is not dict or not self._mapping(event, found, _MOST_LEVELS):
            return False
        return self._clean.issuperset(found) or self._are_clean(found)

    def _are_clean(self, found: list[str]) -> bool:
        clean = self._clean
        new = [text for text in found if text not in clean]
        if not self._glance.is_clean(_SEPARATOR.join(new)):
            return False
        if len(clean) >= _REMEMBERED:
            clean.clear()
        clean.update([text for text in new if len(text) <= _LONGEST_REMEMBERED])
        return True

    def _mapping(self, mapping: dict[Any, Any], found: list[str], levels: int) -> bool:
        """Tell whether *mapping* is harmless but for the texts that are added to *found*."""
        try:
            # Joined, because that takes the letters themselves: a subclass of str can
            # say that it equals anything.
            names = _SEPARATOR.join(mapping)
        except TypeError:
            return False
        asked = self._known.get(names)
        if asked is None:
            asked = self._learn(mapping, names)
        if asked is None or (asked and not _allays(mapping, asked)):
            return False
        for value in mapping.values():
            kind = type(value)
            if kind is str:
                found.append(value)
            elif kind not in _HARMLESS and not self._other(value, found, levels):
                return False
        return True

    def _other(self, value: Any, found: list[str], levels: int) -> bool:
        kind = type(value)
        if kind is int:
            return bool(value < cards.SMALLEST)
        if not levels:
            return False
        if kind is dict:
            return self._mapping(value, found, levels - 1)
        return kind is list and self._list(value, found, levels - 1)

    def _list(self, values: list[Any], found: list[str], levels: int) -> bool:
        if len(values) == _PAIR and self._names.suspicion(str(values[0])[:200]) is not None:
            return False
        for value in values:
            if type(value) is str:
                found.append(value)
            elif type(value) not in _HARMLESS and not self._other(value, found, levels):
                return False
        return True

    def _learn(
        self, mapping: dict[str, Any], joined: str
    ) -> tuple[tuple[str, Suspicion], ...] | None:
        """Return which names in *mapping* let one ask for the value; `None` to look closely."""
        names = [*mapping]
        if len(names) > _MOST_NAMES or joined.count(_SEPARATOR) > len(names) - bool(names):
            return None
        if is_pair(mapping) or not self._glance.is_clean(joined):
            return None
        found = [(name, self._names.suspicion(name)) for name in names]
        asked = tuple((name, each) for name, each in found if each is not None)
        if any(each is suspicions.always for _, each in asked):
            return None
        if len(self._known) >= _REMEMBERED:
            self._known.clear()
        self._known[joined] = asked
        return asked


def _allays(mapping: dict[str, Any], asked: tuple[tuple[str, Suspicion], ...]) -> bool:
    """Tell whether the values under the names *asked* about are harmless."""
    for name, suspicion in asked:
        value = mapping[name]
        if type(value) not in _ANSWERS or suspicion(value):
            return False
    return True


_ANSWERS = frozenset({str, int, bool, NoneType, float})
