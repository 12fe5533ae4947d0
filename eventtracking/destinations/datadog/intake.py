"""Post metrics and Datadog events to Datadog's HTTP intake, without an agent."""

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
    outcome_of,
)
from eventtracking.destinations.datadog.aggregation import (
    Aggregates,
    DatadogEvent,
    PointKey,
    aggregate,
    has_datadog_event,
)
from eventtracking.destinations.datadog.metric_encoder import MetricEncoder
from eventtracking.destinations.datadog.timestamps import Series, Timestamps
from eventtracking.types import Event

MAX_BODY_BYTES = 500_000
"""Datadog's limit for a compressed body. Ours holds even before compression."""

# https://docs.datadoghq.com/api/latest/metrics/#submit-metrics
_SERIES_TYPES = {"increment": 1, "gauge": 3}

_SERIES_PATH = "/api/v2/series"
_DISTRIBUTIONS_PATH = "/api/v1/distribution_points"
_EVENTS_PATH = "/api/v1/events"

_BODY_START, _BODY_END = b'{"series":[', b"]}"
_EMPTY_BODY_BYTES = len(_BODY_START) + len(_BODY_END)

# A request gets at least this much time, even when the program exits.
_MIN_REQUEST_SECONDS = 0.01


class EncodedSeries(NamedTuple):
    """The points of one series as JSON, and the records that they come from."""

    json: bytes
    record_ids: set[str]
    last_points: dict[Series, tuple[int, float]]
    """Its last point, if it is a series whose points can replace each other."""


class Request(NamedTuple):
    """A request to one of the intakes, and the records in it."""

    path: str
    body: bytes
    record_ids: set[str]
    last_points: dict[Series, tuple[int, float]]


