"""Copy an event, so that changes to the copy do not affect the original."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from contextlib import suppress
from datetime import date, datetime
from types import NoneType
from typing import Any

from eventtracking.types import Event

MAX_DEPTH = 100
"""The number of levels of nesting that an event keeps, in copies and in JSON."""

CYCLE = "[cycle]"
"""Replaces a container inside itself."""

TOO_DEEP = "[too deep]"
"""Replaces values beyond `MAX_DEPTH`."""

_DEQUE_TRIES = 100

# Checked first, because nearly every value has one of these immutable types.
_LEAVES = frozenset({str, int, float, bool, NoneType, bytes, frozenset, datetime, date})


def copy_event(event: Event) -> Event:
    """Return a copy of *event*: new containers at every depth, shared leaves. Never raises."""
    return copy_value(event)  # type: ignore[no-any-return]  # a dict in, a dict out


def copy_value(value: Any) -> Any:
    """
    Return *value* with every container in it copied and every leaf shared.

    Containers are the built-in ones. Their subclasses are copied as the plain type. Any
    other object is a leaf, also one that `copy.deepcopy` cannot copy: a lock, a generator,
    an open file. A container inside itself, and values beyond `MAX_DEPTH`, are replaced.

    This costs a tenth of `copy.deepcopy`. Other threads may change *value* meanwhile: each
    container is copied in one step before its items are.
    """
    try:
        return _copy(value, MAX_DEPTH)
    except _TooDeepError:
        return _copy_and_cut(value, ())


def _copy(value: Any, levels: int) -> Any:
    # By the type, not by isinstance(), which reads `value.__class__`: a lazy object
    # would run its database query to answer.
    kind = type(value)
    if issubclass(kind, dict):
        return _copy_dict(value, levels)
    if issubclass(kind, list):
        return _copy_items(value, levels)
    if issubclass(kind, tuple):
        return _as_tuple(kind, _copy_items(value, levels))
    if issubclass(kind, set):
        return set(value)
    if issubclass(kind, bytearray):
        return bytearray(value)
    if issubclass(kind, deque):
        return deque(_copy_items(value, levels), value.maxlen)
    return value


def _copy_dict(value: dict[Any, Any], levels: int) -> dict[Any, Any]:
    if not levels:
        raise _TooDeepError
    copied = _stored_pairs(value)
    for key, item in copied.items():
        if type(item) not in _LEAVES:
            copied[key] = _copy(item, levels - 1)
    return copied


def _copy_items(value: Iterable[Any], levels: int) -> list[Any]:
    if not levels:
        raise _TooDeepError
    return [item if type(item) in _LEAVES else _copy(item, levels - 1) for item in _stored(value)]


def _stored_pairs(value: dict[Any, Any]) -> dict[Any, Any]:
    """Return the items of a dict, copied in one step, bypassing the methods of a subclass."""
    return dict.copy(value) if type(value) is dict else dict(dict.items(value))


def _stored(value: Any) -> list[Any]:
    """Return the items, listed in one step, bypassing the `__iter__` of a subclass."""
    kind = type(value)
    if issubclass(kind, list):
        return list.copy(value)
    if issubclass(kind, tuple):
        return [*tuple.__iter__(value)]
    # A deque has no such step. It raises RuntimeError if another thread changes it meanwhile.
    for _ in range(_DEQUE_TRIES):
        with suppress(RuntimeError):
            return [*deque.__iter__(value)]
    return [*deque.__iter__(value)]


def _as_tuple(kind: type[Any], items: list[Any]) -> Any:
    """Keep the type of a named tuple; any other subclass becomes a plain tuple."""
    return tuple.__new__(kind, items) if hasattr(kind, "_fields") else tuple(items)


def _copy_and_cut(value: Any, above: tuple[int, ...]) -> Any:
    """Copy a value that is nested too deeply, or holds itself, and cut it there."""
    kind = type(value)
    if not issubclass(kind, dict | list | tuple | deque):
        return _copy(value, 1)
    if id(value) in above:
        return CYCLE
    if len(above) == MAX_DEPTH:
        return TOO_DEEP
    inside = (*above, id(value))
    if issubclass(kind, dict):
        return {key: _copy_and_cut(item, inside) for key, item in _stored_pairs(value).items()}
    items = [_copy_and_cut(item, inside) for item in _stored(value)]
    return _as_tuple(kind, items) if issubclass(kind, tuple) else items


class _TooDeepError(Exception):
    """The value is nested beyond `MAX_DEPTH`, possibly because it holds itself."""
