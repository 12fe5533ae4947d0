"""Encode the data of an event as parameters: flat, short, at most 25, without personal data."""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping, Sequence
from types import NoneType
from typing import Any, TypeAlias

from eventtracking.destinations.google_analytics.items import ITEMS, Item, encode_items
from eventtracking.destinations.google_analytics.names import parameter_name
from eventtracking.destinations.google_analytics.page_parameters import (
    MAX_PAGE_CHARACTERS,
    PAGE_VIEW,
    page_parameters,
)
from eventtracking.destinations.google_analytics.parameter_values import (
    Value,
    parameter_text,
    parameter_value,
)
from eventtracking.serialization import plain
from eventtracking.stats import LogThrottle, log_safely

logger = logging.getLogger(__name__)

Parameters: TypeAlias = dict[str, Value | list[Item]]
"""Parameters by their names in Google Analytics."""

MAX_PARAMETERS = 25
"""The number of parameters that an event may have."""

MAX_CHARACTERS = 100
"""The length that the text of a parameter may have, except for those of a page."""

# The parameters that this library sets, or that have a meaning in Google Analytics. The
# data of an event must not imitate them.
_RESERVED = frozenset(("session_id", "event_name_full", "pseudonymous_client", "debug_mode", ITEMS))

# Google forbids personal data: https://support.google.com/analytics/answer/6366371
_PERSONAL = re.compile(
    r"(?:.*_)?(?:e?mail|email_?address|user_?name|user_?id|ip|ip_?address|remote_?addr"
    r"|(?:first|last|full|given|family|middle|sur|nick|display|real|legal)_?name"
    r"|phone|phone_?number|telephone|address|street|postal_?code|zip_?code|gender"
    r"|birth_?day|birth_?date|date_?of_?birth|year_?of_?birth|session(?:_?(?:id|key))?"
    r"|password|passwd|secret|token|credentials?|cookie|user_?agent)",
    re.IGNORECASE,
)
_CAMEL_CASE = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")

# Beyond this depth, values become text. Beyond this number, values are left out.
_MAX_DEPTH = 8
_MAX_VALUES = 1_000

_MAX_CACHED_NAMES = 5_000

# The types of nearly all values, checked first.
_SCALARS = frozenset({str, int, float, bool, NoneType})


