"""Which folder an outbox may have: one that is its user's own, and no other backend's."""

from __future__ import annotations

import os
import stat
from typing import Protocol
from weakref import WeakSet

from eventtracking.exceptions import ImproperlyConfigured


class _Owner(Protocol):
    folder: str
    who: str
    identity: str

    @property
    def is_closed(self) -> bool: ...


_owners: WeakSet[_Owner] = WeakSet()


def claim(owner: _Owner) -> None:
    """
    See that no other backend has the folder: it would send what is not its own.

    The same one may be there twice, for a while, when settings are read again.

    Raises:
        ImproperlyConfigured: If one has.
    """
    for other in [*_owners]:
        is_used = other.folder == owner.folder and not other.is_closed
        if is_used and (other.who, other.identity) != (owner.who, owner.identity):
            raise ImproperlyConfigured(
                f"{owner.who}: outbox must be a folder of its own, got {owner.folder!r}, "
                f"which {_described(other, owner.who)}"
            )
    _owners.add(owner)


def _described(owner: _Owner, who: str) -> str:
    if owner.who != who:
        return f"{owner.who} has"
    return f"another {who} has, with another key, address or form of requests"


def usable(folder: str | os.PathLike[str], who: str) -> str:
    """
    Return *folder*, made if it is missing, from the root on: a daemon changes its own.

    Raises:
        ImproperlyConfigured: If it cannot be used, or others may change what is in it.
    """
    try:
        path = os.path.abspath(os.fsdecode(folder))
        os.makedirs(path, 0o700, exist_ok=True)
        status = os.stat(path)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise ImproperlyConfigured(
            f"{who}: outbox must be a folder that can be written to, got {folder!r}: {reason}"
        ) from error
    if wrong := _wrong(path, status):
        raise ImproperlyConfigured(
            f"{who}: outbox must be a folder of its user's own, got {path!r}: {wrong}"
        )
    return path


def _wrong(path: str, status: os.stat_result) -> str:
    """Return what is wrong with the folder, and the cure; or ``""``."""
    if status.st_uid != os.geteuid():
        return f"it belongs to user {status.st_uid}; run: chown {os.geteuid()} {path}"
    if stat.S_IMODE(status.st_mode) & (stat.S_IWGRP | stat.S_IWOTH):
        return f"others may write to it; run: chmod go-w {path}"
    if not os.access(path, os.R_OK | os.W_OK | os.X_OK):
        return f"it cannot be written to; run: chmod u+rwx {path}"
    return ""
