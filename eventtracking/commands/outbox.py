"""`eventtracking outbox`: list, show, retry, purge and deliver the events in outboxes on disk."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from typing import Any

from eventtracking.commands.arguments import add_config, load_settings
from eventtracking.commands.errors import UsageError
from eventtracking.delivery.outbox.draining import deliver
from eventtracking.delivery.outbox.inspection import OutboxFolder, UnusableFolder
from eventtracking.settings import build

# Long enough for the events that wait after an outage of hours.
_DELIVERY_SECONDS = 3600.0


def add_parser(commands: Any) -> None:
    """Add this command and its actions to *commands*."""
    parser = commands.add_parser(
        "outbox",
        help="list, retry, delete or deliver events that wait on disk or were rejected",
        description="Manage the folder that a backend uses as its outbox. Programs that use the\n"
        "folder may keep running.",
    )
    actions = parser.add_subparsers(title="actions", metavar="ACTION", required=True)
    _add_list(actions)
    _add_show(actions)
    _add_retry(actions)
    _add_purge(actions)
    _add_deliver(actions)


def _add_list(actions: Any) -> None:
    parser = _add_folder_action(actions, "list", _list, "list waiting and rejected events")
    parser.add_argument("--json", action="store_true", help="print one JSON object")


def _add_show(actions: Any) -> None:
    text = "print events, one JSON object a line"
    parser = _add_folder_action(actions, "show", _show, text)
    _add_kinds(parser)
    parser.add_argument(
        "--limit", type=_whole_number, metavar="N", help="print at most this many events"
    )


def _add_retry(actions: Any) -> None:
    text = "send rejected events once more"
    parser = _add_folder_action(actions, "retry", _retry, text)
    parser.add_argument(
        "--id", action="append", metavar="ID", help="only this event; may be repeated"
    )


def _add_purge(actions: Any) -> None:
    text = "delete rejected events, or waiting events that no running process holds"
    parser = _add_folder_action(actions, "purge", _purge, text)
    _add_kinds(parser)
    parser.add_argument(
        "--older-than", type=_seconds, metavar="SECONDS", help="only events older than this"
    )
    parser.add_argument(
        "--yes", action="store_true", help="delete the events instead of counting them"
    )


def _add_deliver(actions: Any) -> None:
    text = "send the waiting events of programs that are no longer running"
    parser = actions.add_parser("deliver", help=text, description=text)
    add_config(parser)
    parser.add_argument(
        "--timeout",
        type=_seconds,
        default=_DELIVERY_SECONDS,
        metavar="SECONDS",
        help="the time limit (default: %(default)g)",
    )
    parser.set_defaults(run=_deliver)


def _add_folder_action(
    actions: Any,
    name: str,
    act: Callable[[OutboxFolder, argparse.Namespace], None],
    text: str,
) -> argparse.ArgumentParser:
    def run(options: argparse.Namespace) -> int:
        try:
            act(OutboxFolder(options.folder), options)
        except UnusableFolder as error:
            raise UsageError(str(error)) from None
        return 0

    parser: argparse.ArgumentParser = actions.add_parser(name, help=text, description=text)
    parser.add_argument("folder", metavar="DIR", help="the folder of the outbox")
    parser.set_defaults(run=run)
    return parser


def _add_kinds(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--dead", action="store_true", help="include rejected events")
    parser.add_argument("--waiting", action="store_true", help="include waiting events")


def _whole_number(text: str) -> int:
    if not (text.isascii() and text.isdigit()) or int(text) > sys.maxsize:
        raise argparse.ArgumentTypeError(f"must be a whole number, 0 or more, got {text!r}")
    return int(text)


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = -1.0
    # NaN fails every comparison.
    if not 0 <= seconds < float("inf"):
        raise argparse.ArgumentTypeError(f"must be a number of seconds, 0 or more, got {text!r}")
    return seconds


def _list(folder: OutboxFolder, options: argparse.Namespace) -> None:
    print(folder.json() if options.json else folder.text())


def _show(folder: OutboxFolder, options: argparse.Namespace) -> None:
    both = options.dead == options.waiting
    for line in folder.events(
        dead=both or options.dead, waiting=both or options.waiting, limit=options.limit
    ):
        print(line)


def _retry(folder: OutboxFolder, options: argparse.Namespace) -> None:
    print(f"{folder.retry(options.id)} event(s) wait again")


def _purge(folder: OutboxFolder, options: argparse.Namespace) -> None:
    if not (options.dead or options.waiting):
        raise UsageError("choose the events to delete: --dead, --waiting, or both")
    number = folder.purge(
        dead=options.dead,
        waiting=options.waiting,
        older_than=options.older_than,
        dry_run=not options.yes,
    )
    if not options.yes:
        raise UsageError(f"this deletes {number} event(s) for good: add --yes to do it")
    print(f"{number} event(s) deleted")


def _deliver(options: argparse.Namespace) -> int:
    tracker = build(load_settings(options))
    left = 0
    for delivered in deliver(options.timeout):
        print(delivered)
        left += delivered.left + delivered.lost
    tracker.close(0)
    return 1 if left else 0