class ParameterEncoder:
    """
    Encode the data and some of the context of events as parameters.

    Args:
        params: The names of parameters that are kept when there are more than 25, the most
            important first. They are sent even if they look like personal data.
        context_fields: The fields of the context that become parameters.
    """

    def __init__(self, params: Sequence[str], context_fields: Sequence[str]) -> None:
        self._params = (*params,)
        self._context_fields = (*context_fields,)
        # The name of a parameter by its path in the data; empty if it must not be sent.
        self._names: dict[str, str] = {}
        self._throttle = LogThrottle()
        self._has_warned_of_items = False

    def encode(
        self,
        name: str,
        google_name: str,
        data: Any,
        context: dict[Any, Any],
        *,
        is_pseudonym: bool,
    ) -> Parameters:
        """
        Return the parameters of an event.

        Args:
            name: The name of the event.
            google_name: Its name in Google Analytics.
            data: Its data.
            context: Its context.
            is_pseudonym: Whether its client id is a pseudonym.
        """
        if type(data) is not dict:
            data = plain(data)
        parameters = _standard_parameters(name, data, context)
        if is_pseudonym:
            parameters["pseudonymous_client"] = "true"
        is_page_view = google_name == PAGE_VIEW
        page, used = page_parameters(data, context) if is_page_view else ({}, set())
        parameters.update(page)
        if isinstance(data, dict) and (items := self._items(data.get(ITEMS))):
            parameters[ITEMS] = items
            used.add(ITEMS)
        found: dict[str, Value] = {}
        for path, value in self._flattened(data, context):
            if value is None or path in used:
                continue
            parameter = self._names.get(path)
            if parameter is None:
                parameter = self._name_of(path)
            if not parameter or parameter in found or parameter in parameters:
                continue
            encoded = parameter_value(value, MAX_PAGE_CHARACTERS.get(parameter, MAX_CHARACTERS))
            if encoded is not None:
                found[parameter] = encoded
        if len(parameters) + len(found) > MAX_PARAMETERS:
            found = self._most_important(found, MAX_PARAMETERS - len(parameters))
        parameters.update(found)
        return parameters

    def _items(self, value: Any) -> list[Item]:
        if not isinstance(value, list | tuple) or not value:
            return []
        items = encode_items(value, self._name_of)
        if not items and not self._has_warned_of_items:
            self._has_warned_of_items = True
            message = (
                "Google Analytics accepts items only as a list of objects that each have an "
                "item_id or an item_name. Other items are sent as text, as x_items"
            )
            log_safely(logger.warning, message)
        return items

    def _flattened(self, data: Any, context: dict[Any, Any]) -> list[tuple[str, Any]]:
        values: list[tuple[str, Any]] = []
        _flatten(data if type(data) is dict else {"data": data}, "", _MAX_DEPTH, values)
        from_context: list[tuple[str, Any]] = []
        for field in self._context_fields:
            value = context.get(field)
            # An empty text means unknown, such as the course of a request outside courses.
            if type(value) is not str or value:
                _flatten({field: value}, "", _MAX_DEPTH, from_context)
        return values + from_context

    def _name_of(self, path: str) -> str:
        name = parameter_name(path)
        if name in _RESERVED:
            name = f"x_{name}"
        if name not in self._params and _PERSONAL.fullmatch(_CAMEL_CASE.sub("_", path)):
            name = ""
        if len(self._names) < _MAX_CACHED_NAMES:
            self._names[path] = name
        return name

    def _most_important(self, found: dict[str, Value], number: int) -> dict[str, Value]:
        """Return *number* of the parameters *found*, and log which others are left out."""
        names = [name for name in self._params if name in found]
        names += [name for name in found if name not in self._params]
        if self._throttle.due("parameters") is not None:
            message = (
                "Google Analytics accepts %s parameters of an event; left out: %s. "
                "Choose those to keep with the option params"
            )
            log_safely(logger.warning, message, MAX_PARAMETERS, ", ".join(names[number:][:10]))
        return {name: found[name] for name in names[:number]}


def _standard_parameters(name: str, data: Any, context: Mapping[Any, Any]) -> Parameters:
    """Return the parameters that Google needs to count an event, and its full name."""
    engaged = data.get("engagement_time_msec") if isinstance(data, dict) else None
    parameters: Parameters = {
        "engagement_time_msec": engaged if type(engaged) is int and 0 < engaged < 2**53 else 1
    }
    session = context.get("ga_session_id")
    if type(session) is int:
        session = str(session)
    if isinstance(session, str) and session.isdecimal() and session.isascii():
        parameters["session_id"] = session[:MAX_CHARACTERS]
    parameters["event_name_full"] = parameter_text(name, MAX_CHARACTERS)
    return parameters


def _flatten(
    fields: dict[Any, Any], prefix: str, depth: int, values: list[tuple[str, Any]]
) -> None:
    """Append to *values* the values in *fields* at any depth, with their keys joined by `_`."""
    # A copy, made in one step, because other threads may change the dict meanwhile.
    for key, value in fields.copy().items():
        if len(values) >= _MAX_VALUES:
            return
        path = prefix + key if type(key) is str else f"{prefix}{plain(key)}"
        kind = type(value)
        if kind in _SCALARS or not depth:
            values.append((path, value))
        elif kind is dict:
            _flatten(value, f"{path}_", depth - 1, values)
        elif issubclass(kind, Mapping):
            known = plain(value)
            inner = known if type(known) is dict else {"": known}
            _flatten(inner, f"{path}_", depth - 1, values)
        else:
            values.append((path, value))
