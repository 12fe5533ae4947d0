"""Hand the events that a request emitted back to that request."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from eventtracking.serialization import encode
from eventtracking.types import Event


class EchoBackend:
    """A backend that keeps each event, as the line it is in a log file, for who listens here."""

    read_only = True

    def send(self, event: Event, /) -> None:
        """Keep the line of *event*, if the code that emitted it listens."""
        lines = _listener.get()
        if lines is not None:
            lines.append(encode(event).decode().removesuffix("\n"))


@contextmanager
def listening() -> Iterator[list[str]]:
    """Collect the lines of the events that are emitted in this task or thread."""
    lines: list[str] = []
    token = _listener.set(lines)
    try:
        yield lines
    finally:
        _listener.reset(token)


_listener: ContextVar[list[str] | None] = ContextVar("eventtracking_demo_listener", default=None)
