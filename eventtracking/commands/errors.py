"""Errors and exit codes of commands."""

from __future__ import annotations

import sys

EXIT_CODES = """\
exit codes: 0 success, 1 invalid settings or a lost event, 2 usage error
"""


class UsageError(Exception):
    """The arguments of a command are invalid. The program exits with code 2."""


def report(*lines: str, code: int = 1) -> int:
    """Print *lines* to standard error, and return the exit *code*."""
    print(*lines, sep="\n", file=sys.stderr)
    return code
