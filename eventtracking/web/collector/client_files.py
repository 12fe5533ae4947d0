"""Serve the files of the browser client, and let browsers cache them."""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import blake2b
from pathlib import Path
from typing import NamedTuple

from eventtracking.web.response import Response

FOLDER = Path(__file__).parents[1] / "static"

# By name, so that the path of a request never becomes the path of a file.
MEDIA_TYPES = {
    "eventtracking.js": "text/javascript; charset=utf-8",
    "eventtracking.mjs": "text/javascript; charset=utf-8",
    "eventtracking.d.mts": "application/typescript; charset=utf-8",
    "eventtracking.d.ts": "application/typescript; charset=utf-8",
}
"""The media types of the files."""

# An hour is long enough for a visit, and short enough to publish a fix. After that, browsers
# revalidate the file with its ETag.
_CACHE = ("Cache-Control", "public, max-age=3600")


class ClientFile(NamedTuple):
    """The content of a file and its ETag."""

    content: bytes
    etag: str


class ClientFiles:
    """
    The files in *folder*. Each is read when it is first requested, and again when it changes.

    Args:
        folder: The folder.
    """

    def __init__(self, folder: Path = FOLDER) -> None:
        self._folder = folder
        self._known: dict[str, tuple[tuple[int, int], ClientFile]] = {}

    def get(self, name: str) -> ClientFile | None:
        """Return the file *name*, or `None` if it is missing."""
        if name not in MEDIA_TYPES:
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

    def response(self, name: str, method: str, headers: Mapping[str, str]) -> Response:
        """Return the response to a request for the file *name*, with lowercase header names."""
        found = self.get(name)
        if found is None:
            return Response(404, [("Content-Type", "text/plain")], b"no such file")
        if method not in ("GET", "HEAD"):
            return Response(405, [("Allow", "GET, HEAD"), ("Content-Type", "text/plain")], b"")
        shared = [("ETag", found.etag), _CACHE]
        if _matches(headers.get("if-none-match", ""), found.etag):
            return Response(304, shared, b"")
        media_type = ("Content-Type", MEDIA_TYPES[name])
        nosniff = ("X-Content-Type-Options", "nosniff")
        return Response(200, [media_type, nosniff, *shared], found.content)


CLIENT_FILES = ClientFiles()
"""The files of the client in this package."""


def _matches(header: str, etag: str) -> bool:
    """Return whether *header* has the tag *etag*, which a compressing proxy may have made weak."""
    tags = (tag.strip().removeprefix("W/") for tag in header.split(","))
    return any(tag in ("*", etag) for tag in tags)
