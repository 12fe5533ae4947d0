"""The parser of commands, and arguments that several commands share."""

from __future__ import annotations

import argparse
import os
import sys
from contextlib import suppress
from typing import Any

from eventtracking.commands.errors import EXIT_CODES, UsageError
from eventtracking.settings import CONFIG, load


class Parser(argparse.ArgumentParser):
    """A parser whose help ends with the exit codes. Its subparsers are of this class too."""

    def __init__(self, *, epilog: str = EXIT_CODES, **options: Any) -> None:
        super().__init__(
            epilog=epilog,
            # An option added later would make an abbreviation such as --co ambiguous.
            allow_abbrev=False,
            formatter_class=argparse.RawDescriptionHelpFormatter,
            **options,
        )


def add_config(parser: argparse.ArgumentParser) -> None:
    """Add the option `--config`, which `load_settings` reads."""
    default = f"the file that {CONFIG} names"
    text = f"settings, as .toml or .json (default: {default})"
    parser.add_argument("--config", metavar="FILE", help=text)


def load_settings(options: argparse.Namespace) -> dict[str, Any]:
    """
    Return the settings in the file that *options* or the environment name.

    Raises:
        UsageError: If neither names a file.
        ImproperlyConfigured: If the settings cannot be read.
    """
    path = options.config or os.environ.get(CONFIG)
    if not path:
        raise UsageError(
            f"no settings: name a file with --config FILE or in the environment variable {CONFIG}"
        )
    _make_working_directory_importable()
    return load(path, os.environ)


def port(text: str) -> int:
    """Return *text* as the number of a port, which may be 0, for `argparse`."""
    port = int(text) if text.isascii() and text.isdigit() else -1
    if not 0 <= port < 2**16:
        raise argparse.ArgumentTypeError(f"must be a number from 0 to 65535, got {text!r}")
    return port


def _make_working_directory_importable() -> None:
    """Let settings name modules in the working directory, as with `python -m`."""
    if not sys.flags.safe_path:
        # The directory may have been removed.
        with suppress(OSError):
            # Last, so that no file in the directory shadows an installed module.
            sys.path.append(os.getcwd())
