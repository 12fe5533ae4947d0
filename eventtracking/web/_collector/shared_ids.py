"""Ids that all processes of a site know: what one of them took, no other takes again."""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import blake2b

_DIGEST_BYTES = 16
_BUCKET_IDS = 8
_BUCKET_BYTES = _DIGEST_BYTES * _BUCKET_IDS

# Buckets fill unevenly: with room for four times as many, hardly one overflows early.
_ROOM = 4

# What holds the lock does two small reads and writes.
_LOCK_SECONDS = 1.0
_LOOK_SECONDS = 0.001


class SharedIds:
    """
    The last ids, as digests in a file of a fixed size.

    The file is a table of buckets. A new id pushes the oldest out of its bucket, so there is
    nothing to clean up; a kill leaves at worst one digest that nobody asks for.

    Args:
        path: The file. It is made if it is not there.
        size: How many ids there is room for.
    """

    def __init__(self, path: str, size: int) -> None:
        self._path = os.path.abspath(path)
        self._buckets = max(1, size * _ROOM // _BUCKET_IDS)

    def add(self, identity: str) -> bool:
        """
        Remember *identity*; tell whether it is a new one.

        Raises:
            OSError: If the file cannot be used.
        """
        digest = blake2b(identity.encode(), digest_size=_DIGEST_BYTES).digest()
        at = int.from_bytes(digest[:8]) % self._buckets * _BUCKET_BYTES
        with self._opened() as file:
            bucket = os.pread(file, _BUCKET_BYTES, at)
            places = range(0, len(bucket), _DIGEST_BYTES)
            if any(bucket[place : place + _DIGEST_BYTES] == digest for place in places):
                return False
            os.pwrite(file, (digest + bucket)[:_BUCKET_BYTES], at)
        return True

    @contextmanager
    def _opened(self) -> Iterator[int]:
        # Opened for each id: so the lock keeps threads apart as well as processes, and a
        # fork takes none along.
        flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
        file = os.open(self._path, flags, 0o600)
        try:
            _lock(file)
            yield file
        finally:
            os.close(file)


def _lock(file: int) -> None:
    end = time.monotonic() + _LOCK_SECONDS
    while True:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > end:
                raise
            time.sleep(_LOOK_SECONDS)
        else:
            return
