"""The parameters of a page view: the location, title and referrer of the page."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from eventtracking.destinations.google_analytics.parameter_values import parameter_text

PAGE_VIEW = "page_view"
"""The name of a page view in Google Analytics."""

MAX_PAGE_CHARACTERS = {"page_title": 300, "page_referrer": 420, "page_location": 1000}
"""The length that the text of each parameter of a page may have."""

# The fields of the data for each parameter, in the order of preference.
_FIELDS = {
    "page_location": ("page_location", "url"),
    "page_title": ("page_title", "title"),
    "page_referrer": ("page_referrer", "referrer", "referer"),
}


def page_parameters(data: Any, context: Mapping[Any, Any]) -> tuple[dict[str, str], set[str]]:
    """
    Return the parameters of a page view, and the fields of *data* that they were made of.

    Args:
        data: The data of the event, whose fields are preferred.
        context: The context of the event, with the facts of its request.
    """
    known = data if isinstance(data, dict) else {}
    from_request = {
        "page_location": _location(context),
        "page_referrer": _referrer(known, context),
    }
    parameters: dict[str, str] = {}
    used: set[str] = set()
    for parameter, fields in _FIELDS.items():
        given = {field: text for field in fields if isinstance(text := known.get(field), str)}
        value = next(filter(None, given.values()), "")
        used.update(field for field, text in given.items() if text in ("", value))
        if value := value or from_request.get(parameter, ""):
            parameters[parameter] = parameter_text(value, MAX_PAGE_CHARACTERS[parameter])
    return parameters, used


def _location(context: Mapping[Any, Any]) -> str:
    page = _text(context, "page")
    host, path = _text(context, "host"), _text(context, "path")
    if page or _is_from_browser(context):
        return page
    # The facts do not include the scheme. Open edX has always assumed https.
    return f"https://{host}{path}" if host and path else ""


def _referrer(data: dict[Any, Any], context: Mapping[Any, Any]) -> str:
    """Return the referrer of the request, unless the page reported its own, even an empty one."""
    is_reported = any(field in data for field in _FIELDS["page_referrer"])
    return "" if is_reported or _is_from_browser(context) else _text(context, "referer")


def _is_from_browser(context: Mapping[Any, Any]) -> bool:
    """Return whether the browser sent the event, so that the request is not that of the page."""
    return _text(context, "event_source") == "browser"


def _text(fields: Mapping[Any, Any], name: str) -> str:
    value = fields.get(name)
    return value if isinstance(value, str) else ""
