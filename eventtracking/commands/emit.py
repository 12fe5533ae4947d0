"""`eventtracking emit`: send one event."""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator, Mapping
from typing import Any

from eventtracking.commands.command_line import (
    CONFIG_HELP,
    EXIT_CODES,
    UsageError,
    complain,
    load_settings,
    new_parser,
)
from eventtracking.settings import BACKENDS, ENABLED, build, is_disabled
from eventtracking.tracker import register_tracker

# What a backend that waits for a network or a disk gets, once to flush and once to close.
_FINISH_SECONDS = 10.0


def add_emit(commands: Any) -> None:
    """Add the command to *commands*."""
    parser = new_parser(
        commands.add_parser,
        "emit",
        help="send one event",
        description="Send one event through the processors to the backends of the settings.",
        epilog=EXIT_CODES,
    )
    parser.add_argument("name", metavar="NAME", help="what happened, as namespace.object.action")
    parser.add_argument("data", metavar="JSON", nargs="?", help="what is worth knowing about it")
    parser.add_argument("--context", metavar="JSON", help="an object: who, where, in what request")
    parser.add_argument("--config", metavar="FILE", help=CONFIG_HELP)
    parser.set_defaults(command=_run)


def _run(options: argparse.Namespace) -> int:
    if not options.name:
        raise UsageError("NAME must not be empty")
    data = None if options.data is None else _json(options.data, "JSON")
    context = {} if options.context is None else _json(options.context, "--context")
    if not isinstance(context, Mapping):
        raise UsageError("--context must be a JSON object, such as '{\"user_id\": 7}'")
    settings = load_settings(options)
    tracker = build(settings)
    # A processor or a backend may emit, too.
    register_tracker(tracker)
    with tracker.context("command_line", context):
        tracker.emit(options.name, data)
    flushed = tracker.flush(_FINISH_SECONDS)
    finished = tracker.close(_FINISH_SECONDS) and flushed
    if not tracker.backends:
        return _nowhere(settings)
    return _outcome(tracker.stats(), finished=finished)


def _json(text: str, what: str) -> Any:
    try:
        return json.loads(text, parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as error:
        raise UsageError(f"{what} is not valid JSON: {error}") from None


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")


def _nowhere(settings: Mapping[str, Any]) -> int:
    if is_disabled(settings):
        return complain(f"eventtracking: not sent: {ENABLED} is false", code=0)
    return complain(f"eventtracking: not sent: {BACKENDS} is empty")


def _outcome(stats: Mapping[str, Any], *, finished: bool) -> int:
    """Say on stderr what became of the event, if it was not sent; return the exit code."""
    if lost := [*_losses(stats, "the tracker")]:
        return complain(*lost)
    if _total(stats, "pending"):
        # Nothing that has been closed still holds an event, unless it keeps it on disk.
        return complain("eventtracking: not sent yet: a backend keeps it for later", code=0)
    if not finished:
        return complain("eventtracking: a backend did not finish; the event may be lost")
    if _total(stats, "filtered"):
        return complain("eventtracking: a processor dropped the event, as it is meant to", code=0)
    return 0


def _losses(stats: Mapping[str, Any], place: str) -> Iterator[str]:
    for reason, number in stats["lost"].items():
        yield f"eventtracking: lost {number} event(s) in {place}: {reason}"
    for name, branch in stats.get("backends", {}).items():
        yield from _losses(branch, f"backend {name!r}")


def _total(stats: Mapping[str, Any], figure: str) -> int:
    branches = stats.get("backends", {}).values()
    own: int = stats.get(figure, 0)
    return own + sum(_total(branch, figure) for branch in branches)
