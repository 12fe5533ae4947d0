"""The way to Datadog without an agent: its HTTP intakes for metrics and events."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from orjson import dumps

from eventtracking.delivery import (
    Destination,
    HttpClient,
    Limits,
    Ok,
    Outcome,
    Record,
    Reject,
    Split,
    meaning,
)
from eventtracking.destinations.datadog.points import (
    Announcement,
    Gathered,
    Key,
    gather,
    has_announcement,
)
from eventtracking.destinations.datadog.seconds import Seconds, Series
from eventtracking.destinations.datadog.table import Table
from eventtracking.types import Event

MAX_BODY_BYTES = 500_000
"""What a body may have when it is packed. It has no more before, so it fits in any case."""

# https://docs.datadoghq.com/api/latest/metrics/#submit-metrics
_TYPES = {"increment": 1, "gauge": 3}

_HEAD, _TAIL = b'{"series":[', b"]}"
_EMPTY_BYTES = len(_HEAD) + len(_TAIL)

# One request takes at least this long, in seconds, even at the end of the program.
_SHORTEST = 0.01


class Item(NamedTuple):
    """What a call holds of one metric with its tags, and the records that this comes from."""

    form: bytes
    ids: set[str]
    last: dict[Series, tuple[int, float]]
    """Its last point, if points of it may replace each other."""


class Request(NamedTuple):
    """One call, and the records that are in it."""

    path: str
    body: bytes
    ids: set[str]
    last: dict[Series, tuple[int, float]]


class IntakeDestination(Destination):
    """
    Post points to the metrics intake, and events to theirs.

    Counts and gauges go to `/api/v2/series`, all else to `/api/v1/distribution_points`,
    each Datadog event to `/api/v1/events`. A batch may need several calls. Those that were
    answered are not repeated when the batch is.

    Args:
        table: What is measured of an event.
        http: Where to, with the key.
        clock: Seconds since the epoch.
    """

    label = "Datadog"
    limits = Limits(batch_events=5_000, batch_bytes=5_000_000, event_bytes=1_000_000)

    def __init__(
        self, table: Table, http: HttpClient, *, clock: Callable[[], float] = time.time
    ) -> None:
        self._table = table
        self._http = http
        self._clock = clock
        self._host = os.uname().nodename
        self._seconds = Seconds()
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
            else:
                self._seconds.arrived(self._requests[0].last, int(self._clock()))
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
        yield from bodies("/api/v2/series", self._series(gathered))
        yield from bodies("/api/v1/distribution_points", self._distributions(gathered))
        for event in gathered.announcements:
            yield Request("/api/v1/events", dumps(self._event(event)), {event.id}, {})

    def _series(self, gathered: Gathered) -> Iterator[Item]:
        values: dict[Series, dict[int, float]] = {}
        ids: dict[Series, set[str]] = {}
        for key, found in gathered.values.items():
            if key.kind in _TYPES:
                series = (key.kind, key.metric, key.tags)
                values.setdefault(series, {})[key.second] = found[0]
                ids.setdefault(series, set()).update(gathered.ids[key])
        now = int(self._clock())
        for series, by_second in values.items():
            points = self._seconds.place(series, by_second, now)
            last = max(points)
            form = dumps(self._of_series(series, points))
            yield Item(form, ids[series], {series: (last, points[last])})

    def _of_series(self, series: Series, points: Mapping[int, float]) -> dict[str, Any]:
        kind, metric, tags = series
        return {
            "metric": metric,
            "type": _TYPES[kind],
            "points": [{"timestamp": second, "value": value} for second, value in points.items()],
            "tags": tags,
            "resources": [{"type": "host", "name": self._host}],
        }

    def _distributions(self, gathered: Gathered) -> Iterator[Item]:
        for key, values in gathered.values.items():
            if key.kind not in _TYPES:
                yield Item(dumps(self._distribution(key, values)), gathered.ids[key], {})

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


def bodies(path: str, items: Iterable[Item], *, most: int = MAX_BODY_BYTES) -> Iterator[Request]:
    """Yield calls of *path* with all *items* as its series, none larger than *most* bytes."""
    part: list[Item] = []
    size = _EMPTY_BYTES
    for item in items:
        if part and size + len(item.form) > most:
            yield _request(path, part)
            part, size = [], _EMPTY_BYTES
        part.append(item)
        size += len(item.form) + 1
    if part:
        yield _request(path, part)


def _request(path: str, items: Sequence[Item]) -> Request:
    body = _HEAD + b",".join([item.form for item in items]) + _TAIL
    ids = {each for item in items for each in item.ids}
    last = {key: point for item in items for key, point in item.last.items()}
    return Request(path, body, ids, last)
