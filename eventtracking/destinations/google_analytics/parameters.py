"""The parameters of an event in Google Analytics: flat, short, 25 at most, and nobody's name."""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping, Sequence
from types import NoneType
from typing import Any, TypeAlias

from eventtracking.destinations.google_analytics.items import ITEMS, Item, items_of
from eventtracking.destinations.google_analytics.names import (
    is_parameter_name,
    parameter_name,
    texts,
)
from eventtracking.destinations.google_analytics.values import Value, written_text, written_value
from eventtracking.exceptions import ImproperlyConfigured
from eventtracking.serialization import plain
from eventtracking.stats import LogThrottle, log_safely

logger = logging.getLogger(__name__)

Written: TypeAlias = dict[str, Value | list[Item]]
"""Parameters, as they are sent."""

MAX_PARAMETERS = 25
"""How many parameters an event may have."""

MAX_CHARACTERS = 100
"""How long the text of a parameter may be."""

LONGER = {"page_title": 300, "page_referrer": 420, "page_location": 1000}
"""The parameters whose text may be longer, and how long."""

PAGE_VIEW = "page_view"
"""The event, by its name in Google Analytics, that tells which page was seen."""

# The fields of the data that each parameter of it may come from, the first that says something.
_PAGE = {
    "page_location": ("page_location", "url"),
    "page_title": ("page_title", "title"),
    "page_referrer": ("page_referrer", "referrer", "referer"),
}

# What this library says itself, or Google reads as its own: the data of an event
# cannot pass for it.
_OURS = frozenset(("session_id", "event_name_full", "pseudonymous_client", "debug_mode", ITEMS))

# Google forbids what tells who somebody is: https://support.google.com/analytics/answer/6366371
_PERSONAL = re.compile(
    r"(?:.*_)?(?:e?mail|email_?address|user_?name|user_?id|ip|ip_?address|remote_?addr"
    r"|(?:first|last|full|given|family|middle|sur|nick|display|real|legal)_?name"
    r"|phone|phone_?number|telephone|address|street|postal_?code|zip_?code|gender"
    r"|birth_?day|birth_?date|date_?of_?birth|year_?of_?birth|session(?:_?(?:id|key))?"
    r"|password|passwd|secret|token|credentials?|cookie|user_?agent)",
    re.IGNORECASE,
)
_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")

# Deeper, and longer, an event is no table any more: the rest is written as text, or left out.
_MAX_LEVELS = 8
_MAX_LEAVES = 1000

_MOST_REMEMBERED = 5000

# Nearly every value is one of these.
_LEAVES = frozenset({str, int, float, bool, NoneType})


class Parameters:
    """
    Make the parameters of events.

    Args:
        params: The names of parameters, as sent, that are kept when there are more than 25,
            the most important first. They are sent even if they look like somebody's name.
        context_fields: The fields of the context that become parameters.
        who: Whose options these are, for errors.

    Raises:
        ImproperlyConfigured: If one of them is no sequence of texts.
    """

    def __init__(self, params: Sequence[str], context_fields: Sequence[str], *, who: str) -> None:
        self._first = _checked(params, who)
        self._context_fields = texts(context_fields, f"{who}: context_fields")
        # What a path in the data is called; nothing if it is not to be sent.
        self._called: dict[str, str] = {}
        self._throttle = LogThrottle()
        self._has_warned = False

    def of(
        self, name: str, called: str, data: Any, context: dict[Any, Any], is_pseudonym: bool
    ) -> Written:
        """
        Return the parameters of an event.

        Args:
            name: The event's name.
            called: Its name in Google Analytics.
            data: Its data.
            context: Its context.
            is_pseudonym: Whether its client is one that we made up.
        """
        if type(data) is not dict:
            data = plain(data)
        own = _own(name, data, context)
        if is_pseudonym:
            own["pseudonymous_client"] = "true"
        said = _add_page(own, data, context) if called == PAGE_VIEW else set()
        if isinstance(data, dict) and (items := self._items(data.get(ITEMS))):
            own[ITEMS] = items
            said.add(ITEMS)
        found: dict[str, Value] = {}
        for path, value in self._leaves(data, context):
            if value is None or path in said:
                continue
            parameter = self._called.get(path)
            if parameter is None:
                parameter = self._call(path)
            if not parameter or parameter in found or parameter in own:
                continue
            written = written_value(value, LONGER.get(parameter, MAX_CHARACTERS))
            if written is not None:
                found[parameter] = written
        if len(own) + len(found) > MAX_PARAMETERS:
            found = self._chosen(found, MAX_PARAMETERS - len(own))
        own.update(found)
        return own

    def _items(self, value: Any) -> list[Item]:
        if not isinstance(value, list | tuple) or not value:
            return []
        items = items_of(value, self._call)
        if not items and not self._has_warned:
            self._has_warned = True
            message = (
                "Google Analytics takes items that are a list of objects with an item_id or an "
                "item_name each. Others are sent as text, as x_items"
            )
            log_safely(logger.warning, message)
        return items

    def _leaves(self, data: Any, context: dict[Any, Any]) -> list[tuple[str, Any]]:
        leaves: list[tuple[str, Any]] = []
        _flatten(data if type(data) is dict else {"data": data}, "", _MAX_LEVELS, leaves)
        around: list[tuple[str, Any]] = []
        for field in self._context_fields:
            value = context.get(field)
            # Empty: not known, such as the course of a request that was about none.
            if type(value) is not str or value:
                _flatten({field: value}, "", _MAX_LEVELS, around)
        return leaves + around

    def _call(self, path: str) -> str:
        called = parameter_name(path)
        if called in _OURS:
            called = f"x_{called}"
        if called not in self._first and _PERSONAL.fullmatch(_CAMEL.sub("_", path)):
            called = ""
        if len(self._called) < _MOST_REMEMBERED:
            self._called[path] = called
        return called

    def _chosen(self, found: dict[str, Value], room: int) -> dict[str, Value]:
        names = [name for name in self._first if name in found]
        names += [name for name in found if name not in self._first]
        if self._throttle.due("parameters") is not None:
            message = (
                "Google Analytics takes %s parameters of an event; left out: %s. "
                "The option params says which ones to keep"
            )
            log_safely(logger.warning, message, MAX_PARAMETERS, ", ".join(names[room:][:10]))
        return {name: found[name] for name in names[:room]}


