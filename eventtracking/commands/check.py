"""`eventtracking check`: validate settings."""

from __future__ import annotations

import argparse
from typing import Any

from eventtracking.commands.arguments import add_config, load_settings
from eventtracking.commands.errors import report
from eventtracking.settings import BACKENDS, ENABLED, build, describe, is_disabled
from eventtracking.settings.unguarded import guard_warnings


def add_parser(commands: Any) -> None:
    """Add this command to *commands*."""
    parser = commands.add_parser(
        "check",
        help="validate settings",
        description="Print the settings as a tree with secrets masked, build the tracker, and\n"
        "report every problem at once. No event is sent.",
    )
    add_config(parser)
    parser.set_defaults(run=_run)


def _run(options: argparse.Namespace) -> int:
    settings = load_settings(options)

    print(describe(settings), flush=True)
    disabled = is_disabled(settings)
    # Disabled settings must be valid on the day they are enabled.
    tracker = build({**settings, ENABLED: True} if disabled else settings)
    tracker.close()
    if disabled:
        print(f"\nNo problems, but {ENABLED} is false: no event is tracked.")
        return 0
    warnings = guard_warnings(tracker.backends, tracker.processors)
    if not tracker.backends:
        warnings.append(f"{BACKENDS} is empty: every event is dropped.")
    if warnings:
        return report(*warnings, code=0)
    print("\nNo problems.")
    return 0
