"""The command line: send an event, check settings, see a demonstration and what would be sent."""

from __future__ import annotations

import argparse
import io
import logging
import os
import sys
from collections.abc import Callable, Sequence

from eventtracking import __version__
from eventtracking.commands.check import add_check
from eventtracking.commands.command_line import EXIT_CODES, UsageError, complain, new_parser
from eventtracking.commands.demo import add_demo
from eventtracking.commands.emit import add_emit
from eventtracking.commands.inspect import add_inspect
from eventtracking.commands.outbox import add_outbox
from eventtracking.exceptions import ImproperlyConfigured

# What a shell reports for a program that SIGINT ended.
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
    Run the command that *arguments* name, by default those of the process.

    Returns:
        The exit code: 0 for done, 1 for wrong settings or a lost event, 2 for wrong usage.
    """
    try:
        try:
            return _run(arguments)
        finally:
            # Not left to the end of the interpreter, where nobody catches what goes wrong.
            print(end="", flush=True)
    except OSError as error:
        _give_up_output()
        # Whoever reads no further, as `head` does, need not be told.
        return 1 if isinstance(error, BrokenPipeError) else complain(f"eventtracking: {error}")
    except KeyboardInterrupt:
        return _INTERRUPTED


def _run(arguments: Sequence[str] | None) -> int:
    _prepare_streams()
    options = _parser().parse_args(arguments)
    _log_to_stderr()
    command: Callable[[argparse.Namespace], int] = options.command
    try:
        return command(options)
    except UsageError as error:
        return complain(f"eventtracking: {error}", code=2)
    except ImproperlyConfigured as error:
        return complain(str(error))


def _parser() -> argparse.ArgumentParser:
    parser = new_parser(
        argparse.ArgumentParser,
        prog="eventtracking",
        description="Event tracking that a Python program embeds: one emit(), every destination.",
        epilog=_EXAMPLES + EXIT_CODES,
    )
    parser.add_argument("--version", action="version", version=f"%(prog)s {__version__}")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    add_demo(commands)
    add_inspect(commands)
    add_emit(commands)
    add_check(commands)
    add_outbox(commands)
    return parser


def _prepare_streams() -> None:
    if sys.stdout is None:
        # Closed by who started this program. It prints all the same, and no log file may
        # get the free number, on which others print too.
        sys.stdout = os.fdopen(os.open(os.devnull, os.O_WRONLY), "w", closefd=False)
    # A terminal that is not UTF-8 gets escapes instead of a traceback.
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")


def _log_to_stderr() -> None:
    """Show what the library logs in one line each: an operator needs the cause, not the way."""

    class OneLine(logging.Formatter):
        def format(self, record: logging.LogRecord) -> str:
            error = record.exc_info and record.exc_info[1]
            cause = f": {type(error).__name__}: {error}" if error else ""
            return " ".join(f"eventtracking: {record.getMessage()}{cause}".split())

    handler = logging.StreamHandler()
    handler.setFormatter(OneLine())
    logging.basicConfig(handlers=[handler])


def _give_up_output() -> None:
    """Let what is still buffered, and cannot be written, go nowhere."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
