"""Redact the secrets in a value of any type, at any depth."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum
from fractions import Fraction
from functools import lru_cache
from itertools import count
from types import NoneType
from typing import Any, TypeAlias
from uuid import UUID

from eventtracking import serialization
from eventtracking.event import CYCLE, MAX_DEPTH, TOO_DEEP
from eventtracking.redaction.field_rules import FieldRules, is_version, name_of
from eventtracking.redaction.scalars import ScalarRedactor
from eventtracking.redaction.value_tests import ValueTest

_Ancestors: TypeAlias = tuple[int, ...]
"""The identities of the containers around a value."""

_Handler: TypeAlias = Callable[[Any, ValueTest | None, _Ancestors], Any]

# Immutable types whose text is always the same.
_CONSTANTS = (date, datetime, time, timedelta, UUID, Decimal, Fraction, complex)

_CACHE_SIZE = 1024


class ValueRedactor:
    """
    Redact the secrets in values.

    Containers keep their types and their shape.

    Args:
        fields: Chooses the test for each field and item.
        scalars: Redacts the secrets in values that contain no other values.
    """

    def __init__(self, *, fields: FieldRules, scalars: ScalarRedactor) -> None:
        self._fields = fields
        self._scalars = scalars
        # The first that fits, as in `serialization`.
        self._handlers: tuple[tuple[Any, _Handler], ...] = (
            (Enum, self._enum),
            (str, scalars.text),
            ((bool, NoneType), _unchanged),
            (int, scalars.integer),
            (float, scalars.number),
            ((bytes, bytearray), scalars.binary),
            (dict, self._dict),
            (Mapping, self._mapping),
            (list, self._list),
            (tuple, self._tuple),
            (deque, self._deque),
            ((set, frozenset), self._set),
        )
        self._handler = lru_cache(_CACHE_SIZE)(self._find_handler)

    def redact(self, value: Any) -> Any:
        """Return a copy of *value* without its secrets."""
        return self._walk(value, None, ())

    def _walk(self, value: Any, test: ValueTest | None, ancestors: _Ancestors) -> Any:
        redact = self._handler(type(value))  # type: ignore[arg-type]  # types are hashable
        return redact(value, test, ancestors)

    def _find_handler(self, kind: type) -> _Handler:
        """Return the method that redacts values of this type."""
        if kind in _CONSTANTS:
            return self._scalars.constant
        for known, handler in self._handlers:
            if issubclass(kind, known):
                return handler
        return self._object

    def _dict(self, value: dict[Any, Any], test: ValueTest | None, ancestors: _Ancestors) -> Any:
        inside = _entered(value, ancestors)
        if isinstance(inside, str):
            return inside
        items = dict.copy(value)
        paired = self._fields.test_for_pair(items)
        redacted: dict[Any, Any] = {}
        clashes: dict[str, Iterator[int]] = {}
        for key, item in items.items():
            name = name_of(key)
            found = self._fields.test_for_field(name, test, paired)
            safe = is_version(name, item)
            redacted[unused_key(self._scalars.key(key, name), redacted, clashes)] = (
                item if safe else self._walk(item, found, inside)
            )
        return redacted

    def _mapping(
        self, value: Mapping[Any, Any], test: ValueTest | None, ancestors: _Ancestors
    ) -> Any:
        inside = _entered(value, ancestors)
        if isinstance(inside, str):
            return inside
        return self._dict(dict(value.items()), test, inside)

    def _list(self, value: list[Any], test: ValueTest | None, ancestors: _Ancestors) -> Any:
        return self._items(value, test, ancestors)

    def _tuple(self, value: tuple[Any, ...], test: ValueTest | None, ancestors: _Ancestors) -> Any:
        names = getattr(type(value), "_fields", None)
        if names is not None:
            return self._named_tuple(value, names, test, ancestors)
        items = self._items(value, test, ancestors)
        return items if isinstance(items, str) else tuple(items)

    def _named_tuple(
        self, value: tuple[Any, ...], names: Any, test: ValueTest | None, ancestors: _Ancestors
    ) -> Any:
        inside = _entered(value, ancestors)
        if isinstance(inside, str):
            return inside
        items = [*value]
        fields = dict(zip(map(str, names), items, strict=False))
        paired = self._fields.test_for_pair(fields)
        tests = self._fields.tests_for_items(items, test, type(value))
        for at, name in enumerate(fields):
            by_position = tests[at] if tests[at] is not test else None
            tests[at] = self._fields.test_for_field(name, test, paired) or by_position
        walked = [self._walk(item, each, inside) for item, each in zip(items, tests, strict=True)]
        return tuple.__new__(type(value), walked)

    def _deque(self, value: deque[Any], test: ValueTest | None, ancestors: _Ancestors) -> Any:
        items = self._items(value, test, ancestors)
        return items if isinstance(items, str) else deque(items, value.maxlen)

    def _set(self, value: Iterable[Any], test: ValueTest | None, ancestors: _Ancestors) -> Any:
        items = self._items(value, test, ancestors, is_ordered=False)
        try:
            return items if isinstance(items, str) else type(value)(items)  # type: ignore[call-arg]
        except TypeError:
            # The plain form of an object may not be hashable.
            return items

    def _items(
        self,
        value: Iterable[Any],
        test: ValueTest | None,
        ancestors: _Ancestors,
        *,
        is_ordered: bool = True,
    ) -> list[Any] | str:
        inside = _entered(value, ancestors)
        if isinstance(inside, str):
            return inside
        items = [*value]
        tests = (
            self._fields.tests_for_items(items, test, type(value))
            if is_ordered
            else [test] * len(items)
        )
        return [self._walk(item, each, inside) for item, each in zip(items, tests, strict=True)]

    def _enum(self, value: Enum, test: ValueTest | None, ancestors: _Ancestors) -> Any:
        before = serialization.plain(value)
        after = self._walk(before, test, ancestors)
        return value if after == before else after

    def _object(self, value: Any, test: ValueTest | None, ancestors: _Ancestors) -> Any:
        """Redact the plain form of an object, in which it will be written."""
        inside = _entered(value, ancestors)
        if isinstance(inside, str):
            return inside
        return self._walk(serialization.plain(value), test, inside)


def unused_key(key: Any, taken: dict[Any, Any], clashes: dict[str, Iterator[int]]) -> Any:
    """
    Return *key*, with a number appended if it is *taken*.

    Args:
        key: The key of a new item.
        taken: The items so far.
        clashes: The next number for each key that was taken before.
    """
    if key not in taken:
        return key
    # Counting continues from the last clash: a thousand addresses as keys become one name.
    name = name_of(key)
    numbers = clashes.setdefault(name, count(2))
    return next(other for n in numbers if (other := f"{name}#{n}") not in taken)


def _unchanged(value: Any, _: ValueTest | None, __: _Ancestors) -> Any:
    return value


def _entered(value: Any, ancestors: _Ancestors) -> _Ancestors | str:
    """Return the ancestors of the items of *value*, or the mark that replaces *value*."""
    if id(value) in ancestors:
        return CYCLE
    return TOO_DEEP if len(ancestors) >= MAX_DEPTH else (*ancestors, id(value))
