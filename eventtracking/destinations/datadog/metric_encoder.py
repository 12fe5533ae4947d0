"""Encode an event as points of metrics: the counter of all events, and the defined metrics."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from typing import Any, TypeAlias

from orjson import dumps

from eventtracking.destinations.datadog.event_values import as_number, as_text, value_at
from eventtracking.destinations.datadog.metric_definitions import MetricDefinition, prefixed
from eventtracking.destinations.datadog.naming import TagValues, metric_name, tag
from eventtracking.serialization import encode, plain
from eventtracking.stats import LogThrottle, log_safely
from eventtracking.types import Event

logger = logging.getLogger(__name__)

Point: TypeAlias = tuple[str, str, float, list[str]]
"""The kind of a metric, its name, a value, and the tags."""

COUNTER = "events"
"""The metric that counts every event, without the prefix."""

# https://docs.datadoghq.com/api/latest/events/ allows 4,000 characters. The agent reads 8 KiB,
# which must also hold the title and the tags.
_MAX_TEXT_CHARACTERS = 4_000
_MAX_TEXT_BYTES = 5_000
_MAX_TITLE_CHARACTERS = 200

# More names than applications have. A program that generates names still works, only slower.
_MAX_CACHED_NAMES = 4_096
_MAX_CACHED_CHARACTERS = 500


class MetricEncoder:
    """
    Encode events as points of metrics, in JSON.

    Args:
        definitions: The metrics to measure besides the counter.
        is_datadog_event: Whether an event with this name is also sent as a Datadog event.
        prefix: The prefix of the names of metrics.
        max_tag_values: The number of values that a tag may have.
    """

    def __init__(
        self,
        definitions: tuple[MetricDefinition, ...],
        *,
        is_datadog_event: Callable[[str], object],
        prefix: str,
        max_tag_values: int,
    ) -> None:
        self._definitions = definitions
        self._is_datadog_event = is_datadog_event
        self._counter = prefixed(prefix, COUNTER)
        self._max_tag_values = max_tag_values
        self._tag_values: dict[str, TagValues] = {}
        # Both by the name of the event: what to encode, and the encoded point of the counter.
        self._plans: dict[str, tuple[tuple[MetricDefinition, ...], bool]] = {}
        self._counts: dict[tuple[str, str], bytes] = {}
        self._throttle = LogThrottle()

    def encode(self, event: Event) -> bytes:
        """Return `{"points": [...]}`, with an `"event"` if *event* is also a Datadog event."""
        name = as_text(event.get("name"))
        count = self._count(name, as_text(value_at(event, ("context", "event_source"))))
        definitions, is_datadog_event = self._plan(name)
        points = [point for each in definitions if (point := self._point(each, event))]
        datadog_event = self._datadog_event(name, event) if is_datadog_event else b""
        return b'{"points":[%b]%b}' % (b",".join([count, *map(dumps, points)]), datadog_event)

    def encode_point(self, kind: str, metric: str, value: Any, tags: Iterable[str]) -> bytes | None:
        """Return `{"points": [...]}` with one point; log and return `None` if it is not valid."""
        name, found = metric_name(metric), as_number(value)
        if found is None or not name:
            self._warn_of_missing(metric, "the value given")
            return None
        point = (kind, name, found, [cleaned for each in tags if (cleaned := tag(each))])
        return b'{"points":[%b]}' % dumps(point)

    def _plan(self, name: str) -> tuple[tuple[MetricDefinition, ...], bool]:
        """Return the metrics of events called *name*, and whether to send a Datadog event."""
        found = self._plans.get(name)
        if found is None:
            matching = tuple(each for each in self._definitions if each.matches(name))
            found = matching, bool(self._is_datadog_event(name))
            _cache(self._plans, name, found, len(name))
        return found

    def _count(self, name: str, source: str) -> bytes:
        found = self._counts.get((name, source))
        if found is None:
            point = ("increment", self._counter, 1, self._event_tags(name, source))
            found = dumps(point)
            _cache(self._counts, (name, source), found, len(name) + len(source))
        return found

    def _event_tags(self, name: str, source: str) -> list[str]:
        tags = {"event": name, "source": source}
        return [self._values_of(key).tag(value) for key, value in tags.items() if value]

    def _point(self, definition: MetricDefinition, event: Event) -> Point | None:
        path = definition.value
        value = 1 if path is None else as_number(value_at(event, path))
        if value is None:
            self._warn_of_missing(definition.metric, ".".join(path or ()))
            return None
        tags = [
            self._values_of(key).tag(text)
            for key, path in definition.tags
            if (text := as_text(value_at(event, path)))
        ]
        return definition.kind, definition.metric, value, tags

    def _values_of(self, key: str) -> TagValues:
        found = self._tag_values.get(key)
        if found is None:
            found = self._tag_values.setdefault(key, TagValues(key, self._max_tag_values))
        return found

    def _warn_of_missing(self, metric: str, place: str) -> None:
        skipped = self._throttle.due(metric)
        if skipped is not None:
            message = "Skipped %s value(s) of the Datadog metric %s: %s is missing or not a number"
            log_safely(logger.warning, message, skipped, metric, place)

    def _datadog_event(self, name: str, event: Event) -> bytes:
        source = as_text(value_at(event, ("context", "event_source")))
        data = encode(event.get("data"))[:-1].decode()
        title = plain(name)[:_MAX_TITLE_CHARACTERS] or COUNTER
        return b',"event":%b' % dumps((title, _shortened(data), self._event_tags(name, source)))


def _cache(cache: dict[Any, Any], key: Any, value: Any, characters: int) -> None:
    if characters <= _MAX_CACHED_CHARACTERS:
        if len(cache) >= _MAX_CACHED_NAMES:
            cache.clear()
        cache[key] = value


def _shortened(text: str) -> str:
    """Return *text*, cut to the length that the text of a Datadog event may have."""
    mark = "..."
    cut = text[: _MAX_TEXT_CHARACTERS - len(mark)].encode()[: _MAX_TEXT_BYTES - len(mark)]
    fits = len(text) <= _MAX_TEXT_CHARACTERS and len(text.encode()) <= _MAX_TEXT_BYTES
    return text if fits else cut.decode(errors="ignore") + mark
