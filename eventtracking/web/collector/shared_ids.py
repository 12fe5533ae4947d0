"""A file of recent event ids that all processes of a site share."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import blake2b

from eventtracking.locks import lock_file

_DIGEST_BYTES = 16
_BUCKET_IDS = 8
_BUCKET_BYTES = _DIGEST_BYTES * _BUCKET_IDS

# Buckets fill unevenly. With four times the space, they rarely overflow early.
_SPACE_FACTOR = 4

# Another process holds the lock while it emits the events of one request.
_LOCK_SECONDS = 1.0


class SharedIds:
    """
    Digests of the last ids, in a file of fixed size.

    The file is a hash table of buckets. A new id pushes the oldest one out of its bucket, so
    no cleanup is needed. If a process is killed while it writes, at most one digest is damaged.

    SQLite takes 3 to 30 times as long per request, and must not be used across a fork.

    Args:
        path: The file. It is created if it is missing.
        size: The number of ids that are remembered at least.
    """

    def __init__(self, path: str, size: int) -> None:
        self._path = os.path.abspath(path)
        self._buckets = max(1, size * _SPACE_FACTOR // _BUCKET_IDS)

    @contextmanager
    def locked(self) -> Iterator[LockedIds]:
        """
        Lock the file for a `with` block. Wait up to a second for the lock.

        Raises:
            OSError: If the file cannot be used or locked.
        """
        # Opened each time, so that the lock excludes other threads as well as processes.
        flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
        file = os.open(self._path, flags, 0o600)
        try:
            lock_file(file, _LOCK_SECONDS)
            try:
                yield LockedIds(file, self._buckets)
            finally:
                # Closing is not enough, because a forked child may have the file open too.
                fcntl.flock(file, fcntl.LOCK_UN)
        finally:
            os.close(file)


class LockedIds:
    """The ids, while the file is locked."""

    def __init__(self, file: int, buckets: int) -> None:
        self._file = file
        self._buckets = buckets

    def __contains__(self, event_id: str) -> bool:
        digest, offset = self._locate(event_id)
        bucket = os.pread(self._file, _BUCKET_BYTES, offset)
        starts = range(0, len(bucket), _DIGEST_BYTES)
        return any(bucket[start : start + _DIGEST_BYTES] == digest for start in starts)

    def add(self, event_id: str) -> None:
        """
        Add *event_id*, which must be new.

        Raises:
            OSError: If the file cannot be written.
        """
        digest, offset = self._locate(event_id)
        bucket = os.pread(self._file, _BUCKET_BYTES, offset)
        os.pwrite(self._file, (digest + bucket)[:_BUCKET_BYTES], offset)

    def _locate(self, event_id: str) -> tuple[bytes, int]:
        digest = blake2b(event_id.encode(), digest_size=_DIGEST_BYTES).digest()
        return digest, int.from_bytes(digest[:8]) % self._buckets * _BUCKET_BYTES
