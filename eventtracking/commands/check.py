"""`eventtracking check`: validate settings."""

from __future__ import annotations

import argparse
from typing import Any

from eventtracking.commands.command_line import (
    CONFIG_HELP,
    EXIT_CODES,
    complain,
    load_settings,
    new_parser,
)
from eventtracking.settings import BACKENDS, ENABLED, build, describe, is_disabled
from eventtracking.settings.unguarded import unguarded


def add_check(commands: Any) -> None:
    """Add the command to *commands*."""
    parser = new_parser(
        commands.add_parser,
        "check",
        help="validate settings",
        description="Print the settings as a tree with secrets masked, build what they describe,\n"
        "and report every problem at once. No event is sent.",
        epilog=EXIT_CODES,
    )
    parser.add_argument("--config", metavar="FILE", help=CONFIG_HELP)
    parser.set_defaults(command=_run)


def _run(options: argparse.Namespace) -> int:
    settings = load_settings(options)

    print(describe(settings), flush=True)
    disabled = is_disabled(settings)
    # What is switched off for now has to be right when it is switched on.
    tracker = build({**settings, ENABLED: True} if disabled else settings)
    tracker.close()
    if disabled:
        print(f"\nNo problems, and {ENABLED} is false: no event is tracked.")
        return 0
    warnings = unguarded(tracker.backends, tracker.processors)
    if not tracker.backends:
        warnings.append(f"{BACKENDS} is empty: every event is dropped.")
    if warnings:
        return complain(*warnings, code=0)
    print("\nNo problems.")
    return 0
