"""Write events as messages of Segment's HTTP API, and post them in batches."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from orjson import Fragment, dumps

from eventtracking import __version__
from eventtracking.delivery import Destination, HttpClient, Limits, Outcome, Record, outcome_of
from eventtracking.destinations.segment.identity import RequestIdentity
from eventtracking.destinations.segment.values import as_dict, event_time, required_name
from eventtracking.serialization import encode
from eventtracking.types import Event

# https://segment.com/docs/connections/sources/catalog/libraries/server/http-api/
_MAX_BATCH_EVENTS = 2_500
_MAX_BATCH_BYTES = 500 * 1024
_MAX_EVENT_BYTES = 32 * 1024

# `deliver` adds an id of up to 40 characters to each event, and an envelope to each batch.
_ID_BYTES = len('"messageId":"",') + 40
_ENVELOPE_BYTES = 1_024

LIMITS = Limits(
    batch_events=_MAX_BATCH_EVENTS,
    batch_bytes=_MAX_BATCH_BYTES - _ENVELOPE_BYTES,
    event_bytes=_MAX_EVENT_BYTES - _ID_BYTES,
)
"""Segment's limits, less the bytes that `SegmentDestination.deliver` adds."""

_PATH = "/v1/batch"

_SERVER_ERRORS = 500

_LIBRARY = Fragment(encode({"name": "eventtracking", "version": __version__}).rstrip())


class SegmentDestination(Destination):
    """
    Segment's batch API.

    Args:
        client: Posts to Segment.
        write_key: The key of the source, which each batch repeats.
        compress: Compress requests with gzip.
        integrations: The Segment destinations that get the events.
    """

    label = "Segment"
    limits = LIMITS

    def __init__(
        self, client: HttpClient, write_key: str, *, compress: bool, integrations: Mapping[str, Any]
    ) -> None:
        self._client = client
        self.identity = client.identity
        self._write_key = encode(write_key).rstrip()
        self._compress = compress
        self._integrations = Fragment(encode(integrations).rstrip())
        self._last_identity: RequestIdentity | None = None

    def encode(self, event: Event, /) -> bytes:
        """Return a `track` message with the whole *event* as its properties."""
        context = event.get("context")
        facts = context if type(context) is dict else as_dict(context)
        identity = self._last_identity
        if identity is None or not identity.matches(facts):
            self._last_identity = identity = RequestIdentity(facts, _LIBRARY, event)
        name, stamp = event.get("name"), event.get("timestamp")
        if type(stamp) is datetime and stamp.tzinfo is UTC:
            # The message holds the time twice, and it is encoded once.
            written: Any = Fragment(dumps(stamp))
            event = {**event, "timestamp": written}
        else:
            written = event_time(event)
        return encode(
            {
                "type": "track",
                "event": name if type(name) is str and name else required_name(name),
                identity.field: identity.id,
                "timestamp": written,
                "properties": event,
                "context": identity.context,
                "integrations": self._integrations,
            }
        )[:-1]

    def message(
        self, kind: str, fields: Mapping[str, Any], identity: tuple[str, str], context: Any
    ) -> bytes:
        """Return the message of a call of this *kind*, such as `identify`, made now."""
        field, id_text = identity
        known = {name: value for name, value in fields.items() if value is not None}
        return encode(
            {
                "type": kind,
                field: id_text,
                "timestamp": datetime.now(UTC),
                **known,
                "context": {**as_dict(context), "library": _LIBRARY},
                "integrations": self._integrations,
            }
        )[:-1]

    def batches(self, records: Sequence[Record], /) -> Iterable[Sequence[Record]]:
        """Divide *records* so that each request stays within the limit when ids are added."""
        payload_bytes = sum([len(record.payload) for record in records])
        id_bytes = len(records) * (_ID_BYTES + 1)
        if payload_bytes + id_bytes <= LIMITS.batch_bytes or len(records) == 1:
            return [records]
        middle = len(records) // 2
        return [*self.batches(records[:middle]), *self.batches(records[middle:])]

    def deliver(self, batch: Sequence[Record], timeout: float, /) -> Outcome:
        """Post *batch*. Segment drops a `messageId` that it received in the last day or so."""
        messages = b",".join(
            [b'{"messageId":"%b",%b' % (record.id.encode(), record.payload[1:]) for record in batch]
        )
        # Written at each attempt, because Segment corrects the timestamps by it.
        sent_at = datetime.now(UTC).isoformat().encode()
        body = b'{"batch":[%b],"sentAt":"%b","writeKey":%b}' % (messages, sent_at, self._write_key)
        response = self._client.post(_PATH, body, timeout=timeout, compress=self._compress)
        if response.status >= _SERVER_ERRORS:
            # Segment asks clients to look up its address again after a server error.
            self._client.close()
        return outcome_of(response)

    def forget(self) -> None:
        """Drop connections without closing them."""
        self._client.forget()

    def close(self) -> None:
        """Close connections."""
        self._client.close()


def authorization(write_key: str) -> str:
    """Return the `Authorization` header: HTTP basic authentication without a password."""
    return f"Basic {b64encode(f'{write_key}:'.encode()).decode()}"
