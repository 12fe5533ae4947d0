"""What is measured of an event: the counter of every event, and the rows of the table."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from typing import Any, TypeAlias

from orjson import dumps

from eventtracking.destinations.datadog.names import TagValues, metric_name, tag
from eventtracking.destinations.datadog.rows import Row, prefixed
from eventtracking.destinations.datadog.values import at, number, text
from eventtracking.serialization import encode, plain
from eventtracking.stats import LogThrottle, log_safely
from eventtracking.types import Event

logger = logging.getLogger(__name__)

Point: TypeAlias = tuple[str, str, float, list[str]]
"""The kind of a metric, its name, a value, and the tags."""

COUNTER = "events"
"""The metric that counts every event, after the prefix."""

# https://docs.datadoghq.com/api/latest/events/ says 4,000 characters. The agent reads 8 KiB,
# in which the title and the tags must find room too.
_TEXT_CHARACTERS = 4_000
_TEXT_BYTES = 5_000
_TITLE_CHARACTERS = 200

# Applications have hundreds of names; whoever makes them up as they go pays a little more.
_MAX_REMEMBERED = 4_096
_MAX_REMEMBERED_CHARACTERS = 500


class Table:
    """
    Turn events into points, written as JSON.

    Args:
        rows: What to measure, and of which events.
        announced: Tells whether an event of this name is a Datadog event as well.
        prefix: What the names of metrics begin with.
        max_tag_values: How many values a tag may have.
    """

    def __init__(
        self,
        rows: tuple[Row, ...],
        *,
        announced: Callable[[str], object],
        prefix: str,
        max_tag_values: int,
    ) -> None:
        self._rows = rows
        self._announced = announced
        self._counter = prefixed(prefix, COUNTER)
        self._max_tag_values = max_tag_values
        self._tags: dict[str, TagValues] = {}
        self._plans: dict[str, tuple[tuple[Row, ...], bool]] = {}
        self._counts: dict[tuple[str, str], bytes] = {}
        self._throttle = LogThrottle()

    def encode(self, event: Event) -> bytes:
        """Return `{"points": [...]}`, and `"event"` in it for one that is announced."""
        name = text(event.get("name"))
        count = self._count(name, text(at(event, ("context", "event_source"))))
        rows, is_announced = self._plan(name)
        points = [found for row in rows if (found := self._point(row, event))]
        announcement = self._announcement(name, event) if is_announced else b""
        return b'{"points":[%b]%b}' % (b",".join([count, *map(dumps, points)]), announcement)

    def measure(self, kind: str, metric: str, value: Any, tags: Iterable[str]) -> bytes | None:
        """Return what `encode` would for one point; `None` if it is none, which is said."""
        name, found = metric_name(metric), number(value)
        if found is None or not name:
            self._skip(metric, "the value given")
            return None
        point = (kind, name, found, [cleaned for each in tags if (cleaned := tag(each))])
        return b'{"points":[%b]}' % dumps(point)

    def _plan(self, name: str) -> tuple[tuple[Row, ...], bool]:
        """Return the rows for events called *name*, and whether they are announced."""
        found = self._plans.get(name)
        if found is None:
            rows = tuple(row for row in self._rows if row.matches(name))
            found = rows, bool(self._announced(name))
            _remember(self._plans, name, found, len(name))
        return found

    def _count(self, name: str, source: str) -> bytes:
        found = self._counts.get((name, source))
        if found is None:
            point = ("increment", self._counter, 1, self._tags_of(name, source))
            found = dumps(point)
            _remember(self._counts, (name, source), found, len(name) + len(source))
        return found

    def _tags_of(self, name: str, source: str) -> list[str]:
        known = {"event": name, "source": source}
        return [self._values(key).tag(value) for key, value in known.items() if value]

    def _point(self, row: Row, event: Event) -> Point | None:
        value = 1 if row.value is None else number(at(event, row.value))
        if value is None:
            self._skip(row.metric, ".".join(row.value or ()))
            return None
        tags = [
            self._values(key).tag(shown)
            for key, path in row.tags
            if (shown := text(at(event, path)))
        ]
        return row.kind, row.metric, value, tags

    def _values(self, key: str) -> TagValues:
        found = self._tags.get(key)
        if found is None:
            found = self._tags.setdefault(key, TagValues(key, self._max_tag_values))
        return found

    def _skip(self, metric: str, place: str) -> None:
        skipped = self._throttle.due(metric)
        if skipped is not None:
            message = "Skipped %s value(s) of the Datadog metric %s: %s is missing or not a number"
            log_safely(logger.warning, message, skipped, metric, place)

    def _announcement(self, name: str, event: Event) -> bytes:
        source = text(at(event, ("context", "event_source")))
        data = encode(event.get("data"))[:-1].decode()
        title = plain(name)[:_TITLE_CHARACTERS] or COUNTER
        return b',"event":%b' % dumps((title, _cut(data), self._tags_of(name, source)))


def _remember(memory: dict[Any, Any], key: Any, found: Any, characters: int) -> None:
    if characters <= _MAX_REMEMBERED_CHARACTERS:
        if len(memory) >= _MAX_REMEMBERED:
            memory.clear()
        memory[key] = found


def _cut(data: str) -> str:
    """Return *data* no longer than an event may be."""
    mark = "..."
    cut = data[: _TEXT_CHARACTERS - len(mark)].encode()[: _TEXT_BYTES - len(mark)]
    fits = len(data) <= _TEXT_CHARACTERS and len(data.encode()) <= _TEXT_BYTES
    return data if fits else cut.decode(errors="ignore") + mark
