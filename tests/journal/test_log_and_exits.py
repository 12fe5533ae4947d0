"""However a process ends, what it emitted is in the log, once."""

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
    "the last line": ("emit(0, 100)", 0),
    "sys.exit": ("emit(0, 100); sys.exit(3)", 3),
    "an exception": ("sys.excepthook = lambda *_: None; emit(0, 100); 1 / 0", 1),
    "SIGINT": (
        "sys.excepthook = lambda *_: None; emit(0, 100); os.kill(os.getpid(), signal.SIGINT)",
        -2,
    ),
    "SIGTERM": ("emit(0, 100); os.kill(os.getpid(), signal.SIGTERM)", -15),
    "SIGKILL": ("emit(0, 100); os.kill(os.getpid(), signal.SIGKILL)", -9),
    "SIGTERM with a handler that emits": (
        """
def stop(*_):
    emit(50, 100)
    sys.exit(0)

signal.signal(signal.SIGTERM, stop)
emit(0, 50)
os.kill(os.getpid(), signal.SIGTERM)
""",
        0,
    ),
    "SIGTERM with a handler that closes": (
        """
def stop(*_):
    assert tracker.get_tracker().close()
    sys.exit(0)

signal.signal(signal.SIGTERM, stop)
emit(0, 100)
os.kill(os.getpid(), signal.SIGTERM)
""",
        0,
    ),
    "os._exit": ("emit(0, 100); os._exit(4)", 4),
    "abort": ("emit(0, 100); os.abort()", -6),
    "an exit hook that emits": ("emit(0, 50); atexit.register(emit, 50, 100)", 0),
    "an exit hook that emits after ours": (
        "emit(0, 50); late.append(lambda: emit(50, 100))",
        0,
    ),
    "a thread that goes on after main": (
        """
main = threading.current_thread()

def go_on():
    main.join()
    emit(50, 100)

emit(0, 50)
threading.Thread(target=go_on).start()
""",
        0,
    ),
    "a daemon thread that is cut off": (
        """
gone = threading.Event()

def go_on():
    emit(0, 100)
    gone.set()
    while True:
        pass

threading.Thread(target=go_on, daemon=True).start()
gone.wait()
""",
        0,
    ),
    "a multiprocessing child": (
        """
import multiprocessing

emit(0, 50)
child = multiprocessing.get_context("fork").Process(target=emit, args=(50, 100))
child.start()
child.join()
""",
        0,
    ),
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
    "a forked child and os._exit": (
        """
emit(0, 40)
if not os.fork():
    emit(40, 70)
    os._exit(0)
os.wait()
emit(70, 100)
""",
        0,
    ),
    "a forked child and the last line": (
        """
emit(0, 40)
if os.fork():
    os.wait()
    emit(40, 70)
else:
    emit(70, 100)
""",
        0,
    ),
    "a forked child of a thread": (
        """
def fork():
    if not os.fork():
        emit(50, 100)
        os._exit(0)
    os.wait()

emit(0, 50)
thread = threading.Thread(target=fork)
thread.start()
thread.join()
""",
        0,
    ),
    "a program that takes its place": (
        "emit(0, 100); os.execv(sys.executable, [sys.executable, '-c', ''])",
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
