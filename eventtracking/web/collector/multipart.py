"""Parse forms of the media type `multipart/form-data`."""

from __future__ import annotations

import re

from eventtracking.web.collector.refusals import RequestRefused

# The text between the parts, which is a parameter of the media type.
_BOUNDARY = re.compile(
    r""";\s*boundary=(?:"([!-~ ]{0,69}[!#-~])"|([^\s";,]{1,70}))\s*(?:;|$)""", re.IGNORECASE
)

_DISPOSITION = b"content-disposition:"

# Browsers write a quotation mark in a name as %22, so the next quotation mark ends the name.
_PARAMETER = re.compile(rb';[ \t]*([A-Za-z]+\*?)=(?:"([^"]*)"|([^;\s"]*))')


def parse_multipart(body: bytes, content_type: str, *, max_parts: int) -> dict[str, str]:
    """
    Return the fields in *body*. The last of two with one name counts; files are ignored.

    Raises:
        RequestRefused: If *body* is malformed or incomplete, or has too many parts.
    """
    found = _BOUNDARY.search(content_type)
    if found is None:
        raise RequestRefused("malformed")
    delimiter = b"\r\n--" + (found[1] or found[2]).encode("latin-1", "replace")
    # The number of parts is limited, so that no more are made than are used.
    _, *parts = (b"\r\n" + body).split(delimiter, max_parts + 1)
    fields: dict[str, str] = {}
    for part in parts[: max_parts + 1]:
        if part.startswith(b"--"):
            return fields
        fields.update(_parse_part(part))
    raise RequestRefused("too_many_fields" if len(parts) > max_parts else "malformed")


def _parse_part(part: bytes) -> dict[str, str]:
    """Return the field in *part* by its name; nothing if *part* is not a field."""
    head, blank_line, value = part.partition(b"\r\n\r\n")
    padding, *headers = head.split(b"\r\n")
    if not blank_line or padding.strip(b" \t"):
        raise RequestRefused("malformed")
    for header in headers:
        if header.lower().startswith(_DISPOSITION):
            parameters = {key.lower(): a or b for key, a, b in _PARAMETER.findall(header)}
            if b"name" in parameters and not {b"filename", b"filename*"} & parameters.keys():
                return {_text(parameters[b"name"]): _text(value)}
    return {}


def _text(raw: bytes) -> str:
    return raw.decode("utf-8", "replace")
