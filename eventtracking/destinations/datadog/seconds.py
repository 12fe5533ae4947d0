"""The second that a point is given: Datadog keeps one value a second of a metric."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeAlias

Series: TypeAlias = tuple[str, str, tuple[str, ...]]
"""The kind of a metric, its name and its tags."""

MAX_LEAD_SECONDS = 600
"""Datadog drops points that are further ahead."""

# Past so many series, those that had no point for so many seconds are forgotten.
_MANY = 100_000
_LONG_AGO_SECONDS = 60


class Seconds:
    """
    Place values so that none takes the place of another one at Datadog, and none lies ahead.

    Of two points of a series in one second, sent one after the other, Datadog keeps the
    later. So what comes late for its second joins a later one that has no point yet. Where
    there is none up to now, the point that is there is replaced by one that holds both.
    """

    def __init__(self) -> None:
        # The last point of each series that arrived.
        self._last: dict[Series, tuple[int, float]] = {}

    def place(self, series: Series, values: Mapping[int, float], now: int) -> dict[int, float]:
        """
        Return the points to send for *values*.

        Args:
            series: What they are values of.
            values: By the second in which they were accepted.
            now: The second in which they are sent.
        """
        last, before = self._last.get(series, (0, 0))
        if last > now + MAX_LEAD_SECONDS:
            # The clock was wrong, and was put right.
            last = 0
        ordered = sorted(values.items())
        placed = {second: value for second, value in ordered if second > last}
        late = [value for second, value in ordered if second <= last]
        if not late:
            return placed
        if placed:
            second = next(iter(placed))
            joined = [*late, placed[second]]
        elif last < now:
            second, joined = last + 1, late
        else:
            second, joined = last, [before, *late]
        placed[second] = sum(joined) if series[0] == "increment" else joined[-1]
        return placed

    def arrived(self, points: Mapping[Series, tuple[int, float]], now: int) -> None:
        """Note the last point of each series that a request took to Datadog."""
        self._last.update(points)
        if len(self._last) > _MANY:
            since = now - _LONG_AGO_SECONDS
            self._last = {key: last for key, last in self._last.items() if last[0] >= since}
