"""Verify what Segment, Datadog and Google Analytics got of the demonstration."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

from eventtracking.demo.drive import Step
from eventtracking.inspector.record import Records

_Payload = dict[str, Any]


def inspected(records: Records, steps: Sequence[Step]) -> list[str]:
    """Return a line for each of *records* that is bad, and each event a destination missed."""
    received = [record.whole() for record in records.kept()]
    lines = [
        f"{each['destination']} would refuse {each['name']}: {', '.join(each['reasons'])}"
        for each in received
        if not each["good"]
    ]
    expected = Counter(step.event for step in steps if not step.is_dropped)
    for destination, count in _COUNTS.items():
        got: Counter[str] = Counter()
        for each in received:
            if each["destination"] == destination:
                got.update(count(each["payload"]))
        if got != expected:
            lines.append(f"{destination} got {dict(got)} instead of {dict(expected)}")
    return lines


def _of_segment(call: _Payload) -> dict[str, int]:
    return {call["event"]: 1}


def _of_datadog(metric: _Payload) -> dict[str, int]:
    """Return the number that a counter brings, by the event in its tags."""
    tags = dict(tag.split(":", 1) for tag in metric["tags"])
    return {tags["event"]: int(sum(metric["values"]))}


def _of_google(event: _Payload) -> dict[str, int]:
    return {event["params"]["event_name_full"]: 1}


_COUNTS: dict[str, Callable[[_Payload], dict[str, int]]] = {
    "segment": _of_segment,
    "datadog": _of_datadog,
    "google_analytics": _of_google,
}
