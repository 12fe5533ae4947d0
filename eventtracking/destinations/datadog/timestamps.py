"""Timestamps of points: Datadog keeps one value of a metric for each second."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeAlias

Series: TypeAlias = tuple[str, str, tuple[str, ...]]
"""The kind of a metric, its name and its tags."""

MAX_LEAD_SECONDS = 600
"""Datadog drops points that are further in the future."""

# Beyond this many series, those without a point in the last minute are forgotten.
MAX_SERIES = 100_000
_INACTIVE_SECONDS = 60


class Timestamps:
    """
    Give values a second each, so that none replaces another and none is in the future.

    When two points of a series in the same second are sent one after the other, Datadog
    keeps the later one. So a value whose second has been sent already joins a later
    second without a point. If there is none up to now, the last point is sent again with
    both values in it.
    """

    def __init__(self) -> None:
        self._last_points: dict[Series, tuple[int, float]] = {}

    def assign(self, series: Series, values: Mapping[int, float], now: int) -> dict[int, float]:
        """
        Return the points to send for *values*, by their second.

        Args:
            series: The series of the values.
            values: The values by the second in which they were accepted.
            now: The current second.
        """
        last, last_value = self._last_points.get(series, (0, 0))
        if last > now + MAX_LEAD_SECONDS:
            # The clock was ahead, and has been corrected.
            last = 0
        ordered = sorted(values.items())
        points = {second: value for second, value in ordered if second > last}
        late = [value for second, value in ordered if second <= last]
        if not late:
            return points
        if points:
            second = next(iter(points))
            joined = [*late, points[second]]
        elif last < now:
            second, joined = last + 1, late
        else:
            second, joined = last, [last_value, *late]
        points[second] = sum(joined) if series[0] == "increment" else joined[-1]
        return points

    def delivered(self, points: Mapping[Series, tuple[int, float]], now: int) -> None:
        """Remember the last point of each series that reached Datadog."""
        self._last_points.update(points)
        if len(self._last_points) > MAX_SERIES:
            oldest = now - _INACTIVE_SECONDS
            self._last_points = {
                series: point for series, point in self._last_points.items() if point[0] >= oldest
            }
