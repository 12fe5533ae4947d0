"""
The header of a journal: how far its events are settled, and what is known of the next few.

It has a fixed length and is written anew in place, so that a full disk does not hinder it.
"""

from __future__ import annotations

import errno
import os
import re
from typing import NamedTuple
from zlib import crc32

from eventtracking.delivery.outbox.record_lines import LINE_START, record_of

# What comes before the state never changes, so that it can be told whether
# another version of this library wrote the file, or a disk damaged it.
_KIND = b"eventtracking-outbox"
_VERSION = b"%b\t1" % _KIND
_TITLE = b"%b\t%08x\t" % (_VERSION, crc32(_VERSION))
_TITLE_FORM = re.compile(rb"(%b\t\d+)\t([0-9a-f]{8})\t" % _KIND)
_STATE = b"%020d\t%b"
MOST_MARKS = 256
_STATE_BYTES = 8 + 1 + 20 + 1 + MOST_MARKS
HEADER_BYTES = len(_TITLE) + _STATE_BYTES + 1

# What an event behind the cursor is: it waits, it was begun to be sent, it is settled.
WAITS = b"."
BEGUN = b"b"
SETTLED = b"s"

# So far is looked for the first line where the header is damaged.
_BLOCK_BYTES = 1 << 18


class Foreign(Exception):
    """The file is none of ours, or of a version that is not known here."""


class Header(NamedTuple):
    """How far the events of a journal are settled, and what is known of the next ones."""

    cursor: int
    marks: bytes
    is_damaged: bool = False


def read_header(descriptor: int) -> Header:
    """
    Return the header of a journal; if that is damaged, one with which all is read again.

    Raises:
        Foreign: If the file is none, or none that can be read here.
    """
    start = os.pread(descriptor, HEADER_BYTES, 0)
    title = _TITLE_FORM.match(start)
    if title and int(title[2], 16) == crc32(title[1]) and title[1] != _VERSION:
        raise Foreign("another version of this library wrote it")
    header = _parsed(start)
    if header and _is_line_start(descriptor, header.cursor):
        return header
    return Header(_first_line(descriptor), b"", is_damaged=True)


def write_header(descriptor: int) -> None:
    """
    Write the header of a new journal.

    Raises:
        OSError: If it does not fit.
    """
    header = b"%b%b\n" % (_TITLE, _state(HEADER_BYTES, b""))
    if os.write(descriptor, header) != HEADER_BYTES:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def move_cursor(descriptor: int, cursor: int, marks: bytes) -> None:
    """
    Note in the header how far the events are settled, and what is known of the next ones.

    Raises:
        OSError: If it cannot be written.
    """
    os.pwrite(descriptor, _state(cursor, marks), len(_TITLE))


def _state(cursor: int, marks: bytes) -> bytes:
    state = _STATE % (cursor, marks[:MOST_MARKS].ljust(MOST_MARKS, WAITS))
    return b"%08x\t%b" % (crc32(state), state)


def _parsed(start: bytes) -> Header | None:
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
    """Return where the first whole line begins, for nothing that stands before is known."""
    start = os.pread(descriptor, _BLOCK_BYTES, 0)
    if not start or _begins_ours(start):
        return min(HEADER_BYTES, len(start))
    for found in LINE_START.finditer(start):
        if record_of(start[found.start() :].partition(b"\n")[0]):
            return min(HEADER_BYTES, found.start())
    raise Foreign("no event of ours is in it")


def _begins_ours(start: bytes) -> bool:
    # Most of it, for one byte or a few of it are damaged.
    same = sum(a == b for a, b in zip(start, _TITLE, strict=False))
    return same > len(_TITLE) // 2
