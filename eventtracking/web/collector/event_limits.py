"""How much one event may hold."""

from __future__ import annotations

from typing import Any, NamedTuple

from orjson import dumps

from eventtracking.web.collector.refusals import EventRefused


class EventLimits(NamedTuple):
    """The most bytes of JSON, levels of nesting and values inside that an event may have."""

    max_bytes: int
    max_depth: int
    max_values: int

    def check(self, event: Any, *payloads: Any) -> None:
        """
        Pass if *event* is small enough, and *payloads*, what it holds, plain enough.

        Raises:
            EventRefused: If not.
        """
        if _size(event) > self.max_bytes:
            raise EventRefused("too_large")
        level = [each for each in payloads if isinstance(each, dict | list)]
        values = depth = 0
        # Level by level: no recursion, and an end as soon as a limit is passed.
        while level:
            depth += 1
            if depth > self.max_depth:
                raise EventRefused("too_deep")
            values += sum(map(len, level))
            if values > self.max_values:
                raise EventRefused("too_many_values")
            level = [
                item
                for each in level
                for item in (each.values() if isinstance(each, dict) else each)
                if isinstance(item, dict | list)
            ]


def _size(event: Any) -> int:
    try:
        return len(dumps(event))
    except TypeError as error:
        # orjson writes fewer levels than it reads.
        raise EventRefused("too_deep") from error
