"""Find the complete events in a damaged line."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import orjson

# A quote that begins or ends a string, or a brace.
_MARK = re.compile(rb'(?<!\\)(?:\\\\)*"|[{}]')

# Bytes between lines. NUL: a file that was truncated while a writer kept its offset.
_BLANK = b" \t\r\n\0"


def salvage(line: bytes) -> tuple[list[dict[str, Any]], bytes]:
    """Return the complete events at the end of *line*, and the bytes before them."""
    # A writer that is killed leaves the beginning of a line, or a line without its newline,
    # and another writer appends to it. So the complete events are at the end.
    events: list[dict[str, Any]] = []
    rest = line.strip(_BLANK)
    for start in _starts(rest):
        head = rest[:start].rstrip(_BLANK)
        event = event_of(rest[start:])
        if event is None or not (_may_end(head) or _is_event(event)):
            break
        events.insert(0, event)
        rest = head
    return events, rest


def event_of(line: bytes) -> dict[str, Any] | None:
    """Return the event that *line* holds, or `None` if it is not a JSON object."""
    try:
        event = orjson.loads(line)
    except orjson.JSONDecodeError:
        return None
    return event if isinstance(event, dict) else None


def _starts(line: bytes) -> Iterator[int]:
    """Yield the offsets of the consecutive objects at the end of *line*, the last one first."""
    # Backwards, because the braces and quotes of an incomplete beginning do not pair.
    depth, in_string = 0, False
    for mark in reversed([*_MARK.finditer(line)]):
        brace = mark[0]
        if brace.endswith(b'"'):
            in_string = not in_string
        elif not in_string:
            depth += 1 if brace == b"}" else -1
            if depth <= 0:
                yield mark.start()


def _may_end(head: bytes) -> bool:
    """Return whether *head* may end a line, so that the next object is not a value inside it."""
    return not head or (head.startswith(b"{") and not head.endswith((b":", b",", b"[")))


def _is_event(event: dict[str, Any]) -> bool:
    """Return whether *event* is an event, current or legacy, and not a value inside a torn one."""
    return "name" in event and bool(event.keys() & {"timestamp", "time"}) and "context" in event
