"""Keep every event short enough for the line that it becomes."""

from __future__ import annotations

import logging
from bisect import bisect_right
from collections.abc import Iterator, Mapping
from itertools import chain, count
from typing import Any, Literal, NamedTuple, get_args

from eventtracking.event import copy_event
from eventtracking.exceptions import EventEmissionExit, ImproperlyConfigured
from eventtracking.serialization import encode, plain
from eventtracking.stats import LogThrottle
from eventtracking.types import Event

logger = logging.getLogger(__name__)

OnOversize = Literal["truncate", "drop"]
"""What becomes of an event that is too large."""

# The key under which a shortened mapping says how many of its fields are gone.
_MARK_KEY = "[truncated]"

# The bytes in which any mark fits, and so the least that a value can be shortened to.
_LEAST = 64

# What a value keeps at least of the room that its container has: in a list an eighth, in
# a mapping a 32nd, but a readable number of bytes if those are no more than an eighth.
# Where so much is not left for every value, whole values go from the end. A list loses
# its end early, because ten whole answers tell more than the first words of a hundred;
# a mapping late, because its fields all mean something else.
_LIST_SHARES = 8
_FIELD_SHARES = 32
_READABLE = 256


class SizeGuard:
    """
    Shorten, or drop, events that would be more than *max_bytes* of JSON.

    The size is that of the line in the log, newline included. To shorten an event, its
    `data` is cut where it is largest, on a copy: the ends of long strings, then of
    lists and of mappings. A cut string ends in `[123 bytes removed]`, a cut list in
    `"[4 items removed]"`, and a cut mapping has `"[truncated]": "[5 fields removed]"`.
    `context["truncated"]` holds the original size and the JSON pointers of what was
    cut. The name, the timestamp and the rest of the context stay whole. The same event
    always becomes the same.

    What cannot be made to fit is dropped, counted `too_large`, and told of once a minute.

    Put it behind what adds to events, and in front of `LegacyFieldMappingProcessor`,
    which gives `data` another name, and may make a longer line of what fits here.

    Args:
        max_bytes: The most bytes of JSON that an event may have.
        on_oversize: `"truncate"` or `"drop"`.

    Raises:
        ImproperlyConfigured: If *max_bytes* is no number of bytes, or *on_oversize*
            another word.
    """

    fails_closed = True

    def __init__(self, *, max_bytes: int = 50_000, on_oversize: OnOversize = "truncate") -> None:
        if not isinstance(max_bytes, int) or isinstance(max_bytes, bool) or max_bytes < 1:
            raise ImproperlyConfigured(
                f"SizeGuard: max_bytes must be a number of bytes, 1 or more, got {max_bytes!r}"
            )
        if on_oversize not in get_args(OnOversize):
            raise ImproperlyConfigured(
                f"SizeGuard: on_oversize must be one of {get_args(OnOversize)}, got {on_oversize!r}"
            )
        self.max_bytes = max_bytes
        self.on_oversize = on_oversize
        self._throttle = LogThrottle()

    def __call__(self, event: Event, /) -> Event:
        """Return *event* untouched, or a shortened copy; or drop it."""
        size = len(encode(event))
        if size <= self.max_bytes:
            return event
        shortened = self._truncated(event, size) if self.on_oversize == "truncate" else None
        if shortened is None:
            self._warn(event, size)
            raise EventEmissionExit("too_large")
        return shortened

    def __repr__(self) -> str:
        return f"<SizeGuard max_bytes={self.max_bytes} on_oversize={self.on_oversize!r}>"

    def _truncated(self, event: Event, size: int) -> Event | None:
        """Return a copy of *event* that fits, or `None` if there is none."""
        whole = copy_event(event)
        if "data" not in whole or not isinstance(whole.get("context") or {}, Mapping):
            return None
        data = whole["data"]
        room = self.max_bytes - len(encode(_noted(whole, 0, size, []))) + 1
        for _ in range(2):
            paths: list[str] = []
            result = _noted(whole, _shortened(data, room, "/data", paths), size, paths)
            excess = len(encode(result)) - self.max_bytes
            if excess <= 0:
                return result
            # An object wrote itself differently this time, or nests to the very limit.
            data, room = plain(data), room - excess
        return None

    def _warn(self, event: Event, size: int) -> None:
        number = self._throttle.due("too_large")
        if number is not None:
            logger.warning(
                "Lost %d event(s) over max_bytes=%d; the last was %.200r with %d bytes",
                number,
                self.max_bytes,
                plain(event.get("name")),
                size,
            )


