"""A destination hangs, crawls or refuses: the host goes on as ever, and nothing is lost."""

import pytest
from sending_programs import COLLECT, arrived, each_once, run
from sink_server import drip, sink

TROUBLES = {
    "hangs": lambda handler: handler.rfile.read(1),
    "crawls": drip(b"HTTP/1.1 200 OK\r\nX-Slow: ", every=0.05),
    "refuses": 503,
    "asks for time": (429, {"Retry-After": "1"}),
}

# Offers 10,000 events a second, and prints by how many kilobytes the process has grown.
OFFER = """
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
def there():
    with sink() as there:
        yield there


@pytest.mark.parametrize("events", [5000, pytest.param(600_000, marks=pytest.mark.soak)])
@pytest.mark.parametrize("trouble", TROUBLES)
def test_everything_arrives_once_the_trouble_is_over(there, tmp_path, trouble, events):
    """What waits on disk takes no memory meanwhile: 20 MB at most."""
    there.default = TROUBLES[trouble]
    outbox = tmp_path / "outbox"

    out, _ = run(OFFER, there, outbox, EVENTS=str(events), EXIT_TIMEOUT="0.3")
    there.default = 200
    there.requests.clear()
    run(COLLECT, there, outbox)

    assert int(out) < 20_000
    assert arrived(there).keys() == each_once(0, events).keys()
