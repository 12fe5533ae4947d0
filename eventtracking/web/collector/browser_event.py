"""An event that a browser sent, and the rules that it must follow."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, NamedTuple

from orjson import dumps

from eventtracking._options import Options, whole_number
from eventtracking.web.collector.event_names import EventNames
from eventtracking.web.collector.refusals import EventRefused


class BrowserEvent(NamedTuple):
    """A checked event."""

    name: str
    data: Any
    time: datetime
    """The time of the event, by the server's clock."""
    context: Mapping[str, Any]
    """The fields that the browser contributes to the context of the event."""


class EventRules:
    """
    The rules for each event.

    Args:
        names: The allowed names.
        max_bytes: The maximum size of an event as JSON.
        max_depth: The maximum number of levels of nesting.
        max_values: The maximum number of values in all of these levels.
        options: Collects the problems of the options.
    """

    def __init__(
        self,
        names: EventNames,
        max_bytes: int,
        max_depth: int,
        max_values: int,
        options: Options,
    ) -> None:
        options.check("max_event_bytes", max_bytes, whole_number(1, unit="bytes"))
        options.check("max_depth", max_depth, whole_number(1, unit="levels"))
        options.check("max_values", max_values, whole_number(1))
        self.names = names
        self._max_bytes = max_bytes
        self._max_depth = max_depth
        self._max_values = max_values

    def check_size(self, event: Any, *payloads: Any) -> None:
        """
        Check the size of *event*, and the depth and number of the values in its *payloads*.

        Raises:
            EventRefused: If a limit is exceeded.
        """
        if _json_bytes(event) > self._max_bytes:
            raise EventRefused("too_large")
        level = [each for each in payloads if isinstance(each, dict | list)]
        values = depth = 0
        # Level by level: without recursion, and with an early exit at each limit.
        while level:
            depth += 1
            if depth > self._max_depth:
                raise EventRefused("too_deep")
            values += sum(map(len, level))
            if values > self._max_values:
                raise EventRefused("too_many_values")
            level = [
                item
                for each in level
                for item in (each.values() if isinstance(each, dict) else each)
                if isinstance(item, dict | list)
            ]


def _json_bytes(event: Any) -> int:
    try:
        return len(dumps(event))
    except TypeError as error:
        # orjson writes fewer levels than it reads.
        raise EventRefused("too_deep") from error
