"""Write events as messages of Segment's HTTP API, and post them in batches."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from orjson import Fragment, dumps

from eventtracking import __version__
from eventtracking.delivery import Destination, HttpClient, Limits, Outcome, Record, meaning
from eventtracking.destinations.segment.facts import (
    as_dict,
    moment,
    required_name,
)
from eventtracking.destinations.segment.identity import Scene
from eventtracking.serialization import encode
from eventtracking.types import Event

# What `deliver` adds to each event, with the longest id there can be, and to a batch.
_ID_BYTES = len('"messageId":"",') + 40
_ENVELOPE_BYTES = 1024

# https://segment.com/docs/connections/sources/catalog/libraries/server/http-api/
_BATCH_BYTES = 500 * 1024 - _ENVELOPE_BYTES
LIMITS = Limits(batch_events=2500, batch_bytes=_BATCH_BYTES, event_bytes=32 * 1024 - _ID_BYTES)

_SERVER_ERRORS = 500

_LIBRARY = Fragment(encode({"name": "eventtracking", "version": __version__}).rstrip())


class SegmentDestination(Destination):
    """
    Segment's `/v1/batch`.

    Args:
        write_key: The source's key.
        host: Where to, without the path.
        compress: Whether requests are compressed with gzip.
        integrations: Which of Segment's destinations get the events.
    """

    label = "Segment"
    limits = LIMITS

    def __init__(
        self, write_key: str, host: str, *, compress: bool, integrations: Mapping[str, Any]
    ) -> None:
        # The colon parts the key from a password that there is none of.
        credentials = b64encode(f"{write_key}:".encode()).decode()
        headers = {"Authorization": f"Basic {credentials}", "Content-Type": "application/json"}
        self._http = HttpClient(host, owner="SegmentBackend", option="host", headers=headers)
        self.identity = self._http.identity
        # What stands behind a question mark may be a secret of a proxy.
        self.host = host.partition("?")[0]
        self._key = encode(write_key).rstrip()
        self._compress = compress
        self._scene: Scene | None = None
        self._integrations = Fragment(encode(integrations).rstrip())

    def encode(self, event: Event, /) -> bytes:
        """Return the `track` message of *event*, which as a whole is its properties."""
        context = event.get("context")
        facts = context if type(context) is dict else as_dict(context)
        scene = self._scene
        if scene is None or not scene.is_of(facts):
            self._scene = scene = Scene(facts, _LIBRARY, event)
        name, stamp = event.get("name"), event.get("timestamp")
        if type(stamp) is datetime and stamp.tzinfo is UTC:
            # Written once, though it is there twice. And the encoder takes one date only.
            written: Any = Fragment(dumps(stamp))
            event = {**event, "timestamp": written}
        else:
            written = moment(event)
        return encode(
            {
                "type": "track",
                "event": name if type(name) is str and name else required_name(name),
                scene.kind: scene.who,
                "timestamp": written,
                "properties": event,
                "context": scene.context,
                "integrations": self._integrations,
            }
        )[:-1]

    def message(
        self, kind: str, fields: Mapping[str, Any], who: tuple[str, str], context: Any
    ) -> bytes:
        """Return the message of a call of this *kind*, made now."""
        known = {name: value for name, value in fields.items() if value is not None}
        return encode(
            {
                "type": kind,
                who[0]: who[1],
                "timestamp": datetime.now(UTC),
                **known,
                "context": {**as_dict(context), "library": _LIBRARY},
                "integrations": self._integrations,
            }
        )[:-1]

    def batches(self, records: Sequence[Record], /) -> Iterable[Sequence[Record]]:
        """Divide *records* so that each request stays below the limit with the ids in it."""
        payloads = sum([len(record.payload) for record in records])
        if payloads + len(records) * (_ID_BYTES + 1) <= _BATCH_BYTES or len(records) == 1:
            return [records]
        middle = len(records) // 2
        return [*self.batches(records[:middle]), *self.batches(records[middle:])]

    def deliver(self, batch: Sequence[Record], timeout: float, /) -> Outcome:
        """Post *batch*. Segment drops what it has seen by its `messageId`, for about a day."""
        events = b",".join(
            [b'{"messageId":"%b",%b' % (record.id.encode(), record.payload[1:]) for record in batch]
        )
        # At each attempt: Segment corrects the clock of the timestamps by it.
        sent_at = datetime.now(UTC).isoformat().encode()
        body = b'{"batch":[%b],"sentAt":"%b","writeKey":%b}' % (events, sent_at, self._key)
        answer = self._http.post("/v1/batch", body, timeout=timeout, compress=self._compress)
        if answer.status >= _SERVER_ERRORS:
            # Segment asks for the address to be looked up again then.
            self._http.close()
        return meaning(answer)

    def forget(self) -> None:
        """Drop connections without closing them."""
        self._http.forget()

    def close(self) -> None:
        """Close connections."""
        self._http.close()
