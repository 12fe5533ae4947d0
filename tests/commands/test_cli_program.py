"""The command line: help, exit codes, and failing streams."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from eventtracking import __version__, commands

PROGRAM = [sys.executable, "-m", "eventtracking"]


@pytest.fixture
def broken_pipe():
    """A pipe whose reader has exited."""
    reader, writer = os.pipe()
    os.close(reader)
    yield writer
    os.close(writer)


def test_the_version_is_shown(command):
    """A bug report needs it."""
    assert command("--version").stdout == f"eventtracking {__version__}\n"


@pytest.mark.parametrize(
    "arguments",
    [(), ("demo",), ("emit",), ("check",), ("inspect",), ("outbox",), ("outbox", "deliver")],
)
def test_help_explains_the_command_and_its_exit_codes(command, arguments):
    """The author of a script need not read the source."""
    done = command(*arguments, "--help")

    assert done.returncode == 0
    assert f"usage: {' '.join(['eventtracking', *arguments])}" in done.stdout
    assert "exit codes: 0 success, 1 invalid settings or a lost event, 2 usage error" in done.stdout


def test_the_installed_command_is_the_same_program(command, environment):
    """`eventtracking` and `python -m eventtracking` are the same."""
    script = Path(sys.executable).with_name("eventtracking")
    done = subprocess.run(
        [script, "--help"], env=environment, capture_output=True, text=True, check=True
    )

    assert done.stdout == command("--help").stdout


@pytest.mark.parametrize("arguments", [(), ("track",), ("demo", "--port", "65536"), ("emit",)])
def test_a_usage_error_exits_with_2(command, arguments):
    """Errors while a command runs have other codes."""
    done = command(*arguments)

    assert done.returncode == 2
    assert "error:" in done.stderr


def test_options_cannot_be_abbreviated(command):
    """A new option must not change the meaning of existing scripts."""
    assert command("emit", "a.b.c", "--conf", "x.toml").returncode == 2


@pytest.mark.parametrize("arguments", [["--help"], ["check", "--config", "tracking.toml"]])
def test_a_closed_pipe_causes_no_traceback(config, start, broken_pipe, arguments):
    """`eventtracking check | head -1` prints no error."""
    with start([*PROGRAM, *arguments], stdout=broken_pipe) as process:
        errors = process.stderr.read()

    assert (process.returncode, errors) == (1, b"")


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="no /dev/full here")
def test_output_that_cannot_be_written_is_an_error(config, start):
    """In one line, for example if the disk is full."""
    with (
        open("/dev/full", "wb") as full,
        start([*PROGRAM, "check", "--config", config], stdout=full) as process,
    ):
        errors = process.stderr.read()

    assert process.returncode == 1
    assert errors.startswith(b"eventtracking: ")
    assert errors.count(b"\n") == 1


def test_a_command_runs_with_standard_output_closed(config, start, tmp_path):
    """Some supervisors start programs without standard output."""
    emit = 'exec "$0" -m eventtracking emit a.b.c --config tracking.toml >&-'
    with start(["sh", "-c", emit, sys.executable]) as process:
        errors = process.stderr.read()

    assert (process.returncode, errors) == (0, b"")
    assert (tmp_path / "tracking.log").read_text().count("\n") == 1


def test_a_terminal_without_unicode_gets_escapes(config, command):
    """The lines of the tree must not cause an encoding error."""
    done = command("check", "--config", config, PYTHONIOENCODING="ascii", PYTHONUTF8="0")

    assert (done.returncode, done.stderr) == (0, "")
    assert r"\u2514" in done.stdout


def test_a_command_runs_in_a_removed_working_directory(config, start, tmp_path):
    """A deployment may replace the directory of a running shell."""
    path = tmp_path / config
    path.write_text(path.read_text().replace("tracking.log", f"{tmp_path}/tracking.log"))
    emit = 'mkdir gone; cd gone; rmdir ../gone; exec "$0" -m eventtracking emit a.b.c --config "$1"'
    with start(["sh", "-c", emit, sys.executable, path]) as process:
        errors = process.stderr.read()

    assert (process.returncode, errors) == (0, b"")
    assert (tmp_path / "tracking.log").read_text().count("\n") == 1


def test_importing_the_command_line_is_cheap(environment):
    """`--help` imports neither the demo nor the inspector."""
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


def test_every_command_is_listed_in_the_help(command):
    """A command in `commands/` that is missing in `cli.py` could not be run."""
    modules = Path(commands.__file__).parent.glob("*.py")
    names = [path.stem for path in modules if "def add_parser(" in path.read_text("utf-8")]

    listed = command("--help").stdout

    assert len(names) >= 5
    assert [name for name in names if f"\n    {name} " not in listed] == []
