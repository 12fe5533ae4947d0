"""Lines that wait in memory until their file can be written, in order and within a bound."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence


class Backlog:
    """
    A queue of lines with a bound in bytes.

    Args:
        max_bytes: The number of bytes of lines that may wait.
    """

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self.lines: deque[bytes] = deque()
        """The lines, the oldest first; changed by the methods below only."""

        self._bytes = 0

    def clear(self) -> None:
        """Forget all lines."""
        self.lines.clear()
        self._bytes = 0

    def append(self, line: bytes) -> None:
        """Add *line* at the end, even beyond the bound."""
        self.lines.append(line)
        self._bytes += len(line)

    def drop_excess(self, line: bytes) -> bool:
        """Drop *line* if it is the last one and beyond the bound; return whether it was dropped."""
        if self._bytes <= self._max_bytes or self.lines[-1] is not line:
            return False
        self.lines.pop()
        self._bytes -= len(line)
        return True

    def restore(self, lines: Sequence[bytes]) -> None:
        """Add *lines* at the front, even beyond the bound: they are older than the others."""
        self.lines.extendleft(reversed(lines))
        self._bytes += sum(map(len, lines))

    def drop_first(self) -> None:
        """Drop the oldest line, if a signal handler has not dropped it meanwhile."""
        if self.lines:
            self._bytes -= len(self.lines.popleft())
        if not self.lines:
            self._bytes = 0
