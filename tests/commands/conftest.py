"""The command line as users run it: in its own process and working directory."""

import os
import subprocess
import sys
from functools import partial
from uuid import uuid4

import pytest

LOG_FILE = "eventtracking.backends.log_file.LogFileBackend"


@pytest.fixture
def environment():
    """An environment without settings, in which every warning is an error."""
    removed = ("EVENT_TRACKING_", "PYTHONUNBUFFERED", "PYTHONIOENCODING")
    clean = {k: v for k, v in os.environ.items() if not k.startswith(removed)}
    return {**clean, "PYTHONWARNINGS": "error", "PYTHONUTF8": "1"}


@pytest.fixture
def command(tmp_path, environment):
    """Run `python -m eventtracking ...` in the test's folder."""

    def run(*arguments, **variables):
        return subprocess.run(
            [sys.executable, "-m", "eventtracking", *arguments],
            cwd=tmp_path,
            env={**environment, **variables},
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )

    return run


@pytest.fixture
def start(tmp_path, environment):
    """Start a process in the test's folder, with the streams that the test gives it."""
    return partial(subprocess.Popen, cwd=tmp_path, env=environment, stderr=subprocess.PIPE)


@pytest.fixture
def config(tmp_path):
    """Settings that send events to `tracking.log` in the test's folder."""
    file = tmp_path / "tracking.toml"
    file.write_text(
        f'[EVENT_TRACKING_BACKENDS.log]\nENGINE = "{LOG_FILE}"\nOPTIONS.path = "tracking.log"\n'
    )
    return file.name


@pytest.fixture
def secret():
    """A secret that no output may show, generated so that no secret scanner reports it."""
    return f"sk-{uuid4().hex}"
