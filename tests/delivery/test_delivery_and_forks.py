"""Forks while threads emit: no child hangs, and no event is lost or sent twice."""

import pytest
from sending_programs import COLLECT, arrived, each_once, run
from sink_server import sink

# Several threads emit all the time. Each child emits three events and ends in one of two ways.
PROGRAM = """
import itertools
import time

FORKS, THREADS = int(os.environ["FORKS"]), 4
numbers = itertools.count()
stop = threading.Event()

def emit_until_stopped():
    while not stop.is_set():
        number = next(numbers)
        emit(number, number + 1)
        time.sleep(0.001)

threads = [threading.Thread(target=emit_until_stopped) for _ in range(THREADS)]
for thread in threads:
    thread.start()

def child(fork):
    first = 1_000_000 + 3 * fork
    emit(first, first + 3)
    if os.environ["OUTBOX"] and fork % 2:
        os._exit(0)
    if not tracker.get_tracker().flush(60):
        os._exit(5)
    # The exit hooks of the parent must not run in a child that was forked in a thread.
    os._exit(0)

for fork in range(FORKS):
    pid = os.fork()
    if not pid:
        child(fork)
    _, status = os.waitpid(pid, 0)
    assert status == 0, (fork, status)
stop.set()
for thread in threads:
    thread.join()
assert tracker.get_tracker().flush(60)
stats = tracker.get_tracker().stats()["backends"]["sink"]
print(next(numbers), stats["accepted"], stats["sent"], sum(stats["lost"].values()))
"""


@pytest.fixture
def server():
    with sink() as server:
        yield server


@pytest.mark.parametrize(
    ("outbox", "forks"),
    [
        ("outbox", 60),
        ("", 60),
        pytest.param("outbox", 1000, marks=pytest.mark.soak),
        pytest.param("", 1000, marks=pytest.mark.soak),
    ],
)
def test_a_fork_under_load_hangs_no_child_and_loses_no_event(server, tmp_path, outbox, forks):
    """Each event of the parent and of the children arrives once, and the statistics are exact."""
    out, _ = run(PROGRAM, server, outbox and tmp_path / outbox, FORKS=str(forks))
    if outbox:
        run(COLLECT, server, tmp_path / outbox)
    own, accepted, sent, lost = map(int, out.split())

    # The parent may have delivered events that a child left.
    assert (accepted, lost) == (sent, 0)
    assert accepted >= own
    children = each_once(1_000_000, 1_000_000 + 3 * forks)
    assert arrived(server) == each_once(0, own) + children
