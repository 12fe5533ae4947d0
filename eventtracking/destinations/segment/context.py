"""Segment's context of an event, made from the facts of its request."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import urlsplit

from eventtracking.destinations.segment.values import as_dict, as_text


def segment_context(
    facts: Mapping[str, Any], event: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """
    Return Segment's context for *facts*, with their values unchanged.

    A fact that is missing or `None` is left out.

    Args:
        facts: The context of an event.
        event: The event, if there is one. When a browser sent it, the path and the referrer
            in *facts* belong to the request that carried the event, so the page is
            described by what the browser said about it.
    """
    get = facts.get
    context: dict[str, Any] = {}
    if (client_id := get("client_id")) is not None:
        context["Google Analytics"] = {"clientId": client_id}
    if (ip := get("ip")) is not None:
        context["ip"] = ip
    if (agent := get("agent")) is not None:
        context["userAgent"] = agent
    is_reported = is_from_browser(facts)
    page = _reported_page(get("page"), event or {}) if is_reported else _requested_page(get)
    if page:
        context["page"] = page
    return context


def is_from_browser(facts: Mapping[str, Any]) -> bool:
    """Return whether the browser sent the event with these *facts*."""
    source = facts.get("event_source")
    return type(source) is str and source == "browser"


def _requested_page(get: Callable[[str], Any]) -> dict[str, Any]:
    page: dict[str, Any] = {}
    path, url = get("path"), get("page")
    if path is not None:
        page["path"] = path
        url = url if as_text(url) else _url(get("host"), path) or url
    if (referrer := get("referer")) is not None:
        page["referrer"] = referrer
    if url is not None:
        page["url"] = url
    return page


def _reported_page(url: Any, event: Mapping[str, Any]) -> dict[str, Any]:
    page: dict[str, Any] = {}
    if as_text(url):
        if path := _path(url):
            page["path"] = path
        page["url"] = url
    if event.get("name") == "page_view":
        referrer = as_dict(event.get("data")).get("referrer")
        # An empty referrer is a fact as well: the visit was direct.
        if type(referrer) is str:
            page["referrer"] = referrer
    return page


def _path(url: Any) -> str:
    try:
        parts = urlsplit(url) if type(url) is str else None
    except ValueError:
        return ""
    # Open edX also puts tokens such as "x_module" there.
    return parts.path or "/" if parts and parts.netloc else ""


def _url(host: Any, path: Any) -> str:
    host, path = as_text(host), as_text(path)
    # The facts do not include the scheme. Open edX has always assumed https.
    return f"https://{host}{path}" if host and path else ""
