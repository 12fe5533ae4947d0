"""The lines on the terminal."""

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


def shown(event, *, color=False):
    stream = io.StringIO()
    ConsoleBackend(stream=stream, color=color).send(event)
    return stream.getvalue()


def test_an_event_is_one_line_that_can_be_read():
    """When (here), who, what, and the data."""
    clock = EVENT["timestamp"].astimezone().strftime("%H:%M:%S.678")

    assert shown(EVENT) == f"{clock}  ana       edx.video.played  id=welcome  current_time=1.5\n"


def test_colours_change_nothing_but_colours():
    """Each of them ends where it began."""
    painted = shown(EVENT, color=True)

    assert "\x1b[1medx.video.played\x1b[0m" in painted
    assert painted.count("\x1b[") == 2 * painted.count("\x1b[0m")


@pytest.mark.parametrize(
    "text", ["\x1b[2J", "a\nb", "a\rb", "\x07", "\x7f", "\x9b2J", "\u202e", "\u2028", "\ud800"]
)
def test_nothing_in_an_event_controls_the_terminal(text):
    """Wherever in it that stands."""
    line = shown({"name": text, "data": {text: text, "in": [text]}, "context": {"username": text}})

    assert line.endswith("\n")
    assert line.removesuffix("\n").isprintable()


def test_a_long_value_is_cut():
    """One event must not fill the screen; the log has it whole."""
    line = shown({**EVENT, "data": {"essay": "x" * 10_000}})

    assert line.endswith("  essay=" + "x" * 60 + "...\n")


@pytest.mark.parametrize("data", [None, 7, "text", ["a", 1], {}, {"a": None}, {7: {"b": [1]}}])
def test_any_data_can_be_shown(data):
    """Not everyone tracks mappings."""
    assert shown({**EVENT, "data": data}).count("\n") == 1


def test_an_event_with_nothing_but_a_name_can_be_shown():
    """What is not known is a dash."""
    assert shown({"name": "a.b.c"}) == "--:--:--.---  -         a.b.c  data=null\n"


def test_what_nobody_reads_is_counted_as_lost():
    """A broken pipe is the end of a reader, not of the application."""

    class Broken(io.StringIO):
        def write(self, text):
            raise BrokenPipeError

    backend = ConsoleBackend(stream=Broken())
    backend.send(EVENT)

    assert backend.stats() == {"accepted": 1, "sent": 0, "pending": 0, "lost": {"closed": 1}}
