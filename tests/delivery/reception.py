"""A destination in the same process: it keeps what arrives, and answers what it is told to."""

import threading
import time

from eventtracking.delivery import Destination, Limits, Ok
from eventtracking.exceptions import EventLost
from eventtracking.serialization import encode

# Nothing here takes that long. It ends a test that would hang.
HANG_SECONDS = 300

LIMITS = Limits(1000, 500_000, 32_000)


class Reception(Destination):
    """
    Answer each batch with the next of *script*, an outcome, an exception or a function.

    Without one it takes everything.
    """

    label = "Reception"

    def __init__(self, *script, limits=LIMITS, idempotent=True):
        self.script = list(script)
        self.limits = limits
        self.idempotent = idempotent
        self.attempts = []
        self.arrived = []
        self.gate = threading.Event()
        self.gate.set()

    def encode(self, event, /):
        if event["data"].get("refused"):
            raise EventLost("rejected", "no identity")
        return encode(event)[:-1]

    def deliver(self, batch, timeout, /):
        self.attempts.append([record.name for record in batch])
        self.gate.wait(timeout)
        outcome = self.script.pop(0) if self.script else Ok()
        if callable(outcome):
            outcome = outcome(batch)
        if isinstance(outcome, BaseException):
            raise outcome
        if isinstance(outcome, Ok):
            self.arrived += batch
        return outcome

    @property
    def names(self):
        """The names of what arrived, in order."""
        return [record.name for record in self.arrived]


def event(name="page.viewed", **data):
    """Return an event."""
    return {"name": name, "data": data, "context": {}}


def send(backend, *names):
    """Send an event of each name."""
    for name in names:
        backend.send(event(name))


def until(condition):
    """Wait for *condition*, an outcome that is sure to come, and return it."""
    deadline = time.monotonic() + HANG_SECONDS
    while not (outcome := condition()):
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.001)
    return outcome


def books(backend):
    """Return the books of *backend*, once it is sure that nothing is missing in them."""
    stats = backend.stats()
    settled = stats["sent"] + stats["pending"] + sum(stats["lost"].values())
    assert stats["accepted"] == settled, stats
    return stats
