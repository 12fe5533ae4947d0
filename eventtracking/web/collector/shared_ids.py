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

# Others hold the lock while they emit what one request brought.
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

    @contextmanager
    def locked(self) -> Iterator[LockedIds]:
        """
        Keep everybody else out for a `with` block. Waits up to a second for whoever is in.

        Raises:
            OSError: If the file cannot be used.
        """
        # Opened each time: so the lock keeps threads apart as well as processes.
        flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
        file = os.open(self._path, flags, 0o600)
        try:
            _lock(file)
            try:
                yield LockedIds(file, self._buckets)
            finally:
                # To close is not enough: a child that was forked meanwhile has it open too.
                fcntl.flock(file, fcntl.LOCK_UN)
        finally:
            os.close(file)


class LockedIds:
    """The ids, while nobody else looks at them."""

    def __init__(self, file: int, buckets: int) -> None:
        self._file = file
        self._buckets = buckets

    def __contains__(self, identity: str) -> bool:
        digest, at = self._place(identity)
        bucket = os.pread(self._file, _BUCKET_BYTES, at)
        places = range(0, len(bucket), _DIGEST_BYTES)
        return any(bucket[place : place + _DIGEST_BYTES] == digest for place in places)

    def add(self, identity: str) -> None:
        """
        Remember *identity*, a new one.

        Raises:
            OSError: If that cannot be written.
        """
        digest, at = self._place(identity)
        bucket = os.pread(self._file, _BUCKET_BYTES, at)
        os.pwrite(self._file, (digest + bucket)[:_BUCKET_BYTES], at)

    def _place(self, identity: str) -> tuple[bytes, int]:
        digest = blake2b(identity.encode(), digest_size=_DIGEST_BYTES).digest()
        return digest, int.from_bytes(digest[:8]) % self._buckets * _BUCKET_BYTES


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
