"""The demonstration as a program: one that serves until Ctrl-C, and one that tests itself."""

from __future__ import annotations

import signal
import sys
import time
from collections.abc import Mapping, Sequence
from typing import Any

from eventtracking.demo.actions import DROPPED
from eventtracking.demo.application import site
from eventtracking.demo.drive import MAX_LINE_BYTES, Step, drive, plan, verify
from eventtracking.demo.server import Server
from eventtracking.settings import RECOMMENDED_PROCESSORS, build

_WELCOME = """\
Open {url} and click around.
Every event goes to {log} and appears here. Ctrl-C ends this.
"""


def settings(log: str) -> dict[str, Any]:
    """Return the settings of the demonstration, which writes its events to *log*."""
    return {
        "EVENT_TRACKING_PROCESSORS": [
            {
                "ENGINE": "eventtracking.processors.name_filter.NameFilter",
                "OPTIONS": {"block": [*DROPPED]},
            },
            *RECOMMENDED_PROCESSORS,
        ],
        "EVENT_TRACKING_BACKENDS": {
            "console": {"ENGINE": "eventtracking.demo.console.ConsoleBackend"},
            "echo": {"ENGINE": "eventtracking.demo.echo.EchoBackend"},
            "log": {
                "ENGINE": "eventtracking.backends.log_file.LogFileBackend",
                "OPTIONS": {"path": log},
            },
        },
    }


def serve(*, port: int, log: str) -> int:
    """
    Serve the page until Ctrl-C; return the exit code.

    Args:
        port: Where to listen; 0 for any free port.
        log: The file that events are appended to.

    Raises:
        ImproperlyConfigured: If the port or the file cannot be had.
    """
    with Server(port) as server:
        tracker = build(settings(log))
        server.set_app(site(tracker))
        try:
            # A supervisor's way to say Ctrl-C.
            signal.signal(signal.SIGTERM, signal.default_int_handler)
            print(_WELCOME.format(url=server.url, log=log), flush=True)
            server.serve_forever()
        except KeyboardInterrupt:
            print()
        finally:
            tracker.close()
    print(_summary(tracker.stats(), log))
    return 0


def once(*, log: str, port: int = 0, with_settings: Mapping[str, Any] | None = None) -> int:
    """
    Use the application as several people at once and verify the log; return the exit code.

    Args:
        log: The file that events are appended to, and read from.
        port: Where to listen. Default: any free port.
        with_settings: Settings other than those of the demonstration.

    Raises:
        ImproperlyConfigured: If the port or the file cannot be had.
    """
    steps = plan()
    with Server(port) as server:
        tracker = build(settings(log) if with_settings is None else with_settings)
        server.set_app(site(tracker))
        try:
            began = time.perf_counter()
            with server.in_background():
                problems = drive(server.url, steps)
            seconds = time.perf_counter() - began
        finally:
            tracker.close()
    problems += verify(log, steps)
    print(_report(steps, seconds, tracker.stats(), log), flush=True)
    return _verdict(problems)


def _summary(stats: Mapping[str, Any], log: str) -> str:
    books = stats["backends"]["log"]
    lost = sum(stats["lost"].values()) + sum(books["lost"].values())
    return (
        f"{stats['emitted']} event(s) emitted: {books['sent']} in {log}, "
        f"{stats['filtered']} dropped by the filter, {lost} lost."
    )


def _report(steps: Sequence[Step], seconds: float, stats: Mapping[str, Any], log: str) -> str:
    users = len({step.user for step in steps})
    return (
        f"\n{len(steps)} requests of {users} users at once, in {seconds:.2f} seconds.\n"
        f"{_summary(stats, log)}"
    )


def _verdict(problems: Sequence[str]) -> int:
    if not problems:
        print(
            "Verified: each event is in the log exactly once, with its own user.\n"
            f"No password is in it, and none of its lines is over {MAX_LINE_BYTES:,} bytes."
        )
        return 0
    print(f"FAILED: {len(problems)} problem(s).", *problems, sep="\n  ", file=sys.stderr)
    return 1
