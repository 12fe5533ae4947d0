"""`eventtracking demo`: from the first line to Ctrl-C."""

import os
import pty
import re
import signal
import socket
from urllib.parse import urlsplit

import pytest
from demo_site import Program, Site

from eventtracking.demo import server


def lines_of(terminal):
    """Yield the lines that a program writes to a terminal, until it ends."""
    text = b""
    while True:
        try:
            text += os.read(terminal, 65_536)
        except OSError:
            # How Linux says that nobody holds the other side any more.
            return
        *lines, text = text.split(b"\r\n")
        yield from (line.decode() for line in lines)


@pytest.fixture
def on_a_terminal(start, log):
    """Do one thing in a demonstration that runs on a terminal; return the line that it shows."""

    def run(**env):
        ours, theirs = pty.openpty()
        process = start("--port", "0", env={"TERM": "xterm", **env}, stdout=theirs)
        os.close(theirs)
        lines = lines_of(ours)
        url = re.search(r"http://127\.0\.0\.1:\d+/", next(lines))[0]
        Site(url, log).act("/enroll")
        shown = next(line for line in lines if "enrollment" in line)
        process.send_signal(signal.SIGINT)
        assert [*lines][-1].startswith("1 event(s) emitted")
        os.close(ours)
        assert process.wait(30) == 0
        return shown

    return run


def test_an_event_is_on_the_terminal_and_in_the_log_as_it_happens(demo):
    """Without waiting for a buffer to fill."""
    demo.act("/video/play", user="ben", seconds=3)

    shown = demo.process.stdout.readline()
    assert "  ben       edx.video.played  id=welcome  current_time=3  duration=60.0\n" in shown
    assert [event["name"] for event in demo.events()] == ["edx.video.played"]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_it_ends_with_a_summary(demo, number):
    """By Ctrl-C, or the way a supervisor ends things."""
    demo.act("/enroll")
    demo.act("/scroll")
    demo.process.stdout.readline()

    output, complaint, code = demo.end(number)

    summary = "2 event(s) emitted: 1 in ./tracking.log, 1 dropped by the filter, 0 lost."
    assert (output, complaint, code) == (f"\n{summary}\n", "", 0)


def test_an_idle_connection_does_not_hold_up_the_end(demo):
    """Browsers keep some open."""
    address = urlsplit(demo.url)
    with socket.create_connection((address.hostname, address.port), timeout=300):
        assert demo.end(signal.SIGINT)[2] == 0


def test_a_kill_loses_nothing_that_was_answered(demo):
    """The event is in the log when the request is answered."""
    for _ in range(10):
        demo.act("/enroll")
    demo.process.kill()
    demo.process.communicate(timeout=300)

    assert len(demo.events()) == 10


def test_events_are_appended_to_the_log_that_is_named(start, tmp_path):
    """What it held before stays."""
    log = tmp_path / "deep" / "events.log"
    log.parent.mkdir()
    log.write_text('{"name": "earlier"}\n')
    demo = Program(start("--port", "0", "--log", "deep/events.log"), log)
    demo.act("/leave")

    assert "deep/events.log" in demo.end(signal.SIGINT)[0]
    assert [e["name"] for e in demo.events()] == ["earlier", "edx.course.enrollment.deactivated"]


def test_the_settings_of_an_application_change_nothing(start, log):
    """The demonstration has its own, whatever is in the environment."""
    env = {"EVENT_TRACKING_ENABLED": "false", "EVENT_TRACKING_CONFIG": "missing.toml"}
    demo = Program(start("--port", "0", env=env), log)
    demo.act("/enroll")

    assert len(demo.events()) == 1
    assert demo.end(signal.SIGINT)[1:] == ("", 0)


def test_a_port_in_use_is_one_line_and_leaves_no_log(start, log):
    """With the cure in it."""
    with socket.create_server((server.HOST, 0)) as other:
        port = other.getsockname()[1]
        process = start("--port", str(port))
        output, complaint = process.communicate(timeout=300)

    assert (process.returncode, output) == (1, "")
    assert complaint.startswith(f"port {port} of 127.0.0.1 is in use. Choose another one: --port ")
    assert complaint.count("\n") == 1
    assert not log.exists()


@pytest.mark.parametrize("arguments", [["--port", "0"], ["--once"]])
def test_a_log_that_cannot_be_written_is_one_line(start, tmp_path, arguments):
    """With its path and the reason, before anything is served."""
    (tmp_path / "file").touch()
    process = start(*arguments, "--log", "file/tracking.log")
    output, complaint = process.communicate(timeout=300)

    assert (process.returncode, output) == (1, "")
    assert re.search(r"cannot append to '.*file/tracking\.log': ", complaint)
    assert complaint.count("\n") == 1


@pytest.mark.parametrize("port", ["-1", "65536", "http", "9" * 5000, ""])
def test_a_port_that_is_none_is_wrong_usage(start, port):
    """It is said which ones there are."""
    process = start("--port", port)
    complaint = process.communicate(timeout=300)[1]

    assert process.returncode == 2
    assert "Traceback" not in complaint


def test_a_terminal_is_coloured(on_a_terminal):
    """So that names stand out."""
    assert "\x1b[1medx.course.enrollment.activated\x1b[0m" in on_a_terminal()


@pytest.mark.parametrize("env", [{"NO_COLOR": "1"}, {"TERM": "dumb"}])
def test_colours_can_be_had_without(on_a_terminal, env):
    """NO_COLOR is a promise that programs make: https://no-color.org."""
    assert "\x1b" not in on_a_terminal(**env)


def test_a_pipe_is_not_coloured(demo):
    """What reads it is a program, or a file."""
    demo.act("/enroll")

    assert "\x1b" not in demo.process.stdout.readline()


def test_a_reader_that_goes_away_stops_nothing(demo):
    """`eventtracking demo | head` goes on serving, and ends without a traceback."""
    demo.process.stdout.close()
    answers = [demo.act("/enroll")[0] for _ in range(3)]
    demo.process.send_signal(signal.SIGINT)
    complaint = demo.process.stderr.read()

    assert answers == [200, 200, 200]
    assert (complaint, demo.process.wait(30)) == ("", 1)
    assert len(demo.events()) == 3
