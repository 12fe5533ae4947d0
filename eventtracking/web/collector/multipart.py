"""The fields of a form that comes in parts, as browsers send one that could have files in it."""

from __future__ import annotations

import re

from eventtracking.web.collector.refusals import RequestRefused

# What stands between the parts, as the type of the body tells it.
_BOUNDARY = re.compile(
    r""";\s*boundary=(?:"([!-~ ]{0,69}[!#-~])"|([^\s";,]{1,70}))\s*(?:;|$)""", re.IGNORECASE
)

_DISPOSITION = b"content-disposition:"

# Browsers write a quote in a name as %22, so the next quote is the end of it.
_PARAMETER = re.compile(rb';[ \t]*([A-Za-z]+\*?)=(?:"([^"]*)"|([^;\s"]*))')


def fields_in_parts(body: bytes, content_type: str, *, max_parts: int) -> dict[str, str]:
    """
    Return the fields in *body*. Of two by one name the last counts; files are passed over.

    Raises:
        RequestRefused: If it is no such form, is not whole, or has far too many parts.
    """
    found = _BOUNDARY.search(content_type)
    if found is None:
        raise RequestRefused("malformed")
    delimiter = b"\r\n--" + (found[1] or found[2]).encode("latin-1", "replace")
    # No more of them are made than are looked at.
    _, *parts = (b"\r\n" + body).split(delimiter, max_parts + 1)
    fields: dict[str, str] = {}
    for part in parts[: max_parts + 1]:
        if part.startswith(b"--"):
            return fields
        fields.update(_field(part))
    raise RequestRefused("too_many_fields" if len(parts) > max_parts else "malformed")


def _field(part: bytes) -> dict[str, str]:
    """Return the field that *part* is, under its name; nothing if it is another thing."""
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
