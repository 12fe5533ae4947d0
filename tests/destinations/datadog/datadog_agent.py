"""A fake of Datadog's agent: a socket, and the metrics in the datagrams that it receives."""

import re
import socket
import time
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import NamedTuple

# No test takes this long unless it hangs.
HANG_SECONDS = 30


class Metric(NamedTuple):
    name: str
    value: str
    kind: str
    tags: tuple = ()


class Agent:
    """The socket of a fake agent, and the options with which a backend finds it."""

    def __init__(self, listener, options):
        self.listener = listener
        self.options = options

    def datagrams(self, backend):
        """Return the datagrams that arrive until *backend* has sent everything."""
        assert backend.flush(HANG_SECONDS)
        self.listener.settimeout(0)
        found = []
        while True:
            try:
                found.append(self.listener.recv(65_535).decode())
            except BlockingIOError:
                return found

    def metrics(self, backend):
        """Return the metrics in these datagrams, in order."""
        return parsed(self.datagrams(backend))


def parsed(datagrams):
    """Return the metrics in *datagrams*. Every line must be a metric or an event."""
    lines = [line for each in datagrams for line in each.removesuffix("\n").split("\n")]
    return [metric(line) for line in lines if not line.startswith("_e{")]


def metric(line):
    """Parse *line* as the agent would."""
    head, *fields = line.split("|")
    name, value = head.split(":")
    tags = [field[1:].split(",") for field in fields[1:] if field.startswith("#")]
    known = [field for field in fields[1:] if re.match("#|c:|e:", field)]

    assert known == fields[1:]
    assert float(value) == float(value)
    return Metric(name, value, fields[0], tuple(tags[0]) if tags else ())


@contextmanager
def udp_agent():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as listener:
        listener.bind(("127.0.0.1", 0))
        yield Agent(listener, {"statsd_port": listener.getsockname()[1]})


@contextmanager
def unix_agent(path):
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        listener.bind(str(path))
        yield Agent(listener, {"socket_path": str(path)})


def event(name="shop.order.placed", data=None, source="server", **context):
    """Return an event with the current time."""
    return {
        "name": name,
        "timestamp": datetime.now(UTC),
        "data": {} if data is None else data,
        "context": {**({"event_source": source} if source else {}), **context},
    }


def send_in_the_past(backend, one, seconds, monkeypatch):
    """Send *one* event as if it had been accepted *seconds* ago."""
    moment = time.time() - seconds
    with monkeypatch.context() as patched:
        patched.setattr(time, "time", lambda: moment)
        backend.send(one)


def until(condition):
    """Wait until *condition* returns something true, and return it."""
    deadline = time.monotonic() + HANG_SECONDS
    while not (found := condition()):
        assert time.monotonic() < deadline, f"waited for {condition}"
        time.sleep(0.005)
    return found


def statistics(backend):
    """Return the statistics of *backend*, which must balance."""
    stats = backend.stats()

    assert stats["accepted"] == stats["sent"] + stats["pending"] + sum(stats["lost"].values())
    return stats