class IntakeDestination(Destination):
    """
    Datadog's intakes for metrics and for events.

    Counts and gauges go to `/api/v2/series`, other metrics to
    `/api/v1/distribution_points`, each Datadog event to `/api/v1/events`. A batch may
    need several requests. When it is sent again, those that succeeded are not repeated.

    Args:
        encoder: Writes the points of an event.
        client: Posts to Datadog, with the key.
        clock: Returns seconds since the epoch.
    """

    label = "Datadog"
    limits = Limits(batch_events=5_000, batch_bytes=5_000_000, event_bytes=1_000_000)

    def __init__(
        self, encoder: MetricEncoder, client: HttpClient, *, clock: Callable[[], float] = time.time
    ) -> None:
        self._encoder = encoder
        self._client = client
        self.identity = client.identity
        self._clock = clock
        self._host = os.uname().nodename
        self._timestamps = Timestamps()
        # The records of the batch that is being sent, its remaining requests, the records
        # that were refused, and whether any request succeeded.
        self._ids: list[str] = []
        self._requests: list[Request] = []
        self._refusals: dict[str, Split] = {}
        self._has_succeeded = False

    def encode(self, event: Event, /) -> bytes:
        """Return the points of *event*."""
        return self._encoder.encode(event)

    def batches(self, records: Sequence[Record], /) -> Iterable[Sequence[Record]]:
        """Send a record with a Datadog event alone, because that event needs a request."""
        without_events = [record for record in records if not has_datadog_event(record)]
        if without_events:
            yield without_events
        for record in records:
            if has_datadog_event(record):
                yield [record]

    def deliver(self, batch: Sequence[Record], timeout: float, /) -> Outcome:
        """Make the requests for *batch*, or the remaining ones if some succeeded before."""
        deadline = time.monotonic() + timeout
        ids = [record.id for record in batch]
        if ids != self._ids:
            self._requests = [*self._requests_for(aggregate(batch, by_second=True))]
            self._refusals, self._has_succeeded, self._ids = {}, False, ids
        while self._requests:
            outcome = self._post(self._requests[0], deadline)
            if isinstance(outcome, Split) and self._has_succeeded:
                # Splitting the batch would send again what Datadog has taken.
                self._refusals |= dict.fromkeys(self._requests[0].record_ids, outcome)
            elif not isinstance(outcome, Ok):
                return outcome
            else:
                self._timestamps.delivered(self._requests[0].last_points, int(self._clock()))
            self._has_succeeded = True
            del self._requests[0]
        self._ids = []
        return self._result()

    def forget(self) -> None:
        """Drop connections, and the rest of the parent's batch, in a forked child."""
        self._client.forget()
        self._ids = []

    def close(self) -> None:
        """Close connections."""
        self._client.close()

    def _post(self, request: Request, deadline: float) -> Outcome:
        seconds = max(_MIN_REQUEST_SECONDS, deadline - time.monotonic())
        response = self._client.post(request.path, request.body, timeout=seconds, compress=True)
        return outcome_of(response)

    def _result(self) -> Outcome:
        if not self._refusals:
            return Ok()
        refusal = next(iter(self._refusals.values()))
        return Reject([*self._refusals], refusal.reason, refusal.status)

    def _requests_for(self, aggregates: Aggregates) -> Iterator[Request]:
        yield from pack_series(_SERIES_PATH, self._series(aggregates))
        yield from pack_series(_DISTRIBUTIONS_PATH, self._distributions(aggregates))
        for event in aggregates.events:
            yield Request(_EVENTS_PATH, dumps(self._event(event)), {event.record_id}, {})

    def _series(self, aggregates: Aggregates) -> Iterator[EncodedSeries]:
        values: dict[Series, dict[int, float]] = {}
        ids: dict[Series, set[str]] = {}
        for key, found in aggregates.values.items():
            if key.kind in _SERIES_TYPES:
                series = (key.kind, key.metric, key.tags)
                values.setdefault(series, {})[key.second] = found[0]
                ids.setdefault(series, set()).update(aggregates.record_ids[key])
        now = int(self._clock())
        for series, by_second in values.items():
            points = self._timestamps.assign(series, by_second, now)
            last = max(points)
            encoded = dumps(self._points(series, points))
            yield EncodedSeries(encoded, ids[series], {series: (last, points[last])})

    def _points(self, series: Series, points: Mapping[int, float]) -> dict[str, Any]:
        kind, metric, tags = series
        return {
            "metric": metric,
            "type": _SERIES_TYPES[kind],
            "points": [{"timestamp": second, "value": value} for second, value in points.items()],
            "tags": tags,
            "resources": [{"type": "host", "name": self._host}],
        }

    def _distributions(self, aggregates: Aggregates) -> Iterator[EncodedSeries]:
        for key, values in aggregates.values.items():
            if key.kind not in _SERIES_TYPES:
                encoded = dumps(self._distribution(key, values))
                yield EncodedSeries(encoded, aggregates.record_ids[key], {})

    def _distribution(self, key: PointKey, values: list[float]) -> dict[str, Any]:
        return {
            "metric": key.metric,
            "type": "distribution",
            "points": [[key.second, values]],
            "tags": key.tags,
            "host": self._host,
        }

    def _event(self, event: DatadogEvent) -> dict[str, Any]:
        return {
            "title": event.title,
            "text": event.text,
            "date_happened": event.second,
            "tags": event.tags,
            "host": self._host,
        }


def pack_series(
    path: str, series: Iterable[EncodedSeries], *, max_bytes: int = MAX_BODY_BYTES
) -> Iterator[Request]:
    """Yield requests to *path* that hold all *series*, with at most *max_bytes* in each body."""
    packed: list[EncodedSeries] = []
    size = _EMPTY_BODY_BYTES
    for each in series:
        if packed and size + len(each.json) > max_bytes:
            yield _request(path, packed)
            packed, size = [], _EMPTY_BODY_BYTES
        packed.append(each)
        size += len(each.json) + 1
    if packed:
        yield _request(path, packed)


def _request(path: str, series: Sequence[EncodedSeries]) -> Request:
    body = _BODY_START + b",".join([each.json for each in series]) + _BODY_END
    ids = {record_id for each in series for record_id in each.record_ids}
    last_points = {key: point for each in series for key, point in each.last_points.items()}
    return Request(path, body, ids, last_points)
