"""The command `eventtracking outbox deliver`: send the events on disk, and show the progress."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Thread
from typing import NamedTuple

from eventtracking.delivery import lifecycle
from eventtracking.delivery.network_backend import NetworkBackend
from eventtracking.delivery.outbox.inspection import OutboxFolder, UnusableFolder

# The time between two updates of the progress.
_UPDATE_SECONDS = 0.1


class Delivered(NamedTuple):
    """The result for one outbox, in events."""

    folder: str
    sent: int
    lost: int
    left: int

    def __str__(self) -> str:
        return f"{self.folder}: {self.sent} sent, {self.lost} lost, {self.left} left"


def deliver(seconds: float) -> Iterator[Delivered]:
    """
    Deliver the waiting events of all backends of this process, and yield the results.

    Events of a running program are left to that program.

    Args:
        seconds: The time limit for all outboxes together.
    """
    backends = [
        (str(backend.outbox), backend)
        for backend in lifecycle.backends()
        if isinstance(backend, NetworkBackend) and backend.outbox is not None
    ]
    totals = {folder: _waiting(folder) for folder, _ in backends}
    threads = {
        folder: Thread(target=backend.flush, args=(seconds,), daemon=True)
        for folder, backend in backends
    }
    for thread in threads.values():
        thread.start()
    for folder, backend in sorted(backends, key=lambda each: each[0]):
        with _progress(folder, totals[folder]) as show:
            while threads[folder].is_alive():
                threads[folder].join(_UPDATE_SECONDS)
                show(backend.stats()["sent"])
        stats = backend.stats()
        yield Delivered(folder, stats["sent"], sum(stats["lost"].values()), stats["pending"])


def _waiting(folder: str) -> int:
    try:
        return OutboxFolder(folder).waiting()
    except UnusableFolder:
        # No event has been written to it yet.
        return 0


@contextmanager
def _progress(folder: str, total: int) -> Iterator[Callable[[int], object]]:
    """Show a progress bar on a terminal, if `tqdm` is installed (the extra `progress`)."""
    try:
        from tqdm import tqdm
    except ModuleNotFoundError:
        yield lambda _: None
        return
    name = os.path.basename(folder)
    with tqdm(
        desc=name, total=total, unit="event", disable=None, leave=False, file=sys.stderr
    ) as bar:
        yield lambda sent: bar.update(sent - bar.n)
