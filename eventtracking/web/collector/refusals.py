"""The reasons for which a request, or an event in it, is refused."""

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
"""The reasons for which a whole request is refused, with their statuses. The list is closed."""

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
"""The reasons for which one event of a request is refused. The list is closed."""


class RequestRefused(Exception):
    """
    Raised to refuse a request.

    Args:
        reason: One of `REQUEST_REASONS`.
        retry_after: The number of seconds after which the client may try again.
    """

    def __init__(self, reason: str, *, retry_after: int | None = None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.retry_after = retry_after


class EventRefused(Exception):
    """
    Raised to refuse one event.

    Args:
        reason: One of `EVENT_REASONS`.
    """

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason
