"""Post each event to Datadog's logs, with all its data and its context."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from eventtracking.delivery import Destination, HttpClient, Limits, Outcome, Record, outcome_of
from eventtracking.destinations.datadog.event_values import as_text, value_at
from eventtracking.destinations.datadog.naming import tag
from eventtracking.serialization import encode
from eventtracking.types import Event

MAX_AGE_SECONDS = 18 * 3600.0
"""Datadog drops a log that is older."""

# https://docs.datadoghq.com/api/latest/logs/#send-logs
_MAX_BATCH_LOGS = 1_000
_MAX_BATCH_BYTES = 5_000_000
# Datadog cuts a longer log without an error.
_MAX_LOG_BYTES = 1_000_000

# `deliver` adds at most this many bytes to each log: an id, a longer key, and a comma.
_ADDED_BYTES = 60

_LIMITS = Limits(
    batch_events=_MAX_BATCH_LOGS,
    batch_bytes=_MAX_BATCH_BYTES - _MAX_BATCH_LOGS * _ADDED_BYTES,
    event_bytes=_MAX_LOG_BYTES - _ADDED_BYTES,
)

_PATH = "/api/v2/logs"

# `encode` writes the time under `event_time`. Datadog uses it only as `timestamp`.
_EVENT_TIME = re.compile(rb'\{"event_time":"([^"]*)"')
_TIMESTAMP = b'{"timestamp":"%b"'

# The range of times that Datadog is sure to accept. Outside it, a clock was wrong or the log
# waited for too long, and Datadog would drop the log.
_MAX_LEAD = timedelta(minutes=10)
_MAX_AGE = timedelta(hours=17)


class LogsDestination(Destination):
    """
    Datadog's intake for logs.

    Args:
        client: Posts to Datadog, with the key.
        service: The `service` of the logs.
        tags: Tags of every log.
    """

    label = "Datadog logs"
    limits = _LIMITS

    def __init__(self, client: HttpClient, *, service: str, tags: Sequence[str]) -> None:
        self._client = client
        self.identity = client.identity
        self._service = service
        self._tags = [cleaned for each in tags if (cleaned := tag(each))]
        self._host = os.uname().nodename

    def encode(self, event: Event, /) -> bytes:
        """Return *event* as a log without an id, beginning with its time."""
        name = as_text(event.get("name")) or "unknown"
        source = as_text(value_at(event, ("context", "event_source")))
        tags = [*self._tags, *([tag(f"source:{source}")] if source else [])]
        stamp = event.get("timestamp")
        log = {
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
        return encode(log)[:-1]

    def deliver(self, batch: Sequence[Record], timeout: float, /) -> Outcome:
        """Post *batch* in one request."""
        now = datetime.fromtimestamp(time.time(), UTC)
        logs = [b'{"event_id":"%b",%b' % (r.id.encode(), _with_time(r, now)[1:]) for r in batch]
        body = b"[%b]" % b",".join(logs)
        return outcome_of(self._client.post(_PATH, body, timeout=timeout, compress=True))

    def forget(self) -> None:
        """Drop connections without closing them, in a forked child."""
        self._client.forget()

    def close(self) -> None:
        """Close connections."""
        self._client.close()


def _user(event: Event) -> dict[str, Any]:
    user = as_text(value_at(event, ("context", "user_id")))
    return {"usr.id": user} if user else {}


def _with_time(record: Record, now: datetime) -> bytes:
    """Return the log in *record*, with its time as `timestamp` if Datadog accepts that time."""
    found = _EVENT_TIME.match(record.payload)
    if found is None or not _is_accepted(found[1].decode(), now):
        return record.payload
    return _TIMESTAMP % found[1] + record.payload[found.end() :]


def _is_accepted(stamp: str, now: datetime) -> bool:
    try:
        return now - _MAX_AGE < datetime.fromisoformat(stamp) < now + _MAX_LEAD
    except (ValueError, TypeError):
        # The time has no time zone, or is the text that replaces one that failed.
        return False
