"""Post events to Google Analytics: one client in a request, and no event twice."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator, Sequence
from contextlib import suppress
from typing import Any

from eventtracking.delivery import (
    Destination,
    HttpClient,
    Limits,
    Ok,
    Outcome,
    Record,
    Reject,
    Response,
    Split,
    at_most_once,
    outcome_of,
)
from eventtracking.destinations.google_analytics.payloads import (
    TOO_OLD,
    PayloadEncoder,
    identity_of,
    is_too_old,
    joined,
)
from eventtracking.stats import log_safely
from eventtracking.types import Event

logger = logging.getLogger(__name__)

# https://developers.google.com/analytics/devguides/collection/protocol/ga4/sending-events
# "The post body must be smaller than 130kB".
_MAX_BODY_BYTES = 130_000 - 1
_MAX_EVENTS = 25

# The number of waiting events that are sorted by client.
_WINDOW_EVENTS = 250

_PATH, _VALIDATION_PATH = "/mp/collect", "/debug/mp/collect"

# After this many different messages of the validation server, no more are logged.
_MAX_MESSAGES = 200
_MAX_MESSAGE_CHARACTERS = 500
_MESSAGE_KEYS = ("validationCode", "fieldPath", "description")


class MeasurementProtocol(Destination):
    """
    A web stream of Google Analytics, or the server that validates events for it.

    Args:
        encoder: Writes the payload of an event.
        client: Posts to Google, with the secret.
        validate: Send events to the validation server only.
    """

    label = "Google Analytics"
    limits = Limits(_MAX_EVENTS, _MAX_BODY_BYTES, _MAX_BODY_BYTES)
    window_events = _WINDOW_EVENTS
    # A request is for one client, so the events of many visitors are many requests.
    connections = 8

    def __init__(self, encoder: PayloadEncoder, client: HttpClient, *, validate: bool) -> None:
        self.request_limits = self.limits
        self._encoder = encoder
        self._client = client
        self.identity = client.identity
        # The validation server counts nothing, so repeats do no harm there.
        self.idempotent = validate
        self._validates = validate
        self._logged_messages: set[str] = set()

    def encode(self, event: Event, /) -> bytes:
        """Return *event* as a payload of its own."""
        return self._encoder.encode(event)

    def batches(self, records: Sequence[Record], /) -> Iterator[Sequence[Record]]:
        """Group *records* by client, within the limits of a request."""
        groups: dict[bytes, list[Record]] = {}
        for record in records:
            groups.setdefault(identity_of(record.payload), []).append(record)
        for group in groups.values():
            yield from self._requests(group)

    def _requests(self, group: list[Record]) -> Iterator[list[Record]]:
        limits = self.request_limits
        request: list[Record] = []
        size = 0
        for record in group:
            size += len(record.payload)
            if request and (len(request) == limits.batch_events or size > limits.batch_bytes):
                yield request
                request, size = [], len(record.payload)
            request.append(record)
        yield request

    def deliver(self, batch: Sequence[Record], timeout: float, /) -> Outcome:
        """Post *batch*, the events of one client, without those that are too old by now."""
        old = [record.id for record in batch if is_too_old(record.payload)]
        if old:
            # Once the batch is split, the other events are sent without these.
            return Reject(old, TOO_OLD) if len(old) == len(batch) else Split(TOO_OLD)
        payload = joined([record.payload for record in batch])
        if self._validates:
            return self._validate(batch, payload, timeout)
        return at_most_once(self._client.post(_PATH, payload, timeout=timeout), batch)

    def forget(self) -> None:
        """Drop connections without closing them."""
        self._client.forget()

    def close(self) -> None:
        """Close connections."""
        self._client.close()

    def _validate(self, batch: Sequence[Record], payload: bytes, timeout: float) -> Outcome:
        """Have *batch* validated, and log what is wrong with it."""
        # An `OSError` here becomes a `Retry`.
        strict = b'{"validation_behavior":"ENFORCE_RECOMMENDATIONS",' + payload[1:]
        response = self._client.post(_VALIDATION_PATH, strict, timeout=timeout)
        outcome = outcome_of(response)
        messages = _messages(response) if isinstance(outcome, Ok) else []
        if not messages:
            return outcome
        if len(batch) > 1:
            # Not every message says which of the events it is about.
            return Split("not valid")
        for message in messages:
            self._log(message, batch[0].name)
        codes = ", ".join(sorted({str(message.get("validationCode"))[:40] for message in messages}))
        return Reject([batch[0].id], f"not valid: {codes}")

    def _log(self, message: dict[str, Any], name: str) -> None:
        text = " ".join(str(message.get(key, "")) for key in _MESSAGE_KEYS)
        text = text[:_MAX_MESSAGE_CHARACTERS]
        if text not in self._logged_messages and len(self._logged_messages) < _MAX_MESSAGES:
            self._logged_messages.add(text)
            log_safely(logger.warning, 'Google Analytics rejects "%s": %s', name, text)


def _messages(response: Response) -> list[dict[str, Any]]:
    with suppress(ValueError, TypeError, KeyError):
        messages = json.loads(response.body)["validationMessages"]
        return [message for message in messages if isinstance(message, dict)]
    return []
