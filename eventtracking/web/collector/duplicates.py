"""Recognize events that were received before, by their ids."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

from eventtracking._options import PATH, Options, optional, whole_number
from eventtracking.stats import LogThrottle, log_safely
from eventtracking.web.collector.bounded_cache import BoundedCache
from eventtracking.web.collector.shared_ids import LockedIds, SharedIds

logger = logging.getLogger("eventtracking.web.collector")


class Duplicates:
    """
    The ids of recent events: those that this process received, and those in a shared file.

    Args:
        size: The number of ids that are remembered at least.
        path: A file that all processes share, or `None`.
        options: Collects the problems of the options.
    """

    def __init__(self, size: int, path: Any, options: Options) -> None:
        is_size = options.check("duplicates", size, whole_number(1, unit="ids"))
        is_path = options.check("duplicates_path", path, optional(PATH))
        self._own: BoundedCache[object] = BoundedCache(size)
        self._shared: SharedIds | None = None
        if is_size and is_path and path is not None:
            self._shared = SharedIds(os.fspath(path), size)
        self._throttle = LogThrottle()

    @contextmanager
    def claims(self) -> Iterator[Claims]:
        """Return the claims of one request, for a `with` block."""
        with ExitStack() as stack:
            claims = Claims(self._own, self._shared, stack, self._warn)
            try:
                yield claims
            finally:
                claims.release()

    def _warn(self, error: OSError) -> None:
        number = self._throttle.due("shared")
        if number is not None:
            message = "Cannot use the shared file of event ids for %s request(s): %s"
            log_safely(logger.warning, message, number, error)


class Claims:
    """
    The ids of one request. Each is claimed, its event is emitted, and the claim is confirmed.

    If the process is killed in between, the id is not in the file, and the event is accepted
    when it is sent again: a repeated event is better than a lost one.

    The file is opened and locked for the first id, and other processes wait until the request
    is done. If the file cannot be used, the request is processed without it.
    """

    def __init__(
        self,
        own: BoundedCache[object],
        shared: SharedIds | None,
        stack: ExitStack,
        warn: Callable[[OSError], None],
    ) -> None:
        self._own = own
        self._shared = shared
        self._stack = stack
        self._warn = warn
        self._ids: LockedIds | None = None
        self._claimed: str | None = None

    def claim(self, event_id: str) -> bool:
        """Return whether *event_id* is new, and remember it in this process."""
        claim = object()
        if self._own.get(event_id, lambda: claim) is not claim:
            return False
        if self._with_file(lambda ids: event_id in ids):
            return False
        self._claimed = event_id
        return True

    def confirm(self) -> None:
        """Add the claimed id to the file, because its event was emitted."""
        event_id, self._claimed = self._claimed, None
        if event_id is not None:
            self._with_file(lambda ids: ids.add(event_id))

    def release(self) -> None:
        """Forget an id that was claimed and not confirmed."""
        if self._claimed is not None:
            self._own.remove(self._claimed)

    def _with_file(self, use: Callable[[LockedIds], bool | None]) -> bool:
        if self._shared is None:
            return False
        try:
            if self._ids is None:
                self._ids = self._stack.enter_context(self._shared.locked())
            return bool(use(self._ids))
        except OSError as error:
            self._shared = None
            self._warn(error)
            return False
