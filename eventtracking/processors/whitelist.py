"""Let the events on a list of names through, as event-tracking does."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from eventtracking.exceptions import EventEmissionExit


class NameWhitelistProcessor:
    """
    Let an event through if its name is on the list, and drop it otherwise.

    Given a list of events, it returns those that are on the list.

    Args:
        whitelist: The names, whole. Anything but a text that can be iterated.
        ignored: Other options are accepted, as event-tracking does.

    Raises:
        TypeError: If *whitelist* cannot be iterated, or is a text.
    """

    def __init__(self, whitelist: Iterable[str] | None = None, **ignored: Any) -> None:  # noqa: ARG002
        if isinstance(whitelist, str) or not isinstance(whitelist, Iterable):
            raise TypeError(
                "The NameWhitelistProcessor must be passed a whitelist of names, "
                f"got {whitelist!r}. Give a list such as ['edx.course.enrollment.activated']"
            )
        self.whitelist = frozenset(whitelist)

    def __call__(self, event: Any, /) -> Any:
        """Return *event*, or those of a list of events that pass; or drop it."""
        if isinstance(event, list):
            return [one for one in event if one["name"] in self.whitelist]
        if event["name"] not in self.whitelist:
            raise EventEmissionExit
        return event

    def __repr__(self) -> str:
        return f"<NameWhitelistProcessor {len(self.whitelist)} names>"
