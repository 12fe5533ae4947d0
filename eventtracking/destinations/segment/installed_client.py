"""Find Segment's installed Python client."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import Any

from eventtracking.stats import LogThrottle

# The name since version 2, then that of version 1.
_MODULES = ("segment.analytics", "analytics")


def is_client(value: Any) -> bool:
    """Return whether *value* has the methods of Segment's client: any module may be `analytics`."""
    methods = (getattr(value, "track", None), getattr(value, "identify", None))
    return all(callable(method) for method in methods)


def installed_client() -> Any:
    """Return the module of Segment's client, or `None` if it is not installed."""
    return next((module for path in _MODULES if is_client(module := _imported(path))), None)


class InstalledClient:
    """
    The module of Segment's client, looked up for each event.

    A search that finds nothing takes longer than the rest of an `emit`. So while the
    client is not installed, it is searched for once a minute.

    Args:
        names: The names of a module. Tests of applications put a replacement for the
            client there, as `analytics`.
    """

    def __init__(self, names: Mapping[str, Any]) -> None:
        self._names = names
        self._searches = LogThrottle()
        self._is_missing = False

    def find(self) -> Any:
        """Return the module, or `None`."""
        if "analytics" in self._names:
            return self._names["analytics"]
        if self._is_missing and self._searches.due("search") is None:
            return None
        client = installed_client()
        self._is_missing = client is None
        return client


def _imported(path: str) -> Any:
    try:
        return import_module(path)
    except ModuleNotFoundError:
        return None
