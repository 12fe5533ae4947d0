"""The records that could not be written yet."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator

from eventtracking.delivery.destination import Record


class Backlog:
    """Records in memory, in order, each with the line that is to be written."""

    def __init__(self) -> None:
        self._items: deque[tuple[Record, bytes]] = deque()
        self.bytes = 0

    def __len__(self) -> int:
        return len(self._items)

    def __iter__(self) -> Iterator[Record]:
        return (record for record, _ in self._items)

    @property
    def first(self) -> tuple[Record, bytes]:
        """The oldest record, and its line."""
        return self._items[0]

    def ends_with(self, record: Record) -> bool:
        """Return whether *record* is the newest one."""
        return bool(self._items) and self._items[-1][0] is record

    def append(self, record: Record, line: bytes) -> None:
        """Add *record*."""
        # The two statements that follow are not separated by a call, because a signal handler
        # may append a record as well.
        size = len(line)
        self._items.append((record, line))
        self.bytes += size

    def drop_first(self) -> None:
        """Remove the oldest record."""
        size = len(self._items.popleft()[1])
        self.bytes -= size

    def drop_last(self) -> None:
        """Remove the newest record."""
        size = len(self._items.pop()[1])
        self.bytes -= size
