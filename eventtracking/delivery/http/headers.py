"""The headers of a request."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from eventtracking._options import MAPPING, Options

# A user who could set these could make one request look like two.
_CLIENT_HEADERS = {"connection", "content-length", "transfer-encoding"}

_NAME = re.compile(r"[\w!#$%&'*+.^`|~-]+", re.ASCII)
_VALUE = re.compile(r"[ -~\xa0-\xff\t]*")


def check_headers(options: Options, headers: Any) -> None:
    """Note a problem in *options* for each of the *headers* that cannot be sent."""
    if not options.check("headers", headers, MAPPING, secret=True):
        return
    for name, value in headers.items():
        if wrong := _wrong(name, value):
            options.problem("headers", f"headers[{name!r}] must {wrong}")


def lower_names(headers: Mapping[str, str]) -> dict[str, str]:
    """Return *headers* with names in lower case, so that no name occurs twice."""
    return {name.lower(): value for name, value in headers.items()}


def _wrong(name: Any, value: Any) -> str:
    """Return the words that follow "must", or `""`. They show no value."""
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        return "have a name of ASCII letters, digits and dashes"
    if name.lower() in _CLIENT_HEADERS:
        return "not be set: the client sets it"
    if not isinstance(value, str):
        return f"be text, got a value of type {type(value).__name__}"
    if not _VALUE.fullmatch(value):
        return "be one line of Latin-1 text: check for a newline at its end"
    return ""
