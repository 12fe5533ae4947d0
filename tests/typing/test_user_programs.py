"""Type checkers understand the library: they accept a correct program and refuse mistakes."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent

pytest.importorskip("mypy", reason="tox -e types installs mypy")


@pytest.fixture
def found(tmp_path):
    """Return a function that checks a file as its user would: line numbers and codes."""

    def check(name):
        command = [sys.executable, "-m", "mypy", "--strict", "--no-error-summary"]
        command += ["--config-file=", "--cache-dir", str(tmp_path / "cache"), str(HERE / name)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=600, check=False)

        assert done.stderr == ""
        # Of the user's own file: the library has a configuration of its own.
        pattern = rf"{name}:(\d+): error: .*\[([\w-]+)\]$"
        return {(int(line), code) for line, code in re.findall(pattern, done.stdout, re.MULTILINE)}

    return check


def test_a_correct_program_is_accepted(found):
    """Processors, backends, destinations, statistics and enums need no cast and no ignore."""
    assert found("accepted.py") == set()


def test_each_mistake_is_refused(found):
    """A misspelt key or option is found before the program runs, and nothing else is."""
    marked = {
        (number, code)
        for number, line in enumerate(HERE.joinpath("refused.py").read_text().splitlines(), 1)
        for code in re.findall(r"# refused: ([\w-]+)$", line)
    }

    assert len(marked) > 20
    assert found("refused.py") == marked
