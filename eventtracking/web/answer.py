"""What a request is answered with, whatever server and framework there are."""

from __future__ import annotations

from typing import NamedTuple


class Answer(NamedTuple):
    """The status, the headers and the body of an answer."""

    status: int
    headers: list[tuple[str, str]]
    body: bytes
