"""The books of a collector: what was accepted, what was refused, and why."""

from __future__ import annotations

import logging
from itertools import count
from typing import Any

from eventtracking.request.client_address import anonymized
from eventtracking.stats import LogThrottle, count_of, log_safely
from eventtracking.web.collector.refusals import EVENT_REASONS, REQUEST_REASONS

logger = logging.getLogger("eventtracking.web.collector")


class Tally:
    """Counts events and requests, without a lock, and says once a minute what was refused."""

    def __init__(self) -> None:
        self.accepted = count()
        self.duplicates = count()
        self.answered = count()
        self._events = {reason: count() for reason in EVENT_REASONS}
        self._requests = {reason: count() for reason in REQUEST_REASONS}
        self._throttle = LogThrottle()

    def refuse_event(self, reason: str, name: Any) -> None:
        """Count an event as refused."""
        next(self._events[reason])
        # Nothing is wrong if a visitor wants it so.
        number = None if reason == "opted_out" else self._throttle.due(("event", reason))
        if number is not None:
            message = 'Refused %s event(s) of browsers, %s; the last was "%.255s"'
            log_safely(logger.warning, message, number, reason, name)

    def refuse_request(self, reason: str, ip: str) -> None:
        """Count a request of the client at *ip* as refused."""
        next(self._requests[reason])
        number = self._throttle.due(("request", reason))
        if number is not None:
            message = "Refused %s request(s) with events, %s; the last came from %s"
            # The network tells an operator enough, and a visitor may want to be nobody.
            log_safely(logger.warning, message, number, reason, anonymized(ip) or "nowhere")

    def stats(self) -> dict[str, Any]:
        """Return the books, as `Collector.stats` shows them."""
        return {
            "accepted": count_of(self.accepted),
            "duplicates": count_of(self.duplicates),
            "refused": _counted(self._events),
            "requests": {"answered": count_of(self.answered), "refused": _counted(self._requests)},
        }


def _counted(counters: dict[str, Any]) -> dict[str, int]:
    counted = {reason: count_of(counter) for reason, counter in counters.items()}
    return {reason: number for reason, number in counted.items() if number}
