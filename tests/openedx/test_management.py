"""Management commands that add their name to the context of events."""

import pytest
from django.core.management import CommandError, call_command

from eventtracking import tracker
from eventtracking.openedx.management import TrackedCommand


class Command(TrackedCommand):
    """Emits one event."""

    requires_system_checks = ()

    def add_arguments(self, parser):
        parser.add_argument("--password", default="")
        parser.add_argument("--fail", action="store_true")

    def handle(self, *, password, fail, **options):
        tracker.emit("edx.user.created", {})
        if fail:
            raise CommandError("no such user")
        return "created"


def commands(events):
    return [event["context"].get("command") for event in events]


def test_events_of_a_command_have_the_program_and_the_command(captured_events, capsys):
    """Without the path of the program, and without options, which may be secrets."""
    Command().run_from_argv(["/srv/site/manage.py", "create_user", "--password", "hunter2"])

    assert commands(captured_events) == ["manage.py create_user"]
    assert captured_events[0]["context"] == {"command": "manage.py create_user"}
    assert capsys.readouterr().out == "created\n"


def test_called_from_code_events_have_only_the_command(captured_events, capsys):
    """There is no program. Django names a command object after its module."""
    call_command(Command())

    assert commands(captured_events) == ["test_management"]


def test_a_call_returns_what_the_command_returns(captured_events, capsys):
    """As for any other command."""
    assert call_command(Command()) == "created"


def test_a_command_that_is_executed_directly_is_named_after_its_module(captured_events, capsys):
    """No parser is created."""
    result = Command().execute(
        password="", fail=False, force_color=False, no_color=True, skip_checks=True
    )

    assert result == "created"
    assert commands(captured_events) == ["test_management"]


def test_the_context_ends_with_the_command(captured_events, capsys):
    """Also if the command fails. The outer context is restored."""
    with tracker.context("edx.mgmt.command", {"command": "outer"}):
        with pytest.raises(CommandError, match="no such user"):
            call_command(Command(), fail=True)
        tracker.emit("after")

    assert commands(captured_events) == ["test_management", "outer"]


def test_a_command_runs_without_a_tracker(capsys):
    """Tracking is optional."""
    assert call_command(Command()) == "created"
