"""A destination in the same process that keeps what arrives and returns scripted outcomes."""

import threading
import time

from eventtracking.delivery import Destination, Limits, Ok
from eventtracking.exceptions import EventLost
from eventtracking.serialization import encode

# Nothing here takes that long. It ends a test that would hang.
HANG_SECONDS = 300

LIMITS = Limits(1000, 500_000, 32_000)


class FakeDestination(Destination):
    """
    A destination that accepts everything, unless it has a script.

    Args:
        script: For each batch an outcome, an exception to raise, or a function that returns
            one of them.
    """

    label = "Fake"

    def __init__(self, *script, limits=LIMITS, idempotent=True):
        self.script = list(script)
        self.limits = limits
        self.idempotent = idempotent
        self.attempts = []
        self.arrived = []
        # While it is not set, requests hang.
        self.is_responding = threading.Event()
        self.is_responding.set()

    def encode(self, event, /):
        if event["data"].get("refused"):
            raise EventLost("rejected", "no identity")
        return encode(event)[:-1]

    def deliver(self, batch, timeout, /):
        self.attempts.append([record.name for record in batch])
        self.is_responding.wait(timeout)
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
        """The names of the events that arrived, in order."""
        return [record.name for record in self.arrived]


def event(name="page.viewed", **data):
    """Return an event."""
    return {"name": name, "data": data, "context": {}}


def send(backend, *names):
    """Send an event of each name."""
    for name in names:
        backend.send(event(name))


def wait_until(condition):
    """Wait until *condition* returns something true, and return that."""
    deadline = time.monotonic() + HANG_SECONDS
    while not (outcome := condition()):
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.001)
    return outcome


def checked_stats(backend):
    """Return the statistics of *backend*, in which every accepted event must be counted."""
    stats = backend.stats()
    settled = stats["sent"] + stats["pending"] + sum(stats["lost"].values())
    assert stats["accepted"] == settled, stats
    return stats
