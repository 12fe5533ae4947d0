"""Emit the events of a request through the tracker, as far as the visitor's privacy allows."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from types import TracebackType
from typing import Any, Self

from eventtracking.request import RequestFacts, RequestScope, current_request
from eventtracking.tracker import Tracker
from eventtracking.web.collector.browser_event import BrowserEvent
from eventtracking.web.collector.privacy import AnonymousFacts, without_identifiers
from eventtracking.web.collector.refusals import EventRefused, RequestRefused
from eventtracking.web.options import PrivacyMode


class RequestEmitter:
    """
    Emits the events of one request, which is the current one within the `with` block.

    Args:
        tracker: The tracker, or `None` if none is configured.
        mode: How to treat the events of this visitor.
        facts: The facts about the request.

    Raises:
        RequestRefused: If there is no open tracker, and the events are not dropped anyway.
    """

    def __init__(
        self, tracker: Tracker | None, mode: PrivacyMode, facts: RequestFacts | None
    ) -> None:
        self._is_anonymous = mode == "anonymous"
        self._tracker = None if mode == "drop" else _require_open(tracker)
        self.facts = facts
        if self._is_anonymous and facts is not None:
            self.facts = AnonymousFacts(facts)
        self._scope: RequestScope | None = None

    def __enter__(self) -> Self:
        if self.facts is not None and self.facts is not current_request():
            self._scope = RequestScope(self.facts)
            self._scope.__enter__()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._scope is not None:
            self._scope.__exit__(kind, error, traceback)

    def require_tracker(self) -> Tracker:
        """
        Return the tracker.

        Raises:
            EventRefused: If the events of this visitor are dropped.
            RequestRefused: If the tracker was closed in the meantime.
        """
        if self._tracker is None:
            raise EventRefused("opted_out")
        return _require_open(self._tracker)

    def emit(
        self, event: BrowserEvent, received: datetime, server_fields: Mapping[str, Any]
    ) -> None:
        """
        Emit *event* with the entered contexts.

        Args:
            event: The event.
            received: The time of the request.
            server_fields: Fields of the context that a browser cannot override.

        Raises:
            EventRefused: If the events of this visitor are dropped.
            RequestRefused: If the tracker is closed, perhaps after it accepted the event.
        """
        tracker = self.require_tracker()
        context = {**tracker.resolve_context(), **event.context}
        data = event.data or {}
        if self._is_anonymous:
            context, data = without_identifiers(context), without_identifiers(data)
        context.update(server_fields, event_source="browser", received_at=received.isoformat())
        tracker.send(
            {"name": event.name, "timestamp": event.time, "data": data, "context": context}
        )
        # A tracker that was closed meanwhile may have lost the event. The client sends it again,
        # because a repeated event is better than a lost one.
        _require_open(tracker)


def _require_open(tracker: Tracker | None) -> Tracker:
    if tracker is None:
        raise RequestRefused("not_configured")
    if tracker.is_closed:
        raise RequestRefused("closed")
    return tracker
