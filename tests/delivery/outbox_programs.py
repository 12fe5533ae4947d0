"""
What tests of the outbox on disk share: outboxes with their books, and programs that die.

A program imports this module too, so both sides agree on what an event looks like.
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

ANY = 10**9


def record(number, writer="w", size=20):
    """Return the event that *writer* puts in as its *number*."""
    filling = "abcdefghij"[number % 10] * size
    payload = json.dumps({"writer": writer, "number": number, "filling": filling}).encode()
    return Record(f"{writer}-{number}", 1000.0 + number, "thing.done", payload)


def number_of(payload):
    """Return `(writer, number)` of a payload that arrived, once it is sure to be as it was."""
    found = json.loads(payload)
    writer, number = found["writer"], found["number"]
    assert payload == record(number, writer, len(found["filling"])).payload
    return writer, number


class Kept:
    """An outbox, its books, and who was told of losses."""

    def __init__(self, folder, **options):
        self.counters = Counters()
        self.lost = []
        losses = Losses("Test", self.counters, lambda *loss: self.lost.append(loss))
        options = {"max_bytes": ANY, **options}
        self.outbox = DiskOutbox(folder, losses=losses, counters=self.counters, **options)

    def put(self, *records):
        """Put *records* in as a backend does; return which were kept."""
        kept = []
        for each in records:
            next(self.counters.accepted)
            if self.outbox.put(each):
                kept.append(each)
            else:
                self.counters.lose("queue_full")
        return kept

    def deliver(self, most=ANY, *, window=100):
        """Deliver up to *most* events, as a worker does, and return them."""
        delivered = []
        while len(delivered) < most:
            batch = self.outbox.peek(min(window, most - len(delivered)), ANY)
            if not batch:
                break
            self.settle(batch)
            delivered += batch
        return delivered

    def settle(self, batch):
        """Say that *batch* arrived."""
        self.outbox.begin(batch)
        for _ in range(self.outbox.settle(batch)):
            next(self.counters.sent)

    def die(self):
        """Give the files up as the end of a process does, without a word."""
        self.outbox.forget()
        folders._owners.discard(self.outbox)

    def books(self):
        """Return the books, which must be even."""
        books = self.counters.stats(pending=self.outbox.pending)
        kept = books["sent"] + books["pending"] + sum(books["lost"].values())
        assert books["accepted"] == kept, books
        return books


def ids(records):
    """Return the ids of *records*."""
    return [each.id for each in records]


def files(folder):
    """Return the journals in *folder*, the oldest first."""
    return sorted(Path(folder, name) for name in segment_file.names(str(folder)))


def left_behind(folder, *records, **options):
    """Leave a journal with *records* in *folder*, as a killed process does; return its path."""
    kept = Kept(folder, **options)
    kept.put(*records)
    (own,) = kept.outbox._writer.journals
    kept.die()
    return Path(own.path)


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
    """Run *work* in a forked child, and return how the child ended."""
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
