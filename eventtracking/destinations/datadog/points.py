"""Gather the points of a batch: what may be added up is one point, whatever comes later."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from orjson import loads

from eventtracking.delivery import Record


class Key(NamedTuple):
    """What makes points the same metric: two of them in one second are one value, or a list."""

    kind: str
    metric: str
    tags: tuple[str, ...]
    second: int


class Announcement(NamedTuple):
    """A Datadog event."""

    id: str
    second: int
    title: str
    text: str
    tags: list[str]


class Gathered(NamedTuple):
    """The points and events of a batch."""

    values: dict[Key, list[float]]
    """Of an `increment` the sum, of a `gauge` the last value, of others all."""

    ids: dict[Key, set[str]]
    """The records that a value comes from."""

    announcements: list[Announcement]


def gather(batch: Sequence[Record], *, by_second: bool) -> Gathered:
    """Return what *batch* holds; *by_second* keeps apart what was accepted in another second."""
    gathered = Gathered({}, {}, [])
    for record in batch:
        content: dict[str, Any] = loads(record.payload)
        second = int(record.time) if by_second else 0
        for kind, metric, value, tags in content["points"]:
            key = Key(kind, metric, tuple(tags), second)
            _add(gathered.values.setdefault(key, []), kind, value)
            gathered.ids.setdefault(key, set()).add(record.id)
        if "event" in content:
            event = Announcement(record.id, int(record.time), *content["event"])
            gathered.announcements.append(event)
    return gathered


def has_announcement(record: Record) -> bool:
    """Tell whether a Datadog event is in *record*, without reading it."""
    # No name, tag or text can hold this: a quotation mark in one is escaped.
    return b',"event":' in record.payload


def _add(values: list[float], kind: str, value: float) -> None:
    if values and kind == "increment":
        values[0] += value
    elif values and kind == "gauge":
        values[0] = value
    else:
        values.append(value)
