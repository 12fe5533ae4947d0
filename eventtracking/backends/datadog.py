"""Measure events with Datadog, and keep them in its logs."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Unpack

from eventtracking.delivery import DeliveryOptions, Destination, HttpClient, NetworkBackend
from eventtracking.destinations.datadog import rows
from eventtracking.destinations.datadog.agent import AgentDestination
from eventtracking.destinations.datadog.intake import IntakeDestination
from eventtracking.destinations.datadog.logs import MAX_AGE_SECONDS, LogsDestination
from eventtracking.destinations.datadog.names import metric_name
from eventtracking.destinations.datadog.table import Table
from eventtracking.destinations.key_forms import is_key
from eventtracking.exceptions import ImproperlyConfigured

_SITE = re.compile(r"[a-z0-9-]+(\.[a-z0-9-]+)+")

_MAX_PORT = 65_535

# Metrics that are older say nothing any more, and Datadog's intake drops them.
_INTAKE: DeliveryOptions = {"max_age": 3600.0, "batch_events": 5_000}

# The agent is near, and a datagram costs little.
_AGENT: DeliveryOptions = {**_INTAKE, "flush_interval": 0.1}

_LOGS: DeliveryOptions = {"max_age": MAX_AGE_SECONDS}


class DatadogBackend(NetworkBackend):
    """
    Count every event, and measure those that a table names.

    Without *api_key* the points go to the agent on this machine, by the official client;
    with one, to Datadog's HTTP intake. The counter is called `eventtracking.events`
    and has the tags `event` and `source`.

    Args:
        statsd_host, statsd_port: Where the agent listens.
        socket_path: The agent's Unix socket, instead of a host.
        api_key: Sends to Datadog without an agent.
        site: The Datadog site that the key is for.
        endpoint: A URL instead of that of the site.
        metrics: Rows such as `{"event": "shop.order.*", "metric": "orders.amount",
            "type": "distribution", "value": "data.amount", "tags": {"mode": "data.mode"}}`.
        prefix: What the names of the metrics begin with.
        max_tag_values: How many values a tag may have; further ones become `other`.
        event_names: Events that are Datadog events as well; `*` and `?` are wildcards.
        delivery: The options of `eventtracking.delivery.DeliveryOptions`.

    Raises:
        ImproperlyConfigured: If an option is wrong, or the client is not installed.
    """

    def __init__(
        self,
        *,
        statsd_host: str = "127.0.0.1",
        statsd_port: int = 8125,
        socket_path: str | None = None,
        api_key: str | None = None,
        site: str = "datadoghq.com",
        endpoint: str | None = None,
        metrics: Iterable[Mapping[str, Any]] = (),
        prefix: str = "eventtracking",
        max_tag_values: int = 1000,
        event_names: Iterable[str] = (),
        **delivery: Unpack[DeliveryOptions],
    ) -> None:
        who = type(self).__name__
        if not _is_whole(max_tag_values) or max_tag_values < 1:
            raise _wrong(who, "max_tag_values", "a whole number above 0", max_tag_values)
        if not isinstance(prefix, str) or metric_name(prefix) != prefix:
            raise _wrong(who, "prefix", "a letter, then A-Z a-z 0-9 _ and .", prefix)
        self._table = Table(
            rows.read(who, metrics, prefix),
            announced=rows.globs(who, "event_names", event_names),
            prefix=prefix,
            max_tag_values=max_tag_values,
        )
        destination: Destination
        if api_key is None:
            destination = _agent(who, self._table, statsd_host, statsd_port, socket_path)
        else:
            http = _http(who, api_key, site, endpoint, "api")
            destination = IntakeDestination(self._table, http)
            destination.identity = http.identity
        preset = _AGENT if api_key is None else _INTAKE
        options: DeliveryOptions = {**preset, **delivery}
        super().__init__(destination, **options)

    def increment(self, metric: str, value: float = 1, tags: Iterable[str] = ()) -> None:
        """Add *value* to a counter. *metric* is taken without the prefix; it is cleaned."""
        self._measure("increment", metric, value, tags)

    def gauge(self, metric: str, value: float, tags: Iterable[str] = ()) -> None:
        """Set a gauge to *value*."""
        self._measure("gauge", metric, value, tags)

    def histogram(self, metric: str, value: float, tags: Iterable[str] = ()) -> None:
        """Add *value* to a histogram."""
        self._measure("histogram", metric, value, tags)

    def _measure(self, kind: str, metric: str, value: float, tags: Iterable[str]) -> None:
        payload = self._table.measure(kind, metric, value, tags)
        if payload is not None:
            self.put(metric, payload)


class DatadogLogsBackend(NetworkBackend):
    """
    Keep every event as an entry of Datadog's logs, with its data and its context.

    An entry may come twice, when an answer got lost; its `event_id` is the same then.

    Args:
        api_key: The key of the organisation.
        site: The Datadog site that the key is for.
        endpoint: A URL instead of that of the site.
        service: The entries' `service`.
        tags: Tags of every entry, such as `env:production`.
        delivery: The options of `eventtracking.delivery.DeliveryOptions`.

    Raises:
        ImproperlyConfigured: If an option is wrong.
    """

    def __init__(
        self,
        api_key: str,
        *,
        site: str = "datadoghq.com",
        endpoint: str | None = None,
        service: str = "eventtracking",
        tags: Sequence[str] = (),
        **delivery: Unpack[DeliveryOptions],
    ) -> None:
        who = type(self).__name__
        if not isinstance(service, str):
            raise _wrong(who, "service", "a name", service)
        is_list = isinstance(tags, Sequence) and not isinstance(tags, str | bytes)
        if not is_list or not all(isinstance(each, str) for each in tags):
            raise _wrong(who, "tags", "a list of tags such as 'env:production'", tags)
        http = _http(who, api_key, site, endpoint, "http-intake.logs")
        destination = LogsDestination(http, service=service, tags=tags)
        options: DeliveryOptions = {**_LOGS, **delivery}
        super().__init__(destination, **options)


def _agent(
    who: str, table: Table, host: str, port: int, socket_path: str | None
) -> AgentDestination:
    if not isinstance(host, str) or not host:
        raise _wrong(who, "statsd_host", "a host such as '127.0.0.1'", host)
    if not _is_whole(port) or not 0 < port <= _MAX_PORT:
        raise _wrong(who, "statsd_port", f"a whole number from 1 to {_MAX_PORT}", port)
    if socket_path is not None and (not isinstance(socket_path, str) or not socket_path):
        raise _wrong(who, "socket_path", "the path of a socket, or None", socket_path)
    return AgentDestination(table, host=host, port=port, socket_path=socket_path)


def _http(who: str, api_key: Any, site: Any, endpoint: str | None, room: str) -> HttpClient:
    # Its value is in no error: it may be right but for a newline.
    if not is_key(api_key):
        raise ImproperlyConfigured(f"{who}: api_key must be a key, without spaces or line breaks")
    if not isinstance(site, str) or not _SITE.fullmatch(site):
        raise _wrong(who, "site", "a site such as 'datadoghq.com'", site)
    url = f"https://{room}.{site}" if endpoint is None else endpoint
    headers = {"DD-API-KEY": api_key, "Content-Type": "application/json"}
    return HttpClient(url, owner=who, option="endpoint", headers=headers)


def _wrong(who: str, option: str, expected: str, value: Any) -> ImproperlyConfigured:
    return ImproperlyConfigured(f"{who}: {option} must be {expected}, got {value!r}")


def _is_whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)
