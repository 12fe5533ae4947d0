"""
Run programs that write logs in other processes, and check the events in those logs.

The programs import this module too, so that both sides know the exact content of each
event, and a single missing, surplus or misplaced byte is noticed.
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

# Far longer than any step takes, even on a busy machine: it ends a test that hangs.
HANG_SECONDS = 300

# Processes and pipes to be closed after each test, even after one that failed.
_started = ExitStack()

_LETTERS = "abcdefghijklmnopqrstuvwxyz"


def event(writer, number, size=0):
    """Return event *number* of *writer*, padded by *size* characters."""
    letter = _LETTERS[(number + len(str(writer))) % 26]
    data = {"writer": writer, "number": number, "padding": letter * size}
    return {"name": "line.written", "data": data}


def mixed(number, least, most):
    """Return a pseudo-random size from *least* to *most* for *number*; most are small."""
    return least + int((most - least) * (number * 7919 % 1000 / 1000) ** 3)


def send_many(backend, writer, lines, least, most=None):
    """Send *lines* events of *writer*, padded by *least* to *most* characters."""
    for number in range(lines):
        backend.send(event(writer, number, mixed(number, least, most or least + 1)))


def until(condition):
    """Wait until *condition* returns a true value, and return that."""
    deadline = time.monotonic() + HANG_SECONDS
    while not (outcome := condition()):
        assert time.monotonic() < deadline, "the condition never came true"
        time.sleep(0.001)
    return outcome


def start(program, *args):
    """Start *program*, Python source code that may import this module."""
    environ = {**os.environ, "PYTHONPATH": str(HERE), "PYTHONWARNINGS": "ignore"}
    process = subprocess.Popen(
        [sys.executable, "-c", dedent(program), *map(str, args)],
        env=environ,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    _started.enter_context(process)
    # Called before the exit of its context, which would wait for the process.
    _started.callback(process.kill)
    return process


def end_all():
    """Kill every process that still runs, and close all pipes."""
    _started.close()


def finish(process, *, status=0, stderr=""):
    """Wait for *process*, check its status and stderr, and return its output."""
    out, err = process.communicate(timeout=HANG_SECONDS)
    assert stderr(err) if callable(stderr) else err == stderr, err
    assert process.returncode == status
    return out


def run(program, *args, **expected):
    """Run *program* until it exits, and return its output."""
    return finish(start(program, *args), **expected)


def run_all(program, writers, *args):
    """Run *program* for all *writers* at once, until they exit."""
    for process in [start(program, writer, *args) for writer in writers]:
        finish(process)


def lines_in(*paths):
    """Count each event in the files by `(writer, number)`; every line must be complete."""
    found = Counter()
    for path in paths:
        with open_log(path) as file:
            for line in file:
                # A file may have been compressed while its last line was being written.
                if line.strip() and (line.endswith(b"\n") or path.suffix != ".gz"):
                    found[identity(orjson.loads(line))] += 1
    return found


def salvaged_from(*paths):
    """Count each event in the files by `(writer, number)`; torn lines are skipped."""
    return Counter(identity(found) for path in paths for found in read(path))


def open_log(path):
    """Open a log file for reading, compressed or not."""
    if str(path).endswith(".gz"):
        return io.BytesIO(gzip.decompress(Path(path).read_bytes()))
    return open(path, "rb")


def identity(found):
    """Return the writer and number of an event, which must be exactly as it was sent."""
    data = found["data"]
    assert found == event(data["writer"], data["number"], len(data["padding"]))
    return data["writer"], data["number"]


def numbers(*counts):
    """Return the expected counts for `(writer, lines)` pairs: each event exactly once."""
    return Counter((writer, number) for writer, lines in counts for number in range(lines))


def wait_for(pid):
    """Wait for a forked child, and return its exit code."""
    status = until(lambda: _ended(pid))
    return os.waitstatus_to_exitcode(status[1])


def _ended(pid):
    found = os.waitpid(pid, os.WNOHANG)
    return found if found[0] else None


def kill(pid):
    """Kill a child process with SIGKILL, as the kernel does when memory runs out."""
    with suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)
    wait_for(pid)


def send_from_50_to_100(path):
    """Send the second half of a hundred events; a spawned process imports this function."""
    from eventtracking.backends.log_file import LogFileBackend

    backend = LogFileBackend(path)
    for number in range(50, 100):
        backend.send(event("w", number))
