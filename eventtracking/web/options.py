"""The types of the collector's options, for modules that must not load the collector."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any, Literal, TypeAlias, TypedDict

from eventtracking.tracker import Tracker

PrivacyMode: TypeAlias = Literal["off", "anonymous", "drop"]
"""How to treat the events of a visitor whose browser sends a privacy signal."""


class CollectorOptions(TypedDict, total=False):
    """The options of `eventtracking.web.collector.Collector`, which documents each of them."""

    allowed_origins: Any
    page_close_by_get: bool
    rate: float | None
    burst: int
    max_body_bytes: int
    max_expanded_bytes: int
    max_events: int
    reserved_prefixes: Any
    max_name_characters: int
    max_event_bytes: int
    max_depth: int
    max_values: int
    gpc: PrivacyMode
    dnt: PrivacyMode
    duplicates: int
    duplicates_path: str | None
    tracker: Tracker | Callable[[], Tracker | None] | None
    clock: Callable[[], float]
    wall_clock: Callable[[], datetime]
