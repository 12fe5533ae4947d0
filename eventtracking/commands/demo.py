"""`eventtracking demo`: serve a small web application that shows its events."""

from __future__ import annotations

import argparse
from typing import Any

from eventtracking.commands.command_line import EXIT_CODES, new_parser, port

_PORT = 8765


def add_demo(commands: Any) -> None:
    """Add the command to *commands*."""
    parser = new_parser(
        commands.add_parser,
        "demo",
        help="click through a small web application and watch its events",
        description="Serve a small web application on this machine. Every click sends an event\n"
        "through processors into a log file and shows it here. Ctrl-C ends it.",
        epilog=EXIT_CODES,
    )
    parser.add_argument(
        "--port",
        type=port,
        help=f"where to listen on 127.0.0.1 (default: {_PORT}; 0, and with --once: any free one)",
    )
    parser.add_argument(
        "--log",
        default="./tracking.log",
        metavar="FILE",
        help="where events are appended (default: %(default)s)",
    )
    parser.add_argument(
        "--once",
        action="store_true",
        help="let several users click at once, verify that every event is in the log exactly "
        "once with its own user, that no password and no oversized line is, and exit",
    )
    parser.add_argument(
        "--inspect",
        action="store_true",
        help="send the events to Segment, Datadog and Google Analytics as well, and show on a "
        "second page what they would get; nothing leaves this machine (needs: pip install "
        "'eventtracking[http,datadog]')",
    )
    parser.set_defaults(command=_run)


def _run(options: argparse.Namespace) -> int:
    from eventtracking.demo import program

    if options.once:
        return program.once(port=options.port or 0, log=options.log, inspect=options.inspect)
    port = _PORT if options.port is None else options.port
    return program.serve(port=port, log=options.log, inspect=options.inspect)
