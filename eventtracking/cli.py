"""The command line: send an event, check settings, see a demonstration and what would be sent."""

from __future__ import annotations

import argparse
import io
import os
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from eventtracking import __version__
from eventtracking._command_line import (
    CONFIG_HELP,
    EXIT_CODES,
    UsageError,
    complain,
    load_settings,
    new_parser,
)
from eventtracking._outbox_command import add_outbox
from eventtracking.exceptions import ImproperlyConfigured

# What a backend that waits for a network or a disk gets, once to flush and once to close.
_FINISH_SECONDS = 10.0

_DEFAULT_PORT = 8765

_INSPECTOR_PORT = 8766

# Where Datadog's Agent listens, and its clients send to.
_STATSD_PORT = 8125

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
    _add_demo(commands)
    _add_inspect(commands)
    _add_emit(commands)
    _add_check(commands)
    add_outbox(commands)
    return parser


def _add_demo(commands: Any) -> None:
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
        type=_port,
        help=f"where to listen on 127.0.0.1 (default: {_DEFAULT_PORT}; 0, and with --once: "
        "any free one)",
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
    parser.set_defaults(command=_demo)


def _add_inspect(commands: Any) -> None:
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
        type=_port,
        default=_INSPECTOR_PORT,
        metavar="PORT",
        help="for HTTP and the page (default: %(default)s; 0: any free one)",
    )
    parser.add_argument(
        "--statsd-port",
        type=_port,
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
    parser.set_defaults(command=_inspect)


def _add_emit(commands: Any) -> None:
    parser = new_parser(
        commands.add_parser,
        "emit",
        help="send one event",
        description="Send one event through the processors to the backends of the settings.",
        epilog=EXIT_CODES,
    )
    parser.add_argument("name", metavar="NAME", help="what happened, as namespace.object.action")
    parser.add_argument("data", metavar="JSON", nargs="?", help="what is worth knowing about it")
    parser.add_argument("--context", metavar="JSON", help="an object: who, where, in what request")
    parser.add_argument("--config", metavar="FILE", help=CONFIG_HELP)
    parser.set_defaults(command=_emit)


def _add_check(commands: Any) -> None:
    parser = new_parser(
        commands.add_parser,
        "check",
        help="validate settings",
        description="Print the settings as a tree with secrets masked, build what they describe,\n"
        "and report every problem at once. No event is sent.",
        epilog=EXIT_CODES,
    )
    parser.add_argument("--config", metavar="FILE", help=CONFIG_HELP)
    parser.set_defaults(command=_check)


def _demo(options: argparse.Namespace) -> int:
    from eventtracking.demo import program

    if options.once:
        return program.once(port=options.port or 0, log=options.log, inspect=options.inspect)
    port = _DEFAULT_PORT if options.port is None else options.port
    return program.serve(port=port, log=options.log, inspect=options.inspect)


def _inspect(options: argparse.Namespace) -> int:
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


def _emit(options: argparse.Namespace) -> int:
    if not options.name:
        raise UsageError("NAME must not be empty")
    data = None if options.data is None else _json(options.data, "JSON")
    context = {} if options.context is None else _json(options.context, "--context")
    if not isinstance(context, Mapping):
        raise UsageError("--context must be a JSON object, such as '{\"user_id\": 7}'")
    settings = load_settings(options)
    from eventtracking.settings import build
    from eventtracking.tracker import register_tracker

    tracker = build(settings)
    # A processor or a backend may emit, too.
    register_tracker(tracker)
    with tracker.context("command_line", context):
        tracker.emit(options.name, data)
    flushed = tracker.flush(_FINISH_SECONDS)
    finished = tracker.close(_FINISH_SECONDS) and flushed
    if not tracker.backends:
        return _nowhere(settings)
    return _outcome(tracker.stats(), finished=finished)


def _check(options: argparse.Namespace) -> int:
    settings = load_settings(options)
    from eventtracking.settings import BACKENDS, ENABLED, build, describe, is_disabled
    from eventtracking.settings.unguarded import unguarded

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


def _json(text: str, what: str) -> Any:
    import json

    try:
        return json.loads(text, parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as error:
        raise UsageError(f"{what} is not valid JSON: {error}") from None


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")


def _port(text: str) -> int:
    port = int(text) if text.isascii() and text.isdigit() else -1
    if not 0 <= port < 2**16:
        raise argparse.ArgumentTypeError(f"must be a number from 0 to 65535, got {text!r}")
    return port


def _own_host(text: str) -> str:
    from eventtracking.inspector.access import is_loopback

    if not is_loopback(text):
        raise argparse.ArgumentTypeError(
            f"must be this machine alone, 127.0.0.1 or ::1, got {text!r}"
        )
    return text


def _nowhere(settings: Mapping[str, Any]) -> int:
    from eventtracking.settings import BACKENDS, ENABLED, is_disabled

    if is_disabled(settings):
        return complain(f"eventtracking: not sent: {ENABLED} is false", code=0)
    return complain(f"eventtracking: not sent: {BACKENDS} is empty")


def _outcome(stats: Mapping[str, Any], *, finished: bool) -> int:
    """Say on stderr what became of the event, if it was not sent; return the exit code."""
    if lost := [*_losses(stats, "the tracker")]:
        return complain(*lost)
    if _total(stats, "pending"):
        # Nothing that has been closed still holds an event, unless it keeps it on disk.
        return complain("eventtracking: not sent yet: a backend keeps it for later", code=0)
    if not finished:
        return complain("eventtracking: a backend did not finish; the event may be lost")
    if _total(stats, "filtered"):
        return complain("eventtracking: a processor dropped the event, as it is meant to", code=0)
    return 0


def _losses(stats: Mapping[str, Any], place: str) -> Iterator[str]:
    for reason, number in stats["lost"].items():
        yield f"eventtracking: lost {number} event(s) in {place}: {reason}"
    for name, branch in stats.get("backends", {}).items():
        yield from _losses(branch, f"backend {name!r}")


def _total(stats: Mapping[str, Any], figure: str) -> int:
    branches = stats.get("backends", {}).values()
    own: int = stats.get(figure, 0)
    return own + sum(_total(branch, figure) for branch in branches)


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
    import logging

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