def _noted(event: Event, data: Any, size: int, paths: list[str]) -> Event:
    """Return *event* with *data* in it, and a note in its context of what was cut."""
    note = {"bytes": size, "paths": paths}
    return {**event, "data": data, "context": {**(event.get("context") or {}), "truncated": note}}


def _shortened(value: Any, room: int, path: str, paths: list[str]) -> Any:
    """
    Return *value* in *room* bytes of JSON, from which the bytes of the paths are taken, too.

    Args:
        value: Something larger than that.
        room: How many bytes there are, at least `_LEAST` and the bytes of *path*.
        path: The JSON pointer of *value*.
        paths: Gains the pointers of what was cut.
    """
    form = _form(value)
    if isinstance(form, str):
        paths.append(path)
        return _shortened_text(form, room - _path_size(path))
    if isinstance(form, dict | list):
        return _shortened_container(form, room, path, paths)
    return form


def _form(value: Any) -> Any:
    """Return *value* as a text, a list, or a dict with texts for keys; what is within stays."""
    kind = type(value)
    if issubclass(kind, list | tuple):
        return [*value]
    if kind is dict and all(type(key) is str for key in value):
        return value
    return plain(value)


def _shortened_text(text: str, room: int) -> str:
    size = _size(text)
    longest = room - len(f'"{_removed(size, "bytes")}"')
    # No character is less than a byte, so the text beyond that need not be looked at.
    counts = range(max(0, min(len(text), longest)) + 1)
    fitting = bisect_right(counts, longest, key=lambda count: _size(text[:count]) - 2)
    kept = text[: max(0, fitting - 1)]
    return kept + _removed(size - _size(kept), "bytes")


def _shortened_container(
    form: dict[str, Any] | list[Any], room: int, path: str, paths: list[str]
) -> dict[str, Any] | list[Any]:
    kept = _all_entries(form, room, path)
    if kept is None:
        paths.append(path)
        room -= _mark_size(form) + _path_size(path)
        kept = _first_entries(form, room, path)
    level = _level(kept, room)
    fitted = [(entry.key, entry.fitted(level, paths)) for entry in kept]
    return _assembled(form, fitted)


class _Entry(NamedTuple):
    """An item of a list, or a field of a mapping."""

    key: Any
    value: Any
    path: str
    # The bytes beside the value: its key, colon and comma.
    beside: int
    size: int
    # The fewest bytes that the value can be given.
    least: int

    def fitted(self, level: int, paths: list[str]) -> Any:
        """Return the value, shortened if it is larger than *level*."""
        room = max(level, self.least)
        return self.value if self.size <= room else _shortened(self.value, room, self.path, paths)


def _all_entries(form: dict[str, Any] | list[Any], room: int, path: str) -> list[_Entry] | None:
    """Return the entries of *form*, or `None` if *room* is too small for so many."""
    left = room - len("[]")
    found = []
    for entry in _entries(form, room, path):
        left -= entry.beside + entry.least
        # Ends early, so that what cannot stay is not measured either.
        if left < 0:
            return None
        found.append(entry)
    return found


def _first_entries(form: dict[str, Any] | list[Any], room: int, path: str) -> list[_Entry]:
    """Return the entries of *form*, from the first, that have room beside each other."""
    left = room - len("[]")
    found = []
    for entry in _entries(form, room, path):
        if entry.beside + entry.least <= left:
            found.append(entry)
            left -= entry.beside + entry.least
        elif isinstance(form, list) or left < _LEAST:
            # The places in a list mean something: it loses its end, and nothing between.
            break
    return found


