"""The command `eventtracking outbox deliver`: send the events that a program has left."""

import os
import pty
import subprocess
import sys
import termios
import time

import pytest
from fake_destination import HANG_SECONDS
from sending_programs import arrived, each_once, run
from sink_server import sink

from eventtracking.delivery import Record
from eventtracking.delivery.outbox import segment_file
from eventtracking.delivery.outbox.record_lines import line_of


@pytest.fixture
def server():
    with sink() as server:
        yield server


@pytest.fixture
def left(server, tmp_path):
    """Settings with an outbox that contains a hundred events of a killed program."""
    run("emit(0, 100); os.kill(os.getpid(), signal.SIGKILL)", server, tmp_path / "out", status=-9)
    server.requests.clear()
    settings = tmp_path / "tracking.toml"
    settings.write_text(f"""
[EVENT_TRACKING_BACKENDS.inner]
ENGINE = "eventtracking.backends.routing.RoutingBackend"
[EVENT_TRACKING_BACKENDS.inner.OPTIONS.backends.sink]
ENGINE = "eventtracking.backends.http.HttpBackend"
OPTIONS = {{ url = "{server.url}", outbox = "{tmp_path / "out"}" }}
""")
    return settings


def deliver(settings, *options, **streams):
    command = [sys.executable, "-m", "eventtracking", "outbox", "deliver", "--config", settings]
    return subprocess.run(
        [*command, *options], text=True, timeout=HANG_SECONDS, check=False, **streams
    )


PIPES = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}


def test_waiting_events_are_sent_and_counted(server, left, tmp_path):
    """Exit code 0 says that none is left."""
    done = deliver(left, **PIPES)

    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == f"{tmp_path / 'out'}: 100 sent, 0 lost, 0 left\n"
    assert arrived(server) == each_once(0, 100)


def test_events_of_a_version_with_other_file_names_are_sent_as_well(server, left, tmp_path):
    """A site that upgrades loses none of those that wait."""
    folder = tmp_path / "out"
    for path in folder.glob("*.segment"):
        path.rename(path.with_suffix(".journal"))
    shown = [sys.executable, "-m", "eventtracking", "outbox", "list", folder]
    listed = subprocess.run(shown, text=True, check=True, **PIPES).stdout

    assert "100 event(s)" in listed
    assert deliver(left, **PIPES).stdout == f"{folder}: 100 sent, 0 lost, 0 left\n"
    assert arrived(server) == each_once(0, 100)
    assert [*folder.glob("*.journal")] == []


def test_events_that_cannot_be_sent_remain(server, left, tmp_path):
    """The command ends in time. Exit code 1 says that events are left."""
    server.default = 503

    done = deliver(left, "--timeout", "0.5", **PIPES)

    assert done.returncode == 1
    assert done.stdout == f"{tmp_path / 'out'}: 0 sent, 0 lost, 100 left\n"
    assert "cannot be reached (HTTP 503)" in done.stderr
    server.default = 200
    assert deliver(left, **PIPES).returncode == 0


def test_the_progress_is_shown_on_a_terminal(left):
    """A long delivery should not look like one that hangs."""
    ours, theirs = pty.openpty()
    termios.tcsetwinsize(theirs, (24, 80))

    done = deliver(left, stdout=subprocess.DEVNULL, stderr=theirs)

    assert done.returncode == 0
    # Read before the other side is closed, which would discard the rest.
    os.set_blocking(ours, False)
    shown = os.read(ours, 100_000).decode()
    os.close(theirs)
    os.close(ours)
    assert "out:   0%|" in shown
    assert "/100 [" in shown


def test_thousands_of_files_are_all_delivered(server, left, tmp_path):
    """More than one scan of the folder returns."""
    for number in range(100, 1300):
        payload = b'{"data":{"number":%d}}' % number
        line = line_of(Record(f"left-{number}", time.time(), "line.written", payload))
        segment, appender = segment_file.create(str(tmp_path / "out"), len(line))
        os.write(appender.descriptor, line)
        appender.close()
        segment.release()

    done = deliver(left, **PIPES)

    assert done.stdout == f"{tmp_path / 'out'}: 1300 sent, 0 lost, 0 left\n"
    assert arrived(server) == each_once(0, 1300)
    assert not [*segment_file.segment_names(str(tmp_path / "out"))]
