"""`eventtracking emit`: send one event."""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator, Mapping
from typing import Any

from eventtracking.commands.arguments import add_config, load_settings
from eventtracking.commands.errors import UsageError, report
from eventtracking.settings import BACKENDS, ENABLED, build, is_disabled
from eventtracking.tracker import register_tracker

# For backends that wait for a network or a disk; used once to flush and once to close.
_FINISH_SECONDS = 10.0


def add_parser(commands: Any) -> None:
    """Add this command to *commands*."""
    parser = commands.add_parser(
        "emit",
        help="send one event",
        description="Send one event through the processors to the backends of the settings.",
    )
    parser.add_argument("name", metavar="NAME", help="its name, as namespace.object.action")
    parser.add_argument("data", metavar="DATA", nargs="?", help="its data, as JSON")
    parser.add_argument("--context", metavar="JSON", help="its context, as a JSON object")
    add_config(parser)
    parser.set_defaults(run=_run)


def _run(options: argparse.Namespace) -> int:
    if not options.name:
        raise UsageError("NAME must not be empty")
    data = None if options.data is None else _parse_json("DATA", options.data)
    context = {} if options.context is None else _parse_json("--context", options.context)
    if not isinstance(context, Mapping):
        raise UsageError("--context must be a JSON object, such as '{\"user_id\": 7}'")
    settings = load_settings(options)
    tracker = build(settings)
    # Processors and backends may emit events as well.
    register_tracker(tracker)
    with tracker.context("command_line", context):
        tracker.emit(options.name, data)
    flushed = tracker.flush(_FINISH_SECONDS)
    finished = tracker.close(_FINISH_SECONDS) and flushed
    if not tracker.backends:
        return _report_no_backends(settings)
    return _report_outcome(tracker.stats(), finished=finished)


def _parse_json(argument: str, text: str) -> Any:
    try:
        return json.loads(text, parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as error:
        raise UsageError(f"{argument} is not valid JSON: {error}") from None


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is not a JSON value")


def _report_no_backends(settings: Mapping[str, Any]) -> int:
    if is_disabled(settings):
        return report(f"eventtracking: not sent: {ENABLED} is false", code=0)
    return report(f"eventtracking: not sent: {BACKENDS} is empty")


def _report_outcome(stats: Mapping[str, Any], *, finished: bool) -> int:
    """Report an event that was not sent, and return the exit code."""
    if losses := [*_losses(stats, "the tracker")]:
        return report(*losses)
    if _total(stats, "pending"):
        # A backend that has been closed keeps events only on disk.
        return report("eventtracking: not sent yet: a backend keeps the event for later", code=0)
    if not finished:
        return report("eventtracking: a backend did not finish; the event may be lost")
    if _total(stats, "filtered"):
        return report("eventtracking: not sent: a processor dropped the event", code=0)
    return 0


def _losses(stats: Mapping[str, Any], place: str) -> Iterator[str]:
    for reason, number in stats["lost"].items():
        yield f"eventtracking: lost {number} event(s) in {place}: {reason}"
    for name, branch in stats.get("backends", {}).items():
        yield from _losses(branch, f"backend {name!r}")


def _total(stats: Mapping[str, Any], counter: str) -> int:
    branches = stats.get("backends", {}).values()
    own: int = stats.get(counter, 0)
    return own + sum(_total(branch, counter) for branch in branches)
