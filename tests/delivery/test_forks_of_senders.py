"""A process forks while its threads emit: no child hangs, and nothing is lost or sent twice."""

import pytest
from sending_programs import COLLECT, arrived, each_once, run
from sink_server import sink

# Several threads emit all the time; each child emits three events and ends in one of two ways.
PROGRAM = """
import itertools
import time

FORKS, THREADS = int(os.environ["FORKS"]), 4
numbers = itertools.count()
stop = threading.Event()

def go_on():
    while not stop.is_set():
        number = next(numbers)
        emit(number, number + 1)
        time.sleep(0.001)

threads = [threading.Thread(target=go_on) for _ in range(THREADS)]
for thread in threads:
    thread.start()

def child(fork):
    first = 1_000_000 + 3 * fork
    emit(first, first + 3)
    if os.environ["OUTBOX"] and fork % 2:
        os._exit(0)
    if not tracker.get_tracker().flush(60):
        os._exit(5)
    # The exit hooks of a child that forked in a thread would meet those of its parent.
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
books = tracker.get_tracker().stats()["backends"]["sink"]
print(next(numbers), books["accepted"], books["sent"], sum(books["lost"].values()))
"""


@pytest.fixture
def there():
    with sink() as there:
        yield there


@pytest.mark.parametrize(
    ("outbox", "forks"),
    [
        ("outbox", 60),
        ("", 60),
        pytest.param("outbox", 1000, marks=pytest.mark.soak),
        pytest.param("", 1000, marks=pytest.mark.soak),
    ],
)
def test_a_fork_under_load_hangs_no_child_and_loses_no_event(there, tmp_path, outbox, forks):
    """Each number is there once, the parent's and the children's, and the books are exact."""
    out, _ = run(PROGRAM, there, outbox and tmp_path / outbox, FORKS=str(forks))
    if outbox:
        run(COLLECT, there, tmp_path / outbox)
    own, accepted, sent, lost = map(int, out.split())

    # The parent may have delivered what a child left.
    assert (accepted, lost) == (sent, 0)
    assert accepted >= own
    children = each_once(1_000_000, 1_000_000 + 3 * forks)
    assert arrived(there) == each_once(0, own) + children
