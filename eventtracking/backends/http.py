"""Post events to any server that takes JSON: a webhook, a collector, a CloudEvents broker."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Literal, Unpack, cast, get_args

from eventtracking.delivery import (
    DeliveryOptions,
    Destination,
    HttpClient,
    Limits,
    NetworkBackend,
    Outcome,
    Record,
    at_most_once,
    failure,
    meaning,
)
from eventtracking.exceptions import EventLost, ImproperlyConfigured
from eventtracking.serialization import encode, plain
from eventtracking.types import Event

Body = Literal["batch", "single", "cloudevents-batch", "cloudevents"]
"""What one request holds."""

_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)", re.ASCII)


class HttpDestination(Destination):
    """A server that takes events as JSON. The options are those of `HttpBackend`."""

    # What servers take without being asked: nginx, for one, up to 1 MiB.
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
        self._source = source if body.startswith("cloudevents") else None
        self._compress = compress
        self.label = f"Webhook {client.origin}"
        self.identity = client.identity
        self.idempotent = idempotent

    def encode(self, event: Event, /) -> bytes:
        """Return *event*, in an envelope if CloudEvents are asked for."""
        if self._source is None:
            return encode(_without_id(event))[:-1]
        if not event.get("name"):
            raise EventLost("rejected", "a CloudEvent needs a type, and this event has no name")
        envelope = {"specversion": "1.0", "type": str(event["name"]), "source": self._source}
        time = plain(event.get("timestamp"))
        if isinstance(time, str) and _TIME.fullmatch(time):
            envelope["time"] = time
        envelope["datacontenttype"] = "application/json"
        # Joined, not encoded within: an event by itself is encoded the fast way.
        return encode(envelope)[:-2] + b',"data":' + encode(event)[:-1] + b"}"

    def deliver(self, batch: Sequence[Record], timeout: float, /) -> Outcome:
        """Post *batch*."""
        body = b",".join(map(_with_id, batch))
        if self._is_batched:
            body = b"[" + body + b"]"
        try:
            answer = self._client.post("", body, timeout=timeout, compress=self._compress)
        except OSError as error:
            return failure(error, batch, idempotent=self.idempotent)
        return meaning(answer) if self.idempotent else at_most_once(answer, batch)

    def batches(self, records: Sequence[Record], /) -> Iterable[Sequence[Record]]:
        """Divide *records* into what one request takes."""
        return [records] if self._is_batched else [[record] for record in records]

    def forget(self) -> None:
        """Drop the connection without closing it."""
        self._client.forget()

    def close(self) -> None:
        """Close the connection."""
        self._client.close()


class HttpBackend(NetworkBackend):
    """
    Post events as JSON to a URL. Needs the extra `http`.

    Args:
        url: Where to. It may have a query; that is treated as a secret.
        headers: Sent with each request, such as `Authorization`. They are shown nowhere.
        body: What a request holds: `"batch"`, a JSON array of events, each with its `id`;
            `"single"`, one such event; `"cloudevents-batch"` or `"cloudevents"`, the same as
            CloudEvents 1.0 in structured mode.
        source: The `source` of CloudEvents, a URI reference such as `"/shop"`.
        compress: Whether to send gzip.
        idempotent: Whether the receiver drops repeats of an `id`. If not, nothing is sent
            again that may have arrived: it is lost, counted as `rejected`.
        delivery: The options of `eventtracking.delivery.DeliveryOptions`.

    Raises:
        ImproperlyConfigured: If an option is wrong, or `urllib3` is not installed.
    """

    def __init__(
        self,
        url: str,
        headers: Mapping[str, str] | None = None,
        *,
        body: Body = "batch",
        source: str | None = None,
        compress: bool = False,
        idempotent: bool = True,
        **delivery: Unpack[DeliveryOptions],
    ) -> None:
        _check(body, source, headers)
        kind = f"{body}+json" if body.startswith("cloudevents") else "json"
        # One among the headers is the user's, and wins.
        said = {"Content-Type": f"application/{kind}", **(headers or {})}
        client = HttpClient(url, owner="HttpBackend", option="url", headers=said)
        super().__init__(
            HttpDestination(client, body, source, compress=compress, idempotent=idempotent),
            **delivery,
        )


def _check(body: Any, source: Any, headers: Any) -> None:
    if body not in get_args(Body):
        choices = ", ".join(map(repr, get_args(Body)))
        raise ImproperlyConfigured(f"HttpBackend: body must be one of {choices}, got {body!r}")
    is_source = isinstance(source, str) and re.fullmatch("[!-~]+", source)
    if body.startswith("cloudevents") and not is_source:
        raise ImproperlyConfigured(
            f"HttpBackend: source must be a URI reference such as '/shop', got {source!r}"
        )
    if not isinstance(headers, Mapping | None):
        raise ImproperlyConfigured("HttpBackend: headers must map names to texts")


def _without_id(event: Event) -> Event:
    """Return *event*; an `id` that it has itself becomes its `original_id`."""
    if "id" not in event:
        return event
    renamed = {"original_id" if key == "id" else key: value for key, value in event.items()}
    return cast(Event, renamed)


def _with_id(record: Record) -> bytes:
    comma = b"," if len(record.payload) > len(b"{}") else b""
    return b'{"id":"' + record.id.encode() + b'"' + comma + record.payload[1:]
