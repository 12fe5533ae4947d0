"""Add to every event where it was emitted."""

from __future__ import annotations

import os
import socket

from eventtracking.types import Event


class HostFacts:
    """
    A processor that adds the facts every event of this process shares to its context.

    What the application entered itself stays as it is.

    Args:
        host: The name of the machine. Default: what the machine calls itself.
    """

    def __init__(self, *, host: str | None = None) -> None:
        self.host = socket.gethostname() if host is None else host

    def __call__(self, event: Event, /) -> Event:
        """Return *event* with the facts in its context."""
        facts = {"event_source": "server", "host": self.host, "pid": os.getpid()}
        event["context"] = {**facts, **event["context"]}
        return event

    def __repr__(self) -> str:
        return f"<HostFacts host={self.host!r}>"
