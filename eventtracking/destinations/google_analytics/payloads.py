"""Encode an event as a payload of the Measurement Protocol."""

from __future__ import annotations

import time
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

from orjson import JSONEncodeError, dumps

from eventtracking.destinations.google_analytics.identity import IdentityEncoder
from eventtracking.destinations.google_analytics.names import EventNames
from eventtracking.destinations.google_analytics.parameters import ParameterEncoder
from eventtracking.exceptions import EventLost
from eventtracking.serialization import plain
from eventtracking.types import Event

MAX_AGE_SECONDS = 72 * 3600.0
"""Google gives an older event another time."""

TOO_OLD = "Google Analytics accepts events of the last 72 hours"

# These cannot be part of a text, where a quotation mark is escaped.
_EVENTS, _TIMESTAMP = b'"events":[', b'"timestamp_micros":'

# The end of the list of events and of the payload, and of the timestamp of the last event.
_END, _TIMESTAMP_END = b"]}", b"}]}"


class PayloadEncoder:
    """
    Encode each event as a payload of its own: `{"client_id": ..., "events": [...]}`.

    Args:
        names: The names of events in Google Analytics.
        parameters: Encodes the parameters of an event.
        identities: Encodes the identity of an event.
    """

    def __init__(
        self, names: EventNames, parameters: ParameterEncoder, identities: IdentityEncoder
    ) -> None:
        self._names = names
        self._parameters = parameters
        self._identities = identities

    def encode(self, event: Event) -> bytes:
        """
        Return the payload of *event*.

        Raises:
            EventLost: If the event has no identity, or is too old.
        """
        context = event.get("context")
        if type(context) is not dict:
            known = plain(context)
            context = known if isinstance(known, dict) else {}
        payload, is_pseudonym = self._identities.encode(context)
        name = event.get("name")
        name = name if type(name) is str else str(plain(name))
        google_name = self._names.google_name(name)
        params = self._parameters.encode(
            name, google_name, event.get("data"), context, is_pseudonym=is_pseudonym
        )
        micros = _timestamp_micros(event.get("timestamp"))
        payload["events"] = [{"name": google_name, "params": params, "timestamp_micros": micros}]
        try:
            return dumps(payload)
        except JSONEncodeError:
            # Usually half of a surrogate pair in a text.
            return dumps(plain(payload))


def identity_of(payload: bytes) -> bytes:
    """Return the part of *payload* before its events. Payloads that share it can be joined."""
    return payload.partition(_EVENTS)[0]


def joined(payloads: list[bytes]) -> bytes:
    """Return one payload with the events of all *payloads*, which share an identity."""
    start = payloads[0].index(_EVENTS) + len(_EVENTS)
    events = b",".join([payload[start : -len(_END)] for payload in payloads])
    return payloads[0][:start] + events + _END


def is_too_old(payload: bytes) -> bool:
    """Return whether the event in *payload* happened too long ago for Google."""
    # `encode` writes the timestamp last.
    micros = payload.rpartition(_TIMESTAMP)[2].removesuffix(_TIMESTAMP_END)
    return int(micros) / 1e6 < time.time() - MAX_AGE_SECONDS


def _timestamp_micros(timestamp: Any) -> int:
    """Return *timestamp* in microseconds; the current time if it is not a time, or is ahead."""
    now = time.time()
    seconds = now
    with suppress(ValueError, TypeError, OverflowError, OSError):
        seconds = _as_datetime(timestamp).timestamp()
    if seconds < now - MAX_AGE_SECONDS:
        raise EventLost("expired", TOO_OLD)
    return round(min(seconds, now) * 1e6)


def _as_datetime(timestamp: Any) -> datetime:
    if type(timestamp) is datetime and timestamp.tzinfo is UTC:
        return timestamp
    moment = datetime.fromisoformat(plain(timestamp))
    # `plain` reads a naive datetime in the time zone of the settings.
    return moment if moment.tzinfo else datetime.fromisoformat(plain(moment))
