"""The demo in this process, in a process of its own, and as one run that verifies itself."""

import os
import subprocess
import sys
from contextlib import ExitStack

import pytest
from demo_site import Program, Site

from eventtracking.demo import program
from eventtracking.demo.application import create_app
from eventtracking.demo.server import Server
from eventtracking.settings import build


@pytest.fixture
def environment():
    """The environment without settings and colours, in which every warning is an error."""
    removed = ("EVENT_TRACKING_", "PYTHONUNBUFFERED", "PYTHONIOENCODING", "NO_COLOR", "TERM")
    clean = {k: v for k, v in os.environ.items() if not k.startswith(removed)}
    return {**clean, "PYTHONWARNINGS": "error", "PYTHONUTF8": "1"}


@pytest.fixture
def log(tmp_path):
    return tmp_path / "tracking.log"


@pytest.fixture
def serve(log):
    """Start a demo in this process, with options of its server."""
    with ExitStack() as started:

        def serve(**options):
            settings = program.settings(str(log))
            # It would write to the standard output of the tests.
            del settings["EVENT_TRACKING_BACKENDS"]["console"]
            tracker = build(settings)
            started.callback(tracker.close)
            server = started.enter_context(Server(0, **options))
            server.set_app(create_app(tracker))
            server.start()
            return Site(server.url, log)

        yield serve


@pytest.fixture
def site(serve):
    """A demo in this process."""
    return serve()


@pytest.fixture
def start(tmp_path, environment):
    """Start `eventtracking demo ...`; its streams can be replaced."""
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
            # Runs before the end of the `with` block waits for the process.
            started.callback(process.kill)
            return process

        yield start


@pytest.fixture
def demo(start, log):
    """A demo in a process of its own, on a free port."""
    return Program(start("--port", "0"), log)


@pytest.fixture
def once(start):
    """Run `eventtracking demo --once ...`; return its output, its errors and its exit code."""

    def run(*arguments, **env):
        process = start("--once", *arguments, env=env)
        output, errors = process.communicate(timeout=300)
        return output, errors, process.returncode

    return run
