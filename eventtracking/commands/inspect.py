"""`eventtracking inspect`: see what would be sent to Segment, Datadog and Google Analytics."""

from __future__ import annotations

import argparse
from typing import Any

from eventtracking.commands.command_line import EXIT_CODES, UsageError, new_parser, port

_PORT = 8766

# Where Datadog's Agent listens, and its clients send to.
_STATSD_PORT = 8125


def add_inspect(commands: Any) -> None:
    """Add the command to *commands*."""
    parser = new_parser(
        commands.add_parser,
        "inspect",
        help="see what would be sent to Segment, Datadog and Google Analytics",
        description="Stand in for Segment, Datadog and Google Analytics on this machine: check\n"
        "what is sent as they would, answer as they do, and show it on a page. Ctrl-C ends it.",
        epilog=EXIT_CODES,
    )
    parser.add_argument(
        "--host",
        type=_own_host,
        default="127.0.0.1",
        help="where to listen on this machine (default: %(default)s)",
    )
    parser.add_argument(
        "--http-port",
        type=port,
        default=_PORT,
        metavar="PORT",
        help="for HTTP and the page (default: %(default)s; 0: any free one)",
    )
    parser.add_argument(
        "--statsd-port",
        type=port,
        default=_STATSD_PORT,
        metavar="PORT",
        help="for DogStatsD (default: %(default)s; 0: any free one)",
    )
    tokens = parser.add_mutually_exclusive_group()
    tokens.add_argument("--token", help="what the page and its JSON ask for (default: made up)")
    tokens.add_argument("--no-token", action="store_true", help="let every program here look")
    parser.add_argument(
        "--json", action="store_true", help="say where it listens as a line of JSON"
    )
    parser.set_defaults(command=_run)


def _run(options: argparse.Namespace) -> int:
    if options.token == "":
        raise UsageError("--token must not be empty; there is --no-token")
    from eventtracking.inspector import program

    token = None if options.no_token else options.token or program.new_token()
    return program.serve(
        host=options.host,
        http_port=options.http_port,
        statsd_port=options.statsd_port,
        token=token,
        as_json=options.json,
    )


def _own_host(text: str) -> str:
    from eventtracking.inspector.access import is_loopback

    if not is_loopback(text):
        raise argparse.ArgumentTypeError(
            f"must be this machine alone, 127.0.0.1 or ::1, got {text!r}"
        )
    return text
