"""Killed processes: no event is lost that `send` had returned for."""

import json
from collections import Counter

import pytest
from log_programs import run, salvaged_from

from eventtracking.backends.log_file import LogFileBackend

# Forks four writers, and repeatedly kills one and forks another in its place. Each writer
# counts the events that it has sent in shared memory.
KILL = """
    import json
    import mmap
    import os
    import random
    import sys
    import time
    from eventtracking.backends.log_file import LogFileBackend
    from log_programs import event, kill, until

    path, size, kills = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    sent = memoryview(mmap.mmap(-1, 8 * (kills + 4))).cast("q")

    def fork(writer):
        pid = os.fork()
        if pid:
            return pid
        backend = LogFileBackend(path)
        while True:
            backend.send(event(writer, sent[writer], size))
            sent[writer] += 1

    writers = [fork(writer) for writer in range(4)]
    for number in range(kills):
        until(lambda: sent[number])
        time.sleep(random.uniform(0.001, 0.006))
        kill(writers[number])
        writers.append(fork(number + 4))
    for pid in writers[kills:]:
        kill(pid)
    print(json.dumps(list(sent)))
"""

# Sends 100 events, and then kills itself.
WRITE = """
    import os
    import sys
    from eventtracking.backends.log_file import LogFileBackend
    from log_programs import event, send_many

    backend = LogFileBackend(sys.argv[1])
    send_many(backend, "w", 100, 10)
    os.kill(os.getpid(), 9)
"""


@pytest.mark.parametrize("size", [840, 5_000, 20_000])
@pytest.mark.parametrize(
    "kills", [pytest.param(100, id="100 kills"), pytest.param(1_000, marks=pytest.mark.soak)]
)
def test_a_kill_costs_at_most_the_event_that_is_being_written(log, kills, size):
    """Every event for which `send` had returned is read back."""
    sent = json.loads(run(KILL, log, size, kills))

    LogFileBackend(log).close()
    found = salvaged_from(log)
    newest = Counter(writer for writer, _ in found)

    assert log.read_bytes()[-1:] == b"\n"
    assert max(found.values()) == 1
    assert all(
        (writer, number) in found for writer in range(len(sent)) for number in range(sent[writer])
    )
    # The last event may be complete although its writer was killed before counting it.
    assert all(newest[writer] - sent[writer] in (0, 1) for writer in range(len(sent)))


def test_events_sent_before_a_kill_are_in_the_file(log):
    """No flush, exit hook or thread has to run first."""
    run(WRITE, log, status=-9)

    assert salvaged_from(log) == {("w", number): 1 for number in range(100)}


@pytest.mark.parametrize("torn", [b'{"name":"torn', b'{"name":"torn","data":{"a":1}', b"\xff\x00"])
def test_a_torn_line_is_ended_before_the_next_one(log, torn):
    """The next writer starts a new line, so its event is complete."""
    log.write_bytes(torn)

    backend = LogFileBackend(log)
    backend.send({"name": "next"})
    backend.close()

    assert log.read_bytes() == torn + b'\n{"name":"next"}\n'


def test_an_undamaged_log_is_continued_without_a_blank_line(log):
    """Restarting a program adds nothing to its log."""
    for name in ("first", "second"):
        backend = LogFileBackend(log)
        backend.send({"name": name})
        backend.close()

    assert log.read_bytes() == b'{"name":"first"}\n{"name":"second"}\n'
