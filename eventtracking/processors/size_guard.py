"""Limit the size of events."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any, Literal, get_args

from eventtracking._options import Options, one_of, whole_number
from eventtracking.event import copy_event
from eventtracking.exceptions import EventEmissionExit
from eventtracking.serialization import encode, plain
from eventtracking.stats import LogThrottle
from eventtracking.truncation import truncate
from eventtracking.types import Event

logger = logging.getLogger(__name__)

OnOversize = Literal["truncate", "drop"]
"""The action for an event that is too large."""


class SizeGuard:
    """
    Truncate or drop events of more than *max_bytes* of JSON.

    The size is that of a line in the log, including the newline. To truncate an event, the
    largest values in a copy of its `data` are shortened: first the ends of long strings, then
    those of lists and mappings. A truncated string ends in `[123 bytes removed]`, a
    truncated list in `"[4 items removed]"`, and a truncated mapping has the field
    `"[truncated]": "[5 fields removed]"`. `context["truncated"]` holds the original size
    and the JSON pointers of the truncated values. The name, the timestamp and the rest of the
    context stay complete. The result for an event is always the same.

    An event that cannot be made to fit is dropped and counted as `too_large`, with at most
    one warning a minute.

    The guard belongs after the processors that add to events, and before
    `LegacyFieldMappingProcessor`, which renames `data` and may make an event longer.

    Args:
        max_bytes: The maximum size of an event in bytes of JSON.
        on_oversize: `"truncate"` or `"drop"`.

    Raises:
        ImproperlyConfigured: If an option is wrong.
    """

    fails_closed = True

    def __init__(self, *, max_bytes: int = 50_000, on_oversize: OnOversize = "truncate") -> None:
        options = Options("SizeGuard")
        options.check("max_bytes", max_bytes, whole_number(1, unit="bytes"))
        options.check("on_oversize", on_oversize, one_of(*get_args(OnOversize)))
        options.raise_problems()
        self.max_bytes = max_bytes
        self.on_oversize = on_oversize
        self._throttle = LogThrottle()

    def __call__(self, event: Event, /) -> Event:
        """Return *event* unchanged or a truncated copy, or drop it."""
        size = len(encode(event))
        if size <= self.max_bytes:
            return event
        truncated = self._truncated(event, size) if self.on_oversize == "truncate" else None
        if truncated is None:
            self._warn(event, size)
            raise EventEmissionExit("too_large")
        return truncated

    def __repr__(self) -> str:
        return f"<SizeGuard max_bytes={self.max_bytes} on_oversize={self.on_oversize!r}>"

    def _truncated(self, event: Event, size: int) -> Event | None:
        """Return a copy of *event* that fits, or `None` if that is impossible."""
        copy = copy_event(event)
        if "data" not in copy or not isinstance(copy.get("context") or {}, Mapping):
            return None
        data = copy["data"]
        limit = self.max_bytes - len(encode(_with_note(copy, 0, size, []))) + 1
        for _ in range(2):
            truncated, paths = truncate(data, limit, "/data")
            result = _with_note(copy, truncated, size, paths)
            excess = len(encode(result)) - self.max_bytes
            if excess <= 0:
                return result
            # An object was encoded differently this time, or is nested to the maximum depth.
            data, limit = plain(data), limit - excess
        return None

    def _warn(self, event: Event, size: int) -> None:
        number = self._throttle.due("too_large")
        if number is not None:
            logger.warning(
                "Lost %d event(s) over max_bytes=%d; the last was %.200r with %d bytes",
                number,
                self.max_bytes,
                plain(event.get("name")),
                size,
            )


def _with_note(event: Event, data: Any, size: int, paths: list[str]) -> Event:
    """Return *event* with *data*, and a note about the truncation in its context."""
    note = {"bytes": size, "paths": paths}
    return {**event, "data": data, "context": {**(event.get("context") or {}), "truncated": note}}
