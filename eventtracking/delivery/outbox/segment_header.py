"""
The header of a segment file: how many of its records are settled, and the state of the next.

The header has a fixed length and is overwritten in place, so a full disk does not prevent it.
"""

from __future__ import annotations

import errno
import os
import re
from typing import NamedTuple
from zlib import crc32

from eventtracking.delivery.outbox.record_lines import LINE_START, record_of

# The title never changes within a version, so that a file of another version differs from
# a damaged one.
_FORMAT = b"eventtracking-outbox"
_VERSION = b"%b\t1" % _FORMAT
_TITLE = b"%b\t%08x\t" % (_VERSION, crc32(_VERSION))
_TITLE_PATTERN = re.compile(rb"(%b\t\d+)\t([0-9a-f]{8})\t" % _FORMAT)

_STATE = b"%020d\t%b"
MAX_MARKS = 256
_STATE_BYTES = 8 + 1 + 20 + 1 + MAX_MARKS
HEADER_BYTES = len(_TITLE) + _STATE_BYTES + 1

# The marks of the records behind the cursor.
WAITING = b"."
SENDING = b"b"
SETTLED = b"s"

# How many bytes are searched for the first line if the header is damaged.
_BLOCK_BYTES = 1 << 18


class UnknownFileError(Exception):
    """The file is not a segment file, or one of an unknown version."""


class Header(NamedTuple):
    """The offset of the first record that is not settled, and the marks from there on."""

    cursor: int
    marks: bytes
    is_damaged: bool = False


def read_header(descriptor: int) -> Header:
    """
    Return the header of a segment file; if it is damaged, one that makes all records unsettled.

    Raises:
        UnknownFileError: If this version cannot read the file.
    """
    start = os.pread(descriptor, HEADER_BYTES, 0)
    title = _TITLE_PATTERN.match(start)
    if title and int(title[2], 16) == crc32(title[1]) and title[1] != _VERSION:
        raise UnknownFileError("another version of eventtracking wrote it")
    header = _parse(start)
    if header and _is_line_start(descriptor, header.cursor):
        return header
    return Header(_first_line(descriptor), b"", is_damaged=True)


def write_header(descriptor: int) -> None:
    """
    Write the header of a new segment file.

    Raises:
        OSError: If the disk is full.
    """
    header = b"%b%b\n" % (_TITLE, _state(HEADER_BYTES, b""))
    if os.write(descriptor, header) != HEADER_BYTES:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def update_header(descriptor: int, cursor: int, marks: bytes) -> None:
    """
    Write *cursor* and *marks* to the header.

    Raises:
        OSError: If writing fails.
    """
    os.pwrite(descriptor, _state(cursor, marks), len(_TITLE))


def _state(cursor: int, marks: bytes) -> bytes:
    state = _STATE % (cursor, marks[:MAX_MARKS].ljust(MAX_MARKS, WAITING))
    return b"%08x\t%b" % (crc32(state), state)


def _parse(start: bytes) -> Header | None:
    if len(start) != HEADER_BYTES or not start.startswith(_TITLE):
        return None
    checksum, _, state = start[len(_TITLE) : -1].partition(b"\t")
    if checksum != b"%08x" % crc32(state):
        return None
    cursor, _, marks = state.partition(b"\t")
    return Header(int(cursor), marks)


def _is_line_start(descriptor: int, offset: int) -> bool:
    if not HEADER_BYTES <= offset <= os.fstat(descriptor).st_size:
        return False
    return os.pread(descriptor, 1, offset - 1) == b"\n"


def _first_line(descriptor: int) -> int:
    """Return the offset of the first whole line of a file whose header is damaged."""
    start = os.pread(descriptor, _BLOCK_BYTES, 0)
    if not start or _resembles_title(start):
        return min(HEADER_BYTES, len(start))
    for found in LINE_START.finditer(start):
        if record_of(start[found.start() :].partition(b"\n")[0]):
            return min(HEADER_BYTES, found.start())
    raise UnknownFileError("it contains no event of eventtracking")


def _resembles_title(start: bytes) -> bool:
    # A few bytes of it may be damaged.
    same = sum(a == b for a, b in zip(start, _TITLE, strict=False))
    return same > len(_TITLE) // 2
