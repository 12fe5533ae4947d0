"""What `eventtracking outbox deliver` does: send what waits on disk, and show how far it is."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import NamedTuple

from eventtracking.delivery.lifecycle import watched
from eventtracking.delivery.network_backend import NetworkBackend
from eventtracking.delivery.outbox.inspection import OutboxFolder, UnusableFolder

# How often the progress is shown.
_LOOK_SECONDS = 0.1


class Delivered(NamedTuple):
    """What became of the events of one outbox."""

    folder: str
    sent: int
    lost: int
    left: int

    def __str__(self) -> str:
        return f"{self.folder}: {self.sent} sent, {self.lost} lost, {self.left} left"


def deliver(seconds: float) -> Iterator[Delivered]:
    """
    Deliver what waits in the outboxes of all backends of this process, and yield what became of it.

    What a running program writes is left to that.

    Args:
        seconds: How long to try, for all of them.
    """
    deadline = time.monotonic() + seconds
    backends = [
        backend
        for backend in watched()
        if isinstance(backend, NetworkBackend) and backend.outbox is not None
    ]
    totals = {str(backend.outbox): _waiting(str(backend.outbox)) for backend in backends}
    # All at once; then looked at one after the other.
    for backend in backends:
        backend.adopt(seconds)
    for backend in sorted(backends, key=lambda each: str(each.outbox)):
        folder = str(backend.outbox)
        with _progress(folder, totals[folder]) as show:
            while not backend.rests() and time.monotonic() < deadline:
                show(backend.stats()["sent"])
                time.sleep(_LOOK_SECONDS)
            books = backend.stats()
            show(books["sent"])
        lost = sum(books["lost"].values())
        yield Delivered(folder, books["sent"], lost, books["pending"])


def _waiting(folder: str) -> int:
    try:
        return OutboxFolder(folder).waiting()
    except UnusableFolder:
        # Nobody has put anything into it yet.
        return 0


@contextmanager
def _progress(folder: str, total: int) -> Iterator[Callable[[int], object]]:
    """Show a line of progress on a terminal, if `tqdm` is installed (the extra `progress`)."""
    try:
        from tqdm import tqdm
    except ModuleNotFoundError:
        yield lambda _: None
        return
    name = os.path.basename(folder)
    with tqdm(
        desc=name, total=total, unit="event", disable=None, leave=False, file=sys.stderr
    ) as line:
        yield lambda sent: line.update(sent - line.n)