def _checked(params: Sequence[str], who: str) -> tuple[str, ...]:
    for name in texts(params, f"{who}: params"):
        if not is_parameter_name(name):
            raise ImproperlyConfigured(
                f"{who}: params must be names as Google Analytics has them, got {name!r}. "
                f"Write {parameter_name(name)!r}"
            )
    return tuple(params)


def _own(name: str, data: Any, context: Mapping[Any, Any]) -> Written:
    """Return what Google needs to count the event at all, and its whole name."""
    engaged = data.get("engagement_time_msec") if isinstance(data, dict) else None
    own: Written = {
        "engagement_time_msec": engaged if type(engaged) is int and 0 < engaged < 2**53 else 1
    }
    session = context.get("ga_session_id")
    if type(session) is int:
        session = str(session)
    if isinstance(session, str) and session.isdecimal() and session.isascii():
        own["session_id"] = session[:MAX_CHARACTERS]
    own["event_name_full"] = written_text(name, MAX_CHARACTERS)
    return own


def _add_page(own: Written, data: Any, context: Mapping[Any, Any]) -> set[str]:
    """Add to *own* which page was seen; return the fields of *data* that are said by that."""
    known = data if isinstance(data, dict) else {}
    around = {"page_location": _location(context), "page_referrer": _referrer(known, context)}
    said: set[str] = set()
    for parameter, fields in _PAGE.items():
        given = {field: text for field in fields if isinstance(text := known.get(field), str)}
        value = next(filter(None, given.values()), "")
        said.update(field for field, text in given.items() if text in ("", value))
        if value := value or around.get(parameter, ""):
            own[parameter] = written_text(value, LONGER[parameter])
    return said


def _location(context: Mapping[Any, Any]) -> str:
    page = _text(context, "page")
    host, path = _text(context, "host"), _text(context, "path")
    if page or _is_of_browser(context):
        return page
    # Nothing says whether it was http: Open edX always took https for granted.
    return f"https://{host}{path}" if host and path else ""


def _referrer(known: dict[Any, Any], context: Mapping[Any, Any]) -> str:
    """Return where the request came from, unless the page itself said what it knows of that."""
    is_said = any(field in known for field in _PAGE["page_referrer"])
    return "" if is_said or _is_of_browser(context) else _text(context, "referer")


def _is_of_browser(context: Mapping[Any, Any]) -> bool:
    """Tell whether the request that is known is not that for the page, but one by it."""
    return _text(context, "event_source") == "browser"


def _text(fields: Mapping[Any, Any], name: str) -> str:
    value = fields.get(name)
    return value if isinstance(value, str) else ""


def _flatten(
    fields: dict[Any, Any], above: str, levels: int, leaves: list[tuple[str, Any]]
) -> None:
    """Add to *leaves* what is in *fields* at any depth, its keys joined by `_`."""
    # In one step: other threads may change a dict while it is walked.
    for key, value in fields.copy().items():
        if len(leaves) >= _MAX_LEAVES:
            return
        path = above + key if type(key) is str else f"{above}{plain(key)}"
        kind = type(value)
        if kind in _LEAVES or not levels:
            leaves.append((path, value))
        elif kind is dict:
            _flatten(value, f"{path}_", levels - 1, leaves)
        elif issubclass(kind, Mapping):
            known = plain(value)
            inner = known if type(known) is dict else {"": known}
            _flatten(inner, f"{path}_", levels - 1, leaves)
        else:
            leaves.append((path, value))
