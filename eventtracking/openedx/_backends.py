"""Find a backend of the default tracker."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from eventtracking import tracker


def find_backend(is_suitable: Callable[[Any], bool]) -> Any:
    """Return the first suitable backend of the default tracker, at any depth, or `None`."""
    registered = tracker.TRACKERS.get(tracker.DEFAULT_TRACKER_NAME)
    return next((backend for backend in _backends(registered) if is_suitable(backend)), None)


def _backends(router: Any) -> Iterator[Any]:
    """Yield each backend of *router*, followed by the backends behind it."""
    backends = getattr(router, "backends", None)
    if isinstance(backends, Mapping):
        for backend in [*backends.values()]:
            yield backend
            yield from _backends(backend)
