"""A backend that shows each event on the terminal, as one line for people to read."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from datetime import datetime
from typing import Any, TextIO

from eventtracking.serialization import encode
from eventtracking.stats import Counters
from eventtracking.types import BackendStats, Event

# Longer values are truncated. The log file holds them in full.
_MAX_VALUE_CHARACTERS = 60

_DIM, _BOLD, _CYAN = "2", "1", "36"


class ConsoleBackend:
    """
    Write the local time, the user, the name and the data of each event to a terminal.

    No event can control the terminal: characters that are not printable are escaped. After a
    broken pipe, events are counted as lost, for the reason `closed`.

    Args:
        stream: The stream to write to. Default: standard output.
        color: Whether to use colours. Default: on a terminal, unless `NO_COLOR` is set.
    """

    read_only = True

    def __init__(self, *, stream: TextIO | None = None, color: bool | None = None) -> None:
        self._stream = sys.stdout if stream is None else stream
        self._color = _supports_color(self._stream) if color is None else color
        self._counters = Counters()

    def send(self, event: Event, /) -> None:
        """Write *event* now."""
        next(self._counters.accepted)
        try:
            # A single write, so that the lines of two threads do not mix.
            self._stream.write(self._line(event) + "\n")
            self._stream.flush()
        except BrokenPipeError:
            self._counters.lose("closed")
        else:
            next(self._counters.sent)

    def stats(self) -> BackendStats:
        """Return the statistics."""
        return self._counters.stats()

    def __repr__(self) -> str:
        return f"<ConsoleBackend color={self._color}>"

    def _line(self, event: Event) -> str:
        user = _format(event.get("context", {}).get("username", "-"))
        columns = [
            self._styled(_local_time(event.get("timestamp")), _DIM),
            self._styled(f"{user:<8}", _CYAN),
            self._styled(_format(event["name"]), _BOLD),
            *self._fields(event.get("data")),
        ]
        return "  ".join(columns)

    def _fields(self, data: Any) -> list[str]:
        fields = data if isinstance(data, Mapping) else {"data": data}
        return [
            f"{self._styled(f'{_format(key)}=', _DIM)}{_format(value)}"
            for key, value in fields.items()
        ]

    def _styled(self, text: str, style: str) -> str:
        return f"\x1b[{style}m{text}\x1b[0m" if self._color else text


def _supports_color(stream: TextIO) -> bool:
    # https://no-color.org: any value but the empty one turns colours off.
    is_plain = os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb"
    return stream.isatty() and not is_plain


def _local_time(timestamp: Any) -> str:
    if not isinstance(timestamp, datetime):
        return "--:--:--.---"
    return f"{timestamp.astimezone():%H:%M:%S}.{timestamp.microsecond // 1000:03d}"


def _format(value: Any) -> str:
    """Return a single printable word as it is, and any other value as JSON."""
    is_word = isinstance(value, str) and value and value.isprintable() and " " not in value
    text = str(value) if is_word else encode(value).decode().strip()
    if len(text) > _MAX_VALUE_CHARACTERS:
        text = f"{text[:_MAX_VALUE_CHARACTERS]}..."
    # JSON does not escape all characters that control a terminal.
    return "".join(c if c.isprintable() else f"\\u{ord(c):04x}" for c in text)
