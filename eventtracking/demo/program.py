"""The demonstration as a program: one that serves until Ctrl-C, and one that tests itself."""

from __future__ import annotations

import signal
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from eventtracking.demo.actions import DROPPED
from eventtracking.demo.application import site
from eventtracking.demo.drive import MAX_LINE_BYTES, Step, drive, plan, verify
from eventtracking.demo.inspected import inspected
from eventtracking.demo.server import Server
from eventtracking.inspector.server import Inspector
from eventtracking.settings import RECOMMENDED_PROCESSORS, build

_WELCOME = """\
Open {url} and click around.
Every event goes to {log} and appears here. Ctrl-C ends this.
"""

# 32 KiB, with room for what Segment is told about the request.
_SEGMENT_BYTES = 30_000

_INSPECT = """\
Open {url} to see what Segment, Datadog and Google Analytics would get.
"""


def settings(log: str, inspector: Inspector | None = None) -> dict[str, Any]:
    """Return the settings of the demonstration: events go to *log*, and to *inspector*."""
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
            **({} if inspector is None else _vendors(inspector)),
        },
    }


def _vendors(inspector: Inspector) -> dict[str, Any]:
    """Return a backend for each vendor that *inspector* stands in for."""
    host, port = inspector.statsd_address
    segment = _entry("backends.segment.SegmentBackend", write_key="demo", host=inspector.url)
    return {
        "datadog": _entry("backends.datadog.DatadogBackend", statsd_host=host, statsd_port=port),
        "google_analytics": _entry(
            "backends.google_analytics.GoogleAnalyticsBackend",
            measurement_id="G-DEMO",
            api_secret="demo",  # noqa: S106  # there is nothing to be kept secret
            endpoint=inspector.url,
        ),
        # Segment takes less at once than the log.
        "segment": _entry(
            "backends.routing.RoutingBackend",
            processors=[_entry("processors.size_guard.SizeGuard", max_bytes=_SEGMENT_BYTES)],
            backends={"segment": segment},
        ),
    }


def _entry(engine: str, **options: Any) -> dict[str, Any]:
    return {"ENGINE": f"eventtracking.{engine}", "OPTIONS": options}


def serve(*, port: int, log: str, inspect: bool = False) -> int:
    """
    Serve the page until Ctrl-C; return the exit code.

    Args:
        port: Where to listen; 0 for any free port.
        log: The file that events are appended to.
        inspect: Send the events to Segment, Datadog and Google Analytics as well, in the
            form of the inspector, which runs beside.

    Raises:
        ImproperlyConfigured: If the port or the file cannot be had, or for *inspect* the
            extras `http` and `datadog` are not installed.
    """
    with Server(port) as server, _inspecting(inspect) as inspector:
        tracker = build(settings(log, inspector))
        server.set_app(site(tracker))
        try:
            # A supervisor's way to say Ctrl-C.
            signal.signal(signal.SIGTERM, signal.default_int_handler)
            print(_WELCOME.format(url=server.url, log=log), flush=True)
            if inspector is not None:
                print(_INSPECT.format(url=inspector.url), flush=True)
            server.serve_forever()
        except KeyboardInterrupt:
            print()
        finally:
            tracker.close()
    print(_summary(tracker.stats(), log))
    return 0


def once(
    *,
    log: str,
    port: int = 0,
    inspect: bool = False,
    with_settings: Mapping[str, Any] | None = None,
) -> int:
    """
    Use the application as several people at once and verify the log; return the exit code.

    Args:
        log: The file that events are appended to, and read from.
        port: Where to listen. Default: any free port.
        inspect: Send the events to all destinations as well, and verify what they get.
        with_settings: Settings other than those of the demonstration.

    Raises:
        ImproperlyConfigured: If the port or the file cannot be had, or for *inspect* the
            extras `http` and `datadog` are not installed.
    """
    steps = plan()
    with Server(port) as server, _inspecting(inspect) as inspector:
        tracker = build(settings(log, inspector) if with_settings is None else with_settings)
        server.set_app(site(tracker))
        try:
            began = time.perf_counter()
            with server.in_background():
                problems = drive(server.url, steps)
            seconds = time.perf_counter() - began
        finally:
            tracker.close()
        if inspector is not None:
            problems += inspected(inspector.records, steps)
    problems += verify(log, steps)
    print(_report(steps, seconds, tracker.stats(), log), flush=True)
    return _verdict(problems, inspect=inspect)


@contextmanager
def _inspecting(wanted: bool) -> Iterator[Inspector | None]:
    if not wanted:
        yield None
        return
    # Without a token: what is shown is the demonstration's, on this machine only.
    inspector = Inspector(host="127.0.0.1", http_port=0, statsd_port=0, token=None)
    try:
        yield inspector
    finally:
        inspector.close()


def _summary(stats: Mapping[str, Any], log: str) -> str:
    books = stats["backends"]["log"]
    return (
        f"{stats['emitted']} event(s) emitted: {books['sent']} in {log}, "
        f"{stats['filtered']} dropped by the filter, {_lost(stats)} lost."
    )


def _lost(stats: Mapping[str, Any]) -> int:
    own: int = sum(stats["lost"].values())
    return own + sum(map(_lost, stats.get("backends", {}).values()))


def _report(steps: Sequence[Step], seconds: float, stats: Mapping[str, Any], log: str) -> str:
    users = len({step.user for step in steps})
    return (
        f"\n{len(steps)} requests of {users} users at once, in {seconds:.2f} seconds.\n"
        f"{_summary(stats, log)}"
    )


def _verdict(problems: Sequence[str], *, inspect: bool) -> int:
    if not problems:
        print(
            "Verified: each event is in the log exactly once, with its own user.\n"
            f"No password is in it, and none of its lines is over {MAX_LINE_BYTES:,} bytes."
        )
        if inspect:
            print("Segment, Datadog and Google Analytics would have got every one, and taken it.")
        return 0
    print(f"FAILED: {len(problems)} problem(s).", *problems, sep="\n  ", file=sys.stderr)
    return 1
