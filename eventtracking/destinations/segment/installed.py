"""Find the client of Segment's that is installed, under the names it has had."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import Any

from eventtracking.stats import LogThrottle

# Its name of today, then that of its first major version.
_MODULES = ("segment.analytics", "analytics")


def speaks(client: Any) -> bool:
    """Tell whether Segment's calls can go to *client*: any module may be called `analytics`."""
    calls = (getattr(client, "track", None), getattr(client, "identify", None))
    return all(callable(call) for call in calls)


def installed_client() -> Any:
    """Return the module of Segment's client, or `None` if it is not installed."""
    return next((module for path in _MODULES if speaks(module := _imported(path))), None)


class InstalledClient:
    """
    The module of Segment's client, for whoever asks at each event.

    To find nothing takes longer than all the rest of an `emit`, so while there is nothing
    it is looked for once a minute.

    Args:
        names: The names of a module. What tests of applications put there as `analytics`
            stands in for the client.
    """

    def __init__(self, names: Mapping[str, Any]) -> None:
        self._names = names
        self._looks = LogThrottle()
        self._is_missing = False

    def find(self) -> Any:
        """Return the module, or `None`."""
        if "analytics" in self._names:
            return self._names["analytics"]
        if self._is_missing and self._looks.due("look") is None:
            return None
        client = installed_client()
        self._is_missing = client is None
        return client


def _imported(path: str) -> Any:
    try:
        return import_module(path)
    except ModuleNotFoundError:
        return None
