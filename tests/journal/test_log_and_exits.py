"""However a process ends, what it emitted is in the log, once."""

import program_exits
import pytest
from log_programs import lines_in, numbers, run

from eventtracking.journal import read

# 100 events are emitted in each program, by way of a tracker; what follows is its end.
EMIT = """
import atexit
import os
import signal
import sys
import threading

# Registered before ours, so that they run after it.
late = []
atexit.register(lambda: [hook() for hook in late])

from eventtracking.backends.log_file import LogFileBackend
from eventtracking.tracker import Tracker, register_tracker
from eventtracking import tracker
from log_programs import event

def emit(first, last):
    for number in range(first, last):
        tracker.emit("line.written", event("w", number)["data"])

class Path(LogFileBackend):
    # What the events of this test look like in the file.
    def send(self, sent):
        super().send({"name": sent["name"], "data": sent["data"]})

register_tracker(Tracker({"log": Path(sys.argv[1])}))
"""

ENDS = {
    **program_exits.EXITS,
    "a spawned child": (
        """
from concurrent.futures import ProcessPoolExecutor
import multiprocessing
import log_programs

emit(0, 50)
with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as pool:
    pool.submit(log_programs.send_from_50_to_100, sys.argv[1]).result()
""",
        0,
    ),
}


@pytest.mark.parametrize("fsync", ["never", "interval"])
@pytest.mark.parametrize("end", ENDS)
def test_all_events_survive_the_end_of_their_process(log, end, fsync):
    """100 of 100, none twice, and not a word on stderr."""
    program, status = ENDS[end]
    emit = EMIT.replace("(sys.argv[1])", f"(sys.argv[1], fsync={fsync!r})")

    run(emit + program, log, status=status)

    assert lines_in(log) == numbers(("w", 100))


def test_an_exit_hook_that_runs_after_ours_writes_where_readers_look(log):
    """No look will come after it, so each event has its own; here the log goes just before."""
    program = """
late.append(lambda: emit(0, 99))
late.append(lambda: os.unlink(sys.argv[1]))
late.append(lambda: emit(99, 100))
"""

    run(EMIT + program, log)

    assert lines_in(log) == {("w", 99): 1}


def test_an_object_that_emits_as_it_goes_is_heard(log):
    """At the end of the interpreter, after all hooks, while modules are taken down."""
    program = """
        import sys
        from eventtracking import tracker
        from eventtracking.backends.log_file import LogFileBackend

        class Last:
            def __del__(self):
                for number in range(100):
                    tracker.emit(f"last.{number}")

        tracker.register_tracker(tracker.Tracker({"log": LogFileBackend(sys.argv[1])}))
        last = Last()
    """

    run(program, log)

    assert [found["name"] for found in read(log)] == [f"last.{number}" for number in range(100)]
