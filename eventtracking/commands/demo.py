"""`eventtracking demo`: serve a small web application that shows its events."""

from __future__ import annotations

import argparse
from typing import Any

from eventtracking.commands.arguments import port

_PORT = 8765


def add_parser(commands: Any) -> None:
    """Add this command to *commands*."""
    parser = commands.add_parser(
        "demo",
        help="click through a small web application and watch its events",
        description="Serve a small web application on this machine. Every click sends an event\n"
        "through processors to a log file and shows it here. Press Ctrl-C to stop.",
    )
    parser.add_argument(
        "--port",
        type=port,
        help=f"the port on 127.0.0.1 (default: {_PORT}; 0, or --once: any free port)",
    )
    parser.add_argument(
        "--log",
        default="./tracking.log",
        metavar="FILE",
        help="the log file to append events to (default: %(default)s)",
    )
    parser.add_argument(
        "--once",
        action="store_true",
        help="simulate several users at once, verify that the log contains every event exactly "
        "once, with the right user, no password and no oversized line, and exit",
    )
    parser.add_argument(
        "--inspect",
        action="store_true",
        help="also send the events to local stand-ins for Segment, Datadog and Google Analytics, "
        "and show on a second page what they receive; nothing leaves this machine (needs: pip "
        "install 'eventtracking[http,datadog]')",
    )
    parser.set_defaults(run=_run)


def _run(options: argparse.Namespace) -> int:
    from eventtracking.demo import program

    if options.once:
        return program.once(port=options.port or 0, log=options.log, inspect=options.inspect)
    port = _PORT if options.port is None else options.port
    return program.serve(port=port, log=options.log, inspect=options.inspect)
