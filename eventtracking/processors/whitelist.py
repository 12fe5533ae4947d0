"""Keep the events on a list of names, as event-tracking does."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from eventtracking.exceptions import EventEmissionExit


class NameWhitelistProcessor:
    """
    Drop an event whose name is not on the list.

    A call with a list of events returns the events that are on the list.

    Args:
        whitelist: The complete names, as any iterable except text.
        ignored: Other options are accepted, as in event-tracking.

    Raises:
        TypeError: If *whitelist* is text or not iterable.
    """

    def __init__(self, whitelist: Iterable[str] | None = None, **ignored: Any) -> None:  # noqa: ARG002
        if isinstance(whitelist, str) or not isinstance(whitelist, Iterable):
            raise TypeError(
                "The NameWhitelistProcessor must be passed a whitelist of names, "
                f"got {whitelist!r}. Use a list such as ['edx.course.enrollment.activated']"
            )
        self.whitelist = frozenset(whitelist)

    def __call__(self, event: Any, /) -> Any:
        """Return *event*, or the events of a list that pass; or drop the event."""
        if isinstance(event, list):
            return [each for each in event if each["name"] in self.whitelist]
        if event["name"] not in self.whitelist:
            raise EventEmissionExit
        return event

    def __repr__(self) -> str:
        return f"<NameWhitelistProcessor {len(self.whitelist)} names>"
