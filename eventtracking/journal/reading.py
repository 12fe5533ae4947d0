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

    A line that a kill tore, with the whole line of another process behind it, gives up
    that one. What cannot be read is left out, and a warning at the end says how much.

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
        logger.warning("%s: %d damaged line(s); what was whole in them was read", path, damaged)
