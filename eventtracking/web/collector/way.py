"""The way of a browser's events into the tracker, as far as the visitor wants them to go."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from types import TracebackType
from typing import Any, Self

from eventtracking.request import (
    FACTS,
    AskedVisitor,
    RequestFacts,
    TrustedProxies,
    Visit,
    current_request,
)
from eventtracking.tracker import Tracker
from eventtracking.web.collector.privacy import AnonymousFacts, without_identifiers
from eventtracking.web.collector.refusals import EventRefused, RequestRefused
from eventtracking.web.collector.sent import Sent
from eventtracking.web.options import Choice


class Way:
    """
    For a `with` block, in which the request is the current one.

    Args:
        tracker: Where events go; `None` if there is nowhere to go.
        choice: What the visitor's wishes mean here.
        facts: The facts about the request.

    Raises:
        RequestRefused: If there is nowhere to go, now: the sender may come again.
    """

    def __init__(self, tracker: Tracker | None, choice: Choice, facts: RequestFacts | None) -> None:
        self._is_anonymous = choice == "anonymous"
        self._tracker = None if choice == "drop" else _open(tracker)
        is_hidden = self._is_anonymous and facts is not None
        self.facts = AnonymousFacts(facts) if is_hidden and facts is not None else facts
        self._visit: Visit | None = None

    def __enter__(self) -> Self:
        if self.facts is not None and self.facts is not current_request():
            self._visit = Visit(self.facts)
            self._visit.__enter__()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._visit is not None:
            self._visit.__exit__(kind, error, traceback)

    def tracker(self) -> Tracker:
        """
        Return where events go.

        Raises:
            EventRefused: If the visitor wants none to go.
            RequestRefused: If they go nowhere any more.
        """
        if self._tracker is None:
            raise EventRefused("opted_out")
        return _open(self._tracker)

    def emit(self, sent: Sent, received: datetime, own: Mapping[str, Any]) -> None:
        """
        Send the event, with the context that is entered here and with what the server knows.

        Raises:
            EventRefused: As `tracker` does.
            RequestRefused: Likewise, and if that may have been so when the event came.
        """
        tracker = self.tracker()
        context = {**tracker.resolve_context(), **sent.context}
        data = sent.data or {}
        if self._is_anonymous:
            context, data = without_identifiers(context), without_identifiers(data)
        # Last, so that nothing a browser sent can stand in their place.
        context.update(own, event_source="browser", received_at=received.isoformat())
        tracker.send({"name": sent.name, "timestamp": sent.time, "data": data, "context": context})
        # Closed meanwhile, it may have lost the event. Twice is better than never.
        _open(tracker)


def _open(tracker: Tracker | None) -> Tracker:
    """Return *tracker*, if it takes events."""
    if tracker is None:
        raise RequestRefused("not_configured")
    if tracker.is_closed:
        raise RequestRefused("closed")
    return tracker


def known(facts: Mapping[str, Any] | None) -> RequestFacts | None:
    """Return *facts* as what processors ask for them."""
    return facts if facts is None or isinstance(facts, RequestFacts) else _GivenFacts(facts)


class _GivenFacts(RequestFacts):
    """Facts from a mapping, of a caller that has no request. What is missing is empty."""

    def __init__(self, facts: Mapping[str, Any]) -> None:
        visitor = AskedVisitor(None, session=None, user=None)
        super().__init__(dict, visitor=visitor, trusted_proxies=TrustedProxies())
        self._given = facts

    def __getitem__(self, name: str) -> Any:
        if name not in FACTS:
            raise KeyError(name)
        return self._given.get(name, "")
