"""Whether an event has come before."""

from __future__ import annotations

import logging
import os
from typing import Any

from eventtracking.exceptions import ImproperlyConfigured
from eventtracking.stats import Notices
from eventtracking.web._collector.recent import Recent
from eventtracking.web._collector.shared_ids import SharedIds

logger = logging.getLogger("eventtracking.web.collector")


class Duplicates:
    """
    The ids of late: those of this process, and with a file those of its neighbours.

    Args:
        size: How many ids are remembered.
        path: A file that all processes share; `None` for none.

    Raises:
        ImproperlyConfigured: If *path* is no path.
    """

    def __init__(self, *, size: int, path: Any) -> None:
        if path is not None and (not isinstance(path, str | os.PathLike) or not os.fspath(path)):
            raise ImproperlyConfigured(
                f"Collector: duplicates_path must be the path of a file, or None, got {path!r}"
            )
        self._own: Recent[object] = Recent(size)
        self._shared = None if path is None else SharedIds(os.fspath(path), size)
        self._notices = Notices()

    def is_first(self, identity: str) -> bool:
        """Tell whether *identity* is new, and remember it."""
        mine = object()
        if self._own.get(identity, lambda: mine) is not mine:
            return False
        return self._shared is None or self._is_first_of_all(identity, self._shared)

    def _is_first_of_all(self, identity: str, shared: SharedIds) -> bool:
        try:
            return shared.add(identity)
        except OSError as error:
            number = self._notices.due("shared")
            if number is not None:
                message = "Cannot look for %s id(s) in the file of duplicates: %s"
                Notices.say(logger.warning, message, number, error)
            # Twice is better than never.
            return True
