"""Send events to Datadog: as metrics and Datadog events, or as logs."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Unpack

from eventtracking._options import NON_EMPTY_TEXT, TEXT, Options, Rule, optional, whole_number
from eventtracking.delivery import DeliveryOptions, Destination, HttpClient, NetworkBackend
from eventtracking.delivery.options import check_delivery_options
from eventtracking.destinations.datadog.agent import AgentDestination
from eventtracking.destinations.datadog.intake import IntakeDestination
from eventtracking.destinations.datadog.logs import MAX_AGE_SECONDS, LogsDestination
from eventtracking.destinations.datadog.metric_definitions import (
    check_metrics,
    define_metric,
    name_matcher,
)
from eventtracking.destinations.datadog.metric_encoder import MetricEncoder
from eventtracking.destinations.datadog.naming import metric_name
from eventtracking.destinations.key_forms import is_key

_SITE_NAME = re.compile(r"[a-z0-9-]+(\.[a-z0-9-]+)+")

_HOST = Rule("a host such as '127.0.0.1'", NON_EMPTY_TEXT.accepts)
_SOCKET = Rule("the path of a socket", NON_EMPTY_TEXT.accepts)
_KEY = Rule("a key without spaces or line breaks", is_key)
_SITE = Rule(
    "a site such as 'datadoghq.com'",
    lambda value: isinstance(value, str) and _SITE_NAME.fullmatch(value),
)
_PREFIX = Rule(
    "a letter, then A-Z a-z 0-9 _ and ., or empty",
    lambda value: isinstance(value, str) and metric_name(value) == value,
)

# Older metrics are no longer of interest, and Datadog's intake drops them.
_INTAKE: DeliveryOptions = {"max_age": 3600.0, "batch_events": 5_000}

# The agent is on the same machine, and a datagram costs little.
_AGENT: DeliveryOptions = {**_INTAKE, "flush_interval": 0.1}

_LOGS: DeliveryOptions = {"max_age": MAX_AGE_SECONDS}


class DatadogBackend(NetworkBackend):
    """
    Count every event, and measure those that a table of metrics names.

    Without an *api_key* the metrics go to the agent on this machine, through the official
    client; with one they go to Datadog's HTTP intake. The counter is called
    `eventtracking.events` and has the tags `event` and `source`.

    Args:
        statsd_host, statsd_port: The address of the agent.
        socket_path: The agent's Unix socket, instead of an address.
        api_key: A key of the organisation, to send without an agent.
        site: The Datadog site of the key.
        endpoint: A URL instead of that of the site.
        metrics: Definitions such as `{"event": "shop.order.*", "metric": "orders.amount",
            "type": "distribution", "value": "data.amount", "tags": {"mode": "data.mode"}}`.
        prefix: The prefix of the names of metrics.
        max_tag_values: The number of values that a tag may have. Others become `other`.
        event_names: Events that are also sent as Datadog events; `*` and `?` are wildcards.
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
        options = Options(type(self).__name__)
        options.check("statsd_host", statsd_host, _HOST)
        options.check("statsd_port", statsd_port, whole_number(1, 65_535))
        options.check("socket_path", socket_path, optional(_SOCKET))
        client = None if api_key is None else _client(options, "api", api_key, site, endpoint)
        definitions = check_metrics(options, metrics)
        options.check("prefix", prefix, _PREFIX)
        options.check("max_tag_values", max_tag_values, whole_number(1, unit="values"))
        patterns = options.check_list("event_names", event_names, NON_EMPTY_TEXT)
        check_delivery_options(options, delivery, IntakeDestination.limits)
        options.raise_problems()
        self._encoder = MetricEncoder(
            tuple(define_metric(definition, prefix) for definition in definitions),
            is_datadog_event=name_matcher(patterns),
            prefix=prefix,
            max_tag_values=max_tag_values,
        )
        destination: Destination
        if client is None:
            destination = AgentDestination(
                self._encoder, host=statsd_host, port=statsd_port, socket_path=socket_path
            )
        else:
            destination = IntakeDestination(self._encoder, client)
        defaults = _AGENT if client is None else _INTAKE
        completed: DeliveryOptions = {**defaults, **delivery}
        super().__init__(destination, **completed)

    def increment(self, metric: str, value: float = 1, tags: Iterable[str] = ()) -> None:
        """Add *value* to a counter. The prefix is not added to the name *metric*."""
        self._measure("increment", metric, value, tags)

    def gauge(self, metric: str, value: float, tags: Iterable[str] = ()) -> None:
        """Set a gauge to *value*."""
        self._measure("gauge", metric, value, tags)

    def histogram(self, metric: str, value: float, tags: Iterable[str] = ()) -> None:
        """Add *value* to a histogram."""
        self._measure("histogram", metric, value, tags)

    def _measure(self, kind: str, metric: str, value: float, tags: Iterable[str]) -> None:
        payload = self._encoder.encode_point(kind, metric, value, tags)
        if payload is not None:
            self.put(metric, payload)


class DatadogLogsBackend(NetworkBackend):
    """
    Send every event to Datadog's logs, with its data and its context.

    A log may arrive twice if a response is lost; both then have the same `event_id`.

    Args:
        api_key: A key of the organisation.
        site: The Datadog site of the key.
        endpoint: A URL instead of that of the site.
        service: The `service` of the logs.
        tags: Tags of every log, such as `env:production`.
        delivery: The options of `eventtracking.delivery.DeliveryOptions`.

    Raises:
        ImproperlyConfigured: If an option is wrong, or the extra `http` is not installed.
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
        options = Options(type(self).__name__)
        client = _client(options, "http-intake.logs", api_key, site, endpoint)
        options.check("service", service, TEXT)
        listed_tags = options.check_list("tags", tags, TEXT)
        check_delivery_options(options, delivery, LogsDestination.limits)
        options.raise_problems()
        destination = LogsDestination(client, service=service, tags=listed_tags)
        completed: DeliveryOptions = {**_LOGS, **delivery}
        super().__init__(destination, **completed)


def _client(
    options: Options, subdomain: str, api_key: Any, site: Any, endpoint: str | None
) -> HttpClient:
    """Return a client for the *subdomain* of *site*, or note in *options* what is wrong."""
    has_key = options.check("api_key", api_key, _KEY, secret=True)
    host = site if options.check("site", site, _SITE) else "datadoghq.com"
    headers = {"DD-API-KEY": api_key if has_key else "", "Content-Type": "application/json"}
    url = f"https://{subdomain}.{host}" if endpoint is None else endpoint
    owner = options.owner
    return options.build(lambda: HttpClient(url, owner=owner, option="endpoint", headers=headers))
