"""Parse the JSON that browsers send."""

from __future__ import annotations

import re
from typing import Any

from orjson import JSONDecodeError, loads

from eventtracking.web.collector.refusals import RequestRefused

# Scripts that cut a text in the middle of an emoji send one half of a surrogate pair.
_HIGH, _LOW = rb"\\u[dD][89abAB][0-9a-fA-F]{2}", rb"\\u[dD][c-fC-F][0-9a-fA-F]{2}"
_LONE_SURROGATE = re.compile(rb"%b(?!%b)|(?<!%b)%b" % (_HIGH, _LOW, _HIGH, _LOW))

# Replaces an escaped backslash, after which "u" begins no escape. UTF-8 never has these bytes.
_BACKSLASH = b"\xff\xfe"


def parse_json(body: bytes) -> Any:
    """
    Return the value in *body*.

    Raises:
        RequestRefused: If *body* is not JSON, or has numbers beyond the range of a double.
    """
    try:
        return loads(body)
    except JSONDecodeError:
        body = replace_lone_surrogates(body)
    try:
        return loads(body)
    except JSONDecodeError as error:
        raise RequestRefused("malformed") from error


def replace_lone_surrogates(body: bytes) -> bytes:
    """Return the JSON text *body* with U+FFFD in place of each escaped lone surrogate."""
    if _BACKSLASH in body:
        return body
    masked = body.replace(rb"\\", _BACKSLASH)
    return _LONE_SURROGATE.sub(rb"\\ufffd", masked).replace(_BACKSLASH, rb"\\")
