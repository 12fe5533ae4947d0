"""The program around the commands: help, exit codes, and streams that fail."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from eventtracking import __version__

PROGRAM = [sys.executable, "-m", "eventtracking"]


@pytest.fixture
def broken_pipe():
    """A pipe that nobody reads any more."""
    reader, writer = os.pipe()
    os.close(reader)
    yield writer
    os.close(writer)


def test_the_version_is_told(command):
    """The first thing that a bug report needs."""
    assert command("--version").stdout == f"eventtracking {__version__}\n"


@pytest.mark.parametrize("arguments", [(), ("demo",), ("emit",), ("check",)])
def test_help_explains_the_command_and_its_exit_codes(command, arguments):
    """A script's author reads no source."""
    done = command(*arguments, "--help")

    assert done.returncode == 0
    assert f"usage: {' '.join(['eventtracking', *arguments])}" in done.stdout
    assert "exit codes: 0 done, 1 wrong settings or a lost event, 2 wrong usage" in done.stdout


def test_the_installed_command_is_the_same_program(command, environment):
    """`eventtracking` and `python -m eventtracking` differ in nothing."""
    script = Path(sys.executable).with_name("eventtracking")
    done = subprocess.run(
        [script, "--help"], env=environment, capture_output=True, text=True, check=True
    )

    assert done.stdout == command("--help").stdout


@pytest.mark.parametrize("arguments", [(), ("track",), ("demo", "--port", "65536"), ("emit",)])
def test_wrong_usage_ends_with_2(command, arguments):
    """Apart from what goes wrong later."""
    done = command(*arguments)

    assert done.returncode == 2
    assert "error:" in done.stderr


def test_options_cannot_be_abbreviated(command):
    """Tomorrow's option must not change what today's script means."""
    assert command("emit", "a.b.c", "--conf", "x.toml").returncode == 2


@pytest.mark.parametrize("arguments", [["--help"], ["check", "--config", "tracking.toml"]])
def test_a_reader_that_has_gone_causes_no_traceback(config, start, broken_pipe, arguments):
    """`eventtracking check | head -1` ends in silence."""
    with start([*PROGRAM, *arguments], stdout=broken_pipe) as process:
        complaint = process.stderr.read()

    assert (process.returncode, complaint) == (1, b"")


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="no /dev/full here")
def test_output_that_cannot_be_written_is_one_line(config, start):
    """A full disk behind standard output is an error, not a success."""
    with (
        open("/dev/full", "wb") as full,
        start([*PROGRAM, "check", "--config", config], stdout=full) as process,
    ):
        complaint = process.stderr.read()

    assert process.returncode == 1
    assert complaint.startswith(b"eventtracking: ")
    assert complaint.count(b"\n") == 1


def test_a_closed_standard_output_stops_nothing(config, start, tmp_path):
    """As under a supervisor that gives its children none."""
    emit = 'exec "$0" -m eventtracking emit a.b.c --config tracking.toml >&-'
    with start(["sh", "-c", emit, sys.executable]) as process:
        complaint = process.stderr.read()

    assert (process.returncode, complaint) == (0, b"")
    assert (tmp_path / "tracking.log").read_text().count("\n") == 1


def test_a_terminal_without_unicode_gets_escapes(config, command):
    """The lines of the tree must not end the program."""
    done = command("check", "--config", config, PYTHONIOENCODING="ascii", PYTHONUTF8="0")

    assert (done.returncode, done.stderr) == (0, "")
    assert r"\u2514" in done.stdout


def test_a_working_directory_that_is_gone_stops_nothing(config, start, tmp_path):
    """Deployments replace their folders under running shells."""
    path = tmp_path / config
    path.write_text(path.read_text().replace("tracking.log", f"{tmp_path}/tracking.log"))
    emit = 'mkdir gone; cd gone; rmdir ../gone; exec "$0" -m eventtracking emit a.b.c --config "$1"'
    with start(["sh", "-c", emit, sys.executable, path]) as process:
        complaint = process.stderr.read()

    assert (process.returncode, complaint) == (0, b"")
    assert (tmp_path / "tracking.log").read_text().count("\n") == 1


def test_importing_the_command_line_is_cheap(environment):
    """`--help` loads neither the demonstration nor the inspector."""
    code = (
        "import sys; before = {*sys.modules}; import eventtracking.cli; "
        "print(*sorted({'.'.join(m.split('.')[:2]) for m in {*sys.modules} - before "
        "if m.startswith('eventtracking')}))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True
    )

    loaded = {*done.stdout.split()}

    assert "eventtracking.settings" in loaded
    assert loaded & {f"eventtracking.{name}" for name in ("demo", "inspector")} == set()
