"""What every command of the program needs: a parser, settings, and how it complains."""

from __future__ import annotations

import argparse
import os
import sys
from contextlib import suppress
from typing import Any

from eventtracking.settings import CONFIG, load

EXIT_CODES = """\
exit codes: 0 done, 1 wrong settings or a lost event, 2 wrong usage
"""

CONFIG_HELP = "settings, as .toml or .json (default: the file that EVENT_TRACKING_CONFIG names)"


class UsageError(Exception):
    """The command line asks for something that cannot be understood."""


def new_parser(make: Any, *names: str, **options: Any) -> argparse.ArgumentParser:
    """Return the parser that *make* makes of the rest."""
    # Without abbreviations: an option added later would make --co ambiguous in a script.
    return make(  # type: ignore[no-any-return]
        *names,
        allow_abbrev=False,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        **options,
    )


def complain(*lines: str, code: int = 1) -> int:
    """Say *lines* on stderr, and return the exit *code*."""
    print(*lines, sep="\n", file=sys.stderr)
    return code


def load_settings(options: argparse.Namespace) -> dict[str, Any]:
    """
    Return the settings that *options* or the environment name.

    Raises:
        UsageError: If neither names any.
        ImproperlyConfigured: If they cannot be read.
    """
    path = options.config or os.environ.get(CONFIG)
    if not path:
        raise UsageError(
            f"no settings: name a file with --config FILE or in the environment variable {CONFIG}"
        )
    _let_settings_name_what_lies_here()
    return load(path, os.environ)


def port(text: str) -> int:
    """Return the number of a port, 0 included, for `argparse`."""
    port = int(text) if text.isascii() and text.isdigit() else -1
    if not 0 <= port < 2**16:
        raise argparse.ArgumentTypeError(f"must be a number from 0 to 65535, got {text!r}")
    return port


def _let_settings_name_what_lies_here() -> None:
    """Make the modules of the working directory importable, as `python -m` does."""
    if not sys.flags.safe_path:
        # The directory may be gone.
        with suppress(OSError):
            # Last, so that nothing that lies about here hides a module.
            sys.path.append(os.getcwd())
