"""Writers that emit until they are killed, and the destination to which they deliver."""

import logging
import os
import socket
import time
from itertools import count

from outbox_programs import record

from eventtracking.delivery import Destination, Limits, NetworkBackend, Ok, Reject, Retry


class SinkDestination(Destination):
    """Sends a batch to a small receiver on this machine."""

    label = "Sink"
    limits = Limits(50, 1_000_000, 1_000_000)

    def __init__(self, port, *, idempotent=True):
        self.port = port
        self.idempotent = idempotent

    def encode(self, event):
        raise NotImplementedError

    def deliver(self, batch, timeout):
        body = b"\n".join(each.payload for each in batch)
        try:
            with socket.create_connection(("127.0.0.1", self.port), timeout=0.5) as connection:
                connection.sendall(b"%d\n%b" % (len(body), body))
                response = connection.recv(3)
        except TimeoutError:
            response = b"late"
        if response == b"200":
            return Ok()
        if not self.idempotent and response not in (b"500", b"429"):
            return Reject([each.id for each in batch], "no response")
        return Retry(after=0.01 if response == b"429" else None, reason=response.decode())


def write_until_killed(folder, port, acknowledged, name):
    """
    Emit until the process is killed, and note each event that was accepted.

    A negative *port* stands for a destination that keeps repeats.
    """
    logging.disable()
    log = os.open(acknowledged, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    destination = SinkDestination(abs(port), idempotent=port > 0)
    backend = NetworkBackend(
        destination, outbox=folder, flush_interval=0.01, max_outbox_bytes=10**10
    )
    for number in count():
        size = (number * 7919 % 1000) ** 2 // 200
        backend.put("thing.done", record(number, name, size).payload)
        os.write(log, b"%b %d\n" % (name.encode(), number))
        time.sleep(0.0005)
