"""
One event as one line of a journal: checksum, head and payload, separated by tabs.

The head is a JSON array of id, time and name. JSON holds neither raw tabs nor newlines.
"""

from __future__ import annotations

import re
from zlib import crc32

from orjson import dumps, loads

from eventtracking.delivery.destination import Record

# Where a line begins inside of another: behind the head of one that a full disk tore, and
# that comes again, or behind a newline that is damaged.
LINE_START = re.compile(rb'[0-9a-f]{8}\t\["')
"""Where a line may begin, and nearly always does."""


def line_of(record: Record) -> bytes:
    """Return the line for *record*."""
    origin, stamp, name, payload = record
    try:
        head = dumps((origin, stamp, name))
    except TypeError:
        # A name with lone surrogates.
        head = dumps((origin, stamp, name.encode("utf-8", "replace").decode()))
    return b"%08x\t%b\t%b\n" % (crc32(payload, crc32(head)), head, payload)


def record_of(line: bytes) -> Record | None:
    """Return the record that *line* is, `None` if it is damaged."""
    try:
        checksum, head, payload = line.split(b"\t", 2)
        if int(checksum, 16) != crc32(payload, crc32(head)):
            return None
        origin, stamp, name = loads(head)
    except ValueError:
        return None
    return Record(origin, stamp, name, payload)


def salvage(line: bytes) -> list[Record]:
    """Return the whole records in a damaged *line*, the last of which ends where it ends."""
    if record := record_of(line[:-1]):
        # It is its newline that is damaged, at the end of the file.
        return [record]
    for start in LINE_START.finditer(line, 1):
        last = record_of(line[start.start() :])
        if last is not None:
            # The byte between them was a newline, if the first is whole.
            before = line[: start.start() - 1]
            first = record_of(before)
            return [*([first] if first else salvage(before)), last]
    return []
