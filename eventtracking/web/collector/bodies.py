"""What a body says: its type, what it expands to, and the JSON or the form in it."""

from __future__ import annotations

import re
import zlib
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl

from orjson import JSONDecodeError, loads

from eventtracking.web.collector.multipart import fields_in_parts
from eventtracking.web.collector.refusals import RequestRefused

FORM = "application/x-www-form-urlencoded"
"""The type of the old form."""

MULTIPART = "multipart/form-data"
"""The other type that it may have."""

# Beacons are text: only what counts as such needs no preflight.
_JSON = ("application/json", "text/plain")

_CHARSETS = ("", "utf-8", "utf8", "us-ascii")

# What zlib takes for gzip, and nothing else, with the largest window.
_GZIP = 31
_GZIP_MAGIC = b"\x1f\x8b"

_LENGTH = re.compile(r"0*([0-9]+)")

# Python reads no number of thousands of digits, and so many are too large for any limit.
_LENGTH_DIGITS = 19

_MAX_FIELDS = 100

# Halves of characters. Scripts that cut a text in the middle of an emoji write them.
_HIGH, _LOW = rb"\\u[dD][89abAB][0-9a-fA-F]{2}", rb"\\u[dD][c-fC-F][0-9a-fA-F]{2}"
_HALF = re.compile(rb"%b(?!%b)|(?<!%b)%b" % (_HIGH, _LOW, _HIGH, _LOW))

# Stands for an escaped backslash, behind which "u" begins no escape. No text has such bytes.
_BACKSLASH = b"\xff\xfe"


def kind_of(headers: Mapping[str, str]) -> str:
    """
    Return the media type of the body, if it is one that is read.

    Raises:
        RequestRefused: For any other type, character set or content encoding.
    """
    kind, _, parameters = headers.get("content-type", "").lower().partition(";")
    kind = kind.strip()
    if kind not in (*_JSON, FORM, MULTIPART) or _charset(parameters) not in _CHARSETS:
        raise RequestRefused("content_type")
    if _encoding(headers) not in ("", "identity", "gzip"):
        raise RequestRefused("content_encoding")
    return kind


def declared_length(headers: Mapping[str, str]) -> int | None:
    """
    Return how many bytes the request says that its body has, if it says so.

    Raises:
        RequestRefused: If that is no number.
    """
    text = headers.get("content-length", "")
    if not text:
        return None
    length = _LENGTH.fullmatch(text)
    if length is None:
        raise RequestRefused("malformed")
    return int(length[1][:_LENGTH_DIGITS])


def expanded(body: bytes, headers: Mapping[str, str], *, max_bytes: int) -> bytes:
    """
    Return *body* as it was before it was compressed.

    Raises:
        RequestRefused: If that is larger than *max_bytes*, or not one whole gzip member.
    """
    if _encoding(headers) != "gzip":
        return body
    inflater = zlib.decompressobj(_GZIP)
    try:
        # One byte more than allowed is enough to know.
        whole = inflater.decompress(body, max_bytes + 1)
    except zlib.error as error:
        raise RequestRefused("malformed") from error
    if len(whole) > max_bytes:
        raise RequestRefused("too_large")
    if inflater.unused_data.startswith(_GZIP_MAGIC):
        raise RequestRefused("content_encoding")
    if inflater.unused_data or not inflater.eof:
        raise RequestRefused("malformed")
    return whole


def json_in(body: bytes) -> Any:
    """
    Return the value that *body* holds.

    Raises:
        RequestRefused: If it is no JSON, or has numbers that no double can hold.
    """
    try:
        return loads(body)
    except JSONDecodeError:
        body = with_whole_characters(body)
    try:
        return loads(body)
    except JSONDecodeError as error:
        raise RequestRefused("malformed") from error


def with_whole_characters(body: bytes) -> bytes:
    """Return *body*, JSON, with a mark in the place of each half of a character."""
    if _BACKSLASH in body:
        return body
    masked = body.replace(rb"\\", _BACKSLASH)
    return _HALF.sub(rb"\\ufffd", masked).replace(_BACKSLASH, rb"\\")


def form_in(body: bytes, headers: Mapping[str, str]) -> dict[str, str]:
    """
    Return the fields of the form that *body* is, of either type.

    Raises:
        RequestRefused: If it is none, or has far more fields than any page sends.
    """
    if kind_of(headers) == MULTIPART:
        return fields_in_parts(body, headers["content-type"], max_parts=_MAX_FIELDS)
    return fields_in(body)


def fields_in(body: bytes | str) -> dict[str, str]:
    """
    Return the fields of a form, or of a query. Of two by one name the last counts.

    Raises:
        RequestRefused: If there are far more than any page sends.
    """
    # A query that no server decoded may have halves of characters in it.
    raw = body.encode("utf-8", "replace") if isinstance(body, str) else body
    text = raw.decode("utf-8", "replace")
    try:
        return dict(parse_qsl(text, keep_blank_values=True, max_num_fields=_MAX_FIELDS))
    except ValueError as error:
        raise RequestRefused("too_many_fields") from error


def value_in(text: str) -> Any:
    """Return the JSON value that *text* is; *text* itself if it is none, `{}` for no text."""
    if not text:
        return {}
    try:
        # A text from a form has no lone surrogates in it.
        return json_in(text.encode())
    except RequestRefused:
        return text


def _charset(parameters: str) -> str:
    for parameter in parameters.split(";"):
        name, _, value = parameter.partition("=")
        if name.strip() == "charset":
            return value.strip().strip('"')
    return ""


def _encoding(headers: Mapping[str, str]) -> str:
    return headers.get("content-encoding", "").strip().lower()
