"""The way to Google Analytics: one client a request, and no event twice."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator, Sequence
from contextlib import suppress
from typing import Any

from eventtracking.delivery import (
    Answer,
    Destination,
    HttpClient,
    Limits,
    NoAnswer,
    NotSent,
    Ok,
    Outcome,
    Record,
    Reject,
    Split,
    at_most_once,
    failure,
    meaning,
)
from eventtracking.destinations.google_analytics.events import EVENTS, TOO_OLD, Events, is_too_old
from eventtracking.stats import log_safely
from eventtracking.types import Event

logger = logging.getLogger(__name__)

# https://developers.google.com/analytics/devguides/collection/protocol/ga4/sending-events
# "The post body must be smaller than 130kB".
_MAX_BODY_BYTES = 130_000 - 1
_MAX_EVENTS = 25

# So many events are sorted by their clients.
_WINDOW_EVENTS = 250

# Past so many different messages, those of the validation server are no news.
_MOST_MESSAGES = 200
_MAX_MESSAGE_CHARACTERS = 500

_END = b"]}"


class MeasurementProtocol(Destination):
    """
    Send events to a web stream of Google Analytics, or to the server that validates them.

    Args:
        events: Writes them.
        client: Sends them, and knows the secret.
        validate: Ask only what is wrong with them.
    """

    label = "Google Analytics"
    limits = Limits(_MAX_EVENTS, _MAX_BODY_BYTES, _MAX_BODY_BYTES)
    window_events = _WINDOW_EVENTS
    # A request carries one client, so an hour of many visitors is many requests.
    connections = 8

    def __init__(self, events: Events, client: HttpClient, *, validate: bool) -> None:
        self.most = self.limits
        self._events = events
        self._client = client
        self.identity = client.identity
        # The server that validates counts nothing.
        self.idempotent = validate
        self._validates = validate
        self._told: set[str] = set()

    def encode(self, event: Event, /) -> bytes:
        """Return *event* as a request of its own."""
        return self._events.written(event)

    def batches(self, records: Sequence[Record], /) -> Iterator[Sequence[Record]]:
        """Put together what the same client did, as much as a request takes."""
        groups: dict[bytes, list[Record]] = {}
        for record in records:
            groups.setdefault(record.payload.partition(EVENTS)[0], []).append(record)
        for group in groups.values():
            yield from self._requests(group)

    def _requests(self, group: list[Record]) -> Iterator[list[Record]]:
        request: list[Record] = []
        size = 0
        for record in group:
            size += len(record.payload)
            if request and (len(request) == self.most.batch_events or size > self.most.batch_bytes):
                yield request
                request, size = [], len(record.payload)
            request.append(record)
        yield request

    def deliver(self, batch: Sequence[Record], timeout: float, /) -> Outcome:
        """Send *batch*, whose events have one client, unless one grew too old while it waited."""
        old = [record.id for record in batch if is_too_old(record.payload)]
        if old:
            # Whoever is young enough travels without the others.
            return Reject(old, TOO_OLD) if len(old) == len(batch) else Split(TOO_OLD)
        if self._validates:
            return self._validate(batch, timeout)
        try:
            answer = self._client.post("/mp/collect", _joined(batch), timeout=timeout)
        except (NotSent, NoAnswer) as error:
            return failure(error, batch, idempotent=False)
        return at_most_once(answer, batch)

    def forget(self) -> None:
        """Drop connections without closing them."""
        self._client.forget()

    def close(self) -> None:
        """Close connections."""
        self._client.close()

    def _validate(self, batch: Sequence[Record], timeout: float) -> Outcome:
        """Ask what is wrong with *batch*, and log it."""
        # An OSError is a `Retry`: nothing was counted.
        strict = b'{"validation_behavior":"ENFORCE_RECOMMENDATIONS",' + _joined(batch)[1:]
        answer = self._client.post("/debug/mp/collect", strict, timeout=timeout)
        outcome = meaning(answer)
        messages = _messages(answer) if isinstance(outcome, Ok) else []
        if not messages:
            return outcome
        if len(batch) > 1:
            # Google says of some faults only that there is one.
            return Split("not valid")
        for message in messages:
            self._tell(message, batch[0].name)
        codes = ", ".join(sorted({str(message.get("validationCode"))[:40] for message in messages}))
        return Reject([batch[0].id], f"not valid: {codes}")

    def _tell(self, message: dict[str, Any], name: str) -> None:
        said = " ".join(str(message.get(key, "")) for key in _MESSAGE_KEYS)
        said = said[:_MAX_MESSAGE_CHARACTERS]
        if said not in self._told and len(self._told) < _MOST_MESSAGES:
            self._told.add(said)
            log_safely(logger.warning, 'Google Analytics finds fault with "%s": %s', name, said)


_MESSAGE_KEYS = ("validationCode", "fieldPath", "description")


def _joined(batch: Sequence[Record]) -> bytes:
    """Return one request for all of *batch*, made of the requests with one event each."""
    start = batch[0].payload.index(EVENTS) + len(EVENTS)
    events = b",".join([record.payload[start : -len(_END)] for record in batch])
    return batch[0].payload[:start] + events + _END


def _messages(answer: Answer) -> list[dict[str, Any]]:
    with suppress(ValueError, TypeError, KeyError):
        messages = json.loads(answer.body)["validationMessages"]
        return [message for message in messages if isinstance(message, dict)]
    return []
