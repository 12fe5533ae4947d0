"""Verify what Segment, Datadog and Google Analytics would have received of a simulation."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

from eventtracking.demo.simulation import Step
from eventtracking.inspector.event_store import EventStore

_Payload = dict[str, Any]


def verify_destinations(events: EventStore, steps: Sequence[Step]) -> list[str]:
    """Return a line for each bad event, and for each destination with the wrong events."""
    received = [stored.as_dict() for stored in events.kept()]
    problems = [
        f"{each['destination']} would refuse {each['name']}: {', '.join(each['reasons'])}"
        for each in received
        if not each["good"]
    ]
    expected = Counter(step.event for step in steps if not step.is_dropped)
    for destination, counts in _COUNTS.items():
        found: Counter[str] = Counter()
        for each in received:
            if each["destination"] == destination:
                found.update(counts(each["payload"]))
        if found != expected:
            problems.append(f"{destination} got {dict(found)} instead of {dict(expected)}")
    return problems


def _segment_counts(call: _Payload) -> dict[str, int]:
    return {call["event"]: 1}


def _datadog_counts(metric: _Payload) -> dict[str, int]:
    """Return the sum of a counter by the event in its tags."""
    tags = dict(tag.split(":", 1) for tag in metric["tags"])
    return {tags["event"]: int(sum(metric["values"]))}


def _google_counts(event: _Payload) -> dict[str, int]:
    return {event["params"]["event_name_full"]: 1}


_COUNTS: dict[str, Callable[[_Payload], dict[str, int]]] = {
    "segment": _segment_counts,
    "datadog": _datadog_counts,
    "google_analytics": _google_counts,
}