def _entries(form: dict[str, Any] | list[Any], room: int, path: str) -> Iterator[_Entry]:
    """Yield the entries of *form*, measured one after the other."""
    is_list = isinstance(form, list)
    share = _share(room, is_list=is_list)
    for key, value in enumerate(form) if isinstance(form, list) else form.items():
        beside = len(",") if is_list else _size(key) + len(":,")
        # Larger than the room is all that need be known: else each level of nesting
        # would write everything below it once more.
        size = least = room + 1 if _is_surely_larger(value, room) else _size(value)
        where = ""
        if size > share:
            where = f"{path}/{_escaped(str(key))}"
            least = min(size, share + _path_size(where))
        yield _Entry(key, value, where, beside, size, least)


def _is_surely_larger(value: Any, room: int) -> bool:
    """Tell, without writing it, that *value* takes more than *room* bytes; if unsure, do not."""
    found = 0
    waiting = [value]
    while waiting and found <= room:
        item = waiting.pop()
        kind = type(item)
        found += len(item) if kind in (str, dict, list, tuple) else 1
        if kind is not str and found <= room:
            waiting.extend(item.values() if kind is dict else item if kind in (list, tuple) else ())
    return found > room


def _share(room: int, *, is_list: bool) -> int:
    eighth = room // _LIST_SHARES
    return max(_LEAST, eighth if is_list else max(room // _FIELD_SHARES, min(eighth, _READABLE)))


def _level(entries: list[_Entry], room: int) -> int:
    """Return the size to which the largest *entries* must be cut so that all have *room*."""
    large = [entry for entry in entries if entry.size > entry.least]
    left = room - len("[]") - sum(entry.beside for entry in entries)
    left -= sum(entry.size for entry in entries if entry.size == entry.least)
    levels = range(max(0, left) + 1)
    return bisect_right(levels, left, key=lambda level: _taken(large, level)) - 1


def _taken(entries: list[_Entry], level: int) -> int:
    return sum(max(entry.least, min(entry.size, level)) for entry in entries)


def _assembled(
    form: dict[str, Any] | list[Any], fitted: list[tuple[Any, Any]]
) -> dict[str, Any] | list[Any]:
    """Return what is left of *form*, with a mark if that is not all of it."""
    removed = len(form) - len(fitted)
    if isinstance(form, list):
        mark = [_removed(removed, "items")] if removed else []
        return [value for _, value in fitted] + mark
    shortened = dict(fitted)
    if removed:
        shortened[_mark_key(shortened)] = _removed(removed, "fields")
    return shortened


def _mark_key(fields: dict[str, Any]) -> str:
    """Return a key for the mark that no field has: it may have been cut before."""
    names = chain([_MARK_KEY], (f"{_MARK_KEY}#{number}" for number in count(2)))
    return next(name for name in names if name not in fields)


def _mark_size(form: dict[str, Any] | list[Any]) -> int:
    kind, key = ("items", "") if isinstance(form, list) else ("fields", f'"{_MARK_KEY}":')
    return len(f'{key}"{_removed(len(form), kind)}",')


def _removed(number: int, kind: str) -> str:
    return f"[{number} {kind} removed]"


def _escaped(key: str) -> str:
    """Return *key* as a part of a JSON pointer, RFC 6901."""
    return key.replace("~", "~0").replace("/", "~1")


def _path_size(path: str) -> int:
    return _size(path) + len(",")


def _size(value: Any) -> int:
    """Return how many bytes *value* takes within an event."""
    # In an envelope that looks like an event, because encode is fast with those only.
    return len(encode({"timestamp": None, "value": value})) - _ENVELOPE


_ENVELOPE = len(encode({"timestamp": None, "value": 0})) - len("0")
