"""Why a request, or an event in it, is refused."""

from __future__ import annotations

REQUEST_REASONS = {
    "malformed": 400,
    "too_many_fields": 400,
    "foreign_origin": 403,
    "method": 405,
    "too_large": 413,
    "too_many_events": 413,
    "content_type": 415,
    "content_encoding": 415,
    "rate_limited": 429,
    "not_configured": 503,
    "closed": 503,
}
"""Every reason to refuse a whole request, with the status that says so. The list is closed."""

EVENT_REASONS = (
    "invalid_event",
    "invalid_id",
    "invalid_name",
    "reserved_name",
    "invalid_time",
    "invalid_page",
    "invalid_context",
    "too_large",
    "too_deep",
    "too_many_values",
    "opted_out",
)
"""Every reason to refuse one event and keep its neighbours. The list is closed."""


class RequestRefused(Exception):
    """A request that is not taken: *reason* is one of `REQUEST_REASONS`."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class EventRefused(Exception):
    """An event that is not taken: *reason* is one of `EVENT_REASONS`."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason
