"""Post events to any server that accepts JSON: a webhook, a collector, a CloudEvents broker."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Unpack, get_args

from eventtracking._options import BOOLEAN, MAPPING, Options, Rule, one_of, optional
from eventtracking.delivery import DeliveryOptions, HttpClient, NetworkBackend
from eventtracking.delivery.options import check_delivery_options
from eventtracking.destinations.webhook import Body, WebhookDestination, is_cloudevents

_SOURCE = Rule(
    "a URI reference such as '/shop'",
    lambda value: isinstance(value, str) and re.fullmatch("[!-~]+", value),
)


class HttpBackend(NetworkBackend):
    """
    Post events as JSON to a URL. Needs the extra `http`.

    Args:
        url: The URL. Its query, if it has one, is treated as a secret.
        headers: Headers of each request, such as `Authorization`. They are never shown.
        body: The content of a request: `"batch"`, a JSON array of events, each with its `id`;
            `"single"`, one such event; `"cloudevents-batch"` or `"cloudevents"`, the same as
            CloudEvents 1.0 in structured mode.
        source: The `source` of CloudEvents, a URI reference such as `"/shop"`.
        compress: Compress requests with gzip.
        idempotent: Whether the server drops repeats of an `id`. If not, an event that may
            have arrived is not sent again, and counts as lost, `rejected`.
        delivery: The options of `eventtracking.delivery.DeliveryOptions`.

    Raises:
        ImproperlyConfigured: If an option is wrong, or `urllib3` is not installed.
    """

    def __init__(
        self,
        url: str,
        headers: Mapping[str, str] | None = None,
        *,
        body: Body = "batch",
        source: str | None = None,
        compress: bool = False,
        idempotent: bool = True,
        **delivery: Unpack[DeliveryOptions],
    ) -> None:
        options = Options(type(self).__name__)
        client = options.build(lambda: _client(options.owner, url, headers, body))
        options.check("headers", headers, optional(MAPPING), secret=True)
        options.check("body", body, one_of(*get_args(Body)))
        options.check("source", source, _SOURCE if is_cloudevents(body) else optional(_SOURCE))
        options.check("compress", compress, BOOLEAN)
        options.check("idempotent", idempotent, BOOLEAN)
        check_delivery_options(options, delivery, WebhookDestination.limits)
        options.raise_problems()
        destination = WebhookDestination(
            client, body, source, compress=compress, idempotent=idempotent
        )
        super().__init__(destination, **delivery)


def _client(owner: str, url: str, headers: Any, body: Body) -> HttpClient:
    media_type = f"application/{body}+json" if is_cloudevents(body) else "application/json"
    # A content type among the headers of the user replaces this one.
    given = headers if isinstance(headers, Mapping) else {}
    return HttpClient(url, owner=owner, option="url", headers={"Content-Type": media_type, **given})
