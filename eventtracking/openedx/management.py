"""Management commands whose events say which command they came from."""

from __future__ import annotations

import os
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from eventtracking import tracker


class TrackedCommand(BaseCommand):  # type: ignore[misc]  # Django is not typed
    """
    A command that runs in the context `edx.mgmt.command`: `{"command": "manage.py create_user"}`.

    Derive a command from it in the place of `BaseCommand`. Arguments and options are
    not recorded: they may hold secrets. Called by `call_command`, the context names the
    command alone.
    """

    def create_parser(self, prog_name: str, subcommand: str, **kwargs: Any) -> CommandParser:
        """Return the parser, and remember what is being run."""
        self._command = f"{os.path.basename(prog_name)} {subcommand}".strip()
        return super().create_parser(prog_name, subcommand, **kwargs)

    def execute(self, *args: Any, **options: Any) -> Any:
        """Run the command in its context and return what it returns."""
        # Nobody makes a parser for a command that is executed directly.
        command = getattr(self, "_command", type(self).__module__.rpartition(".")[2])
        with tracker.context("edx.mgmt.command", {"command": command}):
            return super().execute(*args, **options)
