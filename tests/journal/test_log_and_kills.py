"""A process that is killed loses nothing that it had sent, and hurts nobody else."""

import json
from collections import Counter

import pytest
from log_programs import run, salvaged_from

from eventtracking.backends.log_file import LogFileBackend

# Forks four writers, kills one after the other by the clock, and forks another in its
# place. Each notes, in memory that outlives it, how many events it had sent.
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

# Goes on for as long as it is not killed, and says so first.
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
def test_kills_cost_at_most_the_event_that_is_being_written(log, kills, size):
    """Whatever `send` had returned for is read back, also of the writer that was killed."""
    sent = json.loads(run(KILL, log, size, kills))

    LogFileBackend(log).close()
    found = salvaged_from(log)
    newest = Counter(writer for writer, _ in found)

    assert log.read_bytes()[-1:] == b"\n"
    assert max(found.values()) == 1
    assert all(
        (writer, number) in found for writer in range(len(sent)) for number in range(sent[writer])
    )
    # The last one may have gone down whole before its writer could note it.
    assert all(newest[writer] - sent[writer] in (0, 1) for writer in range(len(sent)))


def test_what_was_sent_before_a_kill_is_in_the_file(log):
    """Nothing is kept in the process: no flush, no exit hook and no thread has to run first."""
    run(WRITE, log, status=-9)

    assert salvaged_from(log) == {("w", number): 1 for number in range(100)}


@pytest.mark.parametrize("torn", [b'{"name":"torn', b'{"name":"torn","data":{"a":1}', b"\xff\x00"])
def test_a_torn_line_is_closed_before_the_next_one(log, torn):
    """The next writer begins a line of its own, and the event after the torn one is whole."""
    log.write_bytes(torn)

    backend = LogFileBackend(log)
    backend.send({"name": "next"})
    backend.close()

    assert log.read_bytes() == torn + b'\n{"name":"next"}\n'


def test_a_whole_log_is_continued_as_it_is(log):
    """No blank line at each start."""
    for name in ("first", "second"):
        backend = LogFileBackend(log)
        backend.send({"name": name})
        backend.close()

    assert log.read_bytes() == b'{"name":"first"}\n{"name":"second"}\n'
