"""What the facts of a request mean in Segment's words, and who the event is about."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

from eventtracking.exceptions import EventLost
from eventtracking.serialization import plain

# The longest integer that orjson writes, and so does `plain`, as it is.
_INTEGER_BITS = 63


def as_dict(value: Any) -> dict[str, Any]:
    """Return *value* as a plain dict; an empty one for what is no mapping. Never raises."""
    known = value if type(value) is dict else plain(value)
    return known if type(known) is dict else {}


def segment_context(
    facts: Mapping[str, Any], event: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """
    Return what *facts* about a request are in Segment's context.

    Values stay as they are. What is not known, or `None`, is left out.

    Args:
        facts: The context of an event.
        event: The event, if there is one. If it comes from a browser, *facts* tell of the
            request that brought it, whose path is the collector's and whose referrer is
            the page; so what is said of the page is then what the page itself said.
    """
    get = facts.get
    context: dict[str, Any] = {}
    if (client_id := get("client_id")) is not None:
        context["Google Analytics"] = {"clientId": client_id}
    if (ip := get("ip")) is not None:
        context["ip"] = ip
    if (agent := get("agent")) is not None:
        context["userAgent"] = agent
    page = _page_shown(get("page"), event or {}) if is_of_browser(facts) else _page_asked_for(get)
    if page:
        context["page"] = page
    return context


def is_of_browser(facts: Mapping[str, Any]) -> bool:
    """Tell whether an event with these *facts* was sent by a page, and not for one."""
    source = facts.get("event_source")
    return type(source) is str and source == "browser"


def _page_asked_for(get: Callable[[str], Any]) -> dict[str, Any]:
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


def _page_shown(url: Any, event: Mapping[str, Any]) -> dict[str, Any]:
    page: dict[str, Any] = {}
    if as_text(url):
        if path := _path(url):
            page["path"] = path
        page["url"] = url
    if event.get("name") == "page_view":
        referrer = as_dict(event.get("data")).get("referrer")
        # An empty one is known as well: the visitor came from nowhere.
        if type(referrer) is str:
            page["referrer"] = referrer
    return page


def _path(url: Any) -> str:
    try:
        parts = urlsplit(url) if type(url) is str else None
    except ValueError:
        return ""
    # Open edX has tokens such as "x_module" there, too.
    return parts.path or "/" if parts and parts.netloc else ""


def identity(user_id: Any, *anonymous_ids: Any) -> tuple[str, str]:
    """
    Return `userId`, or else `anonymousId`, and the first id that is known, as text.

    `None` and an empty text mean that it is not known.

    Raises:
        EventLost: If nothing is known. Segment would refuse the event.
    """
    if text := as_text(user_id):
        return "userId", text
    for anonymous_id in anonymous_ids:
        if text := as_text(anonymous_id):
            return "anonymousId", text
    raise EventLost("rejected", "no identity")


def identity_of(facts: Mapping[str, Any]) -> tuple[str, str]:
    """Return who an event with these *facts* is about, as `identity` does."""
    get = facts.get
    return identity(get("user_id"), get("anonymous_id"), get("client_id"))


def required_name(name: Any) -> str:
    """
    Return the *name* of an event as text.

    Raises:
        EventLost: If there is none. Segment would refuse the event.
    """
    if text := as_text(name):
        return text
    raise EventLost("rejected", "no name")


def moment(event: Mapping[str, Any]) -> datetime | str:
    """Return when *event* happened; now, if it does not say so in a way Segment understands."""
    stamp = event.get("timestamp")
    if type(stamp) is datetime:
        return stamp
    # Where legacy readers look for it.
    text = plain(event.get("time") if stamp is None else stamp)
    return text if _is_iso(text) else datetime.now(UTC)


def as_text(value: Any) -> str:
    """Return *value* as text; an empty one for `None`. Never raises."""
    kind = type(value)
    if kind is str:
        return value  # type: ignore[no-any-return]
    if value is None:
        return ""
    if kind is int and value.bit_length() <= _INTEGER_BITS:
        return str(value)
    # Whatever else: a lazy text, a UUID, or an object whose `str()` raises.
    return str(plain(value))


def _url(host: Any, path: Any) -> str:
    host, path = as_text(host), as_text(path)
    # Nothing says whether it was http: the platform always took https for granted.
    return f"https://{host}{path}" if host and path else ""


def _is_iso(text: Any) -> bool:
    try:
        datetime.fromisoformat(text)
    except (TypeError, ValueError):
        return False
    return True
