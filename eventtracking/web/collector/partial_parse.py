"""Parse a batch event by event if it is invalid as a whole, so that only bad events are lost."""

from __future__ import annotations

import re
from typing import Any, NamedTuple

from orjson import JSONDecodeError, loads

from eventtracking.web.collector.json_parsing import parse_json, replace_lone_surrogates
from eventtracking.web.collector.refusals import RequestRefused

# An event is inside the list of events, which is inside the batch.
_EVENT_LEVEL = 3

# The maximum depth that orjson parses.
_PARSABLE_LEVELS = 1_024

# Each costs a fraction of a microsecond. A client with more of them can send smaller batches.
_MAX_CONTAINERS = 20_000

# Everything up to the next bracket outside of a string. It matches at any position, so nothing
# is scanned twice, and it skips strings without a loop in Python.
_TO_BRACKET = re.compile(rb'(?:[^"{}\[\]]+|"[^"]*"?)*+(?:([{}\[\]])|\Z)')

_ID_MEMBER = re.compile(rb'"id"\s*:\s*"([^"\\]*)"')


class UnparsableEvent(NamedTuple):
    """The id of an event that is not JSON, or is nested too deeply to be parsed."""

    event_id: str | None
    reason: str


class EventText(NamedTuple):
    """The JSON text of one event, and its number of levels."""

    text: bytes
    levels: int

    def parse(self) -> Any:
        """Return the event, or an `UnparsableEvent`."""
        try:
            return loads(self.text)
        except JSONDecodeError:
            is_deep = self.levels > _PARSABLE_LEVELS
            return UnparsableEvent(self._event_id(), "too_deep" if is_deep else "invalid_event")

    def _event_id(self) -> str | None:
        """Return the event's id, with which the client recognizes the refused event."""
        # The outline has no inner objects. As in any JSON object, the last id counts.
        outline, _ = _split(self.text, level=2)
        found = _ID_MEMBER.findall(outline)
        return found[-1].decode("utf-8", "replace") if found else None


def parse_batch(body: bytes) -> Any:
    """
    Return the value in *body*. If it is invalid as a whole, each of its events is an `EventText`.

    Raises:
        RequestRefused: If the text around the events is invalid too.
    """
    try:
        return parse_json(body)
    except RequestRefused:
        return _parse_without_events(replace_lone_surrogates(body))


def _parse_without_events(body: bytes) -> Any:
    if body.count(b"{") + body.count(b"[") > _MAX_CONTAINERS:
        raise RequestRefused("malformed")
    outline, texts = _split(body, level=_EVENT_LEVEL)
    try:
        batch = loads(outline)
    except JSONDecodeError as error:
        raise RequestRefused("malformed") from error
    events = batch.get("events") if isinstance(batch, dict) else None
    if isinstance(events, list):
        # The outline has no other lists at this level than those with a number.
        batch["events"] = [texts[each[0]] if isinstance(each, list) else each for each in events]
    return batch


def _split(text: bytes, *, level: int) -> tuple[bytes, list[EventText]]:
    """
    Split off the objects and lists at *level*.

    Return *text* with `[0]`, `[1]`, ... in their place, and their texts.
    """
    # The mask has the same length, so that positions are the same.
    masked = text.replace(rb"\\", b"  ").replace(rb"\"", b"  ")
    outline: list[bytes] = []
    texts: list[EventText] = []
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
                outline += text[end:start], b"[%d]" % len(texts)
                end = found.end(1)
                texts.append(EventText(text[start:end], deepest - level + 1))
            depth -= 1
            if depth < 0:
                break
    return b"".join([*outline, text[end:]]), texts
