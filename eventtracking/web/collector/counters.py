"""Counters of the events and requests that a collector accepted and refused."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from itertools import count
from typing import Any

from eventtracking.request.client_address import anonymize_ip
from eventtracking.stats import LogThrottle, count_of, log_safely
from eventtracking.web.collector.refusals import EVENT_REASONS, REQUEST_REASONS

logger = logging.getLogger("eventtracking.web.collector")


class CollectorCounters:
    """Counts events and requests without a lock, and logs each kind of refusal once a minute."""

    def __init__(self) -> None:
        self.accepted = count()
        self.duplicates = count()
        self.answered = count()
        self._refused_events = {reason: count() for reason in EVENT_REASONS}
        self._refused_requests = {reason: count() for reason in REQUEST_REASONS}
        self._throttle = LogThrottle()

    def refuse_event(self, reason: str, name: Any) -> None:
        """Count the event called *name* as refused."""
        next(self._refused_events[reason])
        # A visitor's choice is not a problem that an operator must know about.
        number = None if reason == "opted_out" else self._throttle.due(("event", reason))
        if number is not None:
            message = 'Refused %s event(s) of browsers, %s; the last was "%.255s"'
            log_safely(logger.warning, message, number, reason, name)

    def refuse_request(self, reason: str, ip: str) -> None:
        """Count a request of the client at *ip* as refused."""
        next(self._refused_requests[reason])
        number = self._throttle.due(("request", reason))
        if number is not None:
            message = "Refused %s request(s) with events, %s; the last came from %s"
            # The network is enough for an operator, and the visitor may have opted out.
            log_safely(
                logger.warning, message, number, reason, anonymize_ip(ip) or "an unknown address"
            )

    def stats(self) -> dict[str, Any]:
        """Return the statistics in the form of `Collector.stats`."""
        return {
            "accepted": count_of(self.accepted),
            "duplicates": count_of(self.duplicates),
            "refused": _nonzero(self._refused_events),
            "requests": {
                "answered": count_of(self.answered),
                "refused": _nonzero(self._refused_requests),
            },
        }


def _nonzero(counters: Mapping[str, Iterator[int]]) -> dict[str, int]:
    counts = {reason: count_of(counter) for reason, counter in counters.items()}
    return {reason: number for reason, number in counts.items() if number}
