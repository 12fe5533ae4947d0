"""An event as the Measurement Protocol has it."""

from __future__ import annotations

import time
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

from orjson import JSONEncodeError, dumps

from eventtracking.destinations.google_analytics.clients import Clients
from eventtracking.destinations.google_analytics.names import EventNames
from eventtracking.destinations.google_analytics.parameters import Parameters
from eventtracking.exceptions import EventLost
from eventtracking.serialization import plain
from eventtracking.types import Event

MAX_AGE_SECONDS = 72 * 3600.0
"""What happened before that, Google would put at another time."""

EVENTS = b'"events":['
"""What parts the client from its events. It can stand in no text: a quote there is escaped."""

TOO_OLD = "Google Analytics takes events of the last 72 hours"

_TIME, _END = b'"timestamp_micros":', b"}]}"


class Events:
    """
    Write events as requests with one event each: `{"client_id": ..., "events": [...]}`.

    Requests that begin alike, up to `EVENTS`, may be made one.

    Args:
        names: What they are called.
        parameters: What is told of them.
        clients: Who is behind them.
    """

    def __init__(self, names: EventNames, parameters: Parameters, clients: Clients) -> None:
        self._names = names
        self._parameters = parameters
        self._clients = clients

    def written(self, event: Event) -> bytes:
        """
        Return *event* as a request.

        Raises:
            EventLost: If nothing says who is behind it, or it is too old.
        """
        context = event.get("context")
        if type(context) is not dict:
            known = plain(context)
            context = known if isinstance(known, dict) else {}
        request, is_pseudonym = self._clients.behind(context)
        name = event.get("name")
        name = name if type(name) is str else str(plain(name))
        called = self._names.called(name)
        params = self._parameters.of(name, called, event.get("data"), context, is_pseudonym)
        micros = _micros(event.get("timestamp"))
        request["events"] = [{"name": called, "params": params, "timestamp_micros": micros}]
        try:
            return dumps(request)
        except JSONEncodeError:
            # Half a character in a text, mostly.
            return dumps(plain(request))


def is_too_old(request: bytes) -> bool:
    """Tell whether the event in *request*, which `Events` wrote, happened too long ago."""
    # Its time stands last.
    micros = request.rpartition(_TIME)[2].removesuffix(_END)
    return int(micros) / 1e6 < time.time() - MAX_AGE_SECONDS


def _micros(timestamp: Any) -> int:
    """Return when it happened in microseconds; now, if that is not known, or not yet."""
    now = time.time()
    seconds = now
    with suppress(ValueError, TypeError, OverflowError, OSError):
        seconds = _moment(timestamp).timestamp()
    if seconds < now - MAX_AGE_SECONDS:
        raise EventLost("expired", TOO_OLD)
    return round(min(seconds, now) * 1e6)


def _moment(timestamp: Any) -> datetime:
    if type(timestamp) is datetime and timestamp.tzinfo is UTC:
        return timestamp
    moment = datetime.fromisoformat(plain(timestamp))
    # Naive ones are read in the zone of the settings.
    return moment if moment.tzinfo else datetime.fromisoformat(plain(moment))
