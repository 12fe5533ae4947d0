"""Hand events to a client of Segment's that the application has configured."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from eventtracking.delivery import Destination, Outcome, Record, Reject
from eventtracking.destinations.segment.context import segment_context
from eventtracking.destinations.segment.destination import LIMITS
from eventtracking.destinations.segment.identity import identity_of
from eventtracking.destinations.segment.values import as_dict, required_name
from eventtracking.event import copy_event, copy_value
from eventtracking.exceptions import EventLost
from eventtracking.types import Event

_NO_CLIENT = (
    "SegmentBackend has neither a write_key nor a client. Set write_key, "
    "or run: pip install 'eventtracking[segment]'"
)
_NO_KEY = (
    "Segment's client has no write_key. Set segment.analytics.write_key, "
    "or the option write_key of SegmentBackend"
)

_NO_MESSAGES = "a client of Segment takes calls, not messages"


class ClientDestination(Destination):
    """
    The client of Segment's that the application has configured.

    The client queues and sends events by itself. So `SegmentBackend` calls it in the
    thread that emits, and there is nothing to encode, to keep or to deliver.

    Args:
        find_client: Returns the client, or `None` while there is none.
    """

    label = "Segment"
    limits = LIMITS

    def __init__(self, find_client: Callable[[], Any]) -> None:
        self._find_client = find_client

    def track_event(self, event: Event) -> None:
        """
        Call `track` with a copy of *event*, which the client may keep and change.

        Raises:
            EventLost: If the event has no name or no identity, or there is no client.
        """
        copy = copy_event(event)
        facts = as_dict(copy.get("context"))
        required_name(copy.get("name"))
        field, id_text = identity_of(facts)
        client = self._client()
        context = segment_context(facts, copy)
        if field == "userId":
            # The same call as event-tracking's, argument by argument.
            client.track(facts["user_id"], copy["name"], copy, context=context)
        else:
            client.track(None, copy["name"], copy, context=context, anonymous_id=id_text)

    def call(
        self,
        kind: str,
        fields: Mapping[str, Any],
        user_id: Any,
        identity: tuple[str, str],
        context: Mapping[str, Any] | None,
    ) -> None:
        """
        Call the client's method *kind*, with copies of the values of *fields* in their order.

        Raises:
            EventLost: If there is no client.
        """
        field, id_text = identity
        is_user = field == "userId"
        anonymous = {} if is_user else {"anonymous_id": id_text}
        arguments = [copy_value(value) for value in (*fields.values(), as_dict(context))]
        method = getattr(self._client(), kind)
        method(user_id if is_user else None, *arguments, **anonymous)

    def encode(self, event: Event, /) -> bytes:  # noqa: ARG002
        """Refuse *event*: a client takes calls, not messages."""
        raise EventLost("rejected", _NO_MESSAGES)

    def deliver(self, batch: Sequence[Record], timeout: float, /) -> Outcome:  # noqa: ARG002
        """Reject *batch*: a client takes calls, not messages."""
        return Reject([record.id for record in batch], _NO_MESSAGES)

    def _client(self) -> Any:
        client = self._find_client()
        if client is None:
            raise EventLost("backend_error", _NO_CLIENT)
        if _has_no_key(client):
            raise EventLost("backend_error", _NO_KEY)
        return client


def _has_no_key(client: Any) -> bool:
    """Return whether *client* is the module of Segment's client, and has no key yet."""
    # Checked for each event, because an application may set the key after it built the backend.
    is_unused_module = getattr(client, "default_client", client) is None
    return is_unused_module and not getattr(client, "write_key", None)
