"""Read events from a file of lines, damaged ones included."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from typing import Any

from eventtracking.journal.salvage import event_of, salvage

logger = logging.getLogger(__name__)


def read(path: str | os.PathLike[str]) -> Iterator[dict[str, Any]]:
    """
    Yield the events in the file at *path*, in order, each as a dict.

    If a kill tore a line and another process appended a complete one to it, the complete
    event is yielded. Bytes that cannot be read are skipped, and a warning at the end says
    in how many lines.

    Raises:
        OSError: If the file cannot be read.
    """
    damaged = 0
    with open(path, "rb") as lines:
        for line in lines:
            event = event_of(line)
            if event is not None:
                yield event
            elif line.strip():
                events, rest = salvage(line)
                damaged += bool(rest)
                yield from events
    if damaged:
        message = "%s: %d damaged line(s); the complete events in them were read"
        logger.warning(message, path, damaged)
