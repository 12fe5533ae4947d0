"""Management commands that add their name to the context of events."""

from __future__ import annotations

import os
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from eventtracking import tracker


class TrackedCommand(BaseCommand):  # type: ignore[misc]  # Django is not typed
    """
    A command that runs in the context `edx.mgmt.command`: `{"command": "manage.py create_user"}`.

    Use it as the base class of a command instead of `BaseCommand`. Arguments and options
    are not recorded, because they may contain secrets. With `call_command`, the context
    contains only the name of the command.
    """

    def create_parser(self, prog_name: str, subcommand: str, **kwargs: Any) -> CommandParser:
        """Return the parser, and remember the program and the command."""
        self._command = f"{os.path.basename(prog_name)} {subcommand}".strip()
        return super().create_parser(prog_name, subcommand, **kwargs)

    def execute(self, *args: Any, **options: Any) -> Any:
        """Run the command in its context and return what it returns."""
        # No parser is created for a command that is executed directly.
        command = getattr(self, "_command", type(self).__module__.rpartition(".")[2])
        with tracker.context("edx.mgmt.command", {"command": command}):
            return super().execute(*args, **options)
