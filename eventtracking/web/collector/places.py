"""What lies at which path below the one where the collector is mounted."""

from __future__ import annotations

from typing import Any

from eventtracking.exceptions import ImproperlyConfigured
from eventtracking.web.collector.client_files import TYPES


def places_below(path: Any) -> dict[str, str]:
    """
    Return the paths that a collector at *path* answers: each with a file's name, or no name.

    Raises:
        ImproperlyConfigured: If *path* is no path such as `/event`.
    """
    if not isinstance(path, str) or not path.startswith("/") or path.endswith("/"):
        raise ImproperlyConfigured(
            f"CollectorMiddleware: path must be text such as '/event', got {path!r}"
        )
    return {path: "", **{f"{path}/{name}": name for name in TYPES}}
