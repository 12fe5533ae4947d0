"""The demonstration in three forms: in this process, as a process, and as one run of it."""

import os
import subprocess
import sys
from contextlib import ExitStack

import pytest
from demo_site import Program, Site

from eventtracking.demo import program
from eventtracking.demo.application import site as tracked_site
from eventtracking.demo.server import Server
from eventtracking.settings import build


@pytest.fixture
def environment():
    """The environment without settings and colours, in which every warning is an error."""
    meddling = ("EVENT_TRACKING_", "PYTHONUNBUFFERED", "PYTHONIOENCODING", "NO_COLOR", "TERM")
    clean = {k: v for k, v in os.environ.items() if not k.startswith(meddling)}
    return {**clean, "PYTHONWARNINGS": "error", "PYTHONUTF8": "1"}


@pytest.fixture
def log(tmp_path):
    return tmp_path / "tracking.log"


@pytest.fixture
def site(log):
    """A demonstration in this process."""
    settings = program.settings(str(log))
    # It would write to the standard output of the tests.
    del settings["EVENT_TRACKING_BACKENDS"]["console"]
    with Server(0) as server:
        tracker = build(settings)
        server.set_app(tracked_site(tracker))
        with server.in_background():
            yield Site(server.url, log)
        tracker.close()


@pytest.fixture
def start(tmp_path, environment):
    """Start `eventtracking demo ...`, with streams that can be replaced."""
    with ExitStack() as started:

        def start(*arguments, env=None, **streams):
            process = subprocess.Popen(
                [sys.executable, "-m", "eventtracking", "demo", *arguments],
                cwd=tmp_path,
                env={**environment, **(env or {})},
                text=True,
                **{"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **streams},
            )
            started.enter_context(process)
            # Before the wait at the end of `with`, whatever became of it.
            started.callback(process.kill)
            return process

        yield start


@pytest.fixture
def demo(start, log):
    """A demonstration in a process of its own, on a free port."""
    return Program(start("--port", "0"), log)


@pytest.fixture
def once(start):
    """Run `eventtracking demo --once ...`; return its output, its complaints and its exit code."""

    def run(*arguments, **env):
        process = start("--once", *arguments, env=env)
        output, complaint = process.communicate(timeout=300)
        return output, complaint, process.returncode

    return run
