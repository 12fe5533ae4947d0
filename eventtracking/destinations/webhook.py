"""Post events as JSON or as CloudEvents to any server."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Literal, cast

from eventtracking.delivery import (
    Destination,
    HttpClient,
    Limits,
    Outcome,
    Record,
    at_most_once,
    outcome_of,
)
from eventtracking.exceptions import EventLost
from eventtracking.serialization import encode, plain
from eventtracking.types import Event

Body = Literal["batch", "single", "cloudevents-batch", "cloudevents"]
"""The content of a request."""

# CloudEvents require RFC 3339, which is stricter than ISO 8601.
_RFC_3339 = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)", re.ASCII)


class WebhookDestination(Destination):
    """
    A server that accepts events as JSON.

    Args:
        client: Posts to the server.
        body: The content of a request.
        source: The `source` of CloudEvents.
        compress: Compress requests with gzip.
        idempotent: Whether the server drops repeats of an `id`.
    """

    # Servers accept this much by default: nginx, for example, up to 1 MiB.
    limits = Limits(batch_events=10_000, batch_bytes=1_000_000, event_bytes=1_000_000)

    def __init__(
        self,
        client: HttpClient,
        body: Body,
        source: str | None,
        *,
        compress: bool,
        idempotent: bool,
    ) -> None:
        self._client = client
        self._is_batched = body in ("batch", "cloudevents-batch")
        self._source = source if is_cloudevents(body) else None
        self._compress = compress
        self.label = f"Webhook {client.origin}"
        self.identity = client.identity
        self.idempotent = idempotent

    def encode(self, event: Event, /) -> bytes:
        """Return *event*, or a CloudEvent with *event* as its data."""
        if self._source is None:
            return encode(_without_id(event))[:-1]
        if not event.get("name"):
            raise EventLost("rejected", "a CloudEvent needs a type, and this event has no name")
        attributes = {"specversion": "1.0", "type": str(event["name"]), "source": self._source}
        time = plain(event.get("timestamp"))
        if isinstance(time, str) and _RFC_3339.fullmatch(time):
            attributes["time"] = time
        attributes["datacontenttype"] = "application/json"
        # Joined afterwards, because an event on its own takes the fast path of the encoder.
        return encode(attributes)[:-2] + b',"data":' + encode(event)[:-1] + b"}"

    def deliver(self, batch: Sequence[Record], timeout: float, /) -> Outcome:
        """Post *batch*."""
        body = b",".join(map(_with_id, batch))
        if self._is_batched:
            body = b"[" + body + b"]"
        response = self._client.post("", body, timeout=timeout, compress=self._compress)
        return outcome_of(response) if self.idempotent else at_most_once(response, batch)

    def batches(self, records: Sequence[Record], /) -> Iterable[Sequence[Record]]:
        """Divide *records* into requests."""
        return [records] if self._is_batched else [[record] for record in records]

    def forget(self) -> None:
        """Drop connections without closing them."""
        self._client.forget()

    def close(self) -> None:
        """Close connections."""
        self._client.close()


def is_cloudevents(body: Body) -> bool:
    """Return whether a request with this *body* holds CloudEvents."""
    return body in ("cloudevents-batch", "cloudevents")


def _without_id(event: Event) -> Event:
    """Return *event* with its own `id`, if any, as `original_id`: the record has another."""
    if "id" not in event:
        return event
    renamed = {"original_id" if key == "id" else key: value for key, value in event.items()}
    return cast(Event, renamed)


def _with_id(record: Record) -> bytes:
    comma = b"," if len(record.payload) > len(b"{}") else b""
    return b'{"id":"' + record.id.encode() + b'"' + comma + record.payload[1:]
