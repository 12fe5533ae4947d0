"""The quick look at an event, which is enough for nearly all of them."""

from __future__ import annotations

from datetime import date, datetime
from types import NoneType
from typing import Any

from eventtracking.redaction import cards, suspicions
from eventtracking.redaction.names import Names
from eventtracking.redaction.suspicions import Suspicion
from eventtracking.redaction.text import Texts
from eventtracking.redaction.values import is_card, is_pair, is_version

# Between the names of a mapping.
_SEPARATOR = "\0"

_REMEMBERED = 1024
_MOST_NAMES = 64
_MOST_LEVELS = 50

_PAIR = 2

_HARMLESS = frozenset({bool, NoneType, float, datetime, date})
_UNCHANGED = _HARMLESS | {int}


class QuickLook:
    """
    Hide the secrets in an event that has them in its texts alone, as nearly all events do.

    It collects the texts of an event, while it sees that there is nothing else to look at,
    and has them judged together. The names in a mapping are judged once, too: the next
    event of the same kind has the same ones.
    """

    def __init__(self, names: Names, texts: Texts) -> None:
        self._names = names
        self._texts = texts
        self._known: dict[str, tuple[tuple[str, Suspicion], ...]] = {}

    def scrubbed(self, value: Any) -> Any:
        """Return *value*, or a copy of it without its secrets; `None` if it needs a closer look."""
        found: list[str] = []
        if not self._is_harmless(value, found, _MOST_LEVELS):
            return None
        changed = self._texts.changed(found)
        return _with_changes(value, changed) if changed else value

    def _is_harmless(self, value: Any, found: list[str], levels: int) -> bool:
        """Tell whether *value* is harmless but for the texts that are added to *found*."""
        if type(value) is dict:
            return self._mapping(value, found, levels)
        return type(value) is list and self._list(value, found, levels)

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
            return value < cards.SMALLEST or not is_card(value)
        return levels > 0 and self._is_harmless(value, found, levels - 1)

    def _list(self, values: list[Any], found: list[str], levels: int) -> bool:
        if len(values) == _PAIR and self._names.suspicion(str(values[0])[:200]) is not None:
            return False
        for value in values:
            if type(value) is str:
                if value.startswith("--"):
                    return False
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
        if is_pair(mapping) or self._texts.changed(joined.split(_SEPARATOR)):
            return None
        found = [(name, self._names.suspicion(name)) for name in names]
        asked = tuple((name, each) for name, each in found if each is not None)
        if any(each is suspicions.always for _, each in asked):
            return None
        if len(self._known) >= _REMEMBERED:
            self._known.clear()
        self._known[joined] = asked
        return asked


def _with_changes(value: Any, changed: dict[str, str]) -> Any:
    """Return a copy of *value*, a mapping or list, with the texts in it that are *changed*."""
    if type(value) is list:
        return [_with_change(None, item, changed) for item in value]
    # One by one, and not in a copy: who knows whether a name of a strange kind is found there.
    return {
        name: item if type(item) in _UNCHANGED else _with_change(name, item, changed)
        for name, item in value.items()
    }


def _with_change(name: str | None, item: Any, changed: dict[str, str]) -> Any:
    kind = type(item)
    if kind is not str:
        return _with_changes(item, changed) if kind is dict or kind is list else item
    if item not in changed or (name is not None and is_version(name, item)):
        return item
    return changed[item]


def _allays(mapping: dict[str, Any], asked: tuple[tuple[str, Suspicion], ...]) -> bool:
    """Tell whether the values under the names *asked* about are harmless."""
    for name, suspicion in asked:
        value = mapping[name]
        if type(value) not in _ANSWERS or suspicion(value):
            return False
    return True


_ANSWERS = frozenset({str, int, bool, NoneType, float})
