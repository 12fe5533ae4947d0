"""A fast path for the events whose only secrets, if any, are in texts: nearly all events."""

from __future__ import annotations

from datetime import date, datetime
from types import NoneType
from typing import Any

from eventtracking.redaction import cards, value_tests
from eventtracking.redaction.field_names import NameClassifier
from eventtracking.redaction.field_rules import is_version, may_be_pair
from eventtracking.redaction.text import TextRedactor
from eventtracking.redaction.value_tests import ValueTest

# Between the joined names of a mapping.
_SEPARATOR = "\0"

_CACHE_SIZE = 1024
_MAX_NAMES = 64
_MAX_LEVELS = 50

_PAIR = 2
_LONGEST_NAME = 200

_HARMLESS_TYPES = frozenset({bool, NoneType, float, datetime, date})
_UNCHANGED_TYPES = _HARMLESS_TYPES | {int}
_TESTABLE_TYPES = frozenset({str, int, bool, NoneType, float})


class FastPath:
    """
    Redact an event whose secrets are all in texts, without a full walk.

    It collects the texts of the event, checks that nothing else needs attention, and has
    all texts examined at once. The names of a mapping are classified once, because the
    next event of the same kind has the same names.

    Args:
        names: Decides which names are sensitive.
        texts: Redacts the secrets in texts.
    """

    def __init__(self, names: NameClassifier, texts: TextRedactor) -> None:
        self._names = names
        self._texts = texts
        # By the joined names of a mapping: the names whose values have to be tested.
        self._known: dict[str, tuple[tuple[str, ValueTest], ...]] = {}

    def redact(self, value: Any) -> Any:
        """Return *value*, or a copy without its secrets; `None` if it needs the full walk."""
        texts: list[str] = []
        if not self._is_harmless(value, texts, _MAX_LEVELS):
            return None
        redacted = self._texts.redactions(texts)
        return _replace(value, redacted) if redacted else value

    def _is_harmless(self, value: Any, texts: list[str], levels: int) -> bool:
        """Return whether *value* is harmless apart from its texts, which are added to *texts*."""
        if type(value) is dict:
            return self._is_harmless_dict(value, texts, levels)
        return type(value) is list and self._is_harmless_list(value, texts, levels)

    def _is_harmless_dict(self, mapping: dict[Any, Any], texts: list[str], levels: int) -> bool:
        try:
            # Joining takes the characters themselves: a subclass of str may claim that it
            # equals any other text.
            names = _SEPARATOR.join(mapping)
        except TypeError:
            return False
        tests = self._known.get(names)
        if tests is None:
            tests = self._learn(mapping, names)
        if tests is None or (tests and not _passes_tests(mapping, tests)):
            return False
        for value in mapping.values():
            kind = type(value)
            if kind is str:
                texts.append(value)
            elif kind not in _HARMLESS_TYPES and not self._is_harmless_other(value, texts, levels):
                return False
        return True

    def _is_harmless_list(self, values: list[Any], texts: list[str], levels: int) -> bool:
        if len(values) == _PAIR:
            name = str(values[0])[:_LONGEST_NAME]
            if self._names.value_test(name) is not None:
                return False
        for value in values:
            if type(value) is str:
                if value.startswith("--"):
                    return False
                texts.append(value)
            elif type(value) not in _HARMLESS_TYPES and not self._is_harmless_other(
                value, texts, levels
            ):
                return False
        return True

    def _is_harmless_other(self, value: Any, texts: list[str], levels: int) -> bool:
        if type(value) is int:
            return value < cards.SMALLEST or not cards.is_card_integer(value)
        return levels > 0 and self._is_harmless(value, texts, levels - 1)

    def _learn(
        self, mapping: dict[str, Any], joined: str
    ) -> tuple[tuple[str, ValueTest], ...] | None:
        """Return the names in *mapping* with a value test; `None` if it needs the full walk."""
        names = [*mapping]
        if len(names) > _MAX_NAMES or joined.count(_SEPARATOR) > len(names) - bool(names):
            return None
        if may_be_pair(mapping) or self._texts.redactions(joined.split(_SEPARATOR)):
            return None
        found = [(name, self._names.value_test(name)) for name in names]
        tests = tuple((name, test) for name, test in found if test is not None)
        if any(test is value_tests.always for _, test in tests):
            return None
        if len(self._known) >= _CACHE_SIZE:
            self._known.clear()
        self._known[joined] = tests
        return tests


def _passes_tests(mapping: dict[str, Any], tests: tuple[tuple[str, ValueTest], ...]) -> bool:
    """Return whether the values under the names in *tests* are harmless."""
    for name, test in tests:
        value = mapping[name]
        if type(value) not in _TESTABLE_TYPES or test(value):
            return False
    return True


def _replace(value: Any, redacted: dict[str, str]) -> Any:
    """Return a copy of *value*, a dict or list, with the *redacted* form of its texts."""
    if type(value) is list:
        return [_replace_item(None, item, redacted) for item in value]
    # Not a copy with changes: a key of an unusual type may not be found in the copy.
    return {
        name: item if type(item) in _UNCHANGED_TYPES else _replace_item(name, item, redacted)
        for name, item in value.items()
    }


def _replace_item(name: str | None, item: Any, redacted: dict[str, str]) -> Any:
    kind = type(item)
    if kind is not str:
        return _replace(item, redacted) if kind is dict or kind is list else item
    if item not in redacted or (name is not None and is_version(name, item)):
        return item
    return redacted[item]
