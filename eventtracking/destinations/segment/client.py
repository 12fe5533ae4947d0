"""Hand events to the client of Segment's that the application has configured."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

from eventtracking.delivery import Record
from eventtracking.delivery.destination import new_id
from eventtracking.delivery.losses import Losses
from eventtracking.destinations.segment.facts import (
    as_dict,
    as_text,
    identity,
    identity_of,
    required_name,
    segment_context,
)
from eventtracking.event import copy_event, copy_value
from eventtracking.exceptions import EventLost
from eventtracking.stats import Counters
from eventtracking.types import BackendStats, Event

_NO_CLIENT = (
    "SegmentBackend has neither a write_key nor a client. Set write_key, "
    "or run: pip install 'eventtracking[segment]'"
)
_NO_KEY = (
    "Segment's client has no write_key. Set segment.analytics.write_key, "
    "or the option write_key of SegmentBackend"
)


class ClientCalls:
    """
    Turn events into calls of a client, which sends them when and how it likes.

    What the client raises reaches the caller, and is not in these books.

    Args:
        find: Returns the client, or `None` as long as there is none.
    """

    way = "by a client"

    def __init__(self, find: Callable[[], Any]) -> None:
        self._find = find
        self._counters = Counters()
        self._losses = Losses("Segment", self._counters)

    def send(self, event: Event, /) -> None:
        """Call `track` with *event*. The client queues what it gets, so it gets a copy."""
        copy = copy_event(event)
        facts = as_dict(copy.get("context"))
        try:
            required_name(copy.get("name"))
            kind, who = identity_of(facts)
            client = self._client()
        except EventLost as refusal:
            self._lose(event.get("name"), refusal)
            return
        context = segment_context(facts, copy)
        if kind == "userId":
            # As event-tracking calls it, to the letter.
            client.track(facts["user_id"], copy["name"], copy, context=context)
        else:
            client.track(None, copy["name"], copy, context=context, anonymous_id=who)
        self._count()

    def call(
        self,
        kind: str,
        fields: Mapping[str, Any],
        user_id: Any,
        anonymous_id: Any,
        context: Mapping[str, Any] | None,
    ) -> None:
        """Make a call of this *kind*. The values of *fields* are its arguments, in their order."""
        try:
            known_by, who = identity(user_id, anonymous_id)
            if kind == "track":
                required_name(fields["event"])
            client = self._client()
        except EventLost as refusal:
            self._lose(fields.get("event", kind), refusal)
            return
        is_user = known_by == "userId"
        anonymous = {} if is_user else {"anonymous_id": who}
        arguments = [copy_value(value) for value in (*fields.values(), as_dict(context))]
        getattr(client, kind)(user_id if is_user else None, *arguments, **anonymous)
        self._count()

    def flush(self, timeout: float | None = None) -> bool:  # noqa: ARG002  # nothing waits here
        """Do nothing: the client's `flush` may hang for ever, and calling it is up to its owner."""
        return True

    close = flush

    def stats(self) -> BackendStats:
        """Return the books; `sent` is what the client took."""
        return self._counters.stats()

    def _client(self) -> Any:
        client = self._find()
        if client is None:
            raise EventLost("backend_error", _NO_CLIENT)
        if _is_without_key(client):
            raise EventLost("backend_error", _NO_KEY)
        return client

    def _count(self) -> None:
        next(self._counters.accepted)
        next(self._counters.sent)

    def _lose(self, name: Any, refusal: EventLost) -> None:
        next(self._counters.accepted)
        record = Record(new_id(), time.time(), as_text(name), b"")
        self._losses.lose(refusal.reason, [record], str(refusal))


def _is_without_key(client: Any) -> bool:
    """Tell whether *client* is the module of Segment's client, and nobody configured it yet."""
    # Asked at each event: an application may set the key later than it builds the backend.
    is_idle_module = getattr(client, "default_client", client) is None
    return is_idle_module and not getattr(client, "write_key", None)
