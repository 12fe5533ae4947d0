"""The command line `eventtracking`: its commands, standard streams and exit codes."""

from __future__ import annotations

import argparse
import io
import logging
import os
import sys
from collections.abc import Callable, Sequence

from eventtracking import __version__
from eventtracking.commands import check, demo, emit, inspect, outbox
from eventtracking.commands.arguments import Parser
from eventtracking.commands.errors import EXIT_CODES, UsageError, report
from eventtracking.exceptions import ImproperlyConfigured

# To add a command, write a module with `add_parser` in `commands/` and list it here.
_COMMANDS = (demo, inspect, emit, check, outbox)

# The exit code that a shell reports for a program terminated by SIGINT.
_INTERRUPTED = 130

_EXAMPLES = """\
examples:
  eventtracking demo
  eventtracking inspect
  eventtracking emit edx.video.played '{"id": "intro"}' --config tracking.toml
  eventtracking check --config tracking.toml
  eventtracking outbox list /var/lib/shop/outbox
  eventtracking outbox deliver --config tracking.toml

"""


def main(arguments: Sequence[str] | None = None) -> int:
    """
    Run the command in *arguments*, by default those of the process.

    Returns:
        The exit code: 0 for success, 1 for invalid settings or a lost event, 2 for a usage
        error.
    """
    try:
        try:
            return _run(arguments)
        finally:
            # An error while the interpreter exits could not be caught.
            print(end="", flush=True)
    except OSError as error:
        _discard_output()
        # A reader such as `head` that stops reading needs no message.
        return 1 if isinstance(error, BrokenPipeError) else report(f"eventtracking: {error}")
    except KeyboardInterrupt:
        return _INTERRUPTED


def _run(arguments: Sequence[str] | None) -> int:
    _prepare_streams()
    options = _parser().parse_args(arguments)
    _log_to_stderr()
    run: Callable[[argparse.Namespace], int] = options.run
    try:
        return run(options)
    except UsageError as error:
        return report(f"eventtracking: {error}", code=2)
    except ImproperlyConfigured as error:
        return report(str(error))


def _parser() -> Parser:
    parser = Parser(
        prog="eventtracking",
        description="Event tracking that a Python program embeds: one emit(), every destination.",
        epilog=_EXAMPLES + EXIT_CODES,
    )
    parser.add_argument("--version", action="version", version=f"%(prog)s {__version__}")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    for command in _COMMANDS:
        command.add_parser(commands)
    return parser


def _prepare_streams() -> None:
    if sys.stdout is None:
        # Standard output was closed before this program started. Its descriptor is opened
        # again, so that no log file gets the number to which other code prints.
        sys.stdout = os.fdopen(os.open(os.devnull, os.O_WRONLY), "w", closefd=False)
    # A terminal that is not UTF-8 gets escapes instead of a traceback.
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")


def _log_to_stderr() -> None:
    """Log each record as one line, with the error but without the traceback."""

    class OneLine(logging.Formatter):
        def format(self, record: logging.LogRecord) -> str:
            error = record.exc_info and record.exc_info[1]
            cause = f": {type(error).__name__}: {error}" if error else ""
            return " ".join(f"eventtracking: {record.getMessage()}{cause}".split())

    handler = logging.StreamHandler()
    handler.setFormatter(OneLine())
    logging.basicConfig(handlers=[handler])


def _discard_output() -> None:
    """Discard buffered output that cannot be written."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
