"""Programs that send to a sink, each in its own process, and the events that arrived there."""

import os
import subprocess
import sys
from collections import Counter
from pathlib import Path
from textwrap import dedent

from fake_destination import HANG_SECONDS

HERE = Path(__file__).parent

# The beginning of each program. It defines `emit(first, last)`, which sends to a sink.
PRELUDE = """
import atexit
import os
import signal
import sys
import threading

# Registered before the exit hook of the library, so that these run after it.
late = []
atexit.register(lambda: [hook() for hook in late])

from sending_programs import backend
from eventtracking.tracker import Tracker, register_tracker
from eventtracking import tracker

def emit(first, last):
    for number in range(first, last):
        tracker.emit("line.written", {"number": number})

register_tracker(Tracker({"sink": backend()}))
"""

# Delivers what another program left in its outbox.
COLLECT = (
    "assert tracker.get_tracker().flush(60); emit(-1, 0); assert tracker.get_tracker().close(60)"
)


def backend(**options):
    """Return the backend that the environment variables of the program describe."""
    from eventtracking.backends.http import HttpBackend

    options.setdefault("exit_timeout", float(os.environ.get("EXIT_TIMEOUT", "60")))
    return HttpBackend(os.environ["SINK_URL"], outbox=os.environ.get("OUTBOX") or None, **options)


def start(program, sink, outbox="", **environ):
    """Start PRELUDE and *program*."""
    return subprocess.Popen(
        [sys.executable, "-c", PRELUDE + dedent(program)],
        env={
            **os.environ,
            "PYTHONPATH": str(HERE),
            "PYTHONWARNINGS": "ignore",
            "SINK_URL": sink.url,
            "OUTBOX": str(outbox),
            **environ,
        },
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def finish(process, status=0):
    """Wait for the end of *process*; return what it printed on stdout and on stderr."""
    try:
        out, err = process.communicate(timeout=HANG_SECONDS)
    finally:
        process.kill()
        process.communicate(timeout=HANG_SECONDS)
    assert process.returncode == status, err
    return out, err


def run(program, sink, outbox="", status=0, **environ):
    """Run PRELUDE and *program* to its end; return what it printed."""
    return finish(start(program, sink, outbox, **environ), status)


def arrived(sink):
    """Return how often each event arrived at *sink*, as `{number: times}`, repeats not counted."""
    by_id = {}
    for request in sink.requests:
        for event in request.json():
            number = event["data"]["number"]
            # Two requests with one id must hold the same event.
            assert by_id.setdefault(event["id"], number) == number
    by_id = {key: number for key, number in by_id.items() if number >= 0}
    return Counter(by_id.values())


def each_once(first, last):
    """Return the numbers of a range, each once."""
    return Counter(range(first, last))
