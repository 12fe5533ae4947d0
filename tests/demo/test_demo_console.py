"""The lines that the demo writes to the terminal."""

import io
from datetime import UTC, datetime

import pytest

from eventtracking.demo.console import ConsoleBackend

EVENT = {
    "name": "edx.video.played",
    "timestamp": datetime(2026, 1, 2, 3, 4, 5, 678_901, UTC),
    "data": {"id": "welcome", "current_time": 1.5},
    "context": {"username": "ana"},
}


def written(event, *, color=False):
    stream = io.StringIO()
    ConsoleBackend(stream=stream, color=color).send(event)
    return stream.getvalue()


def test_an_event_is_one_readable_line():
    """With its local time, its user, its name and its data."""
    clock = EVENT["timestamp"].astimezone().strftime("%H:%M:%S.678")

    assert written(EVENT) == f"{clock}  ana       edx.video.played  id=welcome  current_time=1.5\n"


def test_each_colour_is_reset():
    """The rest of the terminal keeps its own."""
    line = written(EVENT, color=True)

    assert "\x1b[1medx.video.played\x1b[0m" in line
    assert line.count("\x1b[") == 2 * line.count("\x1b[0m")


@pytest.mark.parametrize(
    "text", ["\x1b[2J", "a\nb", "a\rb", "\x07", "\x7f", "\x9b2J", "\u202e", "\u2028", "\ud800"]
)
def test_nothing_in_an_event_controls_the_terminal(text):
    """Neither its name nor its data nor its user."""
    line = written(
        {"name": text, "data": {text: text, "in": [text]}, "context": {"username": text}}
    )

    assert line.endswith("\n")
    assert line.removesuffix("\n").isprintable()


def test_a_long_value_is_truncated():
    """One event must not fill the screen. The log has the whole value."""
    line = written({**EVENT, "data": {"essay": "x" * 10_000}})

    assert line.endswith("  essay=" + "x" * 60 + "...\n")


@pytest.mark.parametrize("data", [None, 7, "text", ["a", 1], {}, {"a": None}, {7: {"b": [1]}}])
def test_any_data_can_be_written(data):
    """The data of an event need not be a mapping."""
    assert written({**EVENT, "data": data}).count("\n") == 1


def test_an_event_with_nothing_but_a_name_can_be_written():
    """Missing values are shown as dashes."""
    assert written({"name": "a.b.c"}) == "--:--:--.---  -         a.b.c  data=null\n"


def test_an_event_after_a_broken_pipe_is_counted_as_lost():
    """The end of a reader does not stop the application."""

    class BrokenPipe(io.StringIO):
        def write(self, text):
            raise BrokenPipeError

    backend = ConsoleBackend(stream=BrokenPipe())
    backend.send(EVENT)

    assert backend.stats() == {"accepted": 1, "sent": 0, "pending": 0, "lost": {"closed": 1}}
