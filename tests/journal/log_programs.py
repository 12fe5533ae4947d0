"""
Programs that write logs, run as processes of their own, and what is read from those logs.

A program imports this module too: both sides agree on what an event looks like, so that
one byte too many, too few or out of place is seen.
"""

import gzip
import io
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from contextlib import ExitStack, suppress
from pathlib import Path
from textwrap import dedent

import orjson

from eventtracking.journal import read

HERE = Path(__file__).parent

# Nothing takes that long, on the busiest machine. It ends a test that would hang.
HANG_SECONDS = 300

# What was started: a test that fails leaves neither a process nor a pipe to the next one.
_started = ExitStack()

_LETTERS = "abcdefghijklmnopqrstuvwxyz"


def event(writer, number, size=0):
    """Return the event that *writer* sends as its *number*, with a filling of *size*."""
    letter = _LETTERS[(number + len(str(writer))) % 26]
    data = {"writer": writer, "number": number, "filling": letter * size}
    return {"name": "line.written", "data": data}


def mixed(number, least, most):
    """Return a size from *least* to *most*, scattered, most of them small, always the same."""
    return least + int((most - least) * (number * 7919 % 1000 / 1000) ** 3)


def send_many(backend, writer, lines, least, most=None):
    """Send *lines* events, as a program that writes a log does."""
    for number in range(lines):
        backend.send(event(writer, number, mixed(number, least, most or least + 1)))


def until(condition):
    """Wait for *condition*, an outcome that is sure to come, and return it."""
    deadline = time.monotonic() + HANG_SECONDS
    while not (outcome := condition()):
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.001)
    return outcome


def start(program, *args):
    """Start *program*, Python source that may import this module."""
    environ = {**os.environ, "PYTHONPATH": str(HERE), "PYTHONWARNINGS": "ignore"}
    process = subprocess.Popen(
        [sys.executable, "-c", dedent(program), *map(str, args)],
        env=environ,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    _started.enter_context(process)
    # Before the wait at the end of its context, whatever became of it.
    _started.callback(process.kill)
    return process


def end_all():
    """End every process that was started and still runs, and close all pipes."""
    _started.close()


def finish(process, *, status=0, stderr=""):
    """Wait for the end of *process*, and return what it printed."""
    out, err = process.communicate(timeout=HANG_SECONDS)
    assert stderr(err) if callable(stderr) else err == stderr, err
    assert process.returncode == status
    return out


def run(program, *args, **expected):
    """Run *program* to its end, and return what it printed."""
    return finish(start(program, *args), **expected)


def run_all(program, writers, *args):
    """Run *program* for each of the *writers* at once, to their end."""
    for process in [start(program, writer, *args) for writer in writers]:
        finish(process)


def lines_in(*paths):
    """Return how often each event is in the files, as `(writer, number)`; all must be whole."""
    found = Counter()
    for path in paths:
        with open_log(path) as file:
            for line in file:
                # Compressing may have met a line half way into a file that is left for good.
                if line.strip() and (line.endswith(b"\n") or path.suffix != ".gz"):
                    found[whole(orjson.loads(line))] += 1
    return found


def salvaged_from(*paths):
    """Return how often each event is in the files, read by the reader that knows about kills."""
    return Counter(whole(found) for path in paths for found in read(path))


def open_log(path):
    """Open a log, also one that was compressed."""
    if str(path).endswith(".gz"):
        return io.BytesIO(gzip.decompress(Path(path).read_bytes()))
    return open(path, "rb")


def whole(found):
    """Return the writer and number of an event that was read, once it is sure to be as it was."""
    data = found["data"]
    assert found == event(data["writer"], data["number"], len(data["filling"]))
    return data["writer"], data["number"]


def numbers(*counts):
    """Return `{(writer, number): 1}` for `(writer, lines)` pairs: each exactly once."""
    return Counter((writer, number) for writer, lines in counts for number in range(lines))


def wait_for(pid):
    """Wait for a forked child, and return how it ended."""
    status = until(lambda: _ended(pid))
    return os.waitstatus_to_exitcode(status[1])


def _ended(pid):
    found = os.waitpid(pid, os.WNOHANG)
    return found if found[0] else None


def kill(pid):
    """End a process of ours as the kernel does when memory runs out."""
    with suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)
    wait_for(pid)


def send_from_50_to_100(path):
    """Send the second half of a hundred events; a function that another process can import."""
    from eventtracking.backends.log_file import LogFileBackend

    backend = LogFileBackend(path)
    for number in range(50, 100):
        backend.send(event("w", number))
