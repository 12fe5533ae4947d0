"""The options of the collector, for the doors that hand them on. Loads none of it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any, Literal, TypeAlias, TypedDict

from eventtracking.tracker import Tracker

Choice: TypeAlias = Literal["off", "anonymous", "drop"]
"""What to do about a visitor's wish not to be tracked."""


class CollectorOptions(TypedDict, total=False):
    """The options of `eventtracking.web.collector.Collector`, which says what each is for."""

    allowed_origins: Any
    reserved_prefixes: Any
    page_close_by_get: bool
    gpc: Choice
    dnt: Choice
    max_body_bytes: int
    max_expanded_bytes: int
    max_events: int
    max_event_bytes: int
    max_depth: int
    max_values: int
    max_name_characters: int
    rate: float | None
    burst: int
    duplicates: int
    duplicates_path: str | None
    tracker: Tracker | Callable[[], Tracker | None] | None
    clock: Callable[[], float]
    wall_clock: Callable[[], datetime]
