"""`eventtracking demo`, from its first line of output to Ctrl-C."""

import os
import pty
import re
import signal
import socket
from urllib.parse import urlsplit

import pytest
from demo_site import Program, Site

from eventtracking.inspector.local_server import HOST


def lines_of(terminal):
    """Yield the lines that a program writes to a terminal, until the program ends."""
    text = b""
    while True:
        try:
            text += os.read(terminal, 65_536)
        except OSError:
            # Linux reports in this way that the other side was closed.
            return
        *lines, text = text.split(b"\r\n")
        yield from (line.decode() for line in lines)


@pytest.fixture
def on_a_terminal(start, log):
    """Emit one event in a demo that runs on a terminal; return the line that it shows."""

    def run(**env):
        terminal, program_side = pty.openpty()
        process = start("--port", "0", env={"TERM": "xterm", **env}, stdout=program_side)
        os.close(program_side)
        lines = lines_of(terminal)
        url = re.search(r"http://127\.0\.0\.1:\d+/", next(lines))[0]
        Site(url, log).act("/enroll")
        shown = next(line for line in lines if "enrollment" in line)
        process.send_signal(signal.SIGINT)
        assert [*lines][-1].startswith("1 event(s) emitted")
        os.close(terminal)
        assert process.wait(30) == 0
        return shown

    return run


def test_an_event_is_on_the_terminal_and_in_the_log_at_once(demo):
    """Without waiting for a buffer to fill."""
    demo.act("/video/play", user="ben", seconds=3)

    shown = demo.process.stdout.readline()
    assert "  ben       edx.video.played  id=welcome  current_time=3  duration=60.0\n" in shown
    assert [event["name"] for event in demo.events()] == ["edx.video.played"]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_it_ends_with_a_summary(demo, number):
    """It can be stopped with Ctrl-C, or with SIGTERM by a supervisor."""
    demo.act("/enroll")
    demo.act("/scroll")
    demo.process.stdout.readline()

    output, errors, code = demo.stop(number)

    summary = "2 event(s) emitted: 1 in ./tracking.log, 1 dropped by the filter, 0 lost."
    assert (output, errors, code) == (f"\n{summary}\n", "", 0)


def test_an_idle_connection_does_not_delay_the_end(demo):
    """Browsers keep some open."""
    address = urlsplit(demo.url)
    with socket.create_connection((address.hostname, address.port), timeout=300):
        assert demo.stop(signal.SIGINT)[2] == 0


def test_a_kill_loses_no_event_after_its_response(demo):
    """The event is in the log before the response is sent."""
    for _ in range(10):
        demo.act("/enroll")
    demo.process.kill()
    demo.process.communicate(timeout=300)

    assert len(demo.events()) == 10


def test_events_are_appended_to_the_log(start, tmp_path):
    """Its earlier content stays."""
    log = tmp_path / "deep" / "events.log"
    log.parent.mkdir()
    log.write_text('{"name": "earlier"}\n')
    demo = Program(start("--port", "0", "--log", "deep/events.log"), log)
    demo.act("/leave")

    assert "deep/events.log" in demo.stop(signal.SIGINT)[0]
    assert [e["name"] for e in demo.events()] == ["earlier", "edx.course.enrollment.deactivated"]


def test_settings_in_the_environment_are_ignored(start, log):
    """The demo has its own."""
    env = {"EVENT_TRACKING_ENABLED": "false", "EVENT_TRACKING_CONFIG": "missing.toml"}
    demo = Program(start("--port", "0", env=env), log)
    demo.act("/enroll")

    assert len(demo.events()) == 1
    assert demo.stop(signal.SIGINT)[1:] == ("", 0)


def test_a_port_in_use_is_one_line_and_leaves_no_log(start, log):
    """It suggests another port."""
    with socket.create_server((HOST, 0)) as other:
        port = other.getsockname()[1]
        process = start("--port", str(port))
        output, errors = process.communicate(timeout=300)

    assert (process.returncode, output) == (1, "")
    assert errors.startswith(f"port {port} of 127.0.0.1 is in use. Choose another one: --port ")
    assert errors.count("\n") == 1
    assert not log.exists()


@pytest.mark.parametrize("arguments", [["--port", "0"], ["--once"]])
def test_a_log_that_cannot_be_written_is_one_line(start, tmp_path, arguments):
    """It has the path and the reason, and comes before anything is served."""
    (tmp_path / "file").touch()
    process = start(*arguments, "--log", "file/tracking.log")
    output, errors = process.communicate(timeout=300)

    assert (process.returncode, output) == (1, "")
    assert re.search(r"cannot append to '.*file/tracking\.log': ", errors)
    assert errors.count("\n") == 1


@pytest.mark.parametrize("port", ["-1", "65536", "http", "9" * 5000, ""])
def test_an_invalid_port_is_wrong_usage(start, port):
    """The error is not a traceback."""
    process = start("--port", port)
    errors = process.communicate(timeout=300)[1]

    assert process.returncode == 2
    assert "Traceback" not in errors


def test_the_output_on_a_terminal_is_coloured(on_a_terminal):
    """Names stand out."""
    assert "\x1b[1medx.course.enrollment.activated\x1b[0m" in on_a_terminal()


@pytest.mark.parametrize("env", [{"NO_COLOR": "1"}, {"TERM": "dumb"}])
def test_colours_can_be_turned_off(on_a_terminal, env):
    """NO_COLOR is a convention: https://no-color.org."""
    assert "\x1b" not in on_a_terminal(**env)


def test_the_output_to_a_pipe_is_not_coloured(demo):
    """A program or a file receives it."""
    demo.act("/enroll")

    assert "\x1b" not in demo.process.stdout.readline()


def test_a_closed_pipe_does_not_stop_the_demo(demo):
    """`eventtracking demo | head` goes on serving, and ends without a traceback."""
    demo.process.stdout.close()
    statuses = [demo.act("/enroll")[0] for _ in range(3)]
    demo.process.send_signal(signal.SIGINT)
    errors = demo.process.stderr.read()

    assert statuses == [200, 200, 200]
    assert (errors, demo.process.wait(30)) == ("", 1)
    assert len(demo.events()) == 3
