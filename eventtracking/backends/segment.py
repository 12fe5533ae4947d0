"""Send events to Segment: by its HTTP API, or through a client that the application has."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Unpack

from eventtracking._options import Options
from eventtracking.delivery import DeliveryOptions
from eventtracking.delivery.options import check_delivery_options
from eventtracking.destinations.segment.client import ClientCalls
from eventtracking.destinations.segment.delivery import SegmentDelivery
from eventtracking.destinations.segment.destination import LIMITS, SegmentDestination
from eventtracking.destinations.segment.facts import as_dict
from eventtracking.destinations.segment.installed import InstalledClient, installed_client
from eventtracking.destinations.segment.options import HOST, check_client_options, check_key_options
from eventtracking.types import BackendStats, Event


class SegmentBackend:
    """
    Send each event to Segment as a `track` call, with the whole event as its properties.

    With a *write_key*, events wait until Segment's batch API took them. Without one, each is
    a call of the client module `segment.analytics` (or `analytics`, its old name), which the
    application configures. If there is none, or it has no key, events are counted as lost,
    `backend_error`.

    An event needs a name and, in its context, somebody it is about: `user_id`, or else
    `anonymous_id`, or else `client_id`. Otherwise it is counted as lost, `rejected`.

    Args:
        write_key: The key of the source in Segment.
        host: Where to, such as `https://events.eu1.segmentapis.com` for a workspace in Europe.
        client: A configured client, or its module, instead of a key.
        compress: Compress requests with gzip.
        integrations: Which of Segment's destinations get the events, such as
            `{"All": True, "Mixpanel": False}`. Default: all that are on in Segment.
        delivery: The options of `eventtracking.delivery.DeliveryOptions`. They
            need a *write_key*, as `host`, `compress` and `integrations` do.

    Raises:
        ImproperlyConfigured: If an option is wrong, or the extra `http` is not installed.
    """

    read_only = True
    sends_over_network = True

    def __init__(
        self,
        write_key: str | None = None,
        *,
        host: str = HOST,
        client: Any = None,
        compress: bool = False,
        integrations: Mapping[str, Any] | None = None,
        **delivery: Unpack[DeliveryOptions],
    ) -> None:
        checked = Options("SegmentBackend")
        check_delivery_options(checked, delivery, LIMITS)
        checked.raise_problems()
        integrations = {} if integrations is None else integrations
        options = {"host": host, "compress": compress, "integrations": integrations}
        self._calls: SegmentDelivery | ClientCalls
        if write_key is None:
            check_client_options(client, options, delivery)
            self._calls = ClientCalls(
                InstalledClient(globals()).find if client is None else lambda: client
            )
        else:
            check_key_options(write_key, client, options)
            destination = SegmentDestination(
                write_key, host, compress=compress, integrations=integrations
            )
            self._calls = SegmentDelivery(destination, **delivery)

    def send(self, event: Event, /) -> None:
        """Take *event*. Raises nothing but what a client raises; what is refused is counted."""
        self._calls.send(event)

    def track(
        self,
        user_id: Any,
        event: Any,
        properties: Mapping[str, Any] | None = None,
        context: Mapping[str, Any] | None = None,
        *,
        anonymous_id: Any = None,
    ) -> None:
        """
        Tell Segment that a user did something, past the tracker and its processors.

        It goes the way of the events and counts as one, as `identify` and `page` do.

        Args:
            user_id: Who. `None` or empty: *anonymous_id* says it.
            event: The name of what was done.
            properties: What is worth knowing about it.
            context: Segment's context.
            anonymous_id: Who, if the user is not known.
        """
        fields = {"event": event, "properties": as_dict(properties)}
        self._calls.call("track", fields, user_id, anonymous_id, context)

    def identify(
        self,
        user_id: Any,
        traits: Mapping[str, Any] | None = None,
        context: Mapping[str, Any] | None = None,
        *,
        anonymous_id: Any = None,
    ) -> None:
        """Tell Segment the *traits* of a user; the rest is as for `track`."""
        self._calls.call("identify", {"traits": as_dict(traits)}, user_id, anonymous_id, context)

    def page(
        self,
        user_id: Any,
        category: str | None = None,
        name: str | None = None,
        properties: Mapping[str, Any] | None = None,
        context: Mapping[str, Any] | None = None,
        *,
        anonymous_id: Any = None,
    ) -> None:
        """Tell Segment that a user saw a page; the rest is as for `track`."""
        fields = {
            "category": category,
            "name": name,
            "properties": as_dict(properties),
        }
        self._calls.call("page", fields, user_id, anonymous_id, context)

    def flush(self, timeout: float | None = None) -> bool:
        """Deliver what waits, for up to *timeout* seconds; tell whether nothing is left."""
        return self._calls.flush(timeout)

    def close(self, timeout: float | None = None) -> bool:
        """Deliver what waits, for up to *timeout* seconds, and stop. A client is left alone."""
        return self._calls.close(timeout)

    def stats(self) -> BackendStats:
        """Return the books; what a client took counts as `sent`."""
        return self._calls.stats()

    def __repr__(self) -> str:
        return f"<SegmentBackend {self._calls.way}>"


def __getattr__(name: str) -> Any:
    # Tests of applications replace `analytics`, and only an event needs it imported.
    if name != "analytics":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return installed_client()
