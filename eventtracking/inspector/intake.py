"""What comes in at an intake and what goes out of it, in words that the vendors share."""

from __future__ import annotations

import re
import zlib
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import Any, NamedTuple

import orjson

UNREADABLE = "(unreadable)"
"""The name of what cannot be taken apart into events."""

# Of a body that is not JSON: enough to see what went wrong.
_MOST_SHOWN_CHARACTERS = 2_000

# What zlib.decompressobj() takes for a gzip or zlib stream, and for one without a head, which
# some clients call "deflate" as well.
_WITH_HEAD, _BARE = 47, -15


class Request(NamedTuple):
    """A request to an intake: header names in lower case, the body already unpacked."""

    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes
    trouble: str = ""
    too_large: bool = False


class Answer(NamedTuple):
    """What the vendor would say."""

    status: int
    body: bytes = b""
    headers: tuple[tuple[str, str], ...] = ()


class Received(NamedTuple):
    """An event as it came: its name, its payload as JSON, and what is wrong with it."""

    name: str
    payload: bytes
    reasons: tuple[str, ...] = ()


class Intake(NamedTuple):
    """
    A path that a vendor listens on.

    Args:
        destination: Whose it is, as in `segment`.
        receive: Checks a request, at a time in seconds, and answers it.
        max_bytes: How large a body may be.
        max_packed_bytes: How large it may be before it is unpacked. Default: as large.
    """

    destination: str
    receive: Callable[[Request, float], tuple[Answer, list[Received]]]
    max_bytes: int
    max_packed_bytes: int | None = None


def unpack(body: bytes, encoding: str, limit: int) -> tuple[bytes, str, bool]:
    """
    Undo the `Content-Encoding` of *body*, without ever holding more than *limit* bytes.

    Returns:
        The body, what is wrong with it, and whether that is its size.
    """
    encoding = encoding.strip().lower()
    if encoding in ("", "identity"):
        return (
            (b"", f"the body is over {limit} bytes", True)
            if len(body) > limit
            else (body, "", False)
        )
    if encoding not in ("gzip", "deflate"):
        return b"", f"Content-Encoding {encoding!r} is not understood here", False
    try:
        return _inflate(body, _form(body, encoding), limit)
    except zlib.error as error:
        return b"", f"the body is not valid {encoding}: {error}", False


def _form(body: bytes, encoding: str) -> int:
    has_head = encoding == "gzip" or (body[:1] == b"\x78" and int.from_bytes(body[:2]) % 31 == 0)
    return _WITH_HEAD if has_head else _BARE


def _inflate(body: bytes, form: int, limit: int) -> tuple[bytes, str, bool]:
    stream = zlib.decompressobj(form)
    # One byte more tells a body at the limit from one beyond it.
    content = stream.decompress(body, limit + 1)
    if len(content) > limit:
        return b"", f"the body is over {limit} bytes, unpacked", True
    if not stream.eof:
        return b"", "the compressed body is cut off", False
    if stream.unused_data:
        return b"", "something follows the compressed body", False
    return content, "", False


def parse(body: bytes) -> tuple[Any, str]:
    """Return what the JSON in *body* says, and what is wrong with it."""
    try:
        return orjson.loads(body), ""
    except orjson.JSONDecodeError as error:
        hint = "; NaN and Infinity are not JSON" if re.search(rb"NaN|Infinity", body) else ""
        return None, f"invalid JSON: {error}{hint}"


def as_json(value: Any) -> bytes:
    """Return *value*, which came as JSON, as JSON."""
    try:
        return orjson.dumps(value)
    except TypeError:
        # orjson reads 1,024 levels and writes 254.
        return b'"(nested too deeply to be shown)"'


def unreadable(body: bytes, reason: str) -> Received:
    """Return the record of a request whose body holds no events that could be told apart."""
    shown = body[:_MOST_SHOWN_CHARACTERS].decode(errors="replace")
    return Received(UNREADABLE, orjson.dumps(shown), (reason,))


def blame(events: Iterable[Received], *reasons: str) -> list[Received]:
    """Return *events*, each with *reasons* against it as well."""
    return [event._replace(reasons=(*event.reasons, *reasons)) for event in events]


def is_json(headers: Mapping[str, str]) -> bool:
    """Tell whether the body is said to be JSON."""
    return headers.get("content-type", "").partition(";")[0].strip().lower() == "application/json"


def is_time(text: Any) -> bool:
    """Tell whether *text* is a time in ISO 8601."""
    try:
        # A date alone has ten characters, and no time.
        return len(text) > 10 and bool(datetime.fromisoformat(text))  # noqa: PLR2004
    except (TypeError, ValueError):
        return False


def is_number(value: Any) -> bool:
    """Tell whether *value* is a number; true and false are none."""
    return isinstance(value, int | float) and not isinstance(value, bool)
