"""
Write any event as one line of JSON.

Values that JSON does not have are written in one form each:

=============================  =============================================================
NaN, infinities                `null`
integers beyond 64 bits        text, with every digit
`Decimal`, `Fraction`, UUID    text, with every digit
datetime                       UTC, ISO 8601; naive ones are read in the zone of `read_naive_in`
date, time                     ISO 8601
enum                           its value
dataclass, mapping             object
set, tuple, deque, dict view   array; sets sorted where they can be
bytes                          text if they are UTF-8, else `"[base64] ..."`
arrays (`tolist`)              array, or the number
an object with its own text    its `str()`: lazy strings, paths, keys
any other object               `"[unserializable TypeName]"`
lone surrogates                U+FFFD
keys that are not strings      their text; a second key of the same text gets `#2`
a container within itself      `"[cycle]"`
nesting beyond 100 levels      `"[too deep]"`
=============================  =============================================================
"""

from __future__ import annotations

import json
import re
from base64 import b64encode
from collections import deque
from collections.abc import Callable, ItemsView, Iterable, Iterator, KeysView, Mapping, ValuesView
from collections.abc import Set as AbstractSet
from dataclasses import fields, is_dataclass
from datetime import UTC, date, datetime, time, tzinfo
from decimal import Decimal
from enum import Enum
from functools import lru_cache
from itertools import count
from numbers import Number
from types import FunctionType, NoneType
from typing import Any
from uuid import UUID

from orjson import (
    OPT_APPEND_NEWLINE,
    OPT_PASSTHROUGH_DATACLASS,
    OPT_PASSTHROUGH_DATETIME,
    Fragment,
    dumps,
)

from eventtracking.event import CYCLE, MAX_DEPTH, TOO_DEEP

# Never with a `default=` callback: without one, orjson holds the GIL from the first byte
# to the last, and no other thread can change the event while it is written.
_OPTIONS = OPT_PASSTHROUGH_DATETIME | OPT_PASSTHROUGH_DATACLASS | OPT_APPEND_NEWLINE


def encode(event: Any) -> bytes:
    """
    Return *event* as one line of JSON in UTF-8, with the newline at its end.

    Never raises. The line holds no other character that a reader may take for the end of
    a line, and no control character that affects a terminal.
    """
    try:
        stamp = event["timestamp"]
        flat = event
        if type(stamp) is datetime and stamp.tzinfo is UTC:
            # The timestamp is the only value of most events that orjson must not write.
            flat = event.copy()
            flat["timestamp"] = Fragment(dumps(stamp))
        line = dumps(flat, None, _OPTIONS)
    except Exception:
        line = dumps(plain(event), None, _OPTIONS)
    else:
        # Faster than `count()`, which does not use memchr.
        openers = len(line) - len(line.replace(b"{", b"").replace(b"[", b""))
        if openers > MAX_DEPTH and _is_deeper(event, MAX_DEPTH):
            line = dumps(plain(event), None, _OPTIONS)
    return line if line.isascii() else _UNSAFE.sub(_escape, line)


def plain(value: Any) -> Any:
    """Return *value* in JSON's types: a new structure of dicts, lists, strings and numbers."""
    return _plain(value, ())


def read_naive_in(zone: tzinfo | None) -> None:
    """
    Read naive datetimes as times in *zone*, in the whole process; `None` is UTC.

    Args:
        zone: Any tzinfo. The `localize` of a pytz zone is used.
    """
    _naive.zone = UTC if zone is None else zone


class DateTimeJSONEncoder(json.JSONEncoder):
    """
    The JSON encoder of event-tracking: dates and datetimes as ISO 8601, datetimes in UTC.

    Naive datetimes are read as UTC. Any other type that JSON does not have is a `TypeError`.
    """

    def default(self, o: Any) -> Any:
        """Return the text of a date or datetime."""
        if isinstance(o, datetime):
            aware = o.replace(tzinfo=UTC) if o.utcoffset() is None else o.astimezone(UTC)
            return aware.isoformat()
        if isinstance(o, date):
            return o.isoformat()
        return super().default(o)


class _Naive:
    """The zone in which naive datetimes are read."""

    zone: tzinfo = UTC


_naive = _Naive()

# C1 controls, among them U+0085 "next line", and U+2028 and U+2029. orjson does not
# escape them; `str.splitlines` and some terminals obey them.
_UNSAFE = re.compile(rb"\xc2[\x80-\x9f]|\xe2\x80[\xa8\xa9]")


def _escape(match: re.Match[bytes]) -> bytes:
    return b"\\u%04x" % ord(match[0].decode())


def _is_deeper(value: Any, levels: int) -> bool:
    kind = type(value)
    if issubclass(kind, dict):
        value = [*dict.values(value)]
    elif issubclass(kind, list):
        value = list.copy(value)
    elif kind is not tuple:
        return False
    return not levels or any(_is_deeper(item, levels - 1) for item in value)


def _plain(value: Any, above: tuple[int, ...]) -> Any:
    try:
        form = _form(type(value))  # type: ignore[arg-type]  # types are hashable
        if form not in _CONTAINERS:
            return form(value, above)
        if id(value) in above:
            return CYCLE
        if len(above) == MAX_DEPTH:
            return TOO_DEEP
        return form(value, (*above, id(value)))
    except Exception:
        # The object's own code failed, its `__str__` or `items`.
        return f"[unserializable {type(value).__name__}]"


