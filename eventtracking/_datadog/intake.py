"""The way to Datadog without an agent: its HTTP intakes for metrics and events."""

from __future__ import annotations

import os
import time
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple

from orjson import dumps

from eventtracking._datadog.points import Announcement, Gathered, Key, gather, has_announcement
from eventtracking._datadog.table import Table
from eventtracking.delivery.destination import (
    Destination,
    Limits,
    Ok,
    Outcome,
    Record,
    Reject,
    Split,
)
from eventtracking.delivery.http import HttpClient, meaning
from eventtracking.types import Event

MAX_BODY_BYTES = 500_000
"""What a body may have when it is packed. It has no more before, so it fits in any case."""

# https://docs.datadoghq.com/api/latest/metrics/#submit-metrics
_TYPES = {"increment": 1, "gauge": 3}

# One request takes at least this long, in seconds, even at the end of the program.
_SHORTEST = 0.01

_MAX_REMEMBERED = 100_000


class Request(NamedTuple):
    """One call, and the records that are in it."""

    path: str
    body: bytes
    ids: set[str]


class IntakeDestination(Destination):
    """
    Post points to the metrics intake, and events to theirs.

    Counts and gauges go to `/api/v2/series`, all else to `/api/v1/distribution_points`,
    each Datadog event to `/api/v1/events`. A batch may need several calls. Those that were
    answered are not repeated when the batch is.

    Args:
        table: What is measured of an event.
        http: Where to, with the key.
    """

    label = "Datadog"
    limits = Limits(batch_events=5_000, batch_bytes=5_000_000, event_bytes=1_000_000)

    def __init__(self, table: Table, http: HttpClient) -> None:
        self._table = table
        self._http = http
        self._host = os.uname().nodename
        # The second of the last point of each metric.
        self._last: dict[tuple[str, tuple[str, ...]], int] = {}
        self._ids: list[str] = []
        # What of the batch with these ids is to do, and what of it was refused.
        self._requests: list[Request] = []
        self._refused: dict[str, Split] = {}
        self._arrived = False

    def encode(self, event: Event, /) -> bytes:
        """Return the points of *event*."""
        return self._table.encode(event)

    def batches(self, records: Sequence[Record], /) -> Iterable[Sequence[Record]]:
        """Let a record with a Datadog event travel alone: that is a call of its own."""
        silent = [record for record in records if not has_announcement(record)]
        if silent:
            yield silent
        for record in records:
            if has_announcement(record):
                yield [record]

    def deliver(self, batch: Sequence[Record], timeout: float, /) -> Outcome:
        """Make the calls that *batch* needs, or those that are left since the last time."""
        deadline = time.monotonic() + timeout
        ids = [record.id for record in batch]
        if ids != self._ids:
            self._requests = [*self._calls(gather(batch, by_second=True))]
            self._refused, self._arrived, self._ids = {}, False, ids
        while self._requests:
            outcome = self._call(self._requests[0], deadline)
            if isinstance(outcome, Split) and self._arrived:
                # To split the batch would send again what arrived.
                self._refused |= dict.fromkeys(self._requests[0].ids, outcome)
            elif not isinstance(outcome, Ok):
                return outcome
            self._arrived = True
            del self._requests[0]
        self._ids = []
        return self._result()

    def forget(self) -> None:
        """Drop connections in a forked child, and what the parent was about to do."""
        self._http.forget()
        self._ids = []

    def close(self) -> None:
        """Close connections."""
        self._http.close()

    def _call(self, request: Request, deadline: float) -> Outcome:
        left = max(_SHORTEST, deadline - time.monotonic())
        return meaning(self._http.post(request.path, request.body, timeout=left, compress=True))

    def _result(self) -> Outcome:
        if not self._refused:
            return Ok()
        refusal = next(iter(self._refused.values()))
        return Reject([*self._refused], refusal.reason, refusal.status)

    def _calls(self, gathered: Gathered) -> Iterator[Request]:
        series: list[tuple[bytes, set[str]]] = []
        distributions: list[tuple[bytes, set[str]]] = []
        for key, values in gathered.values.items():
            is_series = key.kind in _TYPES
            form = self._series(key, values[0]) if is_series else self._distribution(key, values)
            (series if is_series else distributions).append((dumps(form), gathered.ids[key]))
        yield from bodies("/api/v2/series", series)
        yield from bodies("/api/v1/distribution_points", distributions)
        for event in gathered.announcements:
            yield Request("/api/v1/events", dumps(self._event(event)), {event.id})

    def _series(self, key: Key, value: float) -> dict[str, Any]:
        return {
            "metric": key.metric,
            "type": _TYPES[key.kind],
            "points": [{"timestamp": self._unused_second(key), "value": value}],
            "tags": key.tags,
            "resources": [{"type": "host", "name": self._host}],
        }

    def _distribution(self, key: Key, values: list[float]) -> dict[str, Any]:
        return {
            "metric": key.metric,
            "type": "distribution",
            "points": [[key.second, values]],
            "tags": key.tags,
            "host": self._host,
        }

    def _event(self, event: Announcement) -> dict[str, Any]:
        return {
            "title": event.title,
            "text": event.text,
            "date_happened": event.second,
            "tags": event.tags,
            "host": self._host,
        }

    def _unused_second(self, key: Key) -> int:
        """Return the second of *key*, or the first one after it that has no point yet."""
        # Datadog keeps one point a second of a metric with the same tags: of a second one,
        # sent in the next request, it would take the value for that of the first.
        metric = (key.metric, key.tags)
        second = max(key.second, self._last.get(metric, 0) + 1)
        if len(self._last) >= _MAX_REMEMBERED:
            self._last.clear()
        self._last[metric] = second
        return second


def bodies(
    path: str, items: Sequence[tuple[bytes, set[str]]], *, most: int = MAX_BODY_BYTES
) -> Iterator[Request]:
    """Yield calls of *path* with all *items* as its series, none larger than *most* bytes."""
    head, tail = b'{"series":[', b"]}"
    parts: list[bytes] = []
    ids: set[str] = set()
    size = len(head) + len(tail)
    for item, its_ids in items:
        if parts and size + len(item) > most:
            yield Request(path, head + b",".join(parts) + tail, ids)
            parts, ids, size = [], set(), len(head) + len(tail)
        parts.append(item)
        ids = ids | its_ids
        size += len(item) + 1
    if parts:
        yield Request(path, head + b",".join(parts) + tail, ids)
