"""Show each event on the terminal, in one line that people can read."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from datetime import datetime
from typing import Any, TextIO

from eventtracking.serialization import encode
from eventtracking.stats import Counters
from eventtracking.types import BackendStats, Event

# A longer value is cut: the log file has it whole.
_MAX_VALUE_CHARACTERS = 60

_DIM, _BOLD, _CYAN = "2", "1", "36"


class ConsoleBackend:
    """
    Write each event to a terminal: its local time, its user, its name and its data.

    Nothing in an event can take control of the terminal: what is not printable is escaped.
    Events that nobody reads any more, after a broken pipe, are counted as lost, `closed`.

    Args:
        stream: Where to write. Default: standard output.
        color: Whether to use colours. Default: on a terminal, unless `NO_COLOR` is set.
    """

    read_only = True

    def __init__(self, *, stream: TextIO | None = None, color: bool | None = None) -> None:
        self._stream = sys.stdout if stream is None else stream
        self._color = _wants_color(self._stream) if color is None else color
        self._counters = Counters()

    def send(self, event: Event, /) -> None:
        """Write *event* now."""
        next(self._counters.accepted)
        try:
            # In one piece, so that the lines of two threads never mix.
            self._stream.write(self._line(event) + "\n")
            self._stream.flush()
        except BrokenPipeError:
            self._counters.lose("closed")
        else:
            next(self._counters.sent)

    def stats(self) -> BackendStats:
        """Return the books."""
        return self._counters.stats()

    def __repr__(self) -> str:
        return f"<ConsoleBackend color={self._color}>"

    def _line(self, event: Event) -> str:
        user = _shown(event.get("context", {}).get("username", "-"))
        parts = [
            self._painted(_clock(event.get("timestamp")), _DIM),
            self._painted(f"{user:<8}", _CYAN),
            self._painted(_shown(event["name"]), _BOLD),
            *self._facts(event.get("data")),
        ]
        return "  ".join(parts)

    def _facts(self, data: Any) -> list[str]:
        facts = data if isinstance(data, Mapping) else {"data": data}
        return [
            f"{self._painted(f'{_shown(key)}=', _DIM)}{_shown(value)}"
            for key, value in facts.items()
        ]

    def _painted(self, text: str, paint: str) -> str:
        return f"\x1b[{paint}m{text}\x1b[0m" if self._color else text


def _wants_color(stream: TextIO) -> bool:
    # https://no-color.org: set to anything but the empty text.
    plain = os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb"
    return stream.isatty() and not plain


def _clock(timestamp: Any) -> str:
    if not isinstance(timestamp, datetime):
        return "--:--:--.---"
    return f"{timestamp.astimezone():%H:%M:%S}.{timestamp.microsecond // 1000:03d}"


def _shown(value: Any) -> str:
    """Return *value* as it is if it is one plain word, and as JSON otherwise."""
    is_word = isinstance(value, str) and value and value.isprintable() and " " not in value
    text = str(value) if is_word else encode(value).decode().strip()
    if len(text) > _MAX_VALUE_CHARACTERS:
        text = f"{text[:_MAX_VALUE_CHARACTERS]}..."
    # JSON lets some controls pass that a terminal obeys.
    return "".join(c if c.isprintable() else f"\\u{ord(c):04x}" for c in text)
