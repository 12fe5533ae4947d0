"""Capture the events of an application in its tests, and simulate the vendors' services."""

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

# The interval at which the events that a test waits for are counted.
_POLL_SECONDS = 0.01


class CapturedEvents(list[Event]):
    """The events that reached the backends, oldest first: a list with assertions."""

    def send(self, event: Event, /) -> None:
        """Keep *event*, as a backend does."""
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
            name: The whole name.
            data_subset: Items that their data must hold; nested mappings are subsets too.
            context_subset: Items that their context must hold.
            count: The exact number of such events. Default: one or more.

        Raises:
            AssertionError: If the number differs. It shows the events of that name,
                or, if there are none, the names that were emitted.
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
            raise AssertionError(self._failure(name, wanted, count, len(found)))
        return found

    def _failure(self, name: str, wanted: dict[str, Any], count: int | None, found: int) -> str:
        subsets = "".join(f", {part} with {subset!r}" for part, subset in wanted.items() if subset)
        expected = "at least 1" if count is None else count
        lines = [f"expected {expected} event(s) {name!r}{subsets}; found {found}"]
        lines += [f"  {event!r}" for event in self.named(name)]
        if len(lines) == 1:
            lines.append(f"  emitted names: {sorted({str(event.get('name')) for event in self})}")
        return "\n".join(lines)


@contextmanager
def capture_events(*, passthrough: bool = False) -> Iterator[CapturedEvents]:
    """
    Collect the events that the default tracker would hand to its backends.

    Its processors run, but inside the block the backends get nothing and count nothing. If
    there is no default tracker, the block has one of its own. Blocks nest.

    Args:
        passthrough: Send the events to the backends as well.
    """
    registered = TRACKERS.get(DEFAULT_TRACKER_NAME)
    tracker = Tracker() if registered is None else registered
    router = tracker.routing_backend
    captured = CapturedEvents()
    stand_in = RoutingBackend({"captured": captured})
    # The list itself, so that a processor registered in the block runs, and remains.
    stand_in.processors = router.processors
    # A subclass may override it.
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
    Simulate Segment, Datadog and Google Analytics, on free ports of this machine.

    Used as a context manager. It checks received events against the vendors' limits and
    responds as they do; `eventtracking inspect` is the same with a page.

    Args:
        max_events: The number of valid events to keep, and of invalid ones.
        max_bytes: The bytes of payloads to keep of valid events, and of invalid ones.
        http_port: The port for HTTP; 0 for any free one.
        statsd_port: The port for DogStatsD; 0 for any free one.

    Raises:
        ImproperlyConfigured: On entering, if a port cannot be opened.
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
        # Not at the top: a test that captures events needs no web server.
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
        """The value for the option `host` of `SegmentBackend`."""
        return self._inspector.url

    @property
    def google_endpoint(self) -> str:
        """The value for the option `endpoint` of `GoogleAnalyticsBackend`."""
        return self._inspector.url

    @property
    def datadog_endpoint(self) -> str:
        """The value for the option `endpoint` of `DatadogLogsBackend` and `DatadogBackend`."""
        return self._inspector.url

    @property
    def statsd_address(self) -> tuple[str, int]:
        """The values for `statsd_host` and `statsd_port` of `DatadogBackend`."""
        return self._inspector.statsd_address

    def events(self, destination: str | None = None) -> list[dict[str, Any]]:
        """
        Return the received events, oldest first.

        Each is a dict with `destination`, `name`, `good` (whether it is valid), `reasons`
        (if it is not), `payload`, and `received_at` in ISO 8601.

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
            count: The number of events to wait for.
            destination: As in `events`.
            timeout: The longest wait, in seconds.

        Raises:
            AssertionError: If there are fewer when the time is over.
        """
        end = time.monotonic() + timeout
        while len(found := self._stored(destination)) < count:
            if time.monotonic() > end:
                events = [stored.as_dict() for stored in found]
                raise AssertionError(f"expected {count} event(s) in {timeout} s; got {events!r}")
            time.sleep(_POLL_SECONDS)
        return [stored.as_dict() for stored in found]

    def script(self, destination: str, script: str) -> None:
        """
        Make *destination* respond to its next requests as *script* says, then normally.

        Args:
            destination: `segment`, `datadog` (HTTP) or `google_analytics`.
            script: One step per request, separated by commas: a status (`500`), `429:2` for
                `Retry-After: 2`, `hang` until the end, `hang:1.5` seconds before the normal
                response, `reset` to take the events and then break the connection,
                `refuse` to break it at once.

        Raises:
            ImproperlyConfigured: If the destination is unknown, or a step is invalid.
        """
        self._inspector.faults.set_script(destination, script)

    def reset(self) -> None:
        """Forget all events, and the remaining steps of the scripts."""
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
    """The backends of a router without its processors, which have run already."""

    read_only = True

    def __init__(self, router: RoutingBackend) -> None:
        self.send = router.send_to_backends


def _holds(actual: Any, subset: Any) -> bool:
    if isinstance(subset, Mapping):
        return isinstance(actual, Mapping) and all(
            key in actual and _holds(actual[key], value) for key, value in subset.items()
        )
    return bool(actual == subset)
