"""A batch that cannot be read as a whole, cut apart: so that one bad event is all that is lost."""

from __future__ import annotations

import re
from typing import Any, NamedTuple

from orjson import JSONDecodeError, loads

from eventtracking.web.collector.bodies import json_in, with_whole_characters
from eventtracking.web.collector.refusals import RequestRefused

# The batch, the list in it, and what stands in that: an event.
_EVENT_LEVEL = 3

# More levels than these are read by nobody here: orjson stops at them.
_READABLE_LEVELS = 1_024

# Each takes its part of a microsecond. Whoever sends more of them may send fewer events.
_MAX_CONTAINERS = 20_000

# All up to the next bracket that is not in a text. It matches wherever it is tried, so that
# nothing is looked at twice, and steps over texts without a loop of ours.
_TO_BRACKET = re.compile(rb'(?:[^"{}\[\]]+|"[^"]*"?)*+(?:([{}\[\]])|\Z)')

_ID_MEMBER = re.compile(rb'"id"\s*:\s*"([^"\\]*)"')


class Unreadable(NamedTuple):
    """An event that is no JSON, or so deeply nested that nobody reads it."""

    identity: str | None
    reason: str


class Piece(NamedTuple):
    """The text of one value in a batch."""

    text: bytes
    levels: int

    def value(self) -> Any:
        """Return the value, or why there is none."""
        try:
            return loads(self.text)
        except JSONDecodeError:
            is_deep = self.levels > _READABLE_LEVELS
            return Unreadable(self._identity(), "too_deep" if is_deep else "invalid_event")

    def _identity(self) -> str | None:
        """Return the event's id: the sender has to learn which one to send no more."""
        outline, _ = _cut(self.text, level=2)
        # In an outline, whose inner objects are gone. As everywhere, the last one counts.
        found = _ID_MEMBER.findall(outline)
        return found[-1].decode("utf-8", "replace") if found else None


def batch_in(body: bytes) -> Any:
    """
    Return the value that *body* holds.

    If it is not to be read as a whole, its `events` are each a `Piece`.

    Raises:
        RequestRefused: If what is around the events cannot be read either.
    """
    try:
        return json_in(body)
    except RequestRefused:
        return _in_pieces(with_whole_characters(body))


def _in_pieces(body: bytes) -> Any:
    if body.count(b"{") + body.count(b"[") > _MAX_CONTAINERS:
        raise RequestRefused("malformed")
    envelope, pieces = _cut(body, level=_EVENT_LEVEL)
    try:
        value = loads(envelope)
    except JSONDecodeError as error:
        raise RequestRefused("malformed") from error
    events = value.get("events") if isinstance(value, dict) else None
    if isinstance(events, list):
        # A list stands for the piece with the number in it: there are no other lists left.
        value["events"] = [pieces[each[0]] if isinstance(each, list) else each for each in events]
    return value


def _cut(text: bytes, *, level: int) -> tuple[bytes, list[Piece]]:
    """Return *text* with `[0]`, `[1]`, ... for what is in brackets at *level*, and these pieces."""
    # As long as before, so that places stay the same.
    masked = text.replace(rb"\\", b"  ").replace(rb"\"", b"  ")
    outline: list[bytes] = []
    pieces: list[Piece] = []
    depth = deepest = start = end = 0
    for found in _TO_BRACKET.finditer(masked):
        bracket = found[1]
        if bracket in (b"{", b"["):
            depth += 1
            deepest = max(deepest, depth)
            if depth == level:
                start, deepest = found.start(1), depth
        elif bracket:
            if depth == level:
                outline += text[end:start], b"[%d]" % len(pieces)
                end = found.end(1)
                pieces.append(Piece(text[start:end], deepest - level + 1))
            depth -= 1
            if depth < 0:
                break
    return b"".join([*outline, text[end:]]), pieces
