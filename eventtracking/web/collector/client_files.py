"""The client that pages load, served with what lets a browser keep it."""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import blake2b
from pathlib import Path
from typing import NamedTuple

from eventtracking.web.answer import Answer

FOLDER = Path(__file__).parents[1] / "static"

# By name, so that no path of a request ever becomes one of a file.
TYPES = {
    "eventtracking.js": "text/javascript; charset=utf-8",
    "eventtracking.mjs": "text/javascript; charset=utf-8",
    "eventtracking.d.mts": "application/typescript; charset=utf-8",
    "eventtracking.d.ts": "application/typescript; charset=utf-8",
}
"""The files there are, with their media types."""

# An hour: long enough for a visit, short enough for a fix. Then the tag is asked about.
_CACHE = ("Cache-Control", "public, max-age=3600")


class ClientFile(NamedTuple):
    """A file of the client, and the tag that changes when it does."""

    content: bytes
    etag: str


class ClientFiles:
    """
    The files in *folder*, read when they are first asked for, and again when they changed.

    Args:
        folder: Where they are.
    """

    def __init__(self, folder: Path = FOLDER) -> None:
        self._folder = folder
        self._known: dict[str, tuple[tuple[int, int], ClientFile]] = {}

    def get(self, name: str) -> ClientFile | None:
        """Return the file called *name*; `None` if there is none."""
        if name not in TYPES:
            return None
        path = self._folder / name
        try:
            status = path.stat()
            state = status.st_mtime_ns, status.st_size
            known = self._known.get(name)
            if known is None or known[0] != state:
                content = path.read_bytes()
                tag = blake2b(content, digest_size=12).hexdigest()
                known = self._known[name] = state, ClientFile(content, f'"{tag}"')
        except OSError:
            return None
        return known[1]

    def answer(self, name: str, method: str, headers: Mapping[str, str]) -> Answer:
        """Return the answer to a request for the file called *name*; header names in small."""
        found = self.get(name)
        if found is None:
            return Answer(404, [("Content-Type", "text/plain")], b"no such file")
        if method not in ("GET", "HEAD"):
            return Answer(405, [("Allow", "GET, HEAD"), ("Content-Type", "text/plain")], b"")
        shared = [("ETag", found.etag), _CACHE]
        if _matches(headers.get("if-none-match", ""), found.etag):
            return Answer(304, shared, b"")
        kind = ("Content-Type", TYPES[name])
        return Answer(200, [kind, ("X-Content-Type-Options", "nosniff"), *shared], found.content)


def _matches(header: str, etag: str) -> bool:
    """Tell whether one of the tags in *header* is *etag*. A proxy that compresses weakens it."""
    tags = (tag.strip().removeprefix("W/") for tag in header.split(","))
    return any(tag in ("*", etag) for tag in tags)
