"""Deliver events to Segment, and the calls that are no events."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Unpack

from eventtracking.delivery import DeliveryOptions, NetworkBackend
from eventtracking.destinations.segment.destination import SegmentDestination
from eventtracking.destinations.segment.facts import as_text, identity, required_name
from eventtracking.exceptions import EventLost


class SegmentDelivery(NetworkBackend):
    """
    Deliver events, and Segment's other calls, to `SegmentDestination`.

    Args:
        destination: Where to.
        delivery: The options of `NetworkBackend`.
    """

    _owner = "SegmentBackend"

    def __init__(
        self, destination: SegmentDestination, **delivery: Unpack[DeliveryOptions]
    ) -> None:
        super().__init__(destination, **delivery)
        self._segment = destination
        self.way = f"host={destination.host!r} outbox={self.outbox!r}"

    def call(
        self,
        kind: str,
        fields: Mapping[str, Any],
        user_id: Any,
        anonymous_id: Any,
        context: Mapping[str, Any] | None,
    ) -> None:
        """Take a call of this *kind*, as `send` takes an event."""
        name = as_text(fields.get("event", kind))
        try:
            who = identity(user_id, anonymous_id)
            if kind == "track":
                fields = {**fields, "event": required_name(fields["event"])}
        except EventLost as refusal:
            self._lose(name, refusal)
        else:
            self.put(name, self._segment.message(kind, fields, who, context))
