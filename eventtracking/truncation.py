"""Truncate a value to a limit in bytes of JSON, with a marker wherever something was removed."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator
from itertools import chain, count
from typing import Any, NamedTuple, TypeAlias

from eventtracking.serialization import encode, plain

_Container: TypeAlias = dict[str, Any] | list[Any]

# The key of the marker in a mapping, whose value is the number of removed fields.
_MARKER_KEY = "[truncated]"

# The size of the longest marker, and so the minimum size of a truncated value.
_MIN_BYTES = 64

# Each value keeps at least this share of its container: an eighth in a list, a 32nd in a
# mapping, and in a mapping also 256 readable bytes if they are at most an eighth. If there
# is no space for these shares, whole values are removed from the end. A list loses its end
# early, because ten complete answers are worth more than the first words of a hundred. A
# mapping loses fields late, because each of them has a different meaning.
_LIST_SHARE = 8
_FIELD_SHARE = 32
_READABLE_BYTES = 256


def truncate(value: Any, limit: int, path: str) -> tuple[Any, list[str]]:
    """
    Return *value* truncated to *limit* bytes, and the JSON pointers of what was truncated.

    The pointers, which are written as well, count towards the limit.

    Args:
        value: A value of more than *limit* bytes of JSON.
        limit: The number of bytes. If it is too small for a marker, the result is larger.
        path: The JSON pointer of *value*.
    """
    paths: list[str] = []
    return _truncated(value, limit, path, paths), paths


def _truncated(value: Any, limit: int, path: str, paths: list[str]) -> Any:
    """Return *value* truncated to *limit* bytes, and add to *paths*."""
    value = _as_json_type(value)
    if isinstance(value, str):
        paths.append(path)
        return _truncated_text(value, limit - _path_size(path))
    if isinstance(value, dict | list):
        return _truncated_container(value, limit, path, paths)
    return value


def _as_json_type(value: Any) -> Any:
    """Return *value* as text, a list, or a dict with text keys; its items are not converted."""
    kind = type(value)
    if issubclass(kind, list | tuple):
        return [*value]
    if kind is dict and all(type(key) is str for key in value):
        return value
    return plain(value)


def _truncated_text(text: str, limit: int) -> str:
    size = _size(text)
    longest = limit - len(f'"{_marker(size, "bytes")}"')
    # A character takes at least one byte, so longer prefixes need not be measured.
    lengths = range(max(0, min(len(text), longest)) + 1)
    fitting = bisect_right(lengths, longest, key=lambda length: _size(text[:length]) - 2)
    kept = text[: max(0, fitting - 1)]
    return kept + _marker(size - _size(kept), "bytes")


def _truncated_container(
    container: _Container, limit: int, path: str, paths: list[str]
) -> _Container:
    items = _all_items(container, limit, path)
    if items is None:
        paths.append(path)
        limit -= _marker_size(container) + _path_size(path)
        items = _first_items(container, limit, path)
    limit_each = _limit_for_each(items, limit)
    kept = [(item.key, item.truncated(limit_each, paths)) for item in items]
    return _with_marker(container, kept)


class _Item(NamedTuple):
    """An item of a list, or a field of a mapping."""

    key: Any
    value: Any
    path: str
    # The bytes of the key, the colon and the comma.
    overhead: int
    size: int
    # The minimum number of bytes for the value.
    minimum: int

    def truncated(self, limit: int, paths: list[str]) -> Any:
        """Return the value, truncated if it is larger than *limit*."""
        limit = max(limit, self.minimum)
        return self.value if self.size <= limit else _truncated(self.value, limit, self.path, paths)


def _all_items(container: _Container, limit: int, path: str) -> list[_Item] | None:
    """Return the items of *container*, or `None` if *limit* is too small for all of them."""
    left = limit - len("[]")
    items = []
    for item in _items(container, limit, path):
        left -= item.overhead + item.minimum
        # Stops early, so that items that cannot be kept are not measured.
        if left < 0:
            return None
        items.append(item)
    return items


def _first_items(container: _Container, limit: int, path: str) -> list[_Item]:
    """Return the first items of *container* that fit together."""
    left = limit - len("[]")
    items = []
    for item in _items(container, limit, path):
        if item.overhead + item.minimum <= left:
            items.append(item)
            left -= item.overhead + item.minimum
        elif isinstance(container, list) or left < _MIN_BYTES:
            # The positions in a list have a meaning, so only its end is removed.
            break
    return items


def _items(container: _Container, limit: int, path: str) -> Iterator[_Item]:
    """Yield the items of *container*, measuring one after the other."""
    is_list = isinstance(container, list)
    share = _share(limit, is_list=is_list)
    for key, value in enumerate(container) if isinstance(container, list) else container.items():
        overhead = len(",") if is_list else _size(key) + len(":,")
        # The exact size of a value that exceeds the limit is not needed. Measuring it would
        # encode everything below it again at each level of nesting.
        size = minimum = limit + 1 if _exceeds(value, limit) else _size(value)
        item_path = ""
        if size > share:
            item_path = f"{path}/{_escaped(str(key))}"
            minimum = min(size, share + _path_size(item_path))
        yield _Item(key, value, item_path, overhead, size, minimum)


def _exceeds(value: Any, limit: int) -> bool:
    """Return whether *value* certainly takes more than *limit* bytes, without encoding it."""
    found = 0
    waiting = [value]
    while waiting and found <= limit:
        item = waiting.pop()
        kind = type(item)
        found += len(item) if kind in (str, dict, list, tuple) else 1
        if kind is not str and found <= limit:
            waiting.extend(item.values() if kind is dict else item if kind in (list, tuple) else ())
    return found > limit


def _share(limit: int, *, is_list: bool) -> int:
    eighth = limit // _LIST_SHARE
    if is_list:
        return max(_MIN_BYTES, eighth)
    return max(_MIN_BYTES, limit // _FIELD_SHARE, min(eighth, _READABLE_BYTES))


def _limit_for_each(items: list[_Item], limit: int) -> int:
    """Return the size to which the largest *items* must be truncated so that all fit."""
    large = [item for item in items if item.size > item.minimum]
    left = limit - len("[]") - sum(item.overhead for item in items)
    left -= sum(item.size for item in items if item.size == item.minimum)
    sizes = range(max(0, left) + 1)
    return bisect_right(sizes, left, key=lambda size: _total_size(large, size)) - 1


def _total_size(items: list[_Item], limit: int) -> int:
    return sum(max(item.minimum, min(item.size, limit)) for item in items)


def _with_marker(container: _Container, kept: list[tuple[Any, Any]]) -> _Container:
    """Return the *kept* items of *container*, with a marker if there were more."""
    removed = len(container) - len(kept)
    if isinstance(container, list):
        marker = [_marker(removed, "items")] if removed else []
        return [value for _, value in kept] + marker
    fields = dict(kept)
    if removed:
        fields[_marker_key(fields)] = _marker(removed, "fields")
    return fields


def _marker_key(fields: dict[str, Any]) -> str:
    """Return a key that is not among *fields*, which may have been truncated before."""
    names = chain([_MARKER_KEY], (f"{_MARKER_KEY}#{number}" for number in count(2)))
    return next(name for name in names if name not in fields)


def _marker_size(container: _Container) -> int:
    if isinstance(container, list):
        return len(f'"{_marker(len(container), "items")}",')
    return len(f'"{_MARKER_KEY}":"{_marker(len(container), "fields")}",')


def _marker(number: int, kind: str) -> str:
    return f"[{number} {kind} removed]"


def _escaped(key: str) -> str:
    """Return *key* as a part of a JSON pointer (RFC 6901)."""
    return key.replace("~", "~0").replace("/", "~1")


def _path_size(path: str) -> int:
    return _size(path) + len(",")


def _size(value: Any) -> int:
    """Return how many bytes *value* takes within an event."""
    # `encode` is fast only for events, which have a timestamp.
    return len(encode({"timestamp": None, "value": value})) - _ENVELOPE_BYTES


_ENVELOPE_BYTES = len(encode({"timestamp": None, "value": 0})) - len("0")