@lru_cache(maxsize=1024)
def _form(kind: type) -> Callable[[Any, tuple[int, ...]], Any]:
    """Return the function that converts a value of the type *kind*."""
    for known, form in _FORMS:
        if issubclass(kind, known):
            return form
    if is_dataclass(kind):
        return _dataclass
    if hasattr(kind, "tolist"):
        return _array_of_numbers
    return _own_text if issubclass(kind, Number) or _has_own_text(kind) else _unserializable


def _unchanged(value: Any, _: tuple[int, ...]) -> Any:
    return value


def _enum(value: Enum, above: tuple[int, ...]) -> Any:
    return _plain(value.value, above)


def _text(value: str, _: tuple[int, ...] = ()) -> str:
    text = str.__str__(value)
    try:
        text.encode()
    except UnicodeEncodeError:
        # Through UTF-16, where a pair of surrogates becomes one character.
        text = text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return text


def _integer(value: int, _: tuple[int, ...]) -> int | str:
    number = int.__int__(value)
    # Through Decimal: str() refuses integers of more than 4,300 digits.
    return number if -(2**63) <= number < 2**64 else str(Decimal(number))


def _float(value: float, _: tuple[int, ...]) -> float:
    return float.__float__(value)


def _datetime(value: datetime, _: tuple[int, ...]) -> str:
    try:
        aware = _localized(value) if value.utcoffset() is None else value
        return _iso(aware.astimezone(UTC))
    except OverflowError:
        # On the first or last day of the calendar, the time in UTC may lie outside of it.
        return _iso(value)


def _localized(value: datetime) -> datetime:
    zone = _naive.zone
    naive = value.replace(tzinfo=None)
    localize = getattr(zone, "localize", None)
    return localize(naive) if localize else naive.replace(tzinfo=zone)


def _iso(value: date | time, _: tuple[int, ...] = ()) -> str:
    return _text(value.isoformat())


def _own_text(value: Any, _: tuple[int, ...]) -> str:
    return _text(str(value))


def _bytes(value: bytes | bytearray | memoryview, _: tuple[int, ...]) -> str:
    data = bytes(value)
    try:
        return data.decode()
    except UnicodeDecodeError:
        return f"[base64] {b64encode(data).decode()}"


def _object(value: Any, above: tuple[int, ...]) -> dict[str, Any]:
    # Copied in one step: other threads may change a dict meanwhile.
    items = dict(dict.items(value) if issubclass(type(value), dict) else value.items())
    found: dict[str, Any] = {}
    clashes: dict[str, Iterator[int]] = {}
    for key, item in items.items():
        found[_unused_name(_key(key), found, clashes)] = _plain(item, above)
    return found


def _dataclass(value: Any, above: tuple[int, ...]) -> dict[str, Any]:
    return {field.name: _plain(getattr(value, field.name), above) for field in fields(value)}


def _array(value: Iterable[Any], above: tuple[int, ...]) -> list[Any]:
    return [_plain(item, above) for item in [*value]]


def _sorted_array(value: Iterable[Any], above: tuple[int, ...]) -> list[Any]:
    # Sorted after the conversion: comparing two objects may run any code.
    items = _array(value, above)
    try:
        items.sort()
    except TypeError:
        items.sort(key=lambda item: (type(item).__name__, str(item)))
    return items


def _array_of_numbers(value: Any, above: tuple[int, ...]) -> Any:
    return _plain(value.tolist(), above)


def _unserializable(value: Any, _: tuple[int, ...] = ()) -> str:
    return f"[unserializable {type(value).__name__}]"


def _key(key: Any) -> str:
    form = _plain(key.value if issubclass(type(key), Enum) else key, ())
    if isinstance(form, str):
        return form
    if not isinstance(form, list | dict):
        return str(form)
    try:
        return _text(str(key))
    except Exception:
        return _unserializable(key)


def _unused_name(name: str, found: dict[str, Any], clashes: dict[str, Iterator[int]]) -> str:
    if name not in found:
        return name
    # Counts on from the last clash: starting at 2 each time takes minutes for many keys.
    numbers = clashes.setdefault(name, count(2))
    return next(other for n in numbers if (other := f"{name}#{n}") not in found)


def _has_own_text(kind: type) -> bool:
    """Return whether the `str()` of such an object is more than the default, its address."""
    own_str = _method(kind, "__str__") is not vars(object)["__str__"]
    return own_str or isinstance(_method(kind, "__repr__"), FunctionType)


def _method(kind: type, name: str) -> object:
    return next(vars(base)[name] for base in kind.__mro__ if name in vars(base))


# The first match counts. Enums come before the strings and integers that they may also be,
# datetimes before dates, dict views before sets.
_FORMS: tuple[tuple[Any, Callable[[Any, tuple[int, ...]], Any]], ...] = (
    (Enum, _enum),
    (str, _text),
    # One of our own functions has encoded a fragment already.
    ((bool, NoneType, Fragment), _unchanged),
    (int, _integer),
    (float, _float),
    (datetime, _datetime),
    ((date, time), _iso),
    (UUID, _own_text),
    ((bytes, bytearray, memoryview), _bytes),
    (Mapping, _object),
    ((KeysView, ItemsView, ValuesView, list, tuple, deque), _array),
    (AbstractSet, _sorted_array),
)

_CONTAINERS = frozenset({_enum, _object, _dataclass, _array, _sorted_array, _array_of_numbers})
