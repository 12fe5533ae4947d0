"""Aggregate the points of a batch: one value or list of values for a metric and a second."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from orjson import loads

from eventtracking.delivery import Record


class PointKey(NamedTuple):
    """A metric with its tags, in one second. Points with the same key are aggregated."""

    kind: str
    metric: str
    tags: tuple[str, ...]
    second: int


class DatadogEvent(NamedTuple):
    """An event for Datadog's event stream, and the record that it comes from."""

    record_id: str
    second: int
    title: str
    text: str
    tags: list[str]


class Aggregates(NamedTuple):
    """The points and Datadog events of a batch."""

    values: dict[PointKey, list[float]]
    """The sum of an `increment`, the last value of a `gauge`, all values of other kinds."""

    record_ids: dict[PointKey, set[str]]
    """The records that the values come from."""

    events: list[DatadogEvent]


def aggregate(batch: Sequence[Record], *, by_second: bool) -> Aggregates:
    """Return the aggregates of *batch*: *by_second* for each second, or else for all of it."""
    aggregates = Aggregates({}, {}, [])
    for record in batch:
        content: dict[str, Any] = loads(record.payload)
        second = int(record.time) if by_second else 0
        for kind, metric, value, tags in content["points"]:
            key = PointKey(kind, metric, tuple(tags), second)
            _add(aggregates.values.setdefault(key, []), kind, value)
            aggregates.record_ids.setdefault(key, set()).add(record.id)
        if "event" in content:
            event = DatadogEvent(record.id, int(record.time), *content["event"])
            aggregates.events.append(event)
    return aggregates


def has_datadog_event(record: Record) -> bool:
    """Return whether *record* holds a Datadog event, without decoding it."""
    # This cannot be part of a name, a tag or a text, where a quotation mark is escaped.
    return b',"event":' in record.payload


def _add(values: list[float], kind: str, value: float) -> None:
    if values and kind == "increment":
        values[0] += value
    elif values and kind == "gauge":
        values[0] = value
    else:
        values.append(value)
