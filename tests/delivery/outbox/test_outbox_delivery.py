"""`eventtracking outbox deliver`: what a program left is sent without it."""

import os
import pty
import subprocess
import sys
import termios
import time

import pytest
from reception import HANG_SECONDS
from sending_programs import arrived, each_once, run
from sink_server import sink

from eventtracking.delivery import Record
from eventtracking.delivery.outbox import segment_file
from eventtracking.delivery.outbox.record_lines import line_of


@pytest.fixture
def there():
    with sink() as there:
        yield there


@pytest.fixture
def left(there, tmp_path):
    """Settings whose outbox holds a hundred events of a program that was killed."""
    run("emit(0, 100); os.kill(os.getpid(), signal.SIGKILL)", there, tmp_path / "out", status=-9)
    there.requests.clear()
    settings = tmp_path / "tracking.toml"
    settings.write_text(f"""
[EVENT_TRACKING_BACKENDS.inner]
ENGINE = "eventtracking.backends.routing.RoutingBackend"
[EVENT_TRACKING_BACKENDS.inner.OPTIONS.backends.sink]
ENGINE = "eventtracking.backends.http.HttpBackend"
OPTIONS = {{ url = "{there.url}", outbox = "{tmp_path / "out"}" }}
""")
    return settings


def deliver(settings, *options, **streams):
    command = [sys.executable, "-m", "eventtracking", "outbox", "deliver", "--config", settings]
    return subprocess.run(
        [*command, *options], text=True, timeout=HANG_SECONDS, check=False, **streams
    )


PIPES = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}


def test_it_sends_what_waits_and_says_how_many(there, left, tmp_path):
    """Exit code 0 says that nothing is left."""
    done = deliver(left, **PIPES)

    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == f"{tmp_path / 'out'}: 100 sent, 0 lost, 0 left\n"
    assert arrived(there) == each_once(0, 100)


def test_what_cannot_be_sent_stays(there, left, tmp_path):
    """Within the time that is given; exit code 1 says that something is left."""
    there.default = 503

    done = deliver(left, "--timeout", "0.5", **PIPES)

    assert done.returncode == 1
    assert done.stdout == f"{tmp_path / 'out'}: 0 sent, 0 lost, 100 left\n"
    assert "cannot be reached (HTTP 503)" in done.stderr
    there.default = 200
    assert deliver(left, **PIPES).returncode == 0


def test_a_terminal_is_shown_the_progress(left):
    """A long delivery should not look like one that hangs."""
    ours, theirs = pty.openpty()
    termios.tcsetwinsize(theirs, (24, 80))

    done = deliver(left, stdout=subprocess.DEVNULL, stderr=theirs)

    assert done.returncode == 0
    # Read before the other side is closed, which would take what is not read with it.
    os.set_blocking(ours, False)
    shown = os.read(ours, 100_000).decode()
    os.close(theirs)
    os.close(ours)
    assert "out:   0%|" in shown
    assert "/100 [" in shown


def test_thousands_of_files_are_all_delivered(there, left, tmp_path):
    """Not only as many as are remembered at once."""
    for number in range(100, 1300):
        payload = b'{"data":{"number":%d}}' % number
        line = line_of(Record(f"left-{number}", time.time(), "line.written", payload))
        journal, pen = segment_file.create(str(tmp_path / "out"), len(line))
        os.write(pen.descriptor, line)
        pen.give_up()
        journal.release()

    done = deliver(left, **PIPES)

    assert done.stdout == f"{tmp_path / 'out'}: 1300 sent, 0 lost, 0 left\n"
    assert arrived(there) == each_once(0, 1300)
    assert not [*segment_file.names(str(tmp_path / "out"))]
