"""See, in the tests of an application, which events it emits."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from eventtracking.backends.routing import RoutingBackend
from eventtracking.tracker import DEFAULT_TRACKER_NAME, TRACKERS, Tracker, register_tracker
from eventtracking.types import Event


class CapturedEvents(list[Event]):
    """The events that reached the backends, oldest first: a list, with assertions."""

    def send(self, event: Event, /) -> None:
        """Keep *event*, as a backend."""
        self.append(event)

    def named(self, name: str) -> list[Event]:
        """Return the events called *name*."""
        return [event for event in self if event.get("name") == name]

    def assert_emitted(
        self,
        name: str,
        data_subset: Mapping[str, Any] | None = None,
        context_subset: Mapping[str, Any] | None = None,
        count: int | None = None,
    ) -> list[Event]:
        """
        Assert that events were emitted, and return them.

        Args:
            name: Their name, whole.
            data_subset: What their data hold at least; mappings inside count as subsets too.
            context_subset: What their context holds at least.
            count: How many of them there are exactly. Default: one or more.

        Raises:
            AssertionError: If there are none, or not *count*. It shows the events by
                that name, or, if there are none, the names that were emitted.
        """
        __tracebackhide__ = True
        found = [
            event
            for event in self.named(name)
            if (data_subset is None or _holds(event.get("data"), data_subset))
            and (context_subset is None or _holds(event.get("context"), context_subset))
        ]
        if len(found) != count if count is not None else not found:
            wanted = {"data": data_subset, "context": context_subset}
            raise AssertionError(self._complaint(name, wanted, count, len(found)))
        return found

    def _complaint(self, name: str, wanted: dict[str, Any], count: int | None, found: int) -> str:
        subsets = "".join(f", {part} with {subset!r}" for part, subset in wanted.items() if subset)
        expected = "at least 1" if count is None else count
        lines = [f"expected {expected} event(s) {name!r}{subsets}; found {found}"]
        lines += [f"  {event!r}" for event in self.named(name)]
        if len(lines) == 1:
            lines.append(f"  emitted were: {sorted({str(event.get('name')) for event in self})}")
        return "\n".join(lines)


@contextmanager
def capture_events(*, passthrough: bool = False) -> Iterator[CapturedEvents]:
    """
    Collect what the default tracker would send to its backends, after its processors.

    While this is open the backends get nothing, and their books stand still. Without a
    default tracker there is one for as long. Blocks nest; each ends with what was there.

    Args:
        passthrough: Send the events to the backends as well.
    """
    registered = TRACKERS.get(DEFAULT_TRACKER_NAME)
    tracker = Tracker() if registered is None else registered
    router = tracker.routing_backend
    captured = CapturedEvents()
    stand_in = RoutingBackend({"captured": captured})
    # The list itself, so that a processor registered meanwhile counts, and stays.
    stand_in.processors = router.processors
    if passthrough:
        stand_in.register_backend("passthrough", _Unprocessed(router))
    tracker.routing_backend = stand_in
    register_tracker(tracker)
    try:
        yield captured
    finally:
        tracker.routing_backend = router
        if registered is None:
            TRACKERS.pop(DEFAULT_TRACKER_NAME, None)
        else:
            register_tracker(registered)


class _Unprocessed:
    """The backends of a router, without its processors, which have run already."""

    read_only = True

    def __init__(self, router: RoutingBackend) -> None:
        self.send = router.send_to_backends


def _holds(actual: Any, subset: Any) -> bool:
    if isinstance(subset, Mapping):
        return isinstance(actual, Mapping) and all(
            key in actual and _holds(actual[key], value) for key, value in subset.items()
        )
    return bool(actual == subset)
