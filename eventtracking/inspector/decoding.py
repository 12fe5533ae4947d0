"""Decode request bodies: decompress them, parse their JSON, and test the values in it."""

from __future__ import annotations

import re
import zlib
from datetime import datetime
from typing import Any, TypeGuard

import orjson

# The window bits of zlib.decompressobj() for gzip and zlib streams, whose header tells which it
# is, and for raw deflate streams, which some clients call "deflate" as well.
_ANY_HEADER, _RAW = 47, -15


def decompress(body: bytes, encoding: str, limit: int) -> tuple[bytes, str, bool]:
    """
    Undo the `Content-Encoding` of *body*, without ever holding more than *limit* bytes.

    Returns:
        The body, the error if there is one, and whether the size is the error.
    """
    encoding = encoding.strip().lower()
    if encoding in ("", "identity"):
        if len(body) > limit:
            return b"", f"the body is over {limit} bytes", True
        return body, "", False
    if encoding not in ("gzip", "deflate"):
        return b"", f"Content-Encoding {encoding!r} is not supported", False
    try:
        return _inflate(body, _window_bits(body, encoding), limit)
    except zlib.error as error:
        return b"", f"the body is not valid {encoding}: {error}", False


def parse_json(body: bytes) -> tuple[Any, str]:
    """Return the value of a JSON text, and the error if it is not one."""
    try:
        return orjson.loads(body), ""
    except orjson.JSONDecodeError as error:
        hint = "; NaN and Infinity are not JSON" if re.search(rb"NaN|Infinity", body) else ""
        return None, f"invalid JSON: {error}{hint}"


def encode_json(value: Any) -> bytes:
    """Return *value*, which was parsed from JSON, as JSON without spaces."""
    try:
        return orjson.dumps(value)
    except TypeError:
        # orjson reads 1,024 levels and writes 254.
        return b'"(nested too deeply to be shown)"'


def is_iso_time(text: Any) -> bool:
    """Return whether *text* is a date and a time in ISO 8601."""
    try:
        # A date without a time has ten characters.
        return len(text) > 10 and bool(datetime.fromisoformat(text))  # noqa: PLR2004
    except (TypeError, ValueError):
        return False


def is_number(value: Any) -> bool:
    """Return whether *value* is a JSON number."""
    return isinstance(value, int | float) and not isinstance(value, bool)


def is_filled_string(value: Any) -> TypeGuard[str]:
    """Return whether *value* is a string that is not empty."""
    return isinstance(value, str) and bool(value)


def _window_bits(body: bytes, encoding: str) -> int:
    has_zlib_header = body[:1] == b"\x78" and int.from_bytes(body[:2]) % 31 == 0
    return _ANY_HEADER if encoding == "gzip" or has_zlib_header else _RAW


def _inflate(body: bytes, window_bits: int, limit: int) -> tuple[bytes, str, bool]:
    stream = zlib.decompressobj(window_bits)
    # One byte more than the limit tells a body at the limit from a larger one.
    content = stream.decompress(body, limit + 1)
    if len(content) > limit:
        return b"", f"the decompressed body is over {limit} bytes", True
    if not stream.eof:
        return b"", "the compressed body is truncated", False
    if stream.unused_data:
        return b"", "there is data after the compressed body", False
    return content, "", False
