"""Capture the log lines of the events that a request emits, for its response."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from eventtracking.serialization import encode
from eventtracking.types import Event


class LineCaptureBackend:
    """A backend that appends each event, as a log line, to the list of `captured_lines`."""

    read_only = True

    def send(self, event: Event, /) -> None:
        """Append the line of *event*, if it is emitted within `captured_lines`."""
        lines = _captured.get()
        if lines is not None:
            lines.append(encode(event).decode().removesuffix("\n"))


@contextmanager
def captured_lines() -> Iterator[list[str]]:
    """Collect the lines of the events that this task or thread emits."""
    lines: list[str] = []
    token = _captured.set(lines)
    try:
        yield lines
    finally:
        _captured.reset(token)


_captured: ContextVar[list[str] | None] = ContextVar("eventtracking_demo_lines", default=None)
