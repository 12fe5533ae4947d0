"""Whether an event has come before."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

from eventtracking.exceptions import ImproperlyConfigured
from eventtracking.stats import LogThrottle, log_safely
from eventtracking.web.collector.recent import Recent
from eventtracking.web.collector.shared_ids import LockedIds, SharedIds

logger = logging.getLogger("eventtracking.web.collector")


class Duplicates:
    """
    The ids of late: those of this process, and with a file those of its neighbours.

    Args:
        size: How many ids are remembered, at least.
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
        self._throttle = LogThrottle()

    @contextmanager
    def of_a_request(self) -> Iterator[Claims]:
        """Give out what tells, for a `with` block, whether the ids of a request are new."""
        with ExitStack() as stack:
            claims = Claims(self._own, self._shared, stack, self._warn)
            try:
                yield claims
            finally:
                claims.give_up()

    def _warn(self, error: OSError) -> None:
        number = self._throttle.due("shared")
        if number is not None:
            message = "Cannot look into the file of duplicates for %s request(s): %s"
            log_safely(logger.warning, message, number, error)


class Claims:
    """
    The ids of one request: each is claimed, its event is emitted, and then the id is kept.

    A process that is killed in between has kept nothing, and the event is taken when it comes
    again: twice is better than never. The file is opened for the first id, and others wait
    until the request is done; where it cannot be used, the request does without.
    """

    def __init__(
        self,
        own: Recent[object],
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

    def claim(self, identity: str) -> bool:
        """Tell whether *identity* is new. From now on it is not, for this process."""
        mine = object()
        if self._own.get(identity, lambda: mine) is not mine:
            return False
        if self._in_file(lambda ids: identity in ids):
            return False
        self._claimed = identity
        return True

    def keep(self) -> None:
        """Let all processes know the id that was claimed: its event is on its way."""
        identity, self._claimed = self._claimed, None
        if identity is not None:
            self._in_file(lambda ids: ids.add(identity))

    def give_up(self) -> None:
        """Forget an id that was claimed and not kept."""
        if self._claimed is not None:
            self._own.forget(self._claimed)

    def _in_file(self, ask: Callable[[LockedIds], bool | None]) -> bool:
        if self._shared is None:
            return False
        try:
            if self._ids is None:
                self._ids = self._stack.enter_context(self._shared.locked())
            return bool(ask(self._ids))
        except OSError as error:
            self._shared = None
            self._warn(error)
            return False
