"""The response to a request, independent of the server and the framework."""

from __future__ import annotations

from typing import NamedTuple


class Response(NamedTuple):
    """The status, the headers and the body of a response."""

    status: int
    headers: list[tuple[str, str]]
    body: bytes

    @property
    def may_have_body(self) -> bool:
        """Whether HTTP allows a body, and a `Content-Length`, with this status."""
        return self.status not in (204, 304)
