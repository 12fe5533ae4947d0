"""Decode the body of a request: its media type, its compression, its JSON or form."""

from __future__ import annotations

import re
import zlib
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl

from eventtracking._options import Options, whole_number
from eventtracking.web.collector.multipart import parse_multipart
from eventtracking.web.collector.partial_parse import parse_batch
from eventtracking.web.collector.refusals import RequestRefused

FORM = "application/x-www-form-urlencoded"
"""The media type of the legacy form."""

MULTIPART = "multipart/form-data"
"""The other media type of the legacy form."""

# Beacons are sent as text, which needs no CORS preflight.
_JSON = ("application/json", "text/plain")

_CHARSETS = ("", "utf-8", "utf8", "us-ascii")

# Makes zlib accept only gzip, with the largest window.
_GZIP = 31
_GZIP_MAGIC = b"\x1f\x8b"

_LENGTH = re.compile(r"0*([0-9]+)")

# Python refuses to parse numbers with thousands of digits. A number of this length is larger
# than any limit.
_LENGTH_DIGITS = 19

_MAX_FIELDS = 100

# Commas between the members of an event, and between events.
_COMMAS_PER_EVENT = 8

# Real events have at most one container, and texts at most one comma, in so many bytes.
_BYTES_PER_CONTAINER = 16


class BodyDecoder:
    """
    Decodes bodies up to a maximum size.

    Args:
        max_body_bytes: The maximum size of a body as it is sent.
        max_expanded_bytes: The maximum size of a compressed body when it is expanded.
        max_events: The maximum number of events in a batch.
        max_values: The maximum number of values in an event.
        options: Collects the problems of the options.
    """

    def __init__(
        self,
        max_body_bytes: int,
        max_expanded_bytes: int,
        max_events: int,
        max_values: int,
        options: Options,
    ) -> None:
        options.check("max_body_bytes", max_body_bytes, whole_number(1, unit="bytes"))
        options.check("max_expanded_bytes", max_expanded_bytes, whole_number(1, unit="bytes"))
        options.check("max_events", max_events, whole_number(1, unit="events"))
        self._max_body_bytes = max_body_bytes
        self._max_expanded_bytes = max_expanded_bytes
        self._max_events = max_events
        self._max_values = max_values

    def check_headers(self, headers: Mapping[str, str]) -> None:
        """
        Check the headers that describe the body.

        Raises:
            RequestRefused: If a body with these *headers* is refused in any case.
        """
        media_type(headers)
        if (declared_length(headers) or 0) > self._max_body_bytes:
            raise RequestRefused("too_large")

    def batch(self, body: bytes, headers: Mapping[str, str]) -> Any:
        """
        Return the value in a body of JSON; see `parse_batch`.

        Raises:
            RequestRefused: If the body is malformed or too large.
        """
        text = self._expand(body, headers)
        # Counting is cheap and parsing is not: an empty object has two bytes as text, and 64 in
        # memory. A list of values has a comma between any two of them.
        spare = max(self._max_body_bytes, self._max_expanded_bytes) // _BYTES_PER_CONTAINER
        commas = self._max_events * (self._max_values + _COMMAS_PER_EVENT)
        containers = text.count(b"{") + text.count(b"[")
        if containers > spare or text.count(b",") > commas + spare:
            raise RequestRefused("too_large")
        return parse_batch(text)

    def form(self, body: bytes, headers: Mapping[str, str]) -> dict[str, str]:
        """
        Return the fields in a body that is a form.

        Raises:
            RequestRefused: If the body is malformed or too large, or has too many fields.
        """
        whole = self._expand(body, headers)
        if media_type(headers) == MULTIPART:
            return parse_multipart(whole, headers["content-type"], max_parts=_MAX_FIELDS)
        return parse_fields(whole)

    def _expand(self, body: bytes, headers: Mapping[str, str]) -> bytes:
        if len(body) > self._max_body_bytes:
            raise RequestRefused("too_large")
        if _encoding(headers) != "gzip":
            return body
        return _gunzip(body, max_bytes=self._max_expanded_bytes)


def media_type(headers: Mapping[str, str]) -> str:
    """
    Return the media type of the body, if it is supported.

    Raises:
        RequestRefused: If the media type, the character set or the encoding is not supported.
    """
    found, _, parameters = headers.get("content-type", "").lower().partition(";")
    found = found.strip()
    if found not in (*_JSON, FORM, MULTIPART) or _charset(parameters) not in _CHARSETS:
        raise RequestRefused("content_type")
    if _encoding(headers) not in ("", "identity", "gzip"):
        raise RequestRefused("content_encoding")
    return found


def declared_length(headers: Mapping[str, str]) -> int | None:
    """
    Return the `Content-Length`, or `None` if it is missing.

    Raises:
        RequestRefused: If it is not a number.
    """
    text = headers.get("content-length", "")
    if not text:
        return None
    length = _LENGTH.fullmatch(text)
    if length is None:
        raise RequestRefused("malformed")
    return int(length[1][:_LENGTH_DIGITS])


def parse_fields(body: bytes | str) -> dict[str, str]:
    """
    Return the fields of a URL-encoded form or of a query. The last of two with one name counts.

    Raises:
        RequestRefused: If there are far more fields than any page sends.
    """
    # A query that the server did not decode may contain lone surrogates.
    raw = body.encode("utf-8", "replace") if isinstance(body, str) else body
    text = raw.decode("utf-8", "replace")
    try:
        return dict(parse_qsl(text, keep_blank_values=True, max_num_fields=_MAX_FIELDS))
    except ValueError as error:
        raise RequestRefused("too_many_fields") from error


def _gunzip(body: bytes, *, max_bytes: int) -> bytes:
    decompressor = zlib.decompressobj(_GZIP)
    try:
        # One byte more than allowed shows that the limit is exceeded.
        expanded = decompressor.decompress(body, max_bytes + 1)
    except zlib.error as error:
        raise RequestRefused("malformed") from error
    if len(expanded) > max_bytes:
        raise RequestRefused("too_large")
    if decompressor.unused_data.startswith(_GZIP_MAGIC):
        # A second gzip member.
        raise RequestRefused("content_encoding")
    if decompressor.unused_data or not decompressor.eof:
        raise RequestRefused("malformed")
    return expanded


def _charset(parameters: str) -> str:
    for parameter in parameters.split(";"):
        name, _, value = parameter.partition("=")
        if name.strip() == "charset":
            return value.strip().strip('"')
    return ""


def _encoding(headers: Mapping[str, str]) -> str:
    return headers.get("content-encoding", "").strip().lower()
