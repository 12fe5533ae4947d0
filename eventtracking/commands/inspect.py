"""`eventtracking inspect`: show the requests that Segment, Datadog and Google would receive."""

from __future__ import annotations

import argparse
from typing import Any

from eventtracking.commands.arguments import port
from eventtracking.commands.errors import UsageError

_PORT = 8766

# The default port of Datadog's Agent and its clients.
_STATSD_PORT = 8125


def add_parser(commands: Any) -> None:
    """Add this command to *commands*."""
    parser = commands.add_parser(
        "inspect",
        help="show what Segment, Datadog and Google Analytics would receive",
        description="Run stand-ins for Segment, Datadog and Google Analytics on this machine.\n"
        "They validate requests and respond as the services do, and show them on a page.\n"
        "Press Ctrl-C to stop.",
    )
    parser.add_argument(
        "--host",
        type=_loopback_host,
        default="127.0.0.1",
        help="the address on this machine (default: %(default)s)",
    )
    parser.add_argument(
        "--http-port",
        type=port,
        default=_PORT,
        metavar="PORT",
        help="the port for HTTP and the page (default: %(default)s; 0: any free port)",
    )
    parser.add_argument(
        "--statsd-port",
        type=port,
        default=_STATSD_PORT,
        metavar="PORT",
        help="the port for DogStatsD (default: %(default)s; 0: any free port)",
    )
    tokens = parser.add_mutually_exclusive_group()
    tokens.add_argument("--token", help="the token for the page and its JSON (default: random)")
    tokens.add_argument(
        "--no-token", action="store_true", help="give every program on this machine access"
    )
    parser.add_argument(
        "--json", action="store_true", help="print the addresses as one line of JSON"
    )
    parser.set_defaults(run=_run)


def _run(options: argparse.Namespace) -> int:
    if options.token == "":
        raise UsageError("--token must not be empty; use --no-token for access without one")
    from eventtracking.inspector import program

    token = None if options.no_token else options.token or program.new_token()
    return program.serve(
        host=options.host,
        http_port=options.http_port,
        statsd_port=options.statsd_port,
        token=token,
        as_json=options.json,
    )


def _loopback_host(text: str) -> str:
    from eventtracking.inspector.access import is_loopback

    if not is_loopback(text):
        raise argparse.ArgumentTypeError(
            f"must be a loopback address such as 127.0.0.1 or ::1, got {text!r}"
        )
    return text
