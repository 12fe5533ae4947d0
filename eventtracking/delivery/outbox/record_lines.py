"""
A record as a line of a segment file: checksum, head and payload, separated by tabs.

The head is a JSON array of id, time and name. JSON contains neither raw tabs nor newlines.
"""

from __future__ import annotations

import re
from zlib import crc32

from orjson import dumps, loads

from eventtracking.delivery.destination import Record

LINE_START = re.compile(rb'[0-9a-f]{8}\t\["')
"""
The beginning of a line, and hardly ever anything else.

It stands in the middle of a line if the line before was cut off by a full disk, or if the
newline between the two is damaged.
"""


def line_of(record: Record) -> bytes:
    """Return *record* as a line."""
    record_id, timestamp, name, payload = record
    try:
        head = dumps((record_id, timestamp, name))
    except TypeError:
        # The name has lone surrogates.
        head = dumps((record_id, timestamp, name.encode("utf-8", "replace").decode()))
    return b"%08x\t%b\t%b\n" % (crc32(payload, crc32(head)), head, payload)


def record_of(line: bytes) -> Record | None:
    """Return the record in *line*, without its newline; `None` if it is damaged."""
    try:
        checksum, head, payload = line.split(b"\t", 2)
        if int(checksum, 16) != crc32(payload, crc32(head)):
            return None
        record_id, timestamp, name = loads(head)
    except ValueError:
        return None
    return Record(record_id, timestamp, name, payload)


def salvage(line: bytes) -> list[Record]:
    """Return the undamaged records in a damaged *line*. The last one ends where *line* ends."""
    if record := record_of(line[:-1]):
        # Only the newline at the end of the file is damaged.
        return [record]
    for start in LINE_START.finditer(line, 1):
        last = record_of(line[start.start() :])
        if last is not None:
            # If the first record is whole, the byte between the two was a newline.
            before = line[: start.start() - 1]
            first = record_of(before)
            return [*([first] if first else salvage(before)), last]
    return []
