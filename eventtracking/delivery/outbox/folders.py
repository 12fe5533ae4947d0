"""The folder of an outbox: only its user may write to it, and only one backend may use it."""

from __future__ import annotations

import os
import stat
from typing import Protocol
from weakref import WeakSet

from eventtracking._options import Options


class _Outbox(Protocol):
    folder: str
    owner: str
    identity: str


_claims: WeakSet[_Outbox] = WeakSet()


def prepare(folder: str | os.PathLike[str], owner: str) -> str:
    """
    Create *folder* if it is missing, and return its absolute path.

    Raises:
        ImproperlyConfigured: If the class *owner* cannot use the folder, or another user may
            write to it.
    """
    options = Options(owner)
    path = ""
    try:
        # A daemon changes its working directory.
        path = os.path.abspath(os.fsdecode(folder))
        os.makedirs(path, 0o700, exist_ok=True)
        status = os.stat(path)
    except (OSError, ValueError) as error:
        cause = str(getattr(error, "strerror", None) or error)
        options.refuse("outbox", "a folder that can be written to", folder, cause=cause)
    else:
        if problem := _problem(path, status):
            options.refuse("outbox", "a folder of its user's own", path, cause=problem)
    options.raise_problems()
    return path


def claim(outbox: _Outbox) -> None:
    """
    Refuse *outbox* if a different backend uses its folder: each would send the other's events.

    The same backend may be built twice, as when settings are loaded again.

    Raises:
        ImproperlyConfigured: If a different backend uses the folder.
    """
    options = Options(outbox.owner)
    for other in [*_claims]:
        is_same = (other.owner, other.identity) == (outbox.owner, outbox.identity)
        if other.folder == outbox.folder and not is_same:
            options.refuse(
                "outbox", "a folder of its own", outbox.folder, cause=_use(other, outbox.owner)
            )
            options.raise_problems()
    _claims.add(outbox)


def release(outbox: _Outbox) -> None:
    """Let another backend use the folder of *outbox*."""
    _claims.discard(outbox)


def _problem(path: str, status: os.stat_result) -> str:
    """Return the problem of the folder and the command that fixes it, or `""`."""
    if status.st_uid != os.geteuid():
        return f"it belongs to user {status.st_uid}; run: chown {os.geteuid()} {path}"
    if stat.S_IMODE(status.st_mode) & (stat.S_IWGRP | stat.S_IWOTH):
        return f"others may write to it; run: chmod go-w {path}"
    if not os.access(path, os.R_OK | os.W_OK | os.X_OK):
        return f"it cannot be written to; run: chmod u+rwx {path}"
    return ""


def _use(other: _Outbox, owner: str) -> str:
    if other.owner != owner:
        return f"{other.owner} uses it"
    return f"another {owner} uses it, with another key, address or form of requests"
