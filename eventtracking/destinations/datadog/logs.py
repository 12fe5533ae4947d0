"""The way to Datadog's logs: one entry an event, with all that the event holds."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from eventtracking.delivery import Destination, HttpClient, Limits, Outcome, Record, meaning
from eventtracking.destinations.datadog.names import tag
from eventtracking.destinations.datadog.values import at, text
from eventtracking.serialization import encode
from eventtracking.types import Event

MAX_AGE_SECONDS = 18 * 3600.0
"""Datadog takes no log that is older."""

# What joins a record's id to its payload, and entries to each other, at most.
_ID_BYTES = 60
_ENTRIES = 1_000

# https://docs.datadoghq.com/api/latest/logs/#send-logs. A longer entry would be cut in
# silence.
_LIMITS = Limits(
    batch_events=_ENTRIES,
    batch_bytes=5_000_000 - _ENTRIES * _ID_BYTES,
    event_bytes=1_000_000 - _ID_BYTES,
)

_PATH = "/api/v2/logs"

# Where `encode` puts the time. Datadog obeys it under the other name only.
_TIME = re.compile(rb'\{"event_time":"([^"]*)"')
_OBEYED = b'{"timestamp":"%b"'

# A clock that is wrong by more makes no time worth keeping.
_MAX_LEAD = timedelta(minutes=10)
_MAX_AGE = timedelta(hours=17)


class LogsDestination(Destination):
    """
    Post events as entries of Datadog's logs.

    Args:
        http: Where to, with the key.
        service: The entries' `service`.
        tags: Tags of every entry.
    """

    label = "Datadog logs"
    limits = _LIMITS

    def __init__(self, http: HttpClient, *, service: str, tags: Sequence[str]) -> None:
        self._http = http
        self.identity = http.identity
        self._service = service
        self._tags = [cleaned for each in tags if (cleaned := tag(each))]
        self._host = os.uname().nodename

    def encode(self, event: Event, /) -> bytes:
        """Return the entry for *event*, without its id, and with its time in front."""
        name = text(event.get("name")) or "unknown"
        source = text(at(event, ("context", "event_source")))
        tags = [*self._tags, *([tag(f"source:{source}")] if source else [])]
        stamp = event.get("timestamp")
        entry = {
            **({"event_time": stamp} if isinstance(stamp, datetime) else {}),
            "message": name,
            "ddsource": "eventtracking",
            "ddtags": ",".join(tags),
            "hostname": self._host,
            "service": self._service,
            "evt.name": name,
            **_user(event),
            "data": event.get("data"),
            "context": event.get("context"),
        }
        return encode(entry)[:-1]

    def deliver(self, batch: Sequence[Record], timeout: float, /) -> Outcome:
        """Post *batch* in one call."""
        now = datetime.fromtimestamp(time.time(), UTC)
        entries = [b'{"event_id":"%b",%b' % (r.id.encode(), _timed(r, now)[1:]) for r in batch]
        body = b"[%b]" % b",".join(entries)
        return meaning(self._http.post(_PATH, body, timeout=timeout, compress=True))

    def forget(self) -> None:
        """Drop connections, in a forked child."""
        self._http.forget()

    def close(self) -> None:
        """Close connections."""
        self._http.close()


def _user(event: Event) -> dict[str, Any]:
    user = text(at(event, ("context", "user_id")))
    return {"usr.id": user} if user else {}


def _timed(record: Record, now: datetime) -> bytes:
    """Return the entry in *record*, its time under a name that Datadog obeys if it takes it."""
    found = _TIME.match(record.payload)
    if found is None or not _is_taken(found[1].decode(), now):
        return record.payload
    return _OBEYED % found[1] + record.payload[found.end() :]


def _is_taken(stamp: str, now: datetime) -> bool:
    try:
        return now - _MAX_AGE < datetime.fromisoformat(stamp) < now + _MAX_LEAD
    except (ValueError, TypeError):
        # Of a time zone that fails, a text without a zone, or none that is a time, is left.
        return False
