"""
Outboxes on disk with their statistics, and programs that use one.

The programs import this module too, so that they and the tests agree on the events.
"""

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from textwrap import dedent

from eventtracking.delivery import Record
from eventtracking.delivery.losses import Losses
from eventtracking.delivery.outbox import folders, segment_file
from eventtracking.delivery.outbox.disk import DiskOutbox
from eventtracking.stats import Counters

HERE = Path(__file__).parent

# Nothing takes that long, on the busiest machine. It ends a test that would hang.
HANG_SECONDS = 300

# More events, and more bytes, than any test has.
UNLIMITED = 10**9


def record(number, writer="w", size=20):
    """Return the event that *writer* puts in as its *number*."""
    filling = "abcdefghij"[number % 10] * size
    payload = json.dumps({"writer": writer, "number": number, "filling": filling}).encode()
    return Record(f"{writer}-{number}", 1000.0 + number, "thing.done", payload)


def many(number, **options):
    """Return the first *number* events of a writer."""
    return [record(each, **options) for each in range(number)]


def number_of(payload):
    """Return the writer and the number of a *payload* that arrived, which must be unchanged."""
    found = json.loads(payload)
    writer, number = found["writer"], found["number"]
    assert payload == record(number, writer, len(found["filling"])).payload
    return writer, number


class CountedOutbox:
    """An outbox on disk, its counters, and the losses that it reported."""

    def __init__(self, folder, **options):
        self.counters = Counters()
        self.lost = []
        losses = Losses("Test", self.counters, lambda *loss: self.lost.append(loss))
        options = {"max_bytes": UNLIMITED, **options}
        self.outbox = DiskOutbox(folder, losses=losses, counters=self.counters, **options)

    def put(self, *records):
        """Put *records* in as a backend does; return those that were accepted."""
        kept = []
        for each in records:
            next(self.counters.accepted)
            if self.outbox.put(each):
                kept.append(each)
            else:
                self.counters.lose("queue_full")
        return kept

    def deliver(self, limit=UNLIMITED, *, window=100):
        """Deliver up to *limit* events, as a worker does, and return them."""
        delivered = []
        while len(delivered) < limit:
            batch = self.outbox.peek(min(window, limit - len(delivered)), UNLIMITED)
            if not batch:
                break
            self.settle(batch)
            delivered += batch
        return delivered

    def settle(self, batch):
        """Count *batch* as sent."""
        self.outbox.mark_sending(batch)
        for _ in range(self.outbox.settle(batch)):
            next(self.counters.sent)

    def kill(self):
        """Close the files as the kernel does when the process is killed."""
        self.outbox.forget()
        folders.release(self.outbox)

    def stats(self):
        """Return the statistics, in which every accepted event must be counted."""
        stats = self.counters.stats(pending=self.outbox.pending)
        settled = stats["sent"] + stats["pending"] + sum(stats["lost"].values())
        assert stats["accepted"] == settled, stats
        return stats


def never_adopting(folder):
    """Return an outbox in *folder* that will not adopt the files of others."""
    counted = CountedOutbox(folder, clock=lambda: 0.0)
    # Its next scan is due later, and its clock stands still.
    counted.outbox.peek(1, 1)
    return counted


def ids(records):
    """Return the ids of *records*."""
    return [each.id for each in records]


def files(folder):
    """Return the segment files in *folder*, the oldest first."""
    return sorted(Path(folder, name) for name in segment_file.segment_names(str(folder)))


def left_behind(folder, *records, **options):
    """Leave a segment with *records* in *folder*, as a killed process does; return its path."""
    before = files(folder)
    counted = CountedOutbox(folder, **options)
    counted.put(*records)
    counted.kill()
    (path,) = set(files(folder)) - set(before)
    return path


def start(program, *args):
    """Start *program*, Python source that may import this module."""
    environ = {**os.environ, "PYTHONPATH": str(HERE), "PYTHONWARNINGS": "ignore"}
    return subprocess.Popen(
        [sys.executable, "-c", dedent(program), *map(str, args)],
        env=environ,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def run(program, *args, status=0):
    """Run *program* to its end, and return what it printed as JSON."""
    with start(program, *args) as process:
        try:
            out, err = process.communicate(timeout=HANG_SECONDS)
        finally:
            process.kill()
    assert process.returncode == status, err
    return json.loads(out) if out else None


def forked(work):
    """Run *work* in a forked child, and return the child's exit code."""
    child = os.fork()
    if not child:
        status = 1
        try:
            work()
            status = 0
        finally:
            os._exit(status)
    deadline = time.monotonic() + HANG_SECONDS
    while not (ended := os.waitpid(child, os.WNOHANG))[0]:
        assert time.monotonic() < deadline, "a child hangs"
        time.sleep(0.001)
    return os.waitstatus_to_exitcode(ended[1])
