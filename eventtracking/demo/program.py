"""`eventtracking demo`: serve until Ctrl-C, or simulate users and verify the log."""

from __future__ import annotations

import signal
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from eventtracking.demo import simulation
from eventtracking.demo.actions import BLOCKED_NAMES
from eventtracking.demo.application import create_app
from eventtracking.demo.destination_verification import verify_destinations
from eventtracking.demo.log_verification import verify_log
from eventtracking.demo.server import Server
from eventtracking.demo.simulation import MAX_LINE_BYTES, Step
from eventtracking.inspector.server import Inspector
from eventtracking.settings import RECOMMENDED_PROCESSORS, build

_WELCOME = """\
Open {url} and click around.
Every event is written to {log} and shown here. Press Ctrl-C to stop.
"""

_INSPECTOR_WELCOME = """\
Open {url} to see what Segment, Datadog and Google Analytics would receive.
"""

# Segment's limit is 32 KiB. The rest is for the facts of the request.
_SEGMENT_BYTES = 30_000


def settings(log: str, inspector: Inspector | None = None) -> dict[str, Any]:
    """Return the settings of the demo, which send events to *log* and to *inspector*."""
    return {
        "EVENT_TRACKING_PROCESSORS": [
            {
                "ENGINE": "eventtracking.processors.name_filter.NameFilter",
                "OPTIONS": {"block": [*BLOCKED_NAMES]},
            },
            *RECOMMENDED_PROCESSORS,
        ],
        "EVENT_TRACKING_BACKENDS": {
            "captured_lines": {"ENGINE": "eventtracking.demo.line_capture.LineCaptureBackend"},
            "console": {"ENGINE": "eventtracking.demo.console.ConsoleBackend"},
            "log": {
                "ENGINE": "eventtracking.backends.log_file.LogFileBackend",
                "OPTIONS": {"path": log},
            },
            **({} if inspector is None else _vendors(inspector)),
        },
    }


def _vendors(inspector: Inspector) -> dict[str, Any]:
    """Return the settings of a backend for each vendor that *inspector* stands in for."""
    host, port = inspector.statsd_address
    segment = _entry("backends.segment.SegmentBackend", write_key="demo", host=inspector.url)
    return {
        "datadog": _entry("backends.datadog.DatadogBackend", statsd_host=host, statsd_port=port),
        "google_analytics": _entry(
            "backends.google_analytics.GoogleAnalyticsBackend",
            measurement_id="G-DEMO",
            api_secret="demo",  # noqa: S106  # not a secret
            endpoint=inspector.url,
        ),
        # Segment's size limit for an event is lower than that of the log.
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
        port: The port to listen on; 0 for any free one.
        log: The file that events are appended to.
        inspect: Run an inspector as well, and send the events to it as to Segment, Datadog and
            Google Analytics.

    Raises:
        ImproperlyConfigured: If the port or the file is not available, or if *inspect* is set
            and the extras `http` and `datadog` are not installed.
    """
    with Server(port) as server, _inspector(wanted=inspect) as inspector:
        tracker = build(settings(log, inspector))
        server.set_app(create_app(tracker))
        try:
            # Process supervisors stop a program with SIGTERM.
            signal.signal(signal.SIGTERM, signal.default_int_handler)
            print(_WELCOME.format(url=server.url, log=log), flush=True)
            if inspector is not None:
                print(_INSPECTOR_WELCOME.format(url=inspector.url), flush=True)
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
    Simulate several users at once and verify the log; return the exit code.

    Args:
        log: The file that events are appended to, and that is verified.
        port: The port to listen on. Default: any free one.
        inspect: Send the events to all destinations as well, and verify what they receive.
        with_settings: Settings to use instead of those of the demo.

    Raises:
        ImproperlyConfigured: If the port or the file is not available, or if *inspect* is set
            and the extras `http` and `datadog` are not installed.
    """
    steps = simulation.plan()
    with Server(port) as server, _inspector(wanted=inspect) as inspector:
        tracker = build(settings(log, inspector) if with_settings is None else with_settings)
        server.set_app(create_app(tracker))
        server.start()
        try:
            began = time.perf_counter()
            problems = simulation.run(server.url, steps)
            seconds = time.perf_counter() - began
        finally:
            tracker.close()
        if inspector is not None:
            problems += verify_destinations(inspector.events, steps)
    problems += verify_log(log, steps)
    print(_report(steps, seconds, tracker.stats(), log), flush=True)
    return _verdict(problems, inspect=inspect)


@contextmanager
def _inspector(*, wanted: bool) -> Iterator[Inspector | None]:
    if not wanted:
        yield None
        return
    # Without a token: it holds nothing but the events of the demo, and listens locally.
    inspector = Inspector(token=None)
    try:
        yield inspector
    finally:
        inspector.close()


def _summary(stats: Mapping[str, Any], log: str) -> str:
    sent = stats["backends"]["log"]["sent"]
    return (
        f"{stats['emitted']} event(s) emitted: {sent} in {log}, "
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
            "Verified: each event is in the log exactly once, with the right user.\n"
            f"The log contains no password, and no line over {MAX_LINE_BYTES:,} bytes."
        )
        if inspect:
            print("Segment, Datadog and Google Analytics would have accepted every event.")
        return 0
    print(f"FAILED: {len(problems)} problem(s).", *problems, sep="\n  ", file=sys.stderr)
    return 1
