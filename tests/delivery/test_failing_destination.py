"""Destinations that hang, crawl or refuse: the program is not affected, and no event is lost."""

import pytest
from sending_programs import COLLECT, arrived, each_once, run
from sink_server import drip, sink

FAULTS = {
    "hangs": lambda handler: handler.rfile.read(1),
    "crawls": drip(b"HTTP/1.1 200 OK\r\nX-Slow: ", every=0.05),
    "refuses": 503,
    "asks for patience": (429, {"Retry-After": "1"}),
}

# Emits 10,000 events a second, and prints by how many kilobytes the process has grown.
EMIT = """
import resource
import time

EVENTS = int(os.environ["EVENTS"])
emit(0, 1000)
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
start = time.monotonic()
for number in range(1000, EVENTS):
    emit(number, number + 1)
    while time.monotonic() < start + number / 10_000:
        time.sleep(0.0005)
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""


@pytest.fixture
def server():
    with sink() as server:
        yield server


@pytest.mark.parametrize("events", [5000, pytest.param(600_000, marks=pytest.mark.soak)])
@pytest.mark.parametrize("fault", FAULTS)
def test_every_event_arrives_when_the_destination_has_recovered(server, tmp_path, fault, events):
    """Events that wait on disk take no memory meanwhile: the process grows by at most 20 MB."""
    server.default = FAULTS[fault]
    outbox = tmp_path / "outbox"

    out, _ = run(EMIT, server, outbox, EVENTS=str(events), EXIT_TIMEOUT="0.3")
    server.default = 200
    server.requests.clear()
    run(COLLECT, server, outbox)

    assert int(out) < 20_000
    assert arrived(server).keys() == each_once(0, events).keys()
