"""Find the whole events in a line that was damaged."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import orjson

# A quote that begins or ends a text, or a brace.
_MARK = re.compile(rb'(?<!\\)(?:\\\\)*"|[{}]')

# What may stand between lines. NUL: a file that was truncated under a careless writer.
_BLANK = b" \t\r\n\0"


def salvage(line: bytes) -> tuple[list[dict[str, Any]], bytes]:
    """Return the whole events at the end of *line*, and what stands before them."""
    # A writer that is killed leaves the head of a line, or a line without its newline;
    # one that knows nothing of it writes behind. So what is whole ends where the line ends.
    events: list[dict[str, Any]] = []
    rest = line.strip(_BLANK)
    for start in _starts(rest):
        head = rest[:start].rstrip(_BLANK)
        event = event_of(rest[start:])
        if event is None or not (_may_end(head) or _is_whole(event)):
            break
        events.insert(0, event)
        rest = head
    return events, rest


def _starts(line: bytes) -> Iterator[int]:
    """Yield where the objects begin that stand one behind the other at the end of *line*."""
    # Backwards, for the torn head would lead astray: its braces and quotes do not pair.
    depth, in_text = 0, False
    for mark in reversed([*_MARK.finditer(line)]):
        brace = mark[0]
        if brace.endswith(b'"'):
            in_text = not in_text
        elif not in_text:
            depth += 1 if brace == b"}" else -1
            if depth <= 0:
                yield mark.start()


def _may_end(head: bytes) -> bool:
    """Tell whether a line may end with *head*, so that what follows is no value inside of it."""
    return not head or (head.startswith(b"{") and not head.endswith((b":", b",", b"[")))


def _is_whole(event: dict[str, Any]) -> bool:
    """Tell an event, also by the names of older readers, from a value inside of a torn one."""
    return "name" in event and bool(event.keys() & {"timestamp", "time"}) and "context" in event


def event_of(line: bytes) -> dict[str, Any] | None:
    """Return the event that *line* is, `None` if it is none."""
    try:
        event = orjson.loads(line)
    except orjson.JSONDecodeError:
        return None
    return event if isinstance(event, dict) else None
