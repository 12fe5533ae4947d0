"""Send events to Segment: to its HTTP API, or through a client of the application."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Unpack

from eventtracking._options import Options
from eventtracking.delivery import DeliveryOptions, HttpClient, NetworkBackend
from eventtracking.delivery.options import check_delivery_options
from eventtracking.destinations.segment.client import ClientDestination
from eventtracking.destinations.segment.destination import LIMITS, SegmentDestination, authorization
from eventtracking.destinations.segment.identity import find_identity
from eventtracking.destinations.segment.installed_client import InstalledClient, installed_client
from eventtracking.destinations.segment.options import (
    HOST,
    check_api_options,
    check_client_options,
    check_write_key,
)
from eventtracking.destinations.segment.values import as_dict, as_text, required_name
from eventtracking.exceptions import EventLost
from eventtracking.types import Event


class SegmentBackend(NetworkBackend):
    """
    Send each event to Segment as a `track` call, with the whole event as its properties.

    With a *write_key*, events wait until Segment's batch API has taken them. Without one,
    each event is a call of the client module `segment.analytics` (or `analytics`, its old
    name), which the application configures. While there is no client, or it has no key,
    events are counted as lost, `backend_error`.

    An event needs a name and, in its context, an identity: `user_id`, or else
    `anonymous_id`, or else `client_id`. Otherwise it is counted as lost, `rejected`.

    Args:
        write_key: The key of the source in Segment.
        host: The URL of the API. A workspace in Europe needs
            `https://events.eu1.segmentapis.com`.
        client: A configured client, or its module, instead of a key.
        compress: Compress requests with gzip.
        integrations: The Segment destinations that get the events, such as
            `{"All": True, "Mixpanel": False}`. Default: all that are enabled in Segment.
        delivery: The options of `eventtracking.delivery.DeliveryOptions`. Like `host`,
            `compress` and `integrations`, they need a *write_key*.

    Raises:
        ImproperlyConfigured: If an option is wrong, or the extra `http` is not installed.
    """

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
        options = Options(type(self).__name__)
        integrations = {} if integrations is None else integrations
        self._api: SegmentDestination | None = None
        self._client: ClientDestination | None = None
        if write_key is None:
            given = {"host": host, "client": client, "compress": compress}
            check_client_options(options, {**given, "integrations": integrations, **delivery})
            options.raise_problems()
            find = InstalledClient(globals()).find if client is None else lambda: client
            self._client = ClientDestination(find)
            super().__init__(self._client)
            return
        known_key = write_key if check_write_key(options, write_key) else ""
        http = options.build(lambda: _http_client(options.owner, host, known_key))
        check_api_options(options, client, compress, integrations)
        check_delivery_options(options, delivery, LIMITS)
        options.raise_problems()
        self._api = SegmentDestination(
            http, write_key, compress=compress, integrations=integrations
        )
        super().__init__(self._api, **delivery)
        # The query of a URL may hold a secret.
        self._host = host.partition("?")[0]

    def send(self, event: Event, /) -> None:
        """Take *event*. Raises only what a client raises; a refused event is counted as lost."""
        if self._client is None:
            super().send(event)
            return
        try:
            self._client.track_event(event)
        except EventLost as refusal:
            self._lose(as_text(event.get("name")), refusal)
        else:
            self._count_sent()

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
        Send a `track` call of the application, without the tracker and its processors.

        It is delivered and counted like an event, as are `identify` and `page`.

        Args:
            user_id: The id of the user. If it is `None` or empty, *anonymous_id* is used.
            event: The name of the action.
            properties: The properties of the action.
            context: Segment's context.
            anonymous_id: The id of a visitor whose user is not known.
        """
        fields = {"event": event, "properties": as_dict(properties)}
        self._call("track", fields, user_id, anonymous_id, context)

    def identify(
        self,
        user_id: Any,
        traits: Mapping[str, Any] | None = None,
        context: Mapping[str, Any] | None = None,
        *,
        anonymous_id: Any = None,
    ) -> None:
        """Send the *traits* of a user. For the other arguments see `track`."""
        self._call("identify", {"traits": as_dict(traits)}, user_id, anonymous_id, context)

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
        """Send the view of a page. For the other arguments see `track`."""
        fields = {"category": category, "name": name, "properties": as_dict(properties)}
        self._call("page", fields, user_id, anonymous_id, context)

    def __repr__(self) -> str:
        if self._client is not None:
            return "<SegmentBackend with a client>"
        return f"<SegmentBackend host={self._host!r} outbox={self.outbox!r}>"

    def _call(
        self,
        kind: str,
        fields: Mapping[str, Any],
        user_id: Any,
        anonymous_id: Any,
        context: Mapping[str, Any] | None,
    ) -> None:
        """Take a call of this *kind*, as `send` takes an event."""
        name = as_text(fields.get("event", kind))
        try:
            identity = find_identity(user_id, anonymous_id)
            if kind == "track":
                required_name(name)
            if self._client is not None:
                self._client.call(kind, fields, user_id, identity, context)
        except EventLost as refusal:
            self._lose(name, refusal)
            return
        if self._api is None:
            self._count_sent()
        else:
            text_fields = {**fields, "event": name} if kind == "track" else fields
            self.put(name, self._api.message(kind, text_fields, identity, context))

    def _count_sent(self) -> None:
        next(self._counters.accepted)
        next(self._counters.sent)


def __getattr__(name: str) -> Any:
    # Tests of applications replace `analytics`. It is imported only when an event needs it.
    if name != "analytics":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return installed_client()


def _http_client(owner: str, host: str, write_key: str) -> HttpClient:
    headers = {"Authorization": authorization(write_key), "Content-Type": "application/json"}
    return HttpClient(host, owner=owner, option="host", headers=headers)
