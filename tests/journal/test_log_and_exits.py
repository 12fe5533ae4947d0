"""Process exit: every emitted event is in the log, once."""

import program_exits
import pytest
from log_programs import lines_in, numbers, run

from eventtracking.journal import read

# Each program emits 100 events through a tracker, and then exits in its own way.
EMIT = """
import atexit
import os
import signal
import sys
import threading

# Registered before the exit hook of this package, so they run after it.
late = []
atexit.register(lambda: [hook() for hook in late])

from eventtracking.backends.log_file import LogFileBackend
from eventtracking.tracker import Tracker, register_tracker
from eventtracking import tracker
from log_programs import event

def emit(first, last):
    for number in range(first, last):
        tracker.emit("line.written", event("w", number)["data"])

class TwoKeysBackend(LogFileBackend):
    # Writes the two keys that `log_programs` checks.
    def send(self, sent):
        super().send({"name": sent["name"], "data": sent["data"]})

register_tracker(Tracker({"log": TwoKeysBackend(sys.argv[1])}))
"""

EXITS = {
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
@pytest.mark.parametrize("exit_name", EXITS)
def test_all_events_survive_the_exit_of_their_process(log, exit_name, fsync):
    """The log has all 100 events, none twice, and stderr is empty."""
    program, status = EXITS[exit_name]
    emit = EMIT.replace("(sys.argv[1])", f"(sys.argv[1], fsync={fsync!r})")

    run(emit + program, log, status=status)

    assert lines_in(log) == numbers(("w", 100))


def test_events_of_a_late_exit_hook_are_written_at_the_path(log):
    """After the exit hook of this package each line is verified; here the log is deleted first."""
    program = """
late.append(lambda: emit(0, 99))
late.append(lambda: os.unlink(sys.argv[1]))
late.append(lambda: emit(99, 100))
"""

    run(EMIT + program, log)

    assert lines_in(log) == {("w", 99): 1}


def test_an_object_may_emit_while_the_interpreter_shuts_down(log):
    """It is destroyed after all exit hooks, while modules are removed."""
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
