"""See, in the tests of an application, which events it emits, and what would reach the vendors."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from eventtracking.backends.routing import RoutingBackend
from eventtracking.tracker import DEFAULT_TRACKER_NAME, TRACKERS, Tracker, register_tracker
from eventtracking.types import Event

if TYPE_CHECKING:
    from eventtracking.inspector.event_store import StoredEvent
    from eventtracking.inspector.server import Inspector

# How often is looked whether what a test waits for has come.
_LOOK_SECONDS = 0.01


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
    # A subclass may process events in a way of its own.
    stand_in.process_event = router.process_event  # type: ignore[method-assign]
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


class FakeDestinations:
    """
    Stand in for Segment, Datadog and Google Analytics, on free ports of this machine.

    Used as a context manager. It checks what it receives against the vendors' limits and
    answers as they do; see `eventtracking inspect`, which is the same with a page.

    Args:
        max_events: How many events are kept, of the good and of the bad each.
        max_bytes: How many bytes of their payloads are kept, likewise.
        http_port: For HTTP, when something has to come back where it was; 0 for any.
        statsd_port: For DogStatsD, likewise.

    Raises:
        ImproperlyConfigured: On entering, if a port cannot be had.
    """

    def __init__(
        self,
        *,
        max_events: int = 200_000,
        max_bytes: int = 256_000_000,
        http_port: int = 0,
        statsd_port: int = 0,
    ) -> None:
        self._bounds = max_events, max_bytes
        self._ports = http_port, statsd_port
        self._opened: Inspector | None = None

    def __enter__(self) -> Self:
        # Not at the top: tests that capture events need no network.
        from eventtracking.inspector.server import Inspector

        max_events, max_bytes = self._bounds
        http_port, statsd_port = self._ports
        self._opened = Inspector(
            http_port=http_port,
            statsd_port=statsd_port,
            max_events=max_events,
            max_bytes=max_bytes,
        )
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        opened, self._opened = self._opened, None
        if opened is not None:
            opened.close()

    @property
    def segment_host(self) -> str:
        """What `SegmentBackend` takes as `host`."""
        return self._inspector.url

    @property
    def google_endpoint(self) -> str:
        """What `GoogleAnalyticsBackend` takes as `endpoint`."""
        return self._inspector.url

    @property
    def datadog_endpoint(self) -> str:
        """What `DatadogLogsBackend` and `DatadogBackend` take as `endpoint`."""
        return self._inspector.url

    @property
    def statsd_address(self) -> tuple[str, int]:
        """What `DatadogBackend` takes as `statsd_host` and `statsd_port`."""
        return self._inspector.statsd_address

    def events(self, destination: str | None = None) -> list[dict[str, Any]]:
        """
        Return what was received, oldest first.

        Each has its `destination`, `name`, whether it is `good`, the `reasons` if it is not,
        its `payload`, and when it was `received_at`, in ISO 8601.

        Args:
            destination: `segment`, `datadog` or `google_analytics`. Default: all of them.
        """
        return [stored.as_dict() for stored in self._stored(destination)]

    def wait_for_events(
        self, count: int, destination: str | None = None, *, timeout: float = 10.0
    ) -> list[dict[str, Any]]:
        """
        Return `events(destination)` as soon as there are *count* of them.

        Args:
            count: How many there have to be at least.
            destination: As in `events`.
            timeout: How many seconds to wait for them.

        Raises:
            AssertionError: If there are fewer even then.
        """
        end = time.monotonic() + timeout
        while len(found := self._stored(destination)) < count:
            if time.monotonic() > end:
                events = [stored.as_dict() for stored in found]
                raise AssertionError(f"expected {count} event(s) in {timeout} s; got {events!r}")
            time.sleep(_LOOK_SECONDS)
        return [stored.as_dict() for stored in found]

    def script(self, destination: str, script: str) -> None:
        """
        Let *destination* answer its next requests as *script* says, then as always.

        Args:
            destination: `segment`, `datadog` (HTTP) or `google_analytics`.
            script: One step a request: a status (`500`), `429:2` for `Retry-After: 2`,
                `hang` until the end, `hang:1.5` seconds before the normal answer, `reset` to
                take the events and then break the connection, `refuse` to break it at once.

        Raises:
            ImproperlyConfigured: If there is no such destination, or a step is wrong.
        """
        self._inspector.faults.set_script(destination, script)

    def reset(self) -> None:
        """Forget all events, and what is left of the scripts."""
        self._inspector.events.reset()
        self._inspector.faults.clear()

    def _stored(self, destination: str | None) -> list[StoredEvent]:
        kept = self._inspector.events.kept()
        return [each for each in kept if destination in (None, each.destination)]

    @property
    def _inspector(self) -> Inspector:
        if self._opened is None:
            raise RuntimeError("FakeDestinations: use it in a with statement")
        return self._opened


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
