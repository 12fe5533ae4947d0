"""`eventtracking outbox`: see, retry, delete and deliver events that wait on disk."""

from __future__ import annotations

import argparse
import sys
from typing import Any

from eventtracking.commands.command_line import (
    CONFIG_HELP,
    EXIT_CODES,
    UsageError,
    load_settings,
    new_parser,
)
from eventtracking.delivery.outbox.draining import deliver
from eventtracking.delivery.outbox.inspection import OutboxFolder, UnusableFolder
from eventtracking.settings import build

# Long enough for what waits after an outage of hours.
_DELIVERY_SECONDS = 3600.0

_ACTIONS = {
    "list": "say what waits and what was refused",
    "show": "print events, one JSON object a line",
    "retry": "let refused events wait again, to be sent once more",
    "purge": "delete refused events, or those that wait and no living process has",
}


def add_outbox(commands: Any) -> None:
    """Add the command and its actions to *commands*."""
    parser = new_parser(
        commands.add_parser,
        "outbox",
        help="see, retry or delete events that wait on disk, or were refused",
        description="Look into the folder that a backend has as its outbox. Programs that use it\n"
        "may run meanwhile.",
        epilog=EXIT_CODES,
    )
    actions = parser.add_subparsers(title="actions", metavar="ACTION", required=True)
    for action, help_ in _ACTIONS.items():
        each = new_parser(actions.add_parser, action, help=help_, description=help_)
        each.add_argument("folder", metavar="DIR", help="the outbox")
        each.set_defaults(command=_look, action=action)
        if action == "list":
            each.add_argument("--json", action="store_true", help="as one JSON object")
        elif action == "retry":
            each.add_argument(
                "--id", action="append", metavar="ID", help="only this one; may be repeated"
            )
        else:
            each.add_argument("--dead", action="store_true", help="events that were refused")
            each.add_argument("--waiting", action="store_true", help="events that wait")
        if action == "show":
            each.add_argument("--limit", type=_number, metavar="N", help="no more than so many")
        elif action == "purge":
            each.add_argument(
                "--older-than", type=_seconds, metavar="SECONDS", help="only those that are older"
            )
            each.add_argument("--yes", action="store_true", help="do it; else only say how many")
    _add_delivery(actions)


def _add_delivery(actions: Any) -> None:
    help_ = "send what waits, for programs that do not run any more"
    parser = new_parser(actions.add_parser, "deliver", help=help_, description=help_)
    parser.add_argument("--config", metavar="FILE", help=CONFIG_HELP)
    parser.add_argument(
        "--timeout",
        type=_seconds,
        default=_DELIVERY_SECONDS,
        metavar="SECONDS",
        help="how long to try (default: %(default)g)",
    )
    parser.set_defaults(command=_deliver)


def _number(text: str) -> int:
    if not (text.isascii() and text.isdigit()) or int(text) > sys.maxsize:
        raise argparse.ArgumentTypeError(f"must be a whole number, 0 or more, got {text!r}")
    return int(text)


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = -1.0
    # Not so for NaN either.
    if not 0 <= seconds < float("inf"):
        raise argparse.ArgumentTypeError(f"must be a number of seconds, 0 or more, got {text!r}")
    return seconds


def _look(options: argparse.Namespace) -> int:
    try:
        folder = OutboxFolder(options.folder)
        if options.action == "list":
            print(folder.json() if options.json else folder.text())
        elif options.action == "show":
            both = options.dead == options.waiting
            for line in folder.events(
                dead=both or options.dead, waiting=both or options.waiting, limit=options.limit
            ):
                print(line)
        elif options.action == "retry":
            print(f"{folder.retry(options.id)} event(s) wait again")
        else:
            return _purge(folder, options)
    except UnusableFolder as error:
        raise UsageError(str(error)) from None
    return 0


def _deliver(options: argparse.Namespace) -> int:
    tracker = build(load_settings(options))
    left = 0
    for delivered in deliver(options.timeout):
        print(delivered)
        left += delivered.left + delivered.lost
    tracker.close(0)
    return 1 if left else 0


def _purge(folder: Any, options: argparse.Namespace) -> int:
    if not (options.dead or options.waiting):
        raise UsageError("say what to delete: --dead, --waiting, or both")
    number = folder.purge(
        dead=options.dead,
        waiting=options.waiting,
        older_than=options.older_than,
        dry_run=not options.yes,
    )
    if not options.yes:
        raise UsageError(f"this deletes {number} event(s) for good: add --yes to do it")
    print(f"{number} event(s) deleted")
    return 0
